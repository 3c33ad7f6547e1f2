/* See store.h. */
#include "store.h"

#include <stdlib.h>
#include <string.h>

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* --- History */

static void forget_oldest(struct store *store, struct store_room *room)
{
    struct store_entry *oldest = room->first;
    room->first = oldest->next;
    if (!room->first)
        room->last = NULL;
    room->entry_count--;
    store->history_bytes -= oldest->size;
    free(oldest);
}

static void forget_history(struct store *store, struct store_room *room)
{
    while (room->first)
        forget_oldest(store, room);
}

static void forget_expired(struct store *store, struct store_room *room, uint64_t now_ms)
{
    while (room->first && room->first->ends_ms <= now_ms)
        forget_oldest(store, room);
}

static void add_entry(struct store_room *room, struct store_entry *entry)
{
    if (room->last)
        room->last->next = entry;
    else
        room->first = entry;
    room->last = entry;
    room->entry_count++;
}

/* A message that isn't kept would leave a hole, so nothing before it is either. */
static void keep_entry(struct store *store, struct store_room *room,
                       const toni_engine_publish *publish, uint64_t now_ms)
{
    const uint32_t most =
        publish->keep_messages < STORE_HISTORY_MOST ? publish->keep_messages : STORE_HISTORY_MOST;
    struct store_entry *entry = most > 0 ? malloc(sizeof *entry + publish->body.size) : NULL;
    if (!entry) {
        forget_history(store, room);
        return;
    }
    *entry = (struct store_entry){.offset = room->at.offset,
                                  .ends_ms = now_ms + publish->keep_seconds * (uint64_t)1000,
                                  .kind = publish->kind,
                                  .size = publish->body.size};
    if (entry->size > 0)
        memcpy(entry->body, publish->body.data, entry->size);
    add_entry(room, entry);
    store->history_bytes += entry->size;
    while (room->first && (room->entry_count > most || store->history_bytes > STORE_HISTORY_BYTES))
        forget_oldest(store, room);
}

/* --- Rooms */

static bool is_room(const struct store_room *room, toni_str key)
{
    return toni_str_equal(toni_str_make(room->key, room->key_size), key);
}

/* @return Where the list points to the room, or to NULL. */
static struct store_room **find_room(struct store *store, toni_str key)
{
    struct store_room **room = &store->rooms;
    while (*room && !is_room(*room, key))
        room = &(*room)->next;
    return room;
}

/* @return NULL: it is missing, or of another incarnation. */
static struct store_room *find_current(struct store *store, toni_str key)
{
    struct store_room *room = *find_room(store, key);
    return room && room->incarnation == store->incarnation ? room : NULL;
}

static void put_first(struct store *store, struct store_room *room)
{
    room->next = store->rooms;
    store->rooms = room;
}

static void drop_room(struct store *store, struct store_room **where)
{
    struct store_room *room = *where;
    *where = room->next;
    forget_history(store, room);
    free(room);
    store->room_count--;
}

static void drop_last_room(struct store *store)
{
    struct store_room **last = &store->rooms;
    while ((*last)->next)
        last = &(*last)->next;
    drop_room(store, last);
}

/* @return NULL: no memory. */
static struct store_room *add_room(struct store *store, toni_str key)
{
    struct store_room *room = calloc(1, sizeof *room + key.size);
    if (!room)
        return NULL;
    if (store->room_count == STORE_ROOMS_MOST)
        drop_last_room(store);
    room->key_size = key.size;
    memcpy(room->key, key.data, key.size);
    put_first(store, room);
    store->room_count++;
    return room;
}

/* @return The room, first in the list; NULL: it is missing, or of another incarnation. */
static struct store_room *use_room(struct store *store, toni_str key)
{
    struct store_room **where = find_room(store, key);
    struct store_room *room = *where;
    if (!room || room->incarnation != store->incarnation)
        return NULL;
    *where = room->next;
    put_first(store, room);
    return room;
}

/* @return The room, in a new epoch; NULL: no memory. */
static struct store_room *begin_room(struct store *store, toni_str key, uint64_t epoch)
{
    struct store_room **old = find_room(store, key);
    if (*old)
        drop_room(store, old);
    struct store_room *room = add_room(store, key);
    if (room) {
        room->incarnation = store->incarnation;
        room->at.epoch = epoch;
    }
    return room;
}

/* @return NULL: the room has no number of the node. */
static const struct store_number *find_number(const struct store_room *room, uint64_t node)
{
    for (uint32_t i = 0; i < room->number_count; i++) {
        if (room->numbers[i].node == node)
            return &room->numbers[i];
    }
    return NULL;
}

static void note_number(struct store_room *room, struct store_number noted)
{
    const struct store_number *known = find_number(room, noted.node);
    size_t before = known ? (size_t)(known - room->numbers) : room->number_count;
    if (!known && room->number_count < STORE_NUMBERS_MOST)
        room->number_count++;
    else if (!known)
        before--;
    memmove(room->numbers + 1, room->numbers, before * sizeof room->numbers[0]);
    room->numbers[0] = noted;
}

/* --- What is asked */

void store_wipe(struct store *store)
{
    while (store->rooms)
        drop_room(store, &store->rooms);
    *store = (struct store){.life = store->life, .is_read_only = store->is_read_only};
}

void store_hello(struct store *store, uint64_t proposed)
{
    if (store->incarnation == 0 || store->stored_life != store->life)
        store->incarnation = proposed;
    store->stored_life = store->life;
    if (store->engine_id == 0)
        store->engine_id = proposed;
}

int32_t store_check(const struct store *store, uint64_t incarnation)
{
    if (store->is_read_only)
        return TONI_ENGINE_READ_ONLY;
    return incarnation == store->incarnation ? TONI_ENGINE_APPLIED : TONI_ENGINE_OTHER_INCARNATION;
}

/* @return Whether nobody knows what became of a message that was sent before. */
static bool is_lost(const toni_engine_publish *publish, const struct store_room *room,
                    const struct store_number *last)
{
    if (!publish->is_repeat)
        return false;
    return !room || (publish->epoch == 0 ? !last : publish->epoch != room->at.epoch);
}

bool store_publish(struct store *store, const toni_engine_publish *publish, uint64_t now_ms,
                   toni_engine_published *reply)
{
    *reply = (toni_engine_published){.struct_size = sizeof *reply,
                                     .answer = store_check(store, publish->incarnation)};
    if (reply->answer != TONI_ENGINE_APPLIED)
        return true;
    struct store_room *room = use_room(store, publish->room);
    const struct store_number *last = room ? find_number(room, publish->node) : NULL;
    if (is_lost(publish, room, last)) {
        reply->answer = TONI_ENGINE_LOST;
        return true;
    }
    if (last && publish->number <= last->number) {
        reply->answer = TONI_ENGINE_REPEAT;
        reply->at.epoch = room->at.epoch;
        reply->at.offset = publish->number == last->number ? last->offset : 0;
        return true;
    }
    if (publish->after > (last ? last->number : 0)) {
        reply->answer = TONI_ENGINE_NOT_RUN;
        return true;
    }
    if (!room)
        room = begin_room(store, publish->room, publish->proposed);
    if (!room)
        return false;
    room->at.offset++;
    note_number(room, (struct store_number){publish->node, publish->number, room->at.offset});
    keep_entry(store, room, publish, now_ms);
    reply->at = room->at;
    return true;
}

toni_position store_top(struct store *store, toni_str key)
{
    const struct store_room *room = find_current(store, key);
    return room ? room->at : (toni_position){0};
}

uint32_t store_history(struct store *store, const toni_engine_history *history, uint64_t now_ms,
                       toni_engine_entry *entries)
{
    struct store_room *room = find_current(store, history->room);
    uint32_t count = 0;
    if (!room || (!history->is_last && history->since.epoch != room->at.epoch))
        return 0;
    forget_expired(store, room, now_ms);
    const uint32_t skipped = history->is_last && room->entry_count > history->limit
                                 ? room->entry_count - history->limit
                                 : 0;
    const uint64_t above =
        history->is_last ? room->at.offset - room->entry_count + skipped : history->since.offset;
    for (const struct store_entry *entry = room->first; entry && count < history->limit;
         entry = entry->next) {
        if (entry->offset > above)
            entries[count++] = (toni_engine_entry){
                entry->offset, toni_str_make(entry->body, entry->size), entry->kind, 0};
    }
    return count;
}

/* --- Leases */

static struct store_lease *find_lease(struct store *store, uint32_t slot)
{
    for (uint32_t i = 0; slot != 0 && i < store->lease_count; i++) {
        if (store->leases[i].slot == slot)
            return &store->leases[i];
    }
    return NULL;
}

static void tidy_leases(struct store *store, uint64_t now_ms, uint32_t ttl_ms)
{
    for (uint32_t i = store->lease_count; i-- > 0;) {
        struct store_lease *lease = &store->leases[i];
        if (lease->ends_ms > now_ms + ttl_ms) /* given by another clock */
            lease->ends_ms = now_ms + ttl_ms;
        if (lease->ends_ms <= now_ms)
            *lease = store->leases[--store->lease_count];
    }
}

/* @return A lease of its own for the slot, whose boot number is 0 if it is a new one. */
static struct store_lease *choose_lease(struct store *store, const toni_engine_lease *wanted)
{
    struct store_lease *held = find_lease(store, wanted->slot);
    uint32_t slot = 1;
    if (held && held->boot == wanted->boot)
        return held;
    if (store->lease_count == STORE_LEASES_MOST)
        return NULL;
    const bool is_restored = !held && wanted->slot != 0 && wanted->may_restore;
    while (find_lease(store, slot))
        slot++;
    held = &store->leases[store->lease_count++];
    held->slot = is_restored ? wanted->slot : slot;
    held->boot = is_restored ? wanted->boot : 0;
    return held;
}

static void end_lease(struct store *store, const toni_engine_lease *wanted)
{
    struct store_lease *held = find_lease(store, wanted->slot);
    if (held && held->boot == wanted->boot && held->node == wanted->node)
        *held = store->leases[--store->lease_count];
}

const struct store_lease *store_lease(struct store *store, const toni_engine_lease *wanted,
                                      uint64_t now_ms)
{
    if (wanted->ttl_ms == 0) {
        tidy_leases(store, now_ms, UINT32_MAX);
        end_lease(store, wanted);
        return NULL;
    }
    tidy_leases(store, now_ms, wanted->ttl_ms);
    struct store_lease *lease = choose_lease(store, wanted);
    if (!lease)
        return NULL;
    if (lease->boot == 0)
        lease->boot = higher(higher(store->boot, wanted->boot_floor), now_ms) + wanted->boot_step;
    store->boot = higher(store->boot, lease->boot);
    if (store->id_key == 0)
        store->id_key = wanted->id_key;
    lease->node = wanted->node;
    lease->ends_ms = now_ms + wanted->ttl_ms;
    lease->name_size = wanted->name.size < STORE_NAME_MOST ? wanted->name.size : STORE_NAME_MOST;
    if (lease->name_size > 0)
        memcpy(lease->name, wanted->name.data, lease->name_size);
    return lease;
}
