/* Clients that come back, as the node is asked for them: a bounded number at a time, since each
 * answer is a copy of what the client missed. All others wait in the inbox.
 *
 * An answer ends where the room's deliveries are: then the client is let in at once, and what comes
 * next is new to it. But a client that was on a host which was ahead of this one is ahead of the
 * room here: it has all, and waits until the deliveries have come to where it is, so that it gets
 * none of them a second time. */
#include "clustering/clustering_private.h"

#include <stdlib.h>
#include <string.h>

/* With the node at a time. */
#define FLYING_MOST 128

/* What is ahead waits no longer than that; then it is told that its server is away. */
#define AHEAD_MS 2000

/* --- Lists */

static void put(struct recovering **list, struct recovering *recovering)
{
    recovering->previous = NULL;
    recovering->next = *list;
    if (*list)
        (*list)->previous = recovering;
    *list = recovering;
}

static void take_out(struct recovering **list, struct recovering *recovering)
{
    if (recovering->previous)
        recovering->previous->next = recovering->next;
    else
        *list = recovering->next;
    if (recovering->next)
        recovering->next->previous = recovering->previous;
}

/* --- Answers */

/* @param at, entries  Of one that is recovered. */
static void tell(struct clustering *clustering, struct recovering *recovering, enum cluster_why why,
                 struct position at, const struct entries *entries)
{
    struct remote_recovery *recovery = recovering->recovery;
    const toni_position where = {at.epoch, at.offset};
    recovering->recovery = NULL;
    remote_recovered(recovery, why, where, entries);
    inbox_recovered(&clustering->inbox, recovering->wanted);
}

static void refuse(struct clustering *clustering, struct recovering *recovering,
                   enum cluster_why why)
{
    tell(clustering, recovering, why, (struct position){0}, NULL);
}

/* --- Asking */

static int ask(struct clustering *clustering, struct recovering *recovering)
{
    const struct remote_recovery *recovery = recovering->recovery;
    const struct room_key key = wanted_key(recovering->wanted);
    const struct position since = {recovery->since.epoch, recovery->since.offset};
    const uint64_t cookie = (uint64_t)(uintptr_t)recovering;
    return since.epoch > 0
               ? node_recover(clustering->node, key, since, recovery->limit, cookie, now_ms())
               : node_recover_last(clustering->node, key, recovery->limit, cookie, now_ms());
}

static bool is_away(const struct clustering *clustering, const struct recovering *recovering)
{
    const uint32_t server = node_server_of(clustering->node, wanted_key(recovering->wanted));
    return clustering->links[server].state == SERVER_DOWN;
}

static void begin(struct clustering *clustering, struct recovering *recovering)
{
    enum cluster_why why = WHY_AWAY;
    if (!is_away(clustering, recovering)) {
        const int status = ask(clustering, recovering);
        if (status == CLUSTER_DONE) {
            put(&clustering->flying, recovering);
            clustering->flying_count++;
            return;
        }
        /* CLUSTER_INVALID: there was no memory to subscribe the room. */
        why = status == CLUSTER_TOO_MANY ? WHY_AWAY : WHY_NO_MEMORY;
    }
    refuse(clustering, recovering, why);
    free(recovering);
}

static void expire(struct clustering *clustering)
{
    struct recovering *next;
    for (struct recovering *ahead = clustering->ahead; ahead; ahead = next) {
        next = ahead->next;
        if (now_ms() < ahead->due_ms)
            continue;
        take_out(&clustering->ahead, ahead);
        refuse(clustering, ahead, WHY_AWAY);
        free(ahead);
    }
}

void recoveries_run(struct clustering *clustering)
{
    struct recovering *recovering;
    if (clustering->is_stopping) {
        recoveries_close(clustering);
        return;
    }
    clustering->has_more_recovering = true;
    while (clustering->flying_count < FLYING_MOST) {
        /* Whoever has come since the rooms were taken is of the next turn. Where these could not be
         * taken for want of memory he is told so. */
        recovering = inbox_take_recovering(&clustering->inbox, !clustering->is_short);
        if (!recovering) {
            clustering->has_more_recovering = false;
            break;
        }
        begin(clustering, recovering);
    }
    expire(clustering);
}

uint64_t recoveries_due(const struct clustering *clustering)
{
    uint64_t due = UINT64_MAX;
    if (clustering->has_more_recovering && clustering->flying_count < FLYING_MOST)
        return 0;
    for (const struct recovering *ahead = clustering->ahead; ahead; ahead = ahead->next)
        due = ahead->due_ms < due ? ahead->due_ms : due;
    return due;
}

void recoveries_answer(struct clustering *clustering, const struct output *output)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the node keeps it as a number */
    struct recovering *recovering = (struct recovering *)(uintptr_t)output->recovered.cookie;
    const bool is_complete = output->recovered.is_complete;
    take_out(&clustering->flying, recovering);
    clustering->flying_count--;
    if (recovering->recovery && is_complete && output->recovered.is_ahead) {
        recovering->at = output->recovered.at;
        recovering->due_ms = now_ms() + AHEAD_MS;
        put(&clustering->ahead, recovering);
        return;
    }
    if (recovering->recovery)
        tell(clustering, recovering, is_complete ? WHY_NONE : output->recovered.why,
             output->recovered.at, output->recovered.entries);
    free(recovering);
}

/* --- Those who are ahead of their rooms */

static void let_in(struct clustering *clustering, struct room_key key, struct position at,
                   bool (*may_come)(struct position ahead, struct position at))
{
    struct recovering *next;
    for (struct recovering *ahead = clustering->ahead; ahead; ahead = next) {
        const struct room_key own = wanted_key(ahead->wanted);
        next = ahead->next;
        if (own.size != key.size || memcmp(own.bytes, key.bytes, key.size) != 0 ||
            !may_come(ahead->at, at))
            continue;
        take_out(&clustering->ahead, ahead);
        tell(clustering, ahead, WHY_NONE, ahead->at, NULL);
        free(ahead);
    }
}

static bool is_new_to(struct position ahead, struct position at)
{
    return at.epoch != ahead.epoch || at.offset > ahead.offset;
}

static bool has_come_to(struct position ahead, struct position at)
{
    return at.epoch == ahead.epoch && at.offset >= ahead.offset;
}

void recoveries_before(struct clustering *clustering, struct room_key key, struct position at)
{
    let_in(clustering, key, at, is_new_to);
}

void recoveries_after(struct clustering *clustering, struct room_key key, struct position at)
{
    let_in(clustering, key, at, has_come_to);
}

/* --- The end */

/* The node has its own of those that fly until it ends. */
void recoveries_close(struct clustering *clustering)
{
    struct recovering *recovering;
    for (recovering = clustering->flying; recovering; recovering = recovering->next) {
        if (recovering->recovery)
            refuse(clustering, recovering, WHY_AWAY);
    }
    while ((recovering = clustering->ahead)) {
        take_out(&clustering->ahead, recovering);
        refuse(clustering, recovering, WHY_AWAY);
        free(recovering);
    }
    while ((recovering = inbox_take_recovering(&clustering->inbox, false))) {
        refuse(clustering, recovering, WHY_AWAY);
        free(recovering);
    }
    clustering->has_more_recovering = false;
}

void recoveries_finish(struct clustering *clustering)
{
    struct recovering *next;
    for (struct recovering *recovering = clustering->flying; recovering; recovering = next) {
        next = recovering->next;
        free(recovering);
    }
    clustering->flying = NULL;
}
