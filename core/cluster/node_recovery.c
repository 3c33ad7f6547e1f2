/* Clients that missed something. Those of one room are served by one HISTORY at a time: its last
 * messages, as many as any of them may miss. What the node delivers meanwhile is kept, so that what
 * a client gets ends where the room is. */
#include "cluster/node_private.h"

#include "cluster/recovery.h"

#include <stdlib.h>

/* Replies that one who recovers waits for: of the room's top, and of its history. */
#define PATIENCE_REPLIES 2

static int recover(struct cluster_node *node, struct room_key key, const struct recovery *like,
                   uint64_t now_ms)
{
    struct room_state *room = room_states_find(&node->rooms, key);

    if (!room || room->sub.wanted == 0 || like->limit == 0)
        return CLUSTER_INVALID;
    struct server *server = &node->servers[room->server];
    if (server->recovery_count >= node->settings.recoveries_max)
        return CLUSTER_TOO_MANY;
    struct recovery *recovery = malloc(sizeof(*recovery));
    if (!recovery)
        return CLUSTER_NO_MEMORY;
    *recovery = *like;
    recovery->room = room;
    recovery->key = room_keys_ref(room->key);
    recovery->due_ms = now_ms + (uint64_t)PATIENCE_REPLIES * node->settings.reply_ms;
    list_append(&room->recoveries, &recovery->in_room);
    list_append(&server->recoveries, &recovery->by_time);
    server->recovery_count++;
    recovery_watch(server, room);
    server_pump(node, server, now_ms);
    return CLUSTER_DONE;
}

int node_recover(struct cluster_node *node, struct room_key key, struct position since,
                 uint32_t limit, uint64_t cookie, uint64_t now_ms)
{
    return recover(node, key, &(struct recovery){.cookie = cookie, .since = since, .limit = limit},
                   now_ms);
}

int node_recover_last(struct cluster_node *node, struct room_key key, uint32_t limit,
                      uint64_t cookie, uint64_t now_ms)
{
    return recover(node, key, &(struct recovery){.cookie = cookie, .limit = limit, .is_last = true},
                   now_ms);
}

uint32_t recovery_limit(const struct room_state *room)
{
    uint32_t limit = 0;

    for (struct list *place = room->recoveries.next; place != &room->recoveries;
         place = place->next) {
        const struct recovery *recovery = list_owner(place, struct recovery, in_room);
        limit = recovery->limit > limit ? recovery->limit : limit;
    }
    return limit;
}

void recovery_sent(struct room_state *room, uint64_t request)
{
    for (struct list *place = room->recoveries.next; place != &room->recoveries;
         place = place->next)
        list_owner(place, struct recovery, in_room)->is_flying = true;
    room->recover_request = request;
    list_remove(&room->recovering);
}

void recovery_restart(struct server *server, struct room_state *room)
{
    for (struct list *place = room->recoveries.next; place != &room->recoveries;
         place = place->next)
        list_owner(place, struct recovery, in_room)->is_flying = false;
    room->recover_request = 0;
    room_state_drop_kept(room);
    recovery_watch(server, room);
}

void recovery_watch(struct server *server, struct room_state *room)
{
    const bool is_checking =
        room->check != 0 || list_is_in(&room->unchecked) || list_is_in(&room->suspect);
    const bool is_ready = room->is_synced && room->order.is_based && !is_checking &&
                          room->sub.state == SUBSCRIPTION_HELD && room->recover_request == 0;

    if (!is_ready || list_is_empty(&room->recoveries))
        list_remove(&room->recovering);
    else if (!list_is_in(&room->recovering))
        list_append(&server->recovering, &room->recovering);
}

void recovery_refuse(struct server *server, struct recovery *recovery, enum cluster_why why)
{
    list_remove(&recovery->in_room);
    list_append(&server->refused, &recovery->by_time);
    recovery->room = NULL;
    recovery->why = why;
}

void recovery_pump(struct cluster_node *node, struct server *server)
{
    struct list *first;

    while ((first = list_first(&server->refused))) {
        struct recovery *recovery = list_owner(first, struct recovery, by_time);
        if (outputs_reserve(&node->outputs, 1) != 0) {
            node->is_short = true;
            return;
        }
        outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_RECOVERED,
                                                     .server = server->index,
                                                     .keys = room_keys_ref(recovery->key),
                                                     .recovered = {.cookie = recovery->cookie,
                                                                   .why = recovery->why}});
        server->recovery_count--;
        recovery_destroy(recovery);
    }
}

void recovery_expire(const struct cluster_node *node, struct server *server, uint64_t now_ms)
{
    struct list *first;

    while ((first = list_first(&server->recoveries))) {
        struct recovery *recovery = list_owner(first, struct recovery, by_time);
        if (!node_is_over(node, recovery->due_ms, now_ms))
            return;
        struct room_state *room = recovery->room;
        recovery_refuse(server, recovery, WHY_AWAY);
        recovery_watch(server, room);
    }
}

/* What a HISTORY brought, as those who wait look at it. */
struct brought {
    const struct history_entry *entries; /* without a hole */
    struct history_span span;
    struct payload **payloads; /* of the entries, which all share who miss them; NULL: nobody has
                                  missed one yet, and so is each of them */
};

/* Only what follows the last hole is of use. */
static struct brought judge_entries(struct position top, const struct history_entry *entries,
                                    uint32_t count)
{
    uint32_t from = 0;

    for (uint32_t i = 1; i < count; i++) {
        if (entries[i].offset != entries[i - 1].offset + 1)
            from = i;
    }
    struct brought brought = {.entries = entries + from, .span = {.top = top, .first = 1}};
    if (count > 0) {
        brought.span.first = entries[from].offset;
        brought.span.last = entries[count - 1].offset;
    }
    return brought;
}

/* @return A message that was brought; NULL on no memory. */
static struct payload *brought_payload(struct brought *brought, uint64_t offset)
{
    const uint64_t count = brought->span.last - brought->span.first + 1;
    const uint64_t index = offset - brought->span.first;
    const struct history_entry *entry = &brought->entries[index];

    if (!brought->payloads && count > 0)
        brought->payloads = calloc(count, sizeof(struct payload *));
    if (!brought->payloads)
        return NULL;
    struct payload **payload = &brought->payloads[index];
    if (!*payload)
        *payload = payload_create(entry->bytes, entry->size, entry->kind);
    return *payload ? payload_ref(*payload) : NULL;
}

static void finish_brought(struct brought *brought)
{
    const uint64_t count = brought->payloads ? brought->span.last - brought->span.first + 1 : 0;

    for (uint64_t i = 0; i < count; i++)
        payload_unref(brought->payloads[i]);
    free(brought->payloads);
}

/* @return A message that was delivered since the question; NULL: it was not kept. */
static struct payload *kept_payload(const struct room_state *room, uint64_t offset)
{
    for (const struct held *held = room->kept; held && held->offset >= offset; held = held->next) {
        if (held->offset == offset)
            return payload_ref(held->payload);
    }
    return NULL;
}

/* @return Whether what came behind the history's top can have been kept: nothing else bounds where
 * the room is, as whoever may publish on the engine can say any number. */
static bool may_be_kept(const struct room_state *room, uint64_t top, uint64_t to)
{
    return to <= top || to - top <= room->kept_count;
}

/* Puts the messages from..to into *entries. @return WHY_NONE; WHY_NO_MEMORY; WHY_HOLDING: one that
 * was delivered meanwhile was not kept. */
static enum cluster_why collect(const struct room_state *room, struct brought *brought,
                                uint64_t from, uint64_t to, struct entries **entries)
{
    *entries = NULL;
    if (!may_be_kept(room, brought->span.top.offset, to))
        return WHY_HOLDING;
    struct entries *found = entries_create((uint32_t)(to - from + 1));
    enum cluster_why why = found ? WHY_NONE : WHY_NO_MEMORY;

    for (uint64_t offset = from; why == WHY_NONE && offset <= to; offset++) {
        const bool is_kept = offset > brought->span.top.offset;
        struct payload *payload =
            is_kept ? kept_payload(room, offset) : brought_payload(brought, offset);
        if (payload)
            found->list[found->count++] = (struct entry){.offset = offset, .payload = payload};
        else
            why = is_kept ? WHY_HOLDING : WHY_NO_MEMORY;
    }
    if (why != WHY_NONE) {
        entries_destroy(found);
        found = NULL;
    }
    *entries = found;
    return why;
}

/* The first message that one who asked for the last ones gets. */
static uint64_t first_of_last(const struct recovery *recovery, const struct history_span *span,
                              uint64_t goal)
{
    const uint64_t top = span->top.offset;
    uint64_t first = span->first <= span->last && span->last == top ? span->first : top + 1;

    if (goal >= recovery->limit && first < goal - recovery->limit + 1)
        first = goal - recovery->limit + 1;
    return first;
}

/* Answers one out of what was brought. @return Whether it has its answer; if not, it asks again. */
static bool serve(struct cluster_node *node, struct server *server, struct recovery *recovery,
                  struct brought *brought)
{
    struct room_state *room = recovery->room;
    const struct position top = brought->span.top, here = room->order.at;
    enum cluster_why why = recovery->is_last
                               ? WHY_NONE
                               : recovery_judge(recovery->since, recovery->limit, &brought->span);

    if (why != WHY_NONE) {
        recovery_refuse(server, recovery, why);
        return true;
    }
    /* The room is on its way to that epoch, or past it: then its place is not known here yet. */
    if (here.epoch != top.epoch && here.epoch != 0)
        return false;
    struct position at = {top.epoch, here.offset};
    if (!recovery->is_last && recovery->since.offset > at.offset)
        at.offset = recovery->since.offset;
    const uint64_t from = recovery->is_last ? first_of_last(recovery, &brought->span, at.offset)
                                            : recovery->since.offset + 1;
    struct entries *entries = NULL;
    if (from <= at.offset)
        why = collect(room, brought, from, at.offset, &entries);
    if (why == WHY_NONE && outputs_reserve(&node->outputs, 1) != 0)
        why = WHY_NO_MEMORY;
    if (why != WHY_NONE) {
        entries_destroy(entries);
        if (why == WHY_NO_MEMORY)
            recovery_refuse(server, recovery, why);
        return why == WHY_NO_MEMORY;
    }
    outputs_put(&node->outputs, &(struct output){.kind = OUTPUT_RECOVERED,
                                                 .server = server->index,
                                                 .keys = room_keys_ref(recovery->key),
                                                 .recovered = {.cookie = recovery->cookie,
                                                               .is_complete = true,
                                                               .at = at,
                                                               .is_ahead = at.offset > here.offset,
                                                               .entries = entries}});
    server->recovery_count--;
    recovery_destroy(recovery);
    return true;
}

void recovery_take(struct cluster_node *node, struct server *server, struct room_state *room,
                   struct position top, const struct history_entry *entries, uint32_t count)
{
    struct brought brought = judge_entries(top, entries, count);
    struct list *next;

    for (struct list *place = room->recoveries.next; place != &room->recoveries; place = next) {
        struct recovery *recovery = list_owner(place, struct recovery, in_room);
        next = place->next;
        if (recovery->is_flying && !serve(node, server, recovery, &brought))
            recovery->is_flying = false;
    }
    finish_brought(&brought);
    room->recover_request = 0;
    room_state_drop_kept(room);
    if (room->order.at.epoch != 0 && room->order.at.epoch != top.epoch)
        room_astray(server, room); /* its numbers began anew, here or there */
    recovery_watch(server, room);
}
