/* Which clients a fake host knows. */
#include "toni_testkit_private.h"

toni_fake_known *fake_find_client(toni_fake_host *host, toni_client_id id)
{
    for (size_t i = 0; i < host->known_count; i++) {
        if (host->known[i].id == id)
            return &host->known[i];
    }
    return NULL;
}

void toni_fake_host_know(toni_fake_host *host, toni_client_id id)
{
    toni_fake_known *known = fake_find_client(host, id);
    if (!known) {
        ck_assert_msg(host->known_count < TONI_FAKE_MAX_CLIENTS,
                      "more clients than the fake host takes: TONI_FAKE_MAX_CLIENTS");
        known = &host->known[host->known_count++];
    }
    *known = (toni_fake_known){.id = id};
}

void fake_forget_client(toni_fake_host *host, toni_client_id id)
{
    toni_fake_known *known = fake_find_client(host, id);
    if (known)
        *known = host->known[--host->known_count];
}

int32_t fake_check_known(toni_fake_host *host, toni_client_id id)
{
    return fake_find_client(host, id) ? TONI_OK : TONI_ERR_NOT_FOUND;
}

/* For what can't be done with a client that is being closed. */
int32_t fake_check_open(toni_fake_host *host, toni_client_id id)
{
    const toni_fake_known *known = fake_find_client(host, id);
    if (!known)
        return TONI_ERR_NOT_FOUND;
    return known->is_closing ? TONI_ERR_CLOSING : TONI_OK;
}

int32_t fake_check_room(toni_str room)
{
    return toni_fake_is_room(room) ? TONI_OK : TONI_ERR_INVALID;
}

/* @return The first that is an error. */
int32_t fake_first_error(int32_t a, int32_t b)
{
    return a < 0 ? a : b;
}

int32_t fake_note_closing(toni_fake_host *host, toni_client_id id, int32_t result)
{
    toni_fake_known *known = fake_find_client(host, id);
    if (known && result >= 0)
        known->is_closing = 1;
    return result;
}
