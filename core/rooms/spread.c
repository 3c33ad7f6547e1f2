/* Targets and spreads; see spread.h. */
#include "rooms/spread.h"

#include "rooms/client.h"
#include "rooms/connections.h"

#include <stdlib.h>
#include <string.h>

/* --- The builder */

struct target_ids {
    toni_client_id *ids;
    uint32_t count;
    uint32_t capacity;
};

struct target_names {
    toni_str *names; /* each allocated */
    uint32_t count;
    uint32_t capacity;
};

struct toni_target {
    const toni_host *host; /* first, for ever: see toni/abi.h */
    toni_connections *connections;
    int32_t error; /* the first that a step found */
    int32_t everyone;
    struct target_names rooms;
    struct target_ids clients;
    struct target_ids except;
};

/* Makes room for one more element. @return Whether there is. */
static bool reserve(void **array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    uint32_t larger = *capacity ? *capacity * 2 : 4;
    void *grown = realloc(*array, larger * size);
    if (!grown)
        return false;
    *array = grown;
    *capacity = larger;
    return true;
}

static void target_fail(toni_target *target, int32_t error)
{
    if (target->error == TONI_OK)
        target->error = error;
}

static void add_id(toni_target *target, struct target_ids *list, toni_client_id id)
{
    void *ids = list->ids;
    if (!reserve(&ids, list->count, &list->capacity, sizeof *list->ids)) {
        target_fail(target, TONI_ERR_NO_MEMORY);
        return;
    }
    list->ids = ids;
    list->ids[list->count++] = id;
}

static toni_target *target_create(toni_connections *connections)
{
    toni_target *target = calloc(1, sizeof *target);
    if (target) {
        target->host = connections->host;
        target->connections = connections;
    }
    return target;
}

static void target_destroy(toni_target *target)
{
    for (uint32_t i = 0; i < target->rooms.count; i++)
        free((char *)target->rooms.names[i].data);
    free(target->rooms.names);
    free(target->clients.ids);
    free(target->except.ids);
    free(target);
}

static void target_to_room(toni_target *target, toni_str room)
{
    struct target_names *list = &target->rooms;
    void *names = list->names;
    if (!room_name_valid(room)) {
        target_fail(target, TONI_ERR_INVALID);
        return;
    }
    char *copy = malloc(room.size);
    if (!copy || !reserve(&names, list->count, &list->capacity, sizeof *list->names)) {
        free(copy);
        target_fail(target, TONI_ERR_NO_MEMORY);
        return;
    }
    memcpy(copy, room.data, room.size);
    list->names = names;
    list->names[list->count++] = toni_str_make(copy, room.size);
}

static void target_to_client(toni_target *target, toni_client_id client)
{
    add_id(target, &target->clients, client);
}

static void target_to_all(toni_target *target)
{
    target->everyone = 1;
}

static void target_except(toni_target *target, toni_client_id client)
{
    add_id(target, &target->except, client);
}

/* --- From a target to a spread */

static int by_address(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (toni_client *const *)a;
    uintptr_t right = (uintptr_t) * (toni_client *const *)b;
    return (left > right) - (left < right);
}

static int by_room_id(const void *a, const void *b)
{
    uint64_t left = ((const struct spread_room *)a)->room->id;
    uint64_t right = ((const struct spread_room *)b)->room->id;
    return (left > right) - (left < right);
}

static bool is_excepted(const struct spread *spread, toni_client *client)
{
    return spread->except_count > 0 && bsearch(&client, spread->except, spread->except_count,
                                               sizeof(toni_client *), by_address);
}

/* Finds the clients of a list, and drops those that are no targets, twice there, or in `except`. */
static int resolve_clients(struct spread *spread, const struct target_ids *list,
                           const struct target_ids *except, toni_client ***clients, uint32_t *count)
{
    if (list->count == 0)
        return 0;
    *clients = malloc(list->count * sizeof **clients);
    if (!*clients)
        return -1;
    uint32_t found = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        toni_client *client = connections_find_client(spread->connections, list->ids[i]);
        /* Who is left out is so while it is being closed, too: its rooms may not know of that yet.
         */
        if (client && (list == except || client_is_open(client)))
            (*clients)[found++] = client;
        else
            client_unref(client);
    }
    qsort(*clients, found, sizeof **clients, by_address);
    for (uint32_t i = 0; i < found; i++) {
        toni_client *client = (*clients)[i];
        bool again = *count > 0 && (*clients)[*count - 1] == client;
        if (again || is_excepted(spread, client))
            client_unref(client);
        else
            (*clients)[(*count)++] = client;
    }
    return 0;
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
static struct room *room_named(const struct spread *spread, const toni_target *target)
{
    bool is_one = target->everyone || (spread->room_count == 1 && spread->client_count == 0);
    return is_one ? spread->rooms[0].room : NULL;
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
    spread->batch = batch_create_broadcast(room_named(spread, target), 0,
                                           frame_message_size(message->body.size));
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
    if (!resolve_clients(spread, &target->except, &target->except, &spread->except,
                         &spread->except_count) &&
        !resolve_clients(spread, &target->clients, &target->except, &spread->clients,
                         &spread->client_count) &&
        !resolve_rooms(spread, target) && !make_batch(spread, target, message))
        return spread;
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

void spread_unref(struct spread *spread)
{
    if (!spread || atomic_fetch_sub(&spread->refs, 1) != 1)
        return;
    finish_receipt(spread);
    for (uint32_t i = 0; i < spread->room_count; i++)
        room_unref(spread->rooms[i].room);
    for (uint32_t i = 0; i < spread->client_count; i++)
        client_unref(spread->clients[i]);
    for (uint32_t i = 0; i < spread->except_count; i++)
        client_unref(spread->except[i]);
    free(spread->rooms);
    free(spread->clients);
    free(spread->except);
    batch_unref(spread->batch);
    free(spread);
}

/* --- Counting whom it reaches. Under the locks of its rooms. */

typedef void shard_visit(const struct spread *spread, toni_client *client, void *data);

static void visit_targets(const struct spread *spread, shard_visit *call, void *data)
{
    for (uint32_t r = 0; r < spread->room_count; r++) {
        const struct room *room = spread->rooms[r].room;
        for (uint32_t lane = 0; lane < room->lane_count; lane++) {
            const struct shard *shard = &room->shards[lane];
            for (uint32_t i = 0; i < shard->count; i++) {
                if (shard->members[i].until == MEMBER_FOR_EVER &&
                    !is_excepted(spread, shard->members[i].client))
                    call(spread, shard->members[i].client, data);
            }
        }
    }
    for (uint32_t i = 0; i < spread->client_count; i++)
        call(spread, spread->clients[i], data);
}

static void count_one(const struct spread *spread, toni_client *client, void *data)
{
    (void)spread;
    (void)client;
    ++*(size_t *)data;
}

static void collect_one(const struct spread *spread, toni_client *client, void *data)
{
    (void)spread;
    toni_client ***next = data;
    *(*next)++ = client;
}

/* @param targeted  Set to how many different clients that are. @return 0, or -1 on no memory. */
static int count_targets(const struct spread *spread, uint32_t *targeted)
{
    size_t count = 0;
    if (spread->room_count == 1 && spread->client_count == 0 && spread->except_count == 0) {
        *targeted = spread->rooms[0].room->targets;
        return 0;
    }
    visit_targets(spread, count_one, &count);
    *targeted = (uint32_t)count;
    if (count == 0 || (spread->room_count <= 1 && spread->client_count == 0) ||
        spread->room_count == 0)
        return 0;
    toni_client **clients = malloc(count * sizeof *clients);
    if (!clients)
        return -1;
    toni_client **end = clients;
    visit_targets(spread, collect_one, &end);
    size_t found = (size_t)(end - clients);
    qsort(clients, found, sizeof *clients, by_address);
    *targeted = found > 0;
    for (size_t i = 1; i < found; i++)
        *targeted += clients[i] != clients[i - 1];
    free(clients);
    return 0;
}

/* --- Posting */

static void lock_rooms(struct spread *spread)
{
    for (uint32_t i = 0; i < spread->room_count; i++)
        pthread_mutex_lock(&spread->rooms[i].room->mutex);
}

static void unlock_rooms(struct spread *spread)
{
    for (uint32_t i = spread->room_count; i-- > 0;)
        pthread_mutex_unlock(&spread->rooms[i].room->mutex);
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

static void free_letters(struct letter *letters)
{
    for (struct letter *next; letters; letters = next) {
        next = letters->next;
        free(letters);
    }
}

/* One letter for each lane that has somebody to reach. @return 0, or -1 on no memory. */
static int make_letters(struct spread *spread, struct letter **letters, uint32_t *count)
{
    for (uint32_t lane = 0; lane < spread->connections->lane_count; lane++) {
        bool needed = false;
        for (uint32_t i = 0; i < spread->room_count && !needed; i++)
            needed = spread->rooms[i].room->shards[lane].targets > 0;
        for (uint32_t i = 0; i < spread->client_count && !needed; i++)
            needed = spread->clients[i]->lane->index == lane;
        if (!needed)
            continue;
        struct letter *letter = letter_create();
        if (!letter)
            return -1;
        *letter = (struct letter){
            .next = *letters, .kind = LETTER_SPREAD, .first = lane, .to.spread = spread};
        *letters = letter;
        ++*count;
    }
    return 0;
}

static void post(struct spread *spread, struct letter *letters, uint32_t count)
{
    atomic_store(&spread->undelivered, count);
    atomic_fetch_add(&spread->refs, count);
    for (uint32_t i = 0; i < spread->room_count; i++) {
        struct room *room = spread->rooms[i].room;
        room_seal(room); /* a batch's messages have consecutive numbers */
        spread->rooms[i].seq = ++room->seq;
    }
    for (struct letter *letter = letters, *next; letter; letter = next) {
        next = letter->next;
        for (uint32_t i = 0; i < spread->room_count; i++)
            spread->rooms[i].room->shards[letter->first].posted = spread->rooms[i].seq;
        lane_post(&spread->connections->lanes[letter->first], letter);
    }
}

/* Under the locks of its rooms. */
static int32_t send_locked(struct spread *spread)
{
    uint32_t targeted, count = 0;
    struct letter *letters = NULL;
    if (count_targets(spread, &targeted))
        return TONI_ERR_NO_MEMORY;
    if (targeted == 0)
        return 0;
    if (!charge(spread)) {
        counter_add_shared(&spread->connections->refused_busy, 1);
        return TONI_ERR_BUSY;
    }
    if (make_letters(spread, &letters, &count)) {
        free_letters(letters);
        release(spread, spread->room_count);
        return TONI_ERR_NO_MEMORY;
    }
    if (spread->receipt)
        spread->receipt->targeted = targeted;
    post(spread, letters, count);
    counter_add_shared(&spread->connections->spread_targeted, targeted);
    return (int32_t)(targeted <= INT32_MAX ? targeted : INT32_MAX);
}

int32_t spread_send(toni_target *target, const toni_message *message, struct receipt *receipt)
{
    int32_t result = target->error;
    if (result == TONI_OK)
        result = message_check(message, connections_message_limit(target->connections));
    if (result == TONI_OK) {
        struct spread *spread = spread_create(target, message);
        result = TONI_ERR_NO_MEMORY;
        if (spread) {
            spread->receipt = receipt;
            lock_rooms(spread);
            result = send_locked(spread);
            unlock_rooms(spread);
            if (result < 0)
                spread->receipt = NULL; /* the caller's again */
            spread_unref(spread);
        }
    }
    target_destroy(target);
    return result;
}

static int32_t target_send(toni_target *target, const toni_message *message)
{
    return spread_send(target, message, NULL);
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
    const struct shard *shard = &room->shards[lane];
    for (uint32_t i = 0; i < shard->count; i++) {
        const struct member *member = &shard->members[i];
        if (member->from < target->seq && target->seq <= member->until &&
            !is_excepted(spread, member->client))
            deliver_to(spread, member->client);
    }
    room_taken(room, lane, target->seq);
    pthread_mutex_unlock(&room->mutex);
}

void spread_deliver(struct spread *spread, struct lane *lane)
{
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

void spread_fill_table(toni_host *table)
{
    table->target_create = target_create;
    table->target_to_room = target_to_room;
    table->target_to_client = target_to_client;
    table->target_to_all = target_to_all;
    table->target_except = target_except;
    table->target_send = target_send;
    table->target_destroy = target_destroy;
}
