/* The life of a machine; see machine.h. */
#include "machine.h"

#include "world.h"

#include <string.h>

static const char *const server_names[MACHINE_SERVERS] = {"one:6379", "two:6379"};

struct room_key room_key_of(uint32_t room, char bytes[ROOM_KEY_SIZE])
{
    (void)snprintf(bytes, ROOM_KEY_SIZE, "room%02u", (unsigned)room % 100);
    return (struct room_key){bytes, 6};
}

uint32_t room_of_key(struct room_key key)
{
    return (uint32_t)(key.bytes[4] - '0') * 10 + (uint32_t)(key.bytes[5] - '0');
}

void machine_init(struct machine *machine, struct world *world, uint32_t index)
{
    *machine = (struct machine){.world = world, .index = index};
    machine->clock_ms = dice_next(&world->dice) >> 32;
}

void machine_finish(struct machine *machine)
{
    for (uint32_t server = 0; server < MACHINE_SERVERS; server++)
        free(machine->io[server].late);
    node_destroy(machine->node);
    LIST_FREE(&machine->members);
}

uint64_t machine_now_ms(const struct machine *machine)
{
    return machine->clock_ms + machine->world->queue.now_ns / SIM_MS;
}

/* Small, so that bounds are reached. */
static void set_up(struct machine *machine, struct node_settings *settings)
{
    struct world *world = machine->world;

    node_settings_defaults(settings);
    settings->servers = server_names;
    settings->server_count = MACHINE_SERVERS;
    settings->incarnation = machine->incarnation;
    settings->seed = dice_next(&world->dice);
    settings->id_key = ~machine->incarnation; /* no throw of the dice: recorded seeds stay */
    settings->name = machine->name;
    settings->pending_bytes = WORLD_PENDING_BYTES;
    settings->held_bytes = WORLD_HELD_BYTES;
    settings->held_messages = 16;
    settings->history_limit = 8;
    settings->sample_ms = 5000;
    if (world->mutation == MUTATION_ANSWERS_LATE)
        settings->pending_ms = 60000;
}

void machine_start(struct machine *machine)
{
    struct node_settings settings;

    machine->lives++;
    if (machine->lives == 1 || machine->world->mutation != MUTATION_NUMBERS_AGAIN)
        machine->incarnation = dice_next(&machine->world->dice) | 1;
    (void)snprintf(machine->name, sizeof machine->name, "node %u",
                   machine->index - (machine->index == 2 && machine->lives % 2 == 0));
    set_up(machine, &settings);
    machine->clock_ms += dice_next(&machine->world->dice) >> 40;
    machine->tick_at_ns = UINT64_MAX;
    machine->lease_since_ns = 0;
    machine->seen_count = 0;
    machine->last_lease = (struct output){0};
    memset(machine->known_ns, 0, sizeof machine->known_ns);
    memset(machine->is_up, 0, sizeof machine->is_up);
    memset(machine->rooms, 0, sizeof machine->rooms);
    machine->life = machine->world->lives.count;
    struct life life = {.incarnation = machine->incarnation};
    memcpy(life.name, machine->name, sizeof life.name);
    LIST_ADD(&machine->world->lives, life);
    machine->node = node_create(&settings, machine_now_ms(machine));
    must_have(machine->node);
    NOTE(machine->world, "starts: life", machine->index, machine->lives, 0, 0);
    machine_settle(machine);
}

void machine_crash(struct machine *machine)
{
    if (!machine->node)
        return;
    NOTE(machine->world, "crashes", machine->index, 0, 0, 0);
    machine_continue(machine);
    node_destroy(machine->node);
    machine->node = NULL;
    machine->world->lives.items[machine->life].died_ns = machine->world->queue.now_ns;
    machine_cut_io(machine);
    machine_drop_members(machine);
    truth_abandon(&machine->world->truth, machine->index, machine->world->queue.steps);
}

void machine_leave_cluster(struct machine *machine)
{
    NOTE(machine->world, "leaves the cluster", machine->index, 0, 0, 0);
    node_leave(machine->node, machine_now_ms(machine));
    machine_settle(machine);
}

static void tick(void *target, uint64_t life)
{
    struct machine *machine = target;

    if (life != machine->lives || !machine->node || machine->is_stopped ||
        machine->tick_at_ns > machine->world->queue.now_ns)
        return;
    machine->tick_at_ns = UINT64_MAX;
    node_tick(machine->node, machine_now_ms(machine));
    machine_settle(machine);
}

static void set_reading(struct machine *machine, bool is_reading)
{
    for (uint32_t i = 0; i < MACHINE_SERVERS; i++) {
        struct network *network = &machine->world->servers[i].network;
        network->is_not_reading[machine->index] = !is_reading;
        if (is_reading)
            network_resume(network);
    }
}

void machine_stop(struct machine *machine)
{
    NOTE(machine->world, "is stopped", machine->index, 0, 0, 0);
    machine->is_stopped = true;
    set_reading(machine, false);
}

void machine_continue(struct machine *machine)
{
    if (!machine->is_stopped)
        return;
    NOTE(machine->world, "goes on", machine->index, 0, 0, 0);
    machine->is_stopped = false;
    machine->continued_ns = machine->world->queue.now_ns;
    set_reading(machine, true);
    if (machine->node && machine->tick_at_ns <= machine->continued_ns) {
        machine->tick_at_ns = machine->continued_ns;
        queue_add(&machine->world->queue, 0, tick, machine, machine->lives);
    }
}

/* At a whole millisecond of the machine's clock, and never in the past. */
static void ask_for_tick(struct machine *machine)
{
    struct queue *queue = &machine->world->queue;
    const uint64_t due_ms = node_due(machine->node);
    uint64_t at_ns = due_ms > machine->clock_ms ? (due_ms - machine->clock_ms) : 0;

    if (due_ms == UINT64_MAX)
        return;
    at_ns *= SIM_MS;
    if (at_ns <= queue->now_ns)
        at_ns = queue->now_ns + SIM_US;
    if (at_ns >= machine->tick_at_ns)
        return;
    machine->tick_at_ns = at_ns;
    queue_add(queue, at_ns - queue->now_ns, tick, machine, machine->lives);
}

static void check_bounds(struct machine *machine)
{
    for (uint32_t server = 0; server < MACHINE_SERVERS; server++) {
        struct node_figures figures;
        node_figures(machine->node, server, &figures);
        if (figures.pending_bytes > WORLD_PENDING_BYTES)
            BROKEN(machine->world, "node %u: %lu bytes of publishes wait", machine->index,
                   (unsigned long)figures.pending_bytes);
        if (figures.held_bytes > WORLD_HELD_BYTES)
            BROKEN(machine->world, "node %u: %lu bytes of messages are held", machine->index,
                   (unsigned long)figures.held_bytes);
    }
}

void machine_settle(struct machine *machine)
{
    struct output output;

    while (node_take(machine->node, &output)) {
        if (output.kind < OUTPUT_RESULT)
            machine_command(machine, &output);
        else
            machine_event(machine, &output);
        output_finish(&output);
    }
    check_bounds(machine);
    ask_for_tick(machine);
}
