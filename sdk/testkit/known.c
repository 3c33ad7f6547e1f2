/* Clients of a fake host by their ids: which it knows, what is sent to them, and their end. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <stdlib.h>

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

void fake_know_client(toni_fake_client *client)
{
    toni_fake_host *host = host_of(client);
    toni_fake_host_know(host, client->id);
    fake_find_client(host, client->id)->client = client;
}

void fake_forget_client(toni_fake_host *host, toni_client_id id)
{
    toni_fake_known *known = fake_find_client(host, id);
    fake_leave_all_rooms(host, id);
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

int32_t fake_close(toni_fake_host *host, toni_client_id id, int32_t result, uint16_t code,
                   toni_str reason)
{
    toni_fake_known *known = fake_find_client(host, id);
    if (!known || known->is_closing || result < 0)
        return result;
    known->is_closing = 1;
    if (known->client)
        fake_got(known->client, "close %u%s%.*s\n", code, reason.size > 0 ? " " : "",
                 TONI_STR_ARG(reason));
    return result;
}

int32_t fake_check_send(toni_fake_host *host, toni_client_id client, const toni_message *message)
{
    if (fake_check_known(host, client) < 0)
        return TONI_ERR_NOT_FOUND;
    return fake_first_error(toni_fake_message_check(message, TONI_FAKE_SEND_MAX),
                            fake_check_open(host, client));
}

int32_t fake_check_close(uint16_t code, toni_str reason)
{
    return toni_fake_is_close(code, reason) ? TONI_OK : TONI_ERR_INVALID;
}

static int32_t send_to_client(toni_connections *connections, toni_client_id client,
                              const toni_message *message)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "send_to %" PRIu64, client);
    fake_record_message(host, message);
    const int32_t result = fake_answer(host, "send_to", fake_check_send(host, client, message));
    if (result >= 0)
        fake_deliver(host, client, message);
    return result;
}

static int32_t close_client(toni_connections *connections, toni_client_id client, uint16_t code,
                            toni_str reason)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "close_client %" PRIu64 " %u %.*s\n", client, code, TONI_STR_ARG(reason));
    const int32_t refusal =
        fake_first_error(fake_check_known(host, client), fake_check_close(code, reason));
    return fake_close(host, client, fake_answer(host, "close_client", refusal), code, reason);
}

static int32_t remove_client(toni_connections *connections, toni_client_id client)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "remove %" PRIu64 "\n", client);
    const int32_t result = fake_answer(host, "remove", fake_check_known(host, client));
    return fake_close(host, client, result, 1000, toni_str_make("", 0));
}

static int32_t get_client(toni_connections *connections, toni_client_id client,
                          toni_client_info **info)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = fake_answer(host, "client", fake_check_known(host, client));
    fake_record(host, "client %" PRIu64 "\n", client);
    *info = result == TONI_OK ? fake_hand_out(host, sizeof **info) : NULL;
    if (!*info)
        return result;
    **info = host->info;
    (*info)->id = client;
    (*info)->room_count = (uint32_t)fake_count_rooms(host, client);
    return result;
}

static void client_info_destroy(toni_client_info *info)
{
    fake_take_back(host_of(info), "info_destroy", info);
}

void fake_known_fill(toni_host *table)
{
    table->remove_client = remove_client;
    table->get_client = get_client;
    table->send_to_client = send_to_client;
    table->close_client = close_client;
    table->client_info_destroy = client_info_destroy;
}
