/* See revoking.h. */
#include "rooms/revoking.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "rooms/pages.h"
#include "rooms/revocations.h"

#include <toni/identity.h>

/* @param issued_s  Of tokens that are meant at most. */
static bool is_of(toni_client *client, toni_str subject, int64_t issued_s)
{
    lock_take(&client->lock);
    const struct identity *identity = client->identity;
    const bool is = identity && identity_issued_s(identity) <= issued_s &&
                    toni_str_equal(identity->subject, subject);
    lock_give(&client->lock);
    return is;
}

/* @param space  NULL: of all. @return How many were closed. */
static uint64_t close_all(toni_connections *connections, const struct space *space,
                          toni_str subject, int64_t issued_s)
{
    toni_client *clients[PAGES_TAKEN];
    uint64_t cursor = 0, closed = 0;
    if (atomic_load(&connections->identities) == 0)
        return 0;
    do {
        const size_t count = pages_take_clients(connections, space, &cursor, clients);
        for (size_t i = 0; i < count; i++) {
            if (is_of(clients[i], subject, issued_s))
                closed += client_revoke(clients[i]);
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
    if (revocations_add(&connections->revocations, name, subject, clock_wall_s()) < 0)
        return TONI_ERR_NO_MEMORY;
    *closed = close_all(connections, space, subject, INT64_MAX);
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

/* @param found  Set to false if it is none, or not there yet. @return NULL: all. */
static const struct space *space_named(const toni_connections *connections, toni_str name,
                                       bool *found)
{
    const struct space *space = &connections->common;
    *found = true;
    if (toni_str_equal(name, toni_str_of(REVOKED_EVERYWHERE)))
        return NULL;
    while (space && !toni_str_equal(name, toni_str_of(space->name)))
        space = atomic_load_explicit(&space->next, memory_order_acquire);
    *found = space != NULL;
    return space;
}

int revoking_learn(toni_connections *connections, toni_str line)
{
    struct revocation_line read;
    bool found;
    const int result = revocations_read_line(&connections->revocations, line, &read);
    if (result <= 0)
        return result;
    const struct space *space = space_named(connections, read.space, &found);
    if (found)
        (void)close_all(connections, space, read.subject, read.revoked_s);
    return result;
}

void revoking_look(toni_client *client)
{
    const struct space *space = client->space;
    if (revocations_cover(&space->connections->revocations, space->name, client->identity->subject,
                          client->identity->issued_s))
        (void)client_revoke(client);
}

void revoking_fill_table(toni_host *table)
{
    table->revoke_subject = revoke_subject;
}
