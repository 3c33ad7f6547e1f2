/* Spreads; see spread.h. */
#include "rooms/spread.h"

#include "rooms/client.h"
#include "rooms/client_list.h"
#include "rooms/client_set.h"
#include "rooms/connections.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void spread_unref(struct spread *spread);

/* --- From a target to a spread */

static int by_room_id(const void *a, const void *b)
{
    uint64_t left = ((const struct spread_room *)a)->room->id;
    uint64_t right = ((const struct spread_room *)b)->room->id;
    return (left > right) - (left < right);
}

/* @return 0, or -1 on no memory. */
static int find_clients(const struct spread *spread, const struct target_ids *list,
                        toni_client ***clients, uint32_t *count)
{
    if (list->count == 0)
        return 0;
    *clients = malloc(list->count * sizeof **clients);
    if (!*clients)
        return -1;
    *count = client_list_find(spread->connections, list->ids, list->count, *clients);
    return 0;
}

/* Of the clients that are named those stay that are targets. (Who is left out is so while it is
 * being closed, too: its rooms may not know of that yet.) */
static void keep_targets(struct spread *spread)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < spread->client_count; i++) {
        toni_client *client = spread->clients[i];
        if (client_is_open(client) &&
            !client_list_has(spread->except, spread->except_count, client))
            spread->clients[kept++] = client;
        else
            client_unref(client);
    }
    spread->client_count = kept;
}

static int resolve_rooms(struct spread *spread, const toni_target *target)
{
    uint32_t count = target->everyone ? 1 : target->rooms.count;
    if (count == 0)
        return 0;
    spread->rooms = malloc(count * sizeof *spread->rooms);
    if (!spread->rooms)
        return -1;
    if (target->everyone) { /* which covers all rooms */
        spread->rooms[spread->room_count++].room = room_ref(spread->connections->everyone);
        return 0;
    }
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct room *room = connections_find_room(spread->connections, target->rooms.names[i]);
        if (room)
            spread->rooms[found++].room = room;
    }
    qsort(spread->rooms, found, sizeof *spread->rooms, by_room_id);
    for (uint32_t i = 0; i < found; i++) {
        struct room *room = spread->rooms[i].room;
        if (spread->room_count > 0 && spread->rooms[spread->room_count - 1].room == room)
            room_unref(room);
        else
            spread->rooms[spread->room_count++].room = room;
    }
    return 0;
}

/* A message for one room, or for everyone, less some clients, is that room's all the same. */
static struct topic *topic_of(const struct spread *spread, const toni_target *target)
{
    bool is_one = target->everyone || (spread->room_count == 1 && spread->client_count == 0);
    return is_one ? spread->rooms[0].room->topic : NULL;
}

static bool deflates(const struct spread *spread, size_t size)
{
    for (uint32_t i = 0; i < spread->room_count; i++) {
        if (room_deflates(spread->rooms[i].room, size))
            return true;
    }
    for (uint32_t i = 0; i < spread->client_count; i++) {
        const toni_client *client = spread->clients[i];
        if (client->deflates && size > client->limits->deflate_above)
            return true;
    }
    return false;
}

/* The same message for those who take compressed ones. @return 0, or -1 on no memory. */
static int make_twin(struct spread *spread, const toni_message *message)
{
    toni_message *deflated = deflaters_shrink(&spread->connections->deflaters, message);
    if (!deflated)
        return 0;
    int result = -1;
    if (!batch_add_twin(spread->batch, frame_message_size(deflated->body.size)))
        result = batch_append(spread->batch->deflated, deflated->kind, deflated->body.data,
                              deflated->body.size);
    free(deflated);
    return result;
}

static int make_batch(struct spread *spread, const toni_target *target, const toni_message *message)
{
    spread->batch =
        batch_create_broadcast(topic_of(spread, target), 0, frame_message_size(message->body.size));
    if (!spread->batch ||
        batch_append(spread->batch, message->kind, message->body.data, message->body.size))
        return -1;
    return deflates(spread, message->body.size) ? make_twin(spread, message) : 0;
}

static struct spread *spread_create(const toni_target *target, const toni_message *message)
{
    struct spread *spread = calloc(1, sizeof *spread);
    if (!spread)
        return NULL;
    spread->connections = target->connections;
    spread->refs = 1;
    spread->id = atomic_fetch_add(&spread->connections->next_spread, 1) + 1;
    if (!find_clients(spread, &target->except, &spread->except, &spread->except_count) &&
        !find_clients(spread, &target->clients, &spread->clients, &spread->client_count)) {
        keep_targets(spread);
        if (!resolve_rooms(spread, target) && !make_batch(spread, target, message))
            return spread;
    }
    spread_unref(spread);
    return NULL;
}

/* Whom no lane has delivered to is as good as closed: the host has ended. */
static void finish_receipt(struct spread *spread)
{
    struct receipt *receipt = spread->receipt;
    spread->receipt = NULL;
    if (!receipt)
        return;
    uint32_t counted = 0;
    for (unsigned i = 0; i < OUTBOX_ANSWERS; i++)
        counted += atomic_load(&receipt->answers[i]);
    atomic_fetch_add(&receipt->answers[OUTBOX_CLOSED], receipt->targeted - counted);
    receipt->finished(receipt);
}

static void spread_unref(struct spread *spread)
{
    if (!spread || atomic_fetch_sub(&spread->refs, 1) != 1)
        return;
    finish_receipt(spread);
    for (uint32_t i = 0; i < spread->room_count; i++)
        room_unref(spread->rooms[i].room);
    client_list_unref(spread->clients, spread->client_count);
    client_list_unref(spread->except, spread->except_count);
    free(spread->rooms);
    free(spread->clients);
    free(spread->except);
    batch_unref(spread->batch);
    free(spread);
}

/* --- Counting whom it reaches. Under the locks of its rooms. */

/* The larger a room, the more is spared by not putting its members into a set. */
static uint32_t largest_room(const struct spread *spread)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < spread->room_count; i++) {
        if (spread->rooms[i].room->targets > spread->rooms[largest].room->targets)
            largest = i;
    }
    return largest;
}

/* @return How many of a room's targets were not in the set; they are then, if @p adds. */
static uint32_t count_new(struct client_set *set, const struct room *room, bool adds)
{
    uint32_t found = 0;
    for (uint32_t s = 0; s < room->shard_count; s++) {
        const struct shard *shard = &room->shards[s];
        for (uint32_t i = 0; i < shard->count; i++) {
            const struct member *member = &shard->members[i];
            if (member->until == MEMBER_FOR_EVER)
                found += adds ? client_set_add(set, member->client)
                              : !client_set_has(set, member->client);
        }
    }
    return found;
}

/* Each client once: all go into a set but those of the largest room, which are looked for in it. */
static int count_different(const struct spread *spread, uint32_t *targeted)
{
    const uint32_t largest = largest_room(spread);
    size_t most = (size_t)spread->except_count + spread->client_count;
    for (uint32_t i = 0; i < spread->room_count; i++)
        most += i == largest ? 0 : spread->rooms[i].room->targets;
    struct client_set set;
    if (client_set_init(&set, most))
        return -1;
    for (uint32_t i = 0; i < spread->except_count; i++)
        (void)client_set_add(&set, spread->except[i]);
    *targeted = 0;
    for (uint32_t i = 0; i < spread->client_count; i++)
        *targeted += client_set_add(&set, spread->clients[i]);
    for (uint32_t i = 0; i < spread->room_count; i++) {
        if (i != largest)
            *targeted += count_new(&set, spread->rooms[i].room, true);
    }
    *targeted += count_new(&set, spread->rooms[largest].room, false);
    client_set_finish(&set);
    return 0;
}

/* Of one whole room a few are left out: nobody else has to be looked at. */
static bool leaves_out_few(const struct spread *spread)
{
    return spread->room_count == 1 && spread->client_count == 0 &&
           spread->except_count <= EXCEPTED_MAX;
}

/* @param targeted  Set to how many different clients that are. @return 0, or -1 on no memory. */
static int count_targets(const struct spread *spread, uint32_t *targeted)
{
    *targeted = spread->client_count;
    if (spread->room_count == 0)
        return 0;
    if (!leaves_out_few(spread))
        return count_different(spread, targeted);
    struct excepted excepted;
    const struct room *room = spread->rooms[0].room;
    room_find_excepted(room, spread->except, spread->except_count, &excepted);
    *targeted = room->targets - excepted.count;
    return 0;
}

/* --- Posting */

/* The clients of `except` only if that is asked of the room: see room_find_excepted. */
static void lock(struct spread *spread)
{
    if (leaves_out_few(spread))
        client_list_lock(spread->except, spread->except_count);
    for (uint32_t i = 0; i < spread->room_count; i++)
        pthread_mutex_lock(&spread->rooms[i].room->mutex);
}

static void unlock(struct spread *spread)
{
    for (uint32_t i = spread->room_count; i-- > 0;)
        pthread_mutex_unlock(&spread->rooms[i].room->mutex);
    if (leaves_out_few(spread))
        client_list_unlock(spread->except, spread->except_count);
}

static void release(struct spread *spread, uint32_t rooms)
{
    for (uint32_t i = 0; i < rooms; i++)
        pending_release(&spread->rooms[i].room->pending, batch_bytes(spread->batch));
    pending_release(&spread->connections->pending, batch_bytes(spread->batch));
}

/* In the host once, and in each of its rooms. */
static bool charge_bytes(struct spread *spread)
{
    const struct limits *limits = &spread->connections->limits;
    uint64_t bytes = batch_bytes(spread->batch);
    if (!pending_charge(&spread->connections->pending, bytes, limits->pending_bytes))
        return false;
    for (uint32_t i = 0; i < spread->room_count; i++) {
        if (!pending_charge(&spread->rooms[i].room->pending, bytes,
                            limits->pending_bytes_per_room)) {
            release(spread, i);
            return false;
        }
    }
    return true;
}

/* If there is no space for both, all get the message as it is. */
static bool charge(struct spread *spread)
{
    if (charge_bytes(spread))
        return true;
    if (!spread->batch->deflated)
        return false;
    batch_drop_twin(spread->batch);
    return charge_bytes(spread);
}

/* A spread on its way to one lane. */
struct spread_command {
    struct command command; /* first */
    struct spread *spread;  /* one reference, once it is posted */
    uint32_t lane;
};

static_assert(sizeof(struct spread_command) <= SPARE_COMMAND_SIZE, "a spare command has this size");

static void deliver(struct command *command, struct lane *lane);
static void drop(struct command *command);

static const struct command_type spread_type = {deliver, drop};

static void free_commands(struct command *commands)
{
    for (struct command *next; commands; commands = next) {
        next = commands->next;
        free(commands);
    }
}

/* Marks the lanes that have somebody to reach. */
static void find_lanes(const struct spread *spread, bool *needed)
{
    for (uint32_t i = 0; i < spread->room_count; i++) {
        const struct room *room = spread->rooms[i].room;
        for (uint32_t s = 0; s < room->shard_count; s++)
            needed[room->shards[s].lane] |= room->shards[s].targets > 0;
    }
    for (uint32_t i = 0; i < spread->client_count; i++)
        needed[spread->clients[i]->lane->index] = true;
}

/* @return 0, or -1 on no memory. */
static int make_commands(struct spread *spread, struct command **commands, uint32_t *count)
{
    bool needed[LANES_MAX] = {false};
    find_lanes(spread, needed);
    for (uint32_t lane = 0; lane < spread->connections->lane_count; lane++) {
        if (!needed[lane])
            continue;
        struct spread_command *made = spare_take(SPARE_COMMAND, SPARE_COMMAND_SIZE);
        if (!made)
            return -1;
        *made = (struct spread_command){
            .command = {*commands, &spread_type}, .spread = spread, .lane = lane};
        *commands = &made->command;
        ++*count;
    }
    return 0;
}

static void note_posted(const struct spread_room *target, uint32_t lane)
{
    struct shard *shard = room_shard(target->room, lane);
    if (shard)
        shard->posted = target->seq;
}

static void post(struct spread *spread, struct command *commands, uint32_t count)
{
    atomic_store(&spread->undelivered, count);
    atomic_fetch_add(&spread->refs, count);
    for (uint32_t i = 0; i < spread->room_count; i++) {
        struct room *room = spread->rooms[i].room;
        room_seal(room); /* a batch's messages have consecutive numbers */
        spread->rooms[i].seq = ++room->seq;
    }
    for (struct command *next; commands; commands = next) {
        const uint32_t lane = ((struct spread_command *)commands)->lane;
        next = commands->next;
        for (uint32_t i = 0; i < spread->room_count; i++)
            note_posted(&spread->rooms[i], lane);
        lane_post(&spread->connections->lanes[lane], commands);
    }
}

/* Under the locks of its rooms. */
static int32_t send_locked(struct spread *spread)
{
    uint32_t targeted, count = 0;
    struct command *commands = NULL;
    if (count_targets(spread, &targeted))
        return TONI_ERR_NO_MEMORY;
    if (targeted == 0)
        return 0;
    if (!charge(spread)) {
        counter_add_shared(&spread->connections->refused_busy, 1);
        return TONI_ERR_BUSY;
    }
    if (make_commands(spread, &commands, &count)) {
        free_commands(commands);
        release(spread, spread->room_count);
        return TONI_ERR_NO_MEMORY;
    }
    if (spread->receipt)
        spread->receipt->targeted = targeted;
    post(spread, commands, count);
    counter_add_shared(&spread->connections->spread_targeted, targeted);
    return (int32_t)(targeted <= INT32_MAX ? targeted : INT32_MAX);
}

int32_t spread_send(const toni_target *target, const toni_message *message, struct receipt *receipt)
{
    struct spread *spread = spread_create(target, message);
    if (!spread)
        return TONI_ERR_NO_MEMORY;
    spread->receipt = receipt;
    lock(spread);
    int32_t result = send_locked(spread);
    unlock(spread);
    if (result < 0)
        spread->receipt = NULL; /* the caller's again */
    spread_unref(spread);
    return result;
}

/* --- Delivery */

static void deliver_to(struct spread *spread, toni_client *client)
{
    if (client->mark == spread->id)
        return;
    client->mark = spread->id;
    const enum outbox_answer answer =
        client_enqueue(client, client_batch(client, spread->batch), 0, 1);
    if (spread->receipt)
        atomic_fetch_add(&spread->receipt->answers[answer], 1);
}

static void deliver_room(struct spread *spread, const struct spread_room *target, uint32_t lane)
{
    struct room *room = target->room;
    pthread_mutex_lock(&room->mutex);
    struct shard *shard = room_shard(room, lane);
    for (uint32_t i = 0; shard && i < shard->count; i++) {
        const struct member *member = &shard->members[i];
        if (member->from < target->seq && target->seq <= member->until)
            deliver_to(spread, member->client);
    }
    if (shard)
        room_taken(room, shard, target->seq);
    pthread_mutex_unlock(&room->mutex);
}

static void hand_out(struct spread *spread, struct lane *lane)
{
    /* As if it had reached them: then nobody else has to be looked at. */
    for (uint32_t i = 0; i < spread->except_count; i++) {
        if (spread->except[i]->lane == lane)
            spread->except[i]->mark = spread->id;
    }
    for (uint32_t i = 0; i < spread->room_count; i++)
        deliver_room(spread, &spread->rooms[i], lane->index);
    for (uint32_t i = 0; i < spread->client_count; i++) {
        if (spread->clients[i]->lane == lane)
            deliver_to(spread, spread->clients[i]);
    }
    if (atomic_fetch_sub(&spread->undelivered, 1) == 1) {
        release(spread, spread->room_count);
        finish_receipt(spread);
    }
}

static void destroy(struct spread_command *command)
{
    spread_unref(command->spread);
    spare_give(SPARE_COMMAND, command);
}

static void deliver(struct command *command, struct lane *lane)
{
    struct spread_command *of = (struct spread_command *)command;
    hand_out(of->spread, lane);
    destroy(of);
}

static void drop(struct command *command)
{
    destroy((struct spread_command *)command);
}
