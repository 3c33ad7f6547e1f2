/* See redis_model.h. */
#include "redis_model.h"

#include <string.h>

struct hello_reply redis_hello(struct redis_model *redis, uint64_t proposed)
{
    struct redis_data *data = &redis->data;
    bool is_same = data->run_id == redis->run_id;

    if (redis->is_replica)
        return (struct hello_reply){data->incarnation ? data->incarnation : proposed,
                                    data->engine_id ? data->engine_id : proposed, true};
    if (redis->mutation != MUTATION_RUN_ID_ALONE)
        is_same = is_same && data->replid == redis->replid;
    if (redis->mutation == MUTATION_EPOCH_KEPT)
        is_same = true;
    if (data->incarnation == 0 || !is_same)
        data->incarnation = proposed;
    if (data->engine_id == 0)
        data->engine_id = proposed;
    data->run_id = redis->run_id;
    data->replid = redis->replid;
    return (struct hello_reply){data->incarnation, data->engine_id, false};
}

/* @return Whether the room is there, and of this incarnation. */
static bool is_present(struct redis_model *redis, struct redis_room *room, uint64_t now_ms)
{
    if (room->stream_ends_ms <= now_ms)
        room->entry_count = 0;
    if (room->has_hash && room->hash_ends_ms <= now_ms)
        room->has_hash = false;
    return room->has_hash && room->incarnation == redis->data.incarnation;
}

static void begin_epoch(struct redis_model *redis, struct redis_room *room, uint64_t proposed)
{
    const bool is_kept = redis->mutation == MUTATION_EVICTED_KEEPS_EPOCH && room->at.epoch != 0;

    room->has_hash = true;
    room->incarnation = redis->data.incarnation;
    room->at = (struct position){is_kept ? room->at.epoch : proposed, 0};
    room->last_count = 0;
    room->entry_count = 0;
}

static struct redis_last *find_last(struct redis_room *room, uint64_t node)
{
    for (uint32_t i = 0; i < room->last_count; i++) {
        if (room->lasts[i].node == node)
            return &room->lasts[i];
    }
    return NULL;
}

/* Who has published last comes first; the bound takes whoever hasn't for longest. */
static void keep_last(struct redis_room *room, const struct redis_publish *publish)
{
    struct redis_last *last = find_last(room, publish->node);
    size_t before = last ? (size_t)(last - room->lasts) : room->last_count;

    if (!last && room->last_count < REDIS_LASTS_MOST)
        room->last_count++;
    else if (!last)
        before = REDIS_LASTS_MOST - 1;
    memmove(room->lasts + 1, room->lasts, before * sizeof room->lasts[0]);
    room->lasts[0] = (struct redis_last){publish->node, publish->number, room->at.offset};
}

static void keep_entry(struct redis_room *room, const struct redis_publish *publish,
                       uint64_t now_ms)
{
    uint32_t keep = publish->keeping.messages;

    if (keep == 0)
        return;
    if (keep > REDIS_HISTORY_MOST)
        keep = REDIS_HISTORY_MOST;
    if (room->entry_count >= keep) {
        const uint32_t gone = room->entry_count - keep + 1;
        room->entry_count -= gone;
        memmove(room->entries, room->entries + gone, room->entry_count * sizeof room->entries[0]);
    }
    room->entries[room->entry_count++] = (struct redis_entry){room->at.offset, publish->id};
    room->stream_ends_ms = now_ms + publish->keeping.seconds * (uint64_t)1000;
}

struct publish_reply redis_publish(struct redis_model *redis, const struct redis_publish *publish,
                                   uint64_t now_ms)
{
    struct redis_room *room = &redis->data.rooms[publish->room];

    if (!redis->has_script)
        return (struct publish_reply){.answer = ENGINE_NOT_RUN};
    if (redis->is_replica)
        return (struct publish_reply){.answer = ENGINE_READ_ONLY};
    if (publish->incarnation != redis->data.incarnation)
        return (struct publish_reply){.answer = ENGINE_OTHER_INCARNATION};
    const bool is_there = is_present(redis, room, now_ms);
    const struct redis_last *last = is_there ? find_last(room, publish->node) : NULL;
    if (publish->is_repeat && !is_there)
        return (struct publish_reply){.answer = ENGINE_LOST};
    if (publish->is_repeat && (publish->epoch == 0 ? !last : publish->epoch != room->at.epoch))
        return (struct publish_reply){.answer = ENGINE_LOST};
    if (last && publish->number <= last->number && redis->mutation != MUTATION_REPEATS_APPLIED) {
        const uint64_t offset = publish->number == last->number ? last->offset : 0;
        return (struct publish_reply){ENGINE_REPEAT, {room->at.epoch, offset}, 0};
    }
    if (publish->after > (last ? last->number : 0) && redis->mutation != MUTATION_OVERTAKEN)
        return (struct publish_reply){.answer = ENGINE_NOT_RUN};
    if (redis->is_full) /* the first command that writes is refused */
        return (struct publish_reply){.answer = ENGINE_ERROR};
    if (!is_there)
        begin_epoch(redis, room, publish->proposed);
    room->at.offset++;
    room->hash_ends_ms = now_ms + REDIS_HASH_MS;
    keep_last(room, publish);
    keep_entry(room, publish, now_ms);
    return (struct publish_reply){ENGINE_APPLIED, room->at, 0};
}

struct position redis_top(struct redis_model *redis, uint32_t index, uint64_t now_ms)
{
    struct redis_room *room = &redis->data.rooms[index];

    return is_present(redis, room, now_ms) ? room->at : (struct position){0};
}

void redis_history(struct redis_model *redis, uint32_t index, struct position since, uint32_t limit,
                   bool is_last, uint64_t now_ms, struct redis_history *history)
{
    const struct redis_room *room = &redis->data.rooms[index];
    uint32_t first = 0;

    *history = (struct redis_history){.top = redis_top(redis, index, now_ms)};
    if (history->top.epoch == 0 || (!is_last && since.epoch != history->top.epoch))
        return;
    if (is_last && room->entry_count > limit)
        first = room->entry_count - limit;
    for (uint32_t i = first; i < room->entry_count && history->count < limit; i++) {
        if (is_last || room->entries[i].offset > since.offset)
            history->entries[history->count++] = room->entries[i];
    }
}

enum engine_answer redis_probe(const struct redis_model *redis, uint64_t incarnation)
{
    if (redis->is_replica)
        return ENGINE_READ_ONLY;
    return incarnation == redis->data.incarnation ? ENGINE_APPLIED : ENGINE_OTHER_INCARNATION;
}

static struct redis_lease *find_lease(struct redis_data *data, uint32_t slot)
{
    for (uint32_t i = 0; i < data->lease_count; i++) {
        if (data->leases[i].identity.slot == slot)
            return &data->leases[i];
    }
    return NULL;
}

static void end_lease(struct redis_model *redis, const struct redis_lease *wanted)
{
    struct redis_data *data = &redis->data;
    struct redis_lease *lease = find_lease(data, wanted->identity.slot);

    if (lease && node_identity_equal(lease->identity, wanted->identity) &&
        lease->node == wanted->node && redis->mutation != MUTATION_LEASES_KEPT)
        *lease = data->leases[--data->lease_count];
}

struct node_identity redis_lease(struct redis_model *redis,
                                 const struct redis_lease_command *command, uint64_t now_ms)
{
    struct redis_data *data = &redis->data;
    struct redis_lease wanted = command->wanted;

    if (command->ttl_ms == 0) {
        end_lease(redis, &wanted);
        return (struct node_identity){0};
    }
    if (data->id_key == 0 || redis->mutation == MUTATION_KEY_OVERWRITTEN)
        data->id_key = command->id_key;
    for (uint32_t i = data->lease_count; i-- > 0;) {
        struct redis_lease *given = &data->leases[i];
        if (given->ends_ms > now_ms + command->ttl_ms) /* by another clock */
            given->ends_ms = now_ms + command->ttl_ms;
        if (given->ends_ms <= now_ms && redis->mutation != MUTATION_LEASES_FOREVER)
            *given = data->leases[--data->lease_count];
    }
    struct redis_lease *lease =
        wanted.identity.slot ? find_lease(data, wanted.identity.slot) : NULL;
    const bool has_one = lease && node_identity_equal(lease->identity, wanted.identity);
    const bool restores = !lease && wanted.identity.slot != 0 && command->may_restore;
    wanted.ends_ms = now_ms + command->ttl_ms;
    if (!has_one && !restores) {
        if (data->boot < command->boot_floor)
            data->boot = command->boot_floor;
        if (data->boot < now_ms)
            data->boot = now_ms;
        data->boot += command->boot_step;
        wanted.identity = (struct node_identity){1, data->boot};
        while (find_lease(data, wanted.identity.slot))
            wanted.identity.slot++;
    } else if (data->boot < wanted.identity.boot) {
        data->boot = wanted.identity.boot;
    }
    if (has_one)
        *lease = wanted;
    else if (data->lease_count < REDIS_LEASES_MOST)
        data->leases[data->lease_count++] = wanted;
    return wanted.identity;
}
