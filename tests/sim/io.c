/* The I/O of a machine: commands of its node become packets, and packets of the server inputs of
 * its node. What core/cluster/node.h asks of it, and some mutations. */
#include "machine.h"
#include "news.h"
#include "world.h"

#include <string.h>

enum { COMMANDS, SUBSCRIPTIONS };

static void open_connection(struct machine *machine, uint32_t server, uint64_t generation)
{
    struct network *network = &machine->world->servers[server].network;

    machine->io[server].generation = generation;
    machine->io[server].opened = 0;
    machine->io[server].heard = 0;
    for (uint64_t i = COMMANDS; i <= SUBSCRIPTIONS; i++)
        machine->io[server].links[i] =
            network_connect(network, machine->index, (machine->lives << 32 | generation) * 2 + i);
}

static void drop_late(struct machine *machine, uint32_t server)
{
    free(machine->io[server].late);
    machine->io[server].late = NULL;
}

static void close_connection(struct machine *machine, uint32_t server)
{
    for (unsigned i = COMMANDS; i <= SUBSCRIPTIONS && machine->io[server].generation; i++)
        link_close(machine->io[server].links[i], NODE_SIDE);
    machine->io[server].generation = 0;
    drop_late(machine, server);
}

void machine_cut_io(struct machine *machine)
{
    for (uint32_t server = 0; server < MACHINE_SERVERS; server++) {
        network_node_died(&machine->world->servers[server].network, machine->index);
        machine->io[server].generation = 0;
        drop_late(machine, server);
    }
}

static bool is_present(const struct machine *machine, uint32_t server, const struct link *link)
{
    return machine->node && machine->io[server].generation &&
           link->tag / 2 == (machine->lives << 32 | machine->io[server].generation);
}

void machine_opened(struct machine *machine, uint32_t server, struct link *link)
{
    if (!is_present(machine, server, link))
        return;
    if (link->tag % 2 == COMMANDS)
        link_send(link, SERVER_SIDE, &wire_create(WIRE_LOAD, OUTPUT_OPEN, 0)->packet);
    if (++machine->io[server].opened < 2)
        return;
    NOTE(machine->world, "is connected: server", machine->index, server, 0, 0);
    node_connected(machine->node, server, machine->io[server].generation, machine_now_ms(machine));
    machine_settle(machine);
}

void machine_ended(struct machine *machine, uint32_t server, struct link *link)
{
    if (!is_present(machine, server, link))
        return;
    const uint64_t generation = machine->io[server].generation;
    NOTE(machine->world, "is cut: server", machine->index, server, 0, 0);
    close_connection(machine, server);
    node_closed(machine->node, server, generation, machine_now_ms(machine));
    machine_settle(machine);
}

static uint64_t id_of(const struct payload *payload)
{
    uint64_t id;

    memcpy(&id, payload->bytes, sizeof id);
    return id;
}

static void fill(const struct machine *machine, struct wire *wire, const struct output *output)
{
    for (uint32_t i = 0; output->keys && i < output->keys->count; i++)
        wire->rooms[wire->room_count++] = room_of_key(output->keys->list[i]);
    switch (output->kind) {
    case OUTPUT_HELLO:
        wire->proposed = output->hello.proposed;
        break;
    case OUTPUT_PUBLISH:
        wire->packet.bytes += output->payload->size;
        wire->publish = (struct redis_publish){
            .incarnation = output->publish.incarnation,
            .node = output->publish.node,
            .number = output->request,
            .proposed = output->publish.proposed,
            .after = output->publish.after,
            .epoch = output->publish.epoch,
            .is_repeat = output->publish.is_repeat,
            .keeping = output->publish.keeping,
            .room = wire->rooms[0],
            .id = id_of(output->payload),
        };
        break;
    case OUTPUT_HISTORY:
        wire->history.since = output->history.since;
        wire->history.limit = output->history.limit;
        wire->history.is_last = output->history.is_last;
        break;
    case OUTPUT_PROBE:
        wire->incarnation = output->probe.incarnation;
        break;
    case OUTPUT_LEASE:
        wire->lease.incarnation = output->lease.incarnation;
        wire->lease.wanted =
            (struct redis_lease){.identity = output->lease.identity, .node = output->lease.node};
        memcpy(wire->lease.wanted.name, output->payload->bytes, output->payload->size);
        wire->lease.id_key = output->lease.id_key;
        wire->lease.may_restore = output->lease.may_restore;
        wire->lease.boot_floor = output->lease.boot_floor;
        wire->lease.boot_step = output->lease.boot_step;
        wire->lease.ttl_ms = output->lease.ttl_ms;
        break;
    default:
        break;
    }
    (void)machine;
}

/* The mutation: they are answered, and never sent. */
static void swallow_unsubscribe(struct machine *machine, const struct output *output)
{
    for (uint32_t i = 0; i < output->keys->count; i++)
        node_subscribed(machine->node, output->server, output->generation, output->keys->list[i],
                        false, machine_now_ms(machine));
}

/* The mutation: TOPS of rooms that aren't heard yet wait, one of them at a time. */
static bool is_late(struct machine *machine, uint32_t server, struct wire *wire)
{
    uint32_t rooms = 0;

    for (uint32_t i = 0; i < wire->room_count; i++)
        rooms |= 1u << wire->rooms[i];
    if (machine->world->mutation != MUTATION_JOINS_LATE || wire->kind != OUTPUT_TOPS ||
        machine->io[server].late || (rooms & ~machine->io[server].heard) == 0)
        return false;
    machine->io[server].late = wire;
    return true;
}

static void take_heard(struct machine *machine, uint32_t server, uint32_t room)
{
    struct wire *late = machine->io[server].late;

    machine->io[server].heard |= 1u << room;
    machine->io[server].late = NULL;
    if (late && !is_late(machine, server, late)) {
        late->written = machine->world->queue.steps;
        link_send(machine->io[server].links[COMMANDS], SERVER_SIDE, &late->packet);
    }
}

/* The mutation: what was just given back is asked for. */
static void renew(struct machine *machine, const struct output *output)
{
    struct wire *wire = wire_create(WIRE_COMMAND, OUTPUT_LEASE, 0);

    fill(machine, wire, output);
    wire->lease.ttl_ms = 10000;
    wire->lease.may_restore = true;
    link_send(machine->io[output->server].links[COMMANDS], SERVER_SIDE, &wire->packet);
}

static const char *const command_names[] = {
    [OUTPUT_HELLO] = "sends HELLO: server",
    [OUTPUT_PUBLISH] = "sends PUBLISH: server, room",
    [OUTPUT_SUBSCRIBE] = "sends SUBSCRIBE: server, first room, rooms",
    [OUTPUT_UNSUBSCRIBE] = "sends UNSUBSCRIBE: server, first room, rooms",
    [OUTPUT_TOPS] = "sends TOPS: server, first room, rooms",
    [OUTPUT_HISTORY] = "sends HISTORY: server, room",
    [OUTPUT_PROBE] = "sends PROBE: server",
    [OUTPUT_LEASE] = "sends LEASE: server",
};

void machine_command(struct machine *machine, struct output *output)
{
    const uint32_t server = output->server;
    const bool is_subscription =
        output->kind == OUTPUT_SUBSCRIBE || output->kind == OUTPUT_UNSUBSCRIBE;

    if (output->kind == OUTPUT_OPEN) {
        open_connection(machine, server, output->generation);
        return;
    }
    if (output->generation != machine->io[server].generation)
        return;
    if (output->kind == OUTPUT_CLOSE) {
        NOTE(machine->world, "closes its connection: server", machine->index, server, 0, 0);
        close_connection(machine, server);
        return;
    }
    if (output->kind == OUTPUT_UNSUBSCRIBE &&
        machine->world->mutation == MUTATION_UNSUBSCRIBES_LOST) {
        swallow_unsubscribe(machine, output);
        return;
    }
    if (output->kind == OUTPUT_LEASE)
        news_lease_asked(machine, output);
    struct wire *wire = wire_create(WIRE_COMMAND, output->kind, output->request);
    wire->written = machine->world->queue.steps;
    fill(machine, wire, output);
    NOTE(machine->world, command_names[output->kind], machine->index, server, wire->rooms[0],
         wire->room_count);
    if (is_late(machine, server, wire))
        return;
    link_send(machine->io[server].links[is_subscription ? SUBSCRIPTIONS : COMMANDS], SERVER_SIDE,
              &wire->packet);
    if (machine->world->mutation == MUTATION_LEFT_RENEWS && output->kind == OUTPUT_LEASE &&
        output->lease.ttl_ms == 0)
        renew(machine, output);
}

static void take_publish_reply(struct machine *machine, uint32_t server, struct wire *wire)
{
    const uint64_t generation = machine->io[server].generation;

    if (wire->publish_reply.answer == ENGINE_NOT_RUN)
        link_send(machine->io[server].links[COMMANDS], SERVER_SIDE,
                  &wire_create(WIRE_LOAD, OUTPUT_OPEN, 0)->packet);
    node_publish_reply(machine->node, server, generation, wire->request, &wire->publish_reply,
                       machine_now_ms(machine));
}

static void take_history(struct machine *machine, uint32_t server, struct wire *wire)
{
    struct history_entry entries[REDIS_HISTORY_MOST];

    for (uint32_t i = 0; i < wire->history_reply.count; i++) {
        entries[i] =
            (struct history_entry){wire->history_reply.entries[i].offset,
                                   &wire->history_reply.entries[i].id, sizeof(uint64_t), 0};
    }
    node_history_reply(machine->node, server, machine->io[server].generation, wire->request,
                       wire->history_reply.top, entries, wire->history_reply.count,
                       machine_now_ms(machine));
}

static void take_tops(struct machine *machine, uint32_t server, struct wire *wire)
{
    for (uint32_t i = 0; i < wire->room_count && machine->world->mutation == MUTATION_TOPS_UNSEEN;
         i++)
        wire->tops[i] = machine->rooms[wire->rooms[i]];
    node_tops_reply(machine->node, server, machine->io[server].generation, wire->request,
                    wire->tops, wire->room_count, machine_now_ms(machine));
}

static void take_lease_reply(struct machine *machine, uint32_t server, const struct wire *wire)
{
    const struct lease_reply reply = {.identity = wire->lease_reply.identity,
                                      .id_key = wire->lease_reply.id_key,
                                      .leases = wire->lease_reply.entries,
                                      .count = wire->lease_reply.count};

    node_lease_reply(machine->node, server, machine->io[server].generation, wire->request, &reply,
                     machine_now_ms(machine));
}

static void take_reply(struct machine *machine, uint32_t server, struct wire *wire)
{
    const uint64_t generation = machine->io[server].generation;
    const uint64_t now_ms = machine_now_ms(machine);

    switch (wire->kind) {
    case OUTPUT_HELLO:
        if (machine->known_ns[server] == 0 && !wire->hello_reply.is_read_only)
            machine->known_ns[server] = machine->world->queue.now_ns;
        node_hello_reply(machine->node, server, generation, wire->request, &wire->hello_reply,
                         now_ms);
        break;
    case OUTPUT_PUBLISH:
        take_publish_reply(machine, server, wire);
        break;
    case OUTPUT_TOPS:
        take_tops(machine, server, wire);
        break;
    case OUTPUT_HISTORY:
        take_history(machine, server, wire);
        break;
    case OUTPUT_PROBE:
        node_probe_reply(machine->node, server, generation, wire->request, wire->answer, now_ms);
        break;
    default:
        take_lease_reply(machine, server, wire);
        break;
    }
}

void machine_arrived(struct machine *machine, uint32_t server, struct link *link, struct wire *wire)
{
    char bytes[ROOM_KEY_SIZE];
    const uint64_t now_ms = machine_now_ms(machine);

    if (!is_present(machine, server, link)) {
        free(wire);
        return;
    }
    const uint64_t generation = machine->io[server].generation;
    const struct room_key key = room_key_of(wire->rooms[0], bytes);
    switch (wire->form) {
    case WIRE_REPLY:
        take_reply(machine, server, wire);
        break;
    case WIRE_FAILED:
        node_request_failed(machine->node, server, generation, wire->request, wire->answer, now_ms);
        break;
    case WIRE_SUBSCRIBED:
    case WIRE_UNSUBSCRIBED:
        node_subscribed(machine->node, server, generation, key, wire->form == WIRE_SUBSCRIBED,
                        now_ms);
        if (wire->form == WIRE_SUBSCRIBED)
            take_heard(machine, server, wire->rooms[0]);
        break;
    case WIRE_MESSAGE:
        NOTE(machine->world, "receives message, room, offset", machine->index, wire->publish.id,
             wire->rooms[0], wire->at.offset);
        if (machine->world->mutation == MUTATION_ORDER_IGNORED)
            machine_deliver(machine, wire->rooms[0], wire->at, wire->publish.id, MEMBER_MESSAGE);
        node_message(machine->node, server, generation, key, wire->at, &wire->publish.id,
                     sizeof wire->publish.id, 0, now_ms);
        break;
    case WIRE_ECHO:
        node_probe_echo(machine->node, server, generation, wire->request, now_ms);
        break;
    case WIRE_COMMAND:
    case WIRE_LOAD:
        break;
    }
    free(wire);
    machine_settle(machine);
}
