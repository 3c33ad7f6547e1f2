/* Rooms; see room.h. */
#include "rooms/room.h"

#include "rooms/client.h"
#include "rooms/connections.h"

#include <stdlib.h>
#include <string.h>

/* A room's batch has space for one message like the first and a bit, since most rooms are quiet. */
#define BATCH_SLACK 64

struct room *room_create(toni_connections *connections, uint64_t id, toni_str name)
{
    uint32_t lane_count = connections->lane_count;
    size_t shards = lane_count * sizeof(struct shard);
    struct room *room = calloc(1, sizeof *room + shards + name.size + 1);
    if (!room)
        return NULL;
    if (pthread_mutex_init(&room->mutex, NULL)) {
        free(room);
        return NULL;
    }
    char *copy = (char *)(room->shards + lane_count);
    if (name.size > 0)
        memcpy(copy, name.data, name.size);
    room->connections = connections;
    room->refs = 1;
    room->lane_count = lane_count;
    room->deflate_above = DEFLATE_NEVER;
    room->id = id;
    room->name = toni_str_make(copy, name.size);
    return room;
}

struct room *room_ref(struct room *room)
{
    atomic_fetch_add_explicit(&room->refs, 1, memory_order_relaxed);
    return room;
}

/* Only ghosts can be left, and only if a lane ended before it delivered what they waited for. */
static void free_shard(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->count; i++)
        client_unref(shard->members[i].client);
    free(shard->members);
}

void room_unref(struct room *room)
{
    if (!room || atomic_fetch_sub_explicit(&room->refs, 1, memory_order_acq_rel) != 1)
        return;
    batch_unref(room->open);
    for (struct letter *spare = room->spares, *next; spare; spare = next) {
        next = spare->next;
        free(spare);
    }
    for (uint32_t lane = 0; lane < room->lane_count; lane++)
        free_shard(&room->shards[lane]);
    pthread_mutex_destroy(&room->mutex);
    free(room);
}

/* --- Members */

static void shrink(struct shard *shard)
{
    if (shard->count > shard->capacity / 4 || shard->capacity < 16)
        return;
    uint32_t capacity = shard->capacity / 2;
    struct member *members = realloc(shard->members, capacity * sizeof *members);
    if (members) { /* if not, it stays larger than it need be */
        shard->members = members;
        shard->capacity = capacity;
    }
}

/* Takes one entry out; the last one moves to its place. */
static void take_out(struct shard *shard, uint32_t index)
{
    struct member *last = &shard->members[--shard->count];
    if (index < shard->count) {
        shard->members[index] = *last;
        if (last->membership)
            last->membership->index = index;
    }
    shrink(shard);
}

static void set_deflate_above(struct room *room, uint32_t size)
{
    atomic_store_explicit(&room->deflate_above, size, memory_order_relaxed);
}

static void begin_deflating(struct room *room, const toni_client *client)
{
    room->deflating++;
    if (client->limits->deflate_above < room->deflate_above)
        set_deflate_above(room, client->limits->deflate_above);
}

static void end_deflating(struct room *room)
{
    if (--room->deflating == 0)
        set_deflate_above(room, DEFLATE_NEVER);
}

int room_add(struct room *room, toni_client *client, struct membership *membership)
{
    struct shard *shard = &room->shards[client->lane->index];
    if (shard->count == shard->capacity) {
        uint32_t capacity = shard->capacity + shard->capacity / 8 + 1;
        struct member *members = realloc(shard->members, capacity * sizeof *members);
        if (!members)
            return -1;
        shard->members = members;
        shard->capacity = capacity;
    }
    /* A ghost may be the same client: what it still gets must not share a letter with what comes.
     */
    if (shard->ghosts > 0)
        room_seal(room);
    membership->index = shard->count;
    shard->members[shard->count++] = (struct member){
        .client = client, .from = room->seq, .until = MEMBER_FOR_EVER, .membership = membership};
    shard->targets++;
    room->targets++;
    room->members++;
    if (client->deflates)
        begin_deflating(room, client);
    return 0;
}

void room_mute(struct room *room, const struct membership *membership, uint32_t lane)
{
    struct shard *shard = &room->shards[lane];
    struct member *member = &shard->members[membership->index];
    if (member->until != MEMBER_FOR_EVER)
        return;
    member->until = room->seq;
    shard->targets--;
    room->targets--;
    if (member->client->deflates)
        end_deflating(room);
}

void room_remove(struct room *room, const struct membership *membership, uint32_t lane)
{
    struct shard *shard = &room->shards[lane];
    struct member *member = &shard->members[membership->index];
    room_mute(room, membership, lane);
    room->members--;
    if (shard->posted == shard->taken) {
        take_out(shard, membership->index);
    } else {
        member->membership = NULL;
        client_ref(member->client);
        shard->ghosts++;
    }
}

void room_taken(struct room *room, uint32_t lane, uint64_t seq)
{
    struct shard *shard = &room->shards[lane];
    shard->taken = seq;
    for (uint32_t i = 0; shard->ghosts > 0 && i < shard->count;) {
        struct member *member = &shard->members[i];
        bool waits = member->until > seq && shard->posted > seq;
        if (member->membership || waits) {
            i++;
            continue;
        }
        toni_client *client = member->client;
        shard->ghosts--;
        take_out(shard, i);
        client_unref(client);
    }
}

/* --- Broadcasts */

/* One letter for each lane, at most, is what a broadcast uses. */
static int fill_spares(struct room *room)
{
    while (room->spare_count < room->lane_count) {
        struct letter *letter = letter_create();
        if (!letter)
            return -1;
        letter->next = room->spares;
        room->spares = letter;
        room->spare_count++;
    }
    return 0;
}

void room_seal(struct room *room)
{
    batch_unref(room->open);
    room->open = NULL;
}

/* @param twin  How much of the message its twin takes; 0: it needs none. */
static int open_batch(struct room *room, uint64_t encoded, uint64_t twin)
{
    uint64_t slack = encoded + BATCH_SLACK <= BATCH_MAX ? BATCH_SLACK : 0;
    room->open = batch_create_broadcast(room, room->seq + 1, encoded + slack);
    if (!room->open)
        return -1;
    if (twin == 0 || !batch_add_twin(room->open, twin + slack))
        return 0;
    room_seal(room);
    return -1;
}

static int append_to_open(struct room *room, const toni_message *message, uint64_t encoded,
                          const toni_message *deflated, uint64_t twin)
{
    if (room->open &&
        (!batch_has_room(room->open, encoded) || (room->open->deflated != NULL) != (twin > 0)))
        room_seal(room);
    if (!room->open && open_batch(room, encoded, twin))
        return -1;
    return batch_append_both(room->open, message, deflated);
}

static void post(struct room *room, uint32_t index)
{
    room->seq++;
    for (uint32_t i = 0; i < room->lane_count; i++) {
        if (room->shards[i].targets == 0)
            continue;
        room->shards[i].posted = room->seq;
        if (lane_post_room(&room->connections->lanes[i], room, room->open, index, &room->spares)) {
            room->spare_count--;
            room->open->letters++;
        }
    }
}

static bool charge(struct room *room, uint64_t bytes)
{
    const struct limits *limits = &room->connections->limits;
    if (!pending_charge(&room->pending, bytes, limits->pending_bytes_per_room))
        return false;
    if (pending_charge(&room->connections->pending, bytes, limits->pending_bytes))
        return true;
    pending_release(&room->pending, bytes);
    return false;
}

static void release(struct room *room, uint64_t bytes)
{
    pending_release(&room->connections->pending, bytes);
    pending_release(&room->pending, bytes);
}

/* What the batch's twin will take of a message; 0: the batch needs none. */
static uint64_t twin_size(const struct room *room, uint64_t encoded, const toni_message *deflated)
{
    if (deflated)
        return frame_message_size(deflated->body.size);
    bool stays_open = room->open && batch_has_room(room->open, encoded);
    return stays_open && room->open->deflated ? encoded : 0;
}

int32_t room_broadcast(struct room *room, const toni_message *message, const toni_message *deflated)
{
    if (room->targets == 0)
        return 0;
    uint64_t encoded = frame_message_size(message->body.size);
    uint64_t twin = twin_size(room, encoded, deflated);
    while (!charge(room, encoded + twin)) {
        if (twin == 0) {
            counter_add_shared(&room->connections->refused_busy, 1);
            return TONI_ERR_BUSY;
        }
        twin = 0; /* there is no space for both: all get it as it is */
        deflated = NULL;
    }
    if (fill_spares(room) || append_to_open(room, message, encoded, deflated, twin)) {
        release(room, encoded + twin);
        return TONI_ERR_NO_MEMORY;
    }
    room->open->charged += (uint32_t)(encoded + twin);
    post(room, room->open->count - 1);
    return (int32_t)(room->targets <= INT32_MAX ? room->targets : INT32_MAX);
}

/* --- Questions */

static uint64_t dropped_by(const struct room *room, enum drop_reason reason)
{
    return counter_read(&room->dropped[reason - DROP_POLICY_FIRST]);
}

int32_t room_info(struct room *room, toni_room_info **info)
{
    *info = NULL;
    toni_room_info *snapshot = malloc(sizeof *snapshot);
    if (!snapshot)
        return TONI_ERR_NO_MEMORY;
    pthread_mutex_lock(&room->mutex);
    *snapshot = (toni_room_info){
        .host = room->connections->host,
        .struct_size = sizeof *snapshot,
        .members = room->members,
        .targets = room->targets,
        .epoch = room->id,
        .sequence = room->seq,
        .pending_bytes = atomic_load_explicit(&room->pending, memory_order_relaxed),
        .dropped_slow_consumer = dropped_by(room, DROP_SLOW_CONSUMER),
        .dropped_oldest = dropped_by(room, DROP_OLDEST),
        .dropped_newest = dropped_by(room, DROP_NEWEST),
        .dropped_not_latest = dropped_by(room, DROP_NOT_LATEST),
    };
    pthread_mutex_unlock(&room->mutex);
    if (snapshot->members == 0) { /* it ends just now, or its first member is about to come in */
        free(snapshot);
        return TONI_ERR_NOT_FOUND;
    }
    *info = snapshot;
    return TONI_OK;
}

/* --- Delivery */

void room_forget(struct room *room, const struct batch *batch)
{
    pthread_mutex_lock(&room->mutex);
    if (room->open == batch)
        room_seal(room);
    pthread_mutex_unlock(&room->mutex);
}

static inline void hand_to(const struct member *member, struct batch *batch, uint64_t begin,
                           uint64_t end)
{
    uint64_t from = member->from >= begin ? member->from + 1 : begin;
    uint64_t to = member->until < end ? member->until : end;
    if (from <= to)
        (void)client_enqueue(member->client, batch, (uint32_t)(from - batch->first_seq),
                             (uint32_t)(to - from + 1));
}

/* Two loops, each a function of its own: so the first, which most messages take, asks nobody what
 * he takes, and has all it needs in registers. */

__attribute__((noinline)) static void hand_out(const struct shard *shard, struct batch *batch,
                                               uint64_t begin, uint64_t end)
{
    for (uint32_t i = 0; i < shard->count; i++)
        hand_to(&shard->members[i], batch, begin, end);
}

__attribute__((noinline)) static void
hand_out_with_twin(const struct shard *shard, struct batch *batch, uint64_t begin, uint64_t end)
{
    for (uint32_t i = 0; i < shard->count; i++) {
        const struct member *member = &shard->members[i];
        hand_to(member, client_batch(member->client, batch), begin, end);
    }
}

void room_deliver(struct room *room, uint32_t lane, struct batch *batch, uint32_t first,
                  uint32_t count)
{
    uint64_t begin = batch->first_seq + first;
    uint64_t end = begin + count - 1;
    pthread_mutex_lock(&room->mutex);
    if (room->open == batch)
        room_seal(room);
    if (batch->deflated)
        hand_out_with_twin(&room->shards[lane], batch, begin, end);
    else
        hand_out(&room->shards[lane], batch, begin, end);
    room_taken(room, lane, end);
    if (--batch->letters == 0) {
        release(room, batch->charged);
        batch->charged = 0;
    }
    pthread_mutex_unlock(&room->mutex);
}
