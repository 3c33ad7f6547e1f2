/* See revoking.h. */
#include "rooms/revoking.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "rooms/pages.h"
#include "rooms/revocations.h"

#include <toni/identity.h>

static bool is_of(toni_client *client, toni_str subject)
{
    lock_take(&client->lock);
    const bool is = client->identity && toni_str_equal(client->identity->subject, subject);
    lock_give(&client->lock);
    return is;
}

/* @return Whether it was open until now. */
static bool close_one(toni_client *client)
{
    const bool was_open = client_is_open(client);
    (void)client_close(client, TONI_CLOSE_TOKEN, toni_str_of("revoked"));
    return was_open;
}

/* @param space  NULL: of all. @return How many were closed. */
static uint64_t close_all(toni_connections *connections, const struct space *space,
                          toni_str subject)
{
    toni_client *clients[PAGES_TAKEN];
    uint64_t cursor = 0, closed = 0;
    if (atomic_load(&connections->identities) == 0)
        return 0;
    do {
        const size_t count = pages_take_clients(connections, space, &cursor, clients);
        for (size_t i = 0; i < count; i++) {
            if (is_of(clients[i], subject))
                closed += close_one(clients[i]);
            client_unref(clients[i]);
        }
    } while (cursor != 0);
    return closed;
}

/* @param name  Of the namespace. @param space  The same; NULL: of all. */
static int32_t revoke(toni_connections *connections, const char *name, const struct space *space,
                      toni_str subject, uint64_t *closed)
{
    *closed = 0;
    if (!subject_valid(subject))
        return TONI_ERR_INVALID;
    if (revocations_add(&connections->revocations, name, subject, clock_wall_ms() / MS_PER_S))
        return TONI_ERR_NO_MEMORY;
    *closed = close_all(connections, space, subject);
    log_limited(LOG_LEVEL_INFO, "a subject is revoked",
                log_brief("subject", subject.data, subject.size), log_str("namespace", name),
                log_uint("closed", *closed));
    return TONI_OK;
}

int32_t revoking_revoke_everywhere(toni_connections *connections, toni_str subject,
                                   uint64_t *closed)
{
    return revoke(connections, REVOKED_EVERYWHERE, NULL, subject, closed);
}

static int32_t revoke_subject(toni_connections *connections, toni_str subject)
{
    const struct space *space = space_of(connections);
    uint64_t closed;
    const int32_t result = revoke(space->connections, space->name, space, subject, &closed);
    return result == TONI_OK ? (int32_t)(closed < INT32_MAX ? closed : INT32_MAX) : result;
}

void revoking_look(toni_client *client)
{
    const struct space *space = client->space;
    if (revocations_cover(&space->connections->revocations, space->name, client->identity->subject,
                          client->identity->issued_s))
        (void)close_one(client);
}

void revoking_fill_table(toni_host *table)
{
    table->revoke_subject = revoke_subject;
}
