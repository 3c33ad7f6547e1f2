/* Multicasts; see multicast.h. */
#include "rooms/multicast.h"

#include "rooms/client.h"
#include "rooms/client_list.h"
#include "rooms/client_set.h"
#include "rooms/room_table.h"

#include <stdlib.h>
#include <string.h>

static void multicast_unref(struct multicast *multicast);

/* --- From a target to a multicast */

static int by_room_id(const void *a, const void *b)
{
    const uint64_t left = (*(struct room *const *)a)->id;
    const uint64_t right = (*(struct room *const *)b)->id;
    return (left > right) - (left < right);
}

/* @return 0, or -1 on no memory. */
static int find_clients(const struct multicast *multicast, const struct target_ids *list,
                        toni_client ***clients, uint32_t *count)
{
    if (list->count == 0)
        return 0;
    *clients = malloc(list->count * sizeof **clients);
    if (!*clients)
        return -1;
    *count = client_list_find(multicast->space, list->ids, list->count, *clients);
    return 0;
}

/* Of the clients that are named those stay that are targets. (Who is left out is so while it is
 * being closed, too: its rooms may not know of that yet.) */
static void keep_targets(struct multicast *multicast)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < multicast->client_count; i++) {
        toni_client *client = multicast->clients[i];
        if (client_is_open(client) &&
            !client_list_has(multicast->except, multicast->except_count, client))
            multicast->clients[kept++] = client;
        else
            client_unref(client);
    }
    multicast->client_count = kept;
}

static int resolve_rooms(struct multicast *multicast, const toni_target *target)
{
    uint32_t count = target->everyone ? 1 : target->rooms.count;
    if (count == 0)
        return 0;
    multicast->rooms = malloc(count * sizeof *multicast->rooms);
    if (!multicast->rooms)
        return -1;
    if (target->everyone) { /* which covers all rooms */
        multicast->rooms[multicast->room_count++] = room_ref(multicast->space->everyone);
        return 0;
    }
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct room *room = room_table_find(multicast->space, target->rooms.names[i]);
        if (room)
            multicast->rooms[found++] = room;
    }
    qsort(multicast->rooms, found, sizeof *multicast->rooms, by_room_id);
    for (uint32_t i = 0; i < found; i++) {
        struct room *room = multicast->rooms[i];
        if (multicast->room_count > 0 && multicast->rooms[multicast->room_count - 1] == room)
            room_unref(room);
        else
            multicast->rooms[multicast->room_count++] = room;
    }
    return 0;
}

/* A message for one room, or for everyone, less some clients, is that room's all the same. */
static struct topic *topic_of(const struct multicast *multicast, const toni_target *target)
{
    bool is_one = target->everyone || (multicast->room_count == 1 && multicast->client_count == 0);
    return is_one ? &multicast->rooms[0]->topic : NULL;
}

static bool deflates(const struct multicast *multicast, size_t size)
{
    for (uint32_t i = 0; i < multicast->room_count; i++) {
        if (room_deflates(multicast->rooms[i], size))
            return true;
    }
    for (uint32_t i = 0; i < multicast->client_count; i++) {
        const toni_client *client = multicast->clients[i];
        if (client->receiver.deflates && size > client->receiver.limits->deflate_above)
            return true;
    }
    return false;
}

/* The same message for those who take compressed ones. @return 0, or -1 on no memory. */
static int make_variant(struct multicast *multicast, const toni_message *message)
{
    toni_message *deflated = deflaters_shrink(&multicast->connections->deflaters, message);
    if (!deflated)
        return 0;
    int result = -1;
    if (!batch_add_variant(multicast->batch, frame_message_size(deflated->body.size)))
        result = batch_append(multicast->batch->deflated, deflated->kind, deflated->body.data,
                              deflated->body.size);
    free(deflated);
    return result;
}

static int make_batch(struct multicast *multicast, const toni_target *target,
                      const toni_message *message)
{
    multicast->batch =
        batch_create_broadcast(topic_of(multicast, target), frame_message_size(message->body.size));
    if (!multicast->batch ||
        batch_append(multicast->batch, message->kind, message->body.data, message->body.size))
        return -1;
    return deflates(multicast, message->body.size) ? make_variant(multicast, message) : 0;
}

static struct multicast *multicast_create(const toni_target *target, const toni_message *message)
{
    struct multicast *multicast = calloc(1, sizeof *multicast);
    if (!multicast)
        return NULL;
    multicast->space = target->space;
    multicast->connections = target->space->connections;
    multicast->refs = 1;
    multicast->id = atomic_fetch_add(&multicast->connections->next_multicast, 1) + 1;
    if (!find_clients(multicast, &target->except, &multicast->except, &multicast->except_count) &&
        !find_clients(multicast, &target->clients, &multicast->clients, &multicast->client_count)) {
        keep_targets(multicast);
        if (!resolve_rooms(multicast, target) && !make_batch(multicast, target, message))
            return multicast;
    }
    multicast_unref(multicast);
    return NULL;
}

/* Whom no lane has delivered to is as good as closed: the host has ended. */
static void finish_receipt(struct multicast *multicast)
{
    struct receipt *receipt = multicast->receipt;
    multicast->receipt = NULL;
    if (!receipt)
        return;
    uint32_t counted = 0;
    for (unsigned i = 0; i < OUTBOX_ANSWERS; i++)
        counted += atomic_load(&receipt->answers[i]);
    atomic_fetch_add(&receipt->answers[OUTBOX_CLOSED], receipt->targeted - counted);
    receipt->finished(receipt);
}

static void multicast_unref(struct multicast *multicast)
{
    if (!multicast || atomic_fetch_sub(&multicast->refs, 1) != 1)
        return;
    finish_receipt(multicast);
    for (uint32_t i = 0; i < multicast->room_count; i++)
        room_unref(multicast->rooms[i]);
    client_list_unref(multicast->clients, multicast->client_count);
    client_list_unref(multicast->except, multicast->except_count);
    free(multicast->rooms);
    free(multicast->clients);
    free(multicast->except);
    batch_unref(multicast->batch);
    free(multicast);
}

/* --- Counting whom it reaches. Under the locks of its rooms. */

/* The larger a room, the more is spared by not putting its members into a set. */
static uint32_t largest_room(const struct multicast *multicast)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < multicast->room_count; i++) {
        if (multicast->rooms[i]->targets > multicast->rooms[largest]->targets)
            largest = i;
    }
    return largest;
}

/* @return How many of a room's targets were not in the set; they are then, if @p adds. */
static uint32_t count_new(struct client_set *set, const struct room *room, bool adds)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < room->members; i++) {
        const struct membership *membership = room_list(room)[i];
        const toni_client *client = client_of_receiver(membership->receiver);
        if (membership_is_target(membership))
            found += adds ? client_set_add(set, client) : !client_set_has(set, client);
    }
    return found;
}

/* Each client once: all go into a set but those of the largest room, which are looked for in it. */
static int count_different(const struct multicast *multicast, uint32_t *targeted)
{
    const uint32_t largest = largest_room(multicast);
    size_t most = (size_t)multicast->except_count + multicast->client_count;
    for (uint32_t i = 0; i < multicast->room_count; i++)
        most += i == largest ? 0 : multicast->rooms[i]->targets;
    struct client_set set;
    if (client_set_init(&set, most))
        return -1;
    for (uint32_t i = 0; i < multicast->except_count; i++)
        (void)client_set_add(&set, multicast->except[i]);
    *targeted = 0;
    for (uint32_t i = 0; i < multicast->client_count; i++)
        *targeted += client_set_add(&set, multicast->clients[i]);
    for (uint32_t i = 0; i < multicast->room_count; i++) {
        if (i != largest)
            *targeted += count_new(&set, multicast->rooms[i], true);
    }
    *targeted += count_new(&set, multicast->rooms[largest], false);
    client_set_finish(&set);
    return 0;
}

/* Of one whole room a few are left out: nobody else has to be looked at. */
static bool leaves_out_few(const struct multicast *multicast)
{
    return multicast->room_count == 1 && multicast->client_count == 0 &&
           multicast->except_count <= EXCEPTED_MAX;
}

/* @param targeted  Set to how many different clients that are. @return 0, or -1 on no memory. */
static int count_targets(const struct multicast *multicast, uint32_t *targeted)
{
    *targeted = multicast->client_count;
    if (multicast->room_count == 0)
        return 0;
    if (!leaves_out_few(multicast))
        return count_different(multicast, targeted);
    struct excepted excepted;
    const struct room *room = multicast->rooms[0];
    client_list_find_excepted(multicast->except, multicast->except_count, room, &excepted);
    *targeted = room->targets - excepted.count;
    return 0;
}

/* --- Posting */

/* The clients of `except` only if that is asked of the room: see client_list_find_excepted. */
static void lock(struct multicast *multicast)
{
    if (leaves_out_few(multicast))
        client_list_lock(multicast->except, multicast->except_count);
    for (uint32_t i = 0; i < multicast->room_count; i++)
        lock_take(&multicast->rooms[i]->lock);
}

static void unlock(struct multicast *multicast)
{
    for (uint32_t i = multicast->room_count; i-- > 0;)
        lock_give(&multicast->rooms[i]->lock);
    if (leaves_out_few(multicast))
        client_list_unlock(multicast->except, multicast->except_count);
}

static void release(struct multicast *multicast, uint32_t rooms)
{
    for (uint32_t i = 0; i < rooms; i++)
        pending_release(&multicast->rooms[i]->pending, batch_bytes(multicast->batch));
    pending_release(&multicast->connections->pending, batch_bytes(multicast->batch));
}

/* In the host once, and in each of its rooms. */
static bool charge_bytes(struct multicast *multicast)
{
    const struct limits *limits = &multicast->connections->limits;
    uint64_t bytes = batch_bytes(multicast->batch);
    if (!pending_charge(&multicast->connections->pending, bytes, limits->pending_bytes))
        return false;
    for (uint32_t i = 0; i < multicast->room_count; i++) {
        if (!pending_charge(&multicast->rooms[i]->pending, bytes, limits->pending_bytes_per_room)) {
            release(multicast, i);
            return false;
        }
    }
    return true;
}

/* If there is no space for both, all get the message as it is. */
static bool charge(struct multicast *multicast)
{
    if (charge_bytes(multicast))
        return true;
    if (!multicast->batch->deflated)
        return false;
    batch_drop_variant(multicast->batch);
    return charge_bytes(multicast);
}

/* A multicast on its way to one lane. */
struct multicast_command {
    struct command command;      /* first */
    struct multicast *multicast; /* one reference, once it is posted */
    uint32_t lane;
    uint32_t count;
    struct audience *audiences[]; /* of its rooms, those that have targets on this lane */
};

static void deliver(struct command *command, struct lane *lane);
static void drop(struct command *command);

static const struct command_type multicast_type = {deliver, drop};

static void free_commands(struct command *commands)
{
    for (struct command *next; commands; commands = next) {
        next = commands->next;
        free(commands);
    }
}

/* Marks the lanes that have somebody to reach. */
static void find_lanes(const struct multicast *multicast, bool *needed)
{
    for (uint32_t i = 0; i < multicast->room_count; i++) {
        const struct audience *audience = multicast->rooms[i]->audiences;
        for (; audience; audience = audience->next)
            needed[audience->lane] = true;
    }
    for (uint32_t i = 0; i < multicast->client_count; i++)
        needed[multicast->clients[i]->receiver.lane->index] = true;
}

static struct multicast_command *make_command(struct multicast *multicast, uint32_t lane)
{
    struct multicast_command *made =
        malloc(sizeof *made + multicast->room_count * sizeof(struct audience *));
    if (!made)
        return NULL;
    *made = (struct multicast_command){
        .command.type = &multicast_type, .multicast = multicast, .lane = lane};
    for (uint32_t i = 0; i < multicast->room_count; i++) {
        struct audience *audience = room_audience(multicast->rooms[i], lane);
        if (audience)
            made->audiences[made->count++] = audience;
    }
    return made;
}

/* @return 0, or -1 on no memory. */
static int make_commands(struct multicast *multicast, struct command **commands, uint32_t *count)
{
    bool needed[LANES_MAX] = {false};
    find_lanes(multicast, needed);
    for (uint32_t lane = 0; lane < multicast->connections->lane_count; lane++) {
        if (!needed[lane])
            continue;
        struct multicast_command *made = make_command(multicast, lane);
        if (!made)
            return -1;
        made->command.next = *commands;
        *commands = &made->command;
        ++*count;
    }
    return 0;
}

static void post(struct multicast *multicast, struct command *commands, uint32_t count)
{
    atomic_store(&multicast->undelivered, count);
    atomic_fetch_add(&multicast->refs, count);
    for (uint32_t i = 0; i < multicast->room_count; i++)
        multicast->rooms[i]->seq++;
    for (struct command *next; commands; commands = next) {
        const uint32_t lane = ((struct multicast_command *)commands)->lane;
        next = commands->next;
        lane_post(&multicast->connections->lanes[lane], commands);
    }
}

/* Under the locks of its rooms. */
static int32_t send_locked(struct multicast *multicast)
{
    uint32_t targeted, count = 0;
    struct command *commands = NULL;
    if (count_targets(multicast, &targeted))
        return TONI_ERR_NO_MEMORY;
    if (targeted == 0)
        return 0;
    if (!charge(multicast)) {
        counter_add_shared(&multicast->connections->refused_busy, 1);
        return TONI_ERR_BUSY;
    }
    if (make_commands(multicast, &commands, &count)) {
        free_commands(commands);
        release(multicast, multicast->room_count);
        return TONI_ERR_NO_MEMORY;
    }
    if (multicast->receipt)
        multicast->receipt->targeted = targeted;
    post(multicast, commands, count);
    counter_add_shared(&multicast->connections->multicast_targeted, targeted);
    return (int32_t)(targeted <= INT32_MAX ? targeted : INT32_MAX);
}

int32_t multicast_send(const toni_target *target, const toni_message *message,
                       struct receipt *receipt)
{
    struct multicast *multicast = multicast_create(target, message);
    if (!multicast)
        return TONI_ERR_NO_MEMORY;
    multicast->receipt = receipt;
    lock(multicast);
    int32_t result = send_locked(multicast);
    unlock(multicast);
    if (result < 0)
        multicast->receipt = NULL; /* the caller's again */
    multicast_unref(multicast);
    return result;
}

/* --- Delivery */

static void deliver_to(struct multicast *multicast, struct receiver *receiver)
{
    if (receiver->mark == multicast->id)
        return;
    receiver->mark = multicast->id;
    const enum outbox_answer answer =
        receiver_enqueue(receiver, receiver_batch(receiver, multicast->batch), 0, 1);
    if (multicast->receipt)
        atomic_fetch_add(&multicast->receipt->answers[answer], 1);
}

static void hand_out(struct multicast_command *command, const struct lane *lane)
{
    struct multicast *multicast = command->multicast;
    /* As if it had reached them: then nobody else has to be looked at. */
    for (uint32_t i = 0; i < multicast->except_count; i++) {
        if (multicast->except[i]->receiver.lane == lane)
            multicast->except[i]->receiver.mark = multicast->id;
    }
    for (uint32_t i = 0; i < command->count; i++) {
        const struct audience *audience = command->audiences[i];
        for (uint32_t m = 0; m < audience->count; m++)
            deliver_to(multicast, audience_receiver(audience, m));
    }
    for (uint32_t i = 0; i < multicast->client_count; i++) {
        if (multicast->clients[i]->receiver.lane == lane)
            deliver_to(multicast, &multicast->clients[i]->receiver);
    }
}

static void drop(struct command *command)
{
    multicast_unref(((struct multicast_command *)command)->multicast);
    free(command);
}

static void deliver(struct command *command, struct lane *lane)
{
    struct multicast_command *of = (struct multicast_command *)command;
    struct multicast *multicast = of->multicast;
    hand_out(of, lane);
    if (atomic_fetch_sub(&multicast->undelivered, 1) == 1) {
        release(multicast, multicast->room_count);
        finish_receipt(multicast);
    }
    drop(command);
}
