/* Rooms; see room.h. */
#include "rooms/room.h"

#include "rooms/client.h"
#include "rooms/connections.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A room's batch has space for one message like the first and a bit, since most rooms are quiet. */
#define BATCH_SLACK 64

struct room *room_create(toni_connections *connections, uint64_t id, toni_str name)
{
    struct room *room = calloc(1, sizeof *room + name.size + 1);
    if (!room)
        return NULL;
    room->topic = topic_create();
    if (!room->topic || pthread_mutex_init(&room->mutex, NULL)) {
        topic_unref(room->topic);
        free(room);
        return NULL;
    }
    char *copy = (char *)(room + 1);
    if (name.size > 0)
        memcpy(copy, name.data, name.size);
    room->connections = connections;
    room->refs = 1;
    room->shards = &room->first_shard;
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

/* Drops all but @p kept. */
static void drop_spares(struct room *room, uint32_t kept)
{
    while (room->spare_count > kept) {
        struct command *spare = room->spares;
        room->spares = spare->next;
        room->spare_count--;
        free(spare);
    }
}

void room_unref(struct room *room)
{
    if (!room || atomic_fetch_sub_explicit(&room->refs, 1, memory_order_acq_rel) != 1)
        return;
    batch_unref(room->open);
    drop_spares(room, 0);
    for (uint32_t i = 0; i < room->shard_count; i++)
        shard_finish(&room->shards[i]);
    if (room->shards != &room->first_shard)
        free(room->shards);
    topic_unref(room->topic);
    pthread_mutex_destroy(&room->mutex);
    free(room);
}

/* --- Shards */

struct shard *room_shard(const struct room *room, uint32_t lane)
{
    for (uint32_t i = 0; i < room->shard_count; i++) {
        if (room->shards[i].lane == lane)
            return &room->shards[i];
    }
    return NULL;
}

/* @return 0, or -1 on no memory. */
static int grow_shards(struct room *room)
{
    struct shard *old = room->shards == &room->first_shard ? NULL : room->shards;
    struct shard *shards = realloc(old, (room->shard_count + 1) * sizeof *shards);
    if (!shards)
        return -1;
    if (!old)
        *shards = room->first_shard;
    room->shards = shards;
    return 0;
}

/* @return The shard, which the caller puts a member into; NULL on no memory. */
static struct shard *get_shard(struct room *room, uint32_t lane)
{
    struct shard *shard = room_shard(room, lane);
    if (shard || (room->shard_count > 0 && grow_shards(room)))
        return shard;
    shard = &room->shards[room->shard_count++];
    *shard = (struct shard){.lane = lane};
    return shard;
}

/* A shard without members ends: without them nothing can be on its way there. */
static void collect_shard(struct room *room, struct shard *shard)
{
    if (shard->count > 0)
        return;
    shard_finish(shard);
    *shard = room->shards[--room->shard_count];
    drop_spares(room, room->shard_count);
    if (room->shards != &room->first_shard && room->shard_count <= 1) {
        room->first_shard = room->shards[0];
        free(room->shards);
        room->shards = &room->first_shard;
    }
}

/* --- Members */

static void set_deflate_above(struct room *room, uint32_t size)
{
    atomic_store_explicit(&room->deflate_above, size, memory_order_relaxed);
}

void room_lower_threshold(struct room *room, uint32_t deflate_above)
{
    if (room->deflating > 0 && deflate_above < room->deflate_above)
        set_deflate_above(room, deflate_above);
}

static void begin_deflating(struct room *room, const toni_client *client)
{
    room->deflating++;
    room_lower_threshold(room, client->limits->deflate_above);
}

static void end_deflating(struct room *room)
{
    if (--room->deflating == 0)
        set_deflate_above(room, DEFLATE_NEVER);
}

int room_add(struct room *room, toni_client *client, struct membership *membership)
{
    struct shard *shard = get_shard(room, client->lane->index);
    if (!shard)
        return -1;
    /* A ghost may be the same client: what it still gets must not share a letter with what comes.
     */
    const bool has_ghosts = shard->ghosts > 0;
    if (shard_add(shard, client, membership, room->seq)) {
        collect_shard(room, shard);
        return -1;
    }
    if (has_ghosts)
        room_seal(room);
    room->targets++;
    room->members++;
    if (client->deflates)
        begin_deflating(room, client);
    return 0;
}

static void mute(struct room *room, struct shard *shard, const struct membership *membership)
{
    struct member *member = &shard->members[membership->index];
    if (member->until != MEMBER_FOR_EVER)
        return;
    member->until = room->seq;
    shard->targets--;
    room->targets--;
    if (member->client->deflates)
        end_deflating(room);
}

void room_mute(struct room *room, const struct membership *membership, uint32_t lane)
{
    mute(room, room_shard(room, lane), membership);
}

void room_remove(struct room *room, const struct membership *membership, uint32_t lane)
{
    struct shard *shard = room_shard(room, lane);
    mute(room, shard, membership);
    room->members--;
    shard_remove(shard, membership);
    collect_shard(room, shard);
}

void room_taken(struct room *room, struct shard *shard, uint64_t seq)
{
    shard_taken(shard, seq);
    collect_shard(room, shard);
}

/* --- Exceptions */

/* The client's lock is held. */
static const struct membership *membership_in(const struct room *room, const toni_client *client)
{
    if (client->memberships.everyone.room == room)
        return &client->memberships.everyone;
    return memberships_find(&client->memberships, room);
}

void room_find_excepted(const struct room *room, toni_client *const *clients, uint32_t count,
                        struct excepted *excepted)
{
    excepted->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct membership *membership = membership_in(room, clients[i]);
        const uint32_t lane = clients[i]->lane->index;
        if (!membership ||
            room_shard(room, lane)->members[membership->index].until != MEMBER_FOR_EVER)
            continue;
        excepted->members[excepted->count].lane = lane;
        excepted->members[excepted->count++].index = membership->index;
    }
}

static uint32_t excepted_on(const struct excepted *excepted, uint32_t lane)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < excepted->count; i++)
        found += excepted->members[i].lane == lane;
    return found;
}

/* On each lane where somebody else gets the message. @return 0, or -1 on no memory. */
static int reserve_exceptions(struct room *room, const struct excepted *excepted)
{
    for (uint32_t i = 0; excepted && i < room->shard_count; i++) {
        struct shard *shard = &room->shards[i];
        const uint32_t count = excepted_on(excepted, shard->lane);
        if (count > 0 && count < shard->targets && shard_reserve_exceptions(shard, count))
            return -1;
    }
    return 0;
}

static void note_exceptions(struct shard *shard, const struct excepted *excepted, uint64_t seq)
{
    for (uint32_t i = 0; i < excepted->count; i++) {
        if (excepted->members[i].lane == shard->lane)
            shard_except(shard, excepted->members[i].index, seq);
    }
}

/* --- Broadcasts */

/* One command for each lane, at most, is what a broadcast uses. */
static int fill_spares(struct room *room)
{
    while (room->spare_count < room->shard_count) {
        struct command *spare = spare_take(SPARE_COMMAND, SPARE_COMMAND_SIZE);
        if (!spare)
            return -1;
        spare->next = room->spares;
        room->spares = spare;
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
    room->open = batch_create_broadcast(room->topic, room->seq + 1, encoded + slack);
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

/* Consecutive messages of a room's batch, for its members on one lane. */
struct delivery {
    struct command command; /* first */
    struct room *room;      /* one reference */
    struct batch *batch;    /* one reference */
    uint32_t first;         /* message */
    uint32_t count;         /* messages */
};

static_assert(sizeof(struct delivery) <= SPARE_COMMAND_SIZE, "a spare command has this size");

static void deliver(struct command *command, struct lane *lane);
static void drop_delivery(struct command *command);

static const struct command_type delivery_type = {deliver, drop_delivery};

static struct delivery *take_spare(struct room *room, uint32_t index)
{
    struct delivery *delivery = (struct delivery *)room->spares;
    room->spares = delivery->command.next;
    room->spare_count--;
    delivery->command.type = &delivery_type;
    delivery->room = room_ref(room);
    delivery->batch = batch_ref(room->open);
    delivery->first = index;
    delivery->count = 1;
    room->open->deliveries++;
    return delivery;
}

/* Posts message @p index of the open batch: lengthens the lane's last command if that is the same
 * batch's. Can't fail. */
static void post_to(struct room *room, struct lane *lane, uint32_t index, uint32_t targets)
{
    struct command *command = lane_begin_post(lane);
    struct delivery *last = (struct delivery *)command;
    counter_add(&lane->targeted, targets);
    if (last && command->type == &delivery_type && last->batch == room->open &&
        last->first + last->count == index) {
        last->count++;
        lane_end_post(lane, NULL);
        return;
    }
    lane_end_post(lane, &take_spare(room, index)->command);
}

static void post(struct room *room, uint32_t index, const struct excepted *excepted)
{
    room->seq++;
    for (uint32_t i = 0; i < room->shard_count; i++) {
        struct shard *shard = &room->shards[i];
        const uint32_t excluded = excepted ? excepted_on(excepted, shard->lane) : 0;
        const uint32_t targets = shard->targets - excluded;
        if (targets == 0)
            continue;
        shard->posted = room->seq;
        if (excluded > 0)
            note_exceptions(shard, excepted, room->seq);
        post_to(room, &room->connections->lanes[shard->lane], index, targets);
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

int32_t room_broadcast(struct room *room, const toni_message *message, const toni_message *deflated,
                       const struct excepted *excepted)
{
    const uint32_t targets = room->targets - (excepted ? excepted->count : 0);
    if (targets == 0)
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
    if (fill_spares(room) || reserve_exceptions(room, excepted) ||
        append_to_open(room, message, encoded, deflated, twin)) {
        release(room, encoded + twin);
        return TONI_ERR_NO_MEMORY;
    }
    room->open->charged += (uint32_t)(encoded + twin);
    post(room, room->open->count - 1, excepted);
    return (int32_t)(targets <= INT32_MAX ? targets : INT32_MAX);
}

/* --- Questions */

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
        .dropped_slow_consumer = topic_dropped(room->topic, DROP_SLOW_CONSUMER),
        .dropped_oldest = topic_dropped(room->topic, DROP_OLDEST),
        .dropped_newest = topic_dropped(room->topic, DROP_NEWEST),
        .dropped_not_latest = topic_dropped(room->topic, DROP_NOT_LATEST),
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

static void destroy_delivery(struct delivery *delivery)
{
    batch_unref(delivery->batch);
    room_unref(delivery->room);
    spare_give(SPARE_COMMAND, delivery);
}

static void deliver(struct command *command, struct lane *lane)
{
    struct delivery *delivery = (struct delivery *)command;
    struct room *room = delivery->room;
    struct batch *batch = delivery->batch;
    const uint64_t begin = batch->first_seq + delivery->first;
    const uint64_t end = begin + delivery->count - 1;
    pthread_mutex_lock(&room->mutex);
    if (room->open == batch)
        room_seal(room);
    struct shard *shard = room_shard(room, lane->index);
    if (shard) {
        shard_deliver(shard, batch, begin, end);
        room_taken(room, shard, end);
    }
    if (--batch->deliveries == 0) {
        release(room, batch->charged);
        batch->charged = 0;
    }
    pthread_mutex_unlock(&room->mutex);
    destroy_delivery(delivery);
}

static void drop_delivery(struct command *command)
{
    destroy_delivery((struct delivery *)command);
}
