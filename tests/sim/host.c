/* The host of a machine: its clients, and what they get. See machine.h. */
#include "machine.h"
#include "world.h"

#include <string.h>

enum { RECOVERY_MOST = 24, LAST_MESSAGES = 5, PADDING_MOST = 2000 };

static const char *const entry_names[] = {
    [MEMBER_JOINED] = "  its client has joined:",
    [MEMBER_AT] = "  its client gets all behind: client, offset",
    [MEMBER_FROM] = "  its client gets at least all behind: ",
    [MEMBER_RECOVERED] = "  its client is recovered: client, offset",
    [MEMBER_UNRECOVERED] = "  its client is not recovered:",
    [MEMBER_MESSAGE] = "  its client gets: client, offset, message",
    [MEMBER_LOCAL] = "  its client gets a local one: offset",
    [MEMBER_GAP] = "  its client is told a gap: client, from, to",
    [MEMBER_GAP_OPEN] = "  its client is told an open gap: client",
};

static void write_down(struct machine *machine, const struct member *member,
                       struct member_entry entry)
{
    struct world *world = machine->world;

    entry.step = world->queue.steps;
    NOTE(world, entry_names[entry.kind], machine->index, member->client, entry.offset,
         entry.kind == MEMBER_GAP ? entry.to : entry.id);
    LIST_ADD(&world->logs.items[member->log]->entries, entry);
}

static void give(struct machine *machine, struct member *member, struct position at, uint64_t id,
                 enum member_entry_kind kind)
{
    write_down(
        machine, member,
        (struct member_entry){.kind = kind, .epoch = at.epoch, .offset = at.offset, .id = id});
    member->last = at;
    member->is_placed = member->is_placed || kind == MEMBER_MESSAGE;
}

static bool is_below(struct position at, struct position floor)
{
    return at.epoch == floor.epoch && at.offset <= floor.offset;
}

void machine_deliver(struct machine *machine, uint32_t room, struct position at, uint64_t id,
                     enum member_entry_kind kind)
{
    for (size_t i = 0; i < machine->members.count; i++) {
        struct member *member = &machine->members.items[i];
        if (member->room == room && member->waits == 0 && !is_below(at, member->floor))
            give(machine, member, at, id, kind);
    }
}

void machine_heard(struct machine *machine, uint32_t room, uint64_t step, struct position at)
{
    for (size_t i = 0; i < machine->members.count; i++) {
        struct member *member = &machine->members.items[i];
        if (member->room != room || member->joined > step || member->waits != 0 ||
            member->is_placed)
            continue;
        write_down(machine, member,
                   (struct member_entry){.kind = MEMBER_FROM,
                                         .epoch = at.epoch,
                                         .offset = at.offset,
                                         .to = machine->world->truth.rooms[room].reigns.count});
        member->is_placed = true;
    }
}

uint32_t machine_members(const struct machine *machine, uint32_t room)
{
    uint32_t count = 0;

    for (size_t i = 0; i < machine->members.count; i++)
        count += machine->members.items[i].room == room;
    return count;
}

void machine_drop_members(struct machine *machine)
{
    for (size_t i = 0; i < machine->members.count; i++) {
        const struct member *member = &machine->members.items[i];
        if (member->last.epoch != 0)
            LIST_ADD(&machine->world->memories,
                     (struct memory){member->client, member->room, member->last});
    }
    machine->members.count = 0;
}

static uint32_t flags_of(uint32_t room)
{
    return room == WORLD_LOCAL_ROOM ? ROOM_LOCAL_ONLY : 0;
}

void machine_publish(struct machine *machine, uint32_t room)
{
    struct world *world = machine->world;
    unsigned char bytes[sizeof(uint64_t) + PADDING_MOST] = {0};
    char key[ROOM_KEY_SIZE];

    if (!machine_is_running(machine))
        return;
    const uint64_t id =
        truth_publish(&world->truth, machine->index, room, world->queue.now_ns, world->queue.steps);
    memcpy(bytes, &id, sizeof id);
    struct payload *payload =
        must_have(payload_create(bytes, sizeof id + dice_below(&world->dice, PADDING_MOST), 0));
    const int status =
        node_publish(machine->node, room_key_of(room, key), payload, world_keeping(room),
                     flags_of(room), id, machine_now_ms(machine));
    payload_unref(payload);
    NOTE(world, "is asked to publish, room: status", machine->index, id, room, -status);
    if (status != CLUSTER_DONE)
        truth_answer(&world->truth, id, OUTCOME_REJECTED, 0, 0, world->queue.steps);
    if (world->mutation == MUTATION_DELIVERED_FIRST) {
        machine_deliver(
            machine, room,
            (struct position){machine->rooms[room].epoch, machine->rooms[room].offset + 1}, id,
            MEMBER_MESSAGE);
    }
    machine_settle(machine);
}

static struct member *add_member(struct machine *machine, uint32_t client, uint32_t room)
{
    char key[ROOM_KEY_SIZE];

    if (node_subscribe(machine->node, room_key_of(room, key), flags_of(room),
                       machine_now_ms(machine)) != CLUSTER_DONE)
        return NULL;
    const size_t log = world_add_log(machine->world, client, machine->index, room);
    LIST_ADD(&machine->members, (struct member){.log = log,
                                                .client = client,
                                                .room = room,
                                                .joined = machine->world->queue.steps});
    NOTE(machine->world, "is joined by client, room", machine->index, client, room, 0);
    return &machine->members.items[machine->members.count - 1];
}

/* Of a room that is delivered here already it gets all that follows. */
static void join_plainly(struct machine *machine, struct member *member)
{
    const struct position at = machine->rooms[member->room];
    const bool is_known = at.epoch != 0;

    write_down(machine, member,
               (struct member_entry){.kind = is_known ? MEMBER_AT : MEMBER_JOINED,
                                     .epoch = at.epoch,
                                     .offset = at.offset});
    member->is_placed = is_known;
}

void machine_join(struct machine *machine, uint32_t room, bool wants_last)
{
    char key[ROOM_KEY_SIZE];

    if (!machine_is_running(machine))
        return;
    struct member *member = add_member(machine, machine->world->clients++, room);
    if (member && wants_last &&
        node_recover_last(machine->node, room_key_of(room, key), LAST_MESSAGES, ++machine->cookie,
                          machine_now_ms(machine)) == CLUSTER_DONE) {
        member->waits = machine->cookie;
        member->is_late = true;
    } else if (member) {
        join_plainly(machine, member);
    }
    machine_settle(machine);
}

void machine_come_back(struct machine *machine, size_t index)
{
    struct world *world = machine->world;
    char key[ROOM_KEY_SIZE];

    if (!machine_is_running(machine))
        return;
    const struct memory memory = world->memories.items[index];
    world->memories.items[index] = world->memories.items[--world->memories.count];
    NOTE(world, "comes back: client, room, offset", machine->index, memory.client, memory.room,
         memory.at.offset);
    struct member *member = add_member(machine, memory.client, memory.room);
    if (member) {
        member->last = memory.at;
        if (node_recover(machine->node, room_key_of(memory.room, key), memory.at, RECOVERY_MOST,
                         ++machine->cookie, machine_now_ms(machine)) == CLUSTER_DONE)
            member->waits = machine->cookie;
        else
            write_down(machine, member, (struct member_entry){.kind = MEMBER_UNRECOVERED});
    }
    machine_settle(machine);
}

void machine_leave(struct machine *machine, size_t index)
{
    char key[ROOM_KEY_SIZE];

    if (!machine_is_running(machine) || index >= machine->members.count)
        return;
    const struct member member = machine->members.items[index];
    machine->members.items[index] = machine->members.items[--machine->members.count];
    if (member.last.epoch != 0)
        LIST_ADD(&machine->world->memories,
                 (struct memory){member.client, member.room, member.last});
    NOTE(machine->world, "is left by client, room", machine->index, member.client, member.room, 0);
    node_unsubscribe(machine->node, room_key_of(member.room, key), machine_now_ms(machine));
    if (machine_members(machine, member.room) == 0)
        machine->rooms[member.room] = (struct position){0};
    machine_settle(machine);
}

static void take_gap(struct machine *machine, const struct output *output)
{
    const uint32_t room = room_of_key(output->keys->list[0]);
    struct member_entry entry = {
        .kind = output->gap.to == 0 ? MEMBER_GAP_OPEN : MEMBER_GAP,
        .epoch = output->gap.epoch,
        .offset = output->gap.from,
        .to = output->gap.to,
    };

    NOTE(machine->world, "tells a gap: room, from, to", machine->index, room, output->gap.from,
         output->gap.to);
    if (output->gap.why == WHY_LOCAL)
        return;
    if (machine_members(machine, room) > 0)
        machine->rooms[room] =
            (struct position){output->gap.to ? output->gap.epoch : 0, output->gap.to};
    if (machine->world->mutation == MUTATION_GAPS_UNTOLD)
        return;
    for (size_t i = 0; i < machine->members.count; i++) {
        const struct member *member = &machine->members.items[i];
        const struct position floor = member->floor;
        if (member->room != room || member->waits != 0)
            continue;
        struct member_entry own = entry;
        if (own.kind == MEMBER_GAP && own.epoch == floor.epoch && own.offset <= floor.offset)
            own.offset = floor.offset + 1;
        if (own.kind == MEMBER_GAP_OPEN || own.offset <= own.to)
            write_down(machine, member, own);
    }
}

static struct member *find_waiting(struct machine *machine, uint64_t cookie)
{
    for (size_t i = 0; i < machine->members.count; i++) {
        if (machine->members.items[i].waits == cookie)
            return &machine->members.items[i];
    }
    return NULL;
}

static uint64_t id_of(const struct payload *payload)
{
    uint64_t id;

    memcpy(&id, payload->bytes, sizeof id);
    return id;
}

static void take_recovered(struct machine *machine, const struct output *output)
{
    struct member *member = find_waiting(machine, output->recovered.cookie);
    const struct entries *entries = output->recovered.entries;
    const bool is_complete =
        output->recovered.is_complete || machine->world->mutation == MUTATION_RECOVERED_ALWAYS;

    if (!member) /* it has left meanwhile */
        return;
    NOTE(machine->world, "has recovered: client, complete, offset", machine->index, member->client,
         is_complete, output->recovered.at.offset);
    member->waits = 0;
    write_down(machine, member,
               (struct member_entry){
                   .kind = member->is_late ? MEMBER_JOINED
                           : is_complete   ? MEMBER_RECOVERED
                                           : MEMBER_UNRECOVERED,
                   .epoch = member->last.epoch,
                   .offset = member->last.offset,
               });
    for (uint32_t i = 0; entries && i < entries->count; i++) {
        give(machine, member,
             (struct position){output->recovered.at.epoch, entries->list[i].offset},
             id_of(entries->list[i].payload), MEMBER_MESSAGE);
    }
    member->floor = output->recovered.at;
    member->is_placed = member->floor.epoch != 0;
    if (member->is_placed && !is_complete) {
        write_down(machine, member,
                   (struct member_entry){.kind = MEMBER_AT,
                                         .epoch = member->floor.epoch,
                                         .offset = member->floor.offset});
    }
}

static void take_result(struct machine *machine, const struct output *output)
{
    struct world *world = machine->world;
    const uint64_t id = output->result.cookie;
    enum outcome outcome = output->result.result == PUBLISH_OK         ? OUTCOME_OK
                           : output->result.result == PUBLISH_REJECTED ? OUTCOME_REJECTED
                                                                       : OUTCOME_UNKNOWN;

    if (outcome == OUTCOME_UNKNOWN && world->mutation == MUTATION_UNKNOWN_REJECTED)
        outcome = OUTCOME_REJECTED;
    NOTE(world, "has the result of message: outcome, offset", machine->index, id, outcome,
         output->result.at.offset);
    const uint64_t asked_ns = world->truth.publishes.items[id].asked_ns;
    const uint64_t since_ns = asked_ns > machine->continued_ns ? asked_ns : machine->continued_ns;
    const uint64_t took_ns = world->queue.now_ns - since_ns;
    if (took_ns > WORLD_ANSWER_NS)
        BROKEN(world, "node %u: publish %lu was answered after %lu ms", machine->index,
               (unsigned long)id, (unsigned long)(took_ns / SIM_MS));
    if (output->result.why == WHY_ORDER)
        BROKEN(world, "node %u: publish %lu was overtaken", machine->index, (unsigned long)id);
    if (outcome == OUTCOME_OK && world->is_calm)
        world->last_ids[world->truth.publishes.items[id].room] = id;
    truth_answer(&world->truth, id, outcome, output->result.at.epoch, output->result.at.offset,
                 world->queue.steps);
}

static void take_message(struct machine *machine, const struct output *output)
{
    struct world *world = machine->world;
    const uint32_t room = room_of_key(output->keys->list[0]);
    const uint64_t id = id_of(output->payload);
    const struct position at = output->deliver.at;

    NOTE(world, "delivers message, room, offset", machine->index, id, room, at.offset);
    if (output->deliver.is_local)
        truth_order(&world->truth, id, room, at.epoch, at.offset, world->queue.steps);
    if (machine_members(machine, room) > 0)
        machine->rooms[room] = output->deliver.is_local ? (struct position){0} : at;
    if (world->mutation != MUTATION_ORDER_IGNORED)
        machine_deliver(machine, room, at, id,
                        output->deliver.is_local ? MEMBER_LOCAL : MEMBER_MESSAGE);
}

void machine_event(struct machine *machine, struct output *output)
{
    switch (output->kind) {
    case OUTPUT_RESULT:
        take_result(machine, output);
        break;
    case OUTPUT_DELIVER:
        take_message(machine, output);
        break;
    case OUTPUT_GAP:
        take_gap(machine, output);
        break;
    case OUTPUT_RECOVERED:
        take_recovered(machine, output);
        break;
    default:
        machine_membership(machine, output);
        break;
    }
}
