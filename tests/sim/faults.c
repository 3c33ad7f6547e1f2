/* See faults.h. */
#include "faults.h"

static struct server *any_server(struct world *world)
{
    return &world->servers[dice_below(&world->dice, WORLD_SERVERS)];
}

static struct machine *any_machine(struct world *world)
{
    return &world->machines[dice_below(&world->dice, WORLD_MACHINES)];
}

/* Mostly shorter than the bounds that nodes know, and sometimes longer than a lease. */
static uint64_t some_time_ns(struct world *world)
{
    const uint32_t most_ms = dice_chance(&world->dice, 25) ? 30000 : 2500;

    return (1 + dice_below(&world->dice, most_ms)) * SIM_MS;
}

static void server_returns(void *target, uint64_t how);

/* Ours takes its port back. */
static void other_leaves(void *target, uint64_t data)
{
    struct server *server = target;
    (void)data;

    if (!server->is_other_there)
        return;
    NOTE(server->world, "was another one, and goes: server", TRACE_SERVER, server->index, 0, 0);
    if (server->network.is_listening)
        server_crash(server);
    server_returns(server, RETURN_ALL);
}

static void server_returns(void *target, uint64_t how)
{
    struct server *server = target;

    if (server->network.is_listening)
        return;
    NOTE(server->world, "is there again: server, how", TRACE_SERVER, server->index, how, 0);
    server_return(server, (enum server_return)how);
    if (server->is_other_there)
        queue_add(&server->world->queue, some_time_ns(server->world), other_leaves, server, 0);
}

static void crash_server(struct world *world)
{
    struct server *server = any_server(world);

    if (!server->network.is_listening)
        return;
    NOTE(world, "crashes: server", TRACE_SERVER, server->index, 0, 0);
    server_crash(server);
    queue_add(&world->queue, some_time_ns(world), server_returns, server,
              dice_below(&world->dice, RETURN_OTHER + 1));
}

static void server_continues(void *target, uint64_t data)
{
    struct server *server = target;
    (void)data;

    if (!server->network.is_stopped)
        return;
    NOTE(server->world, "goes on: server", TRACE_SERVER, server->index, 0, 0);
    server_continue(server);
}

static void stop_server(struct world *world)
{
    struct server *server = any_server(world);

    if (!server->network.is_listening || server->network.is_stopped)
        return;
    NOTE(world, "is stopped: server", TRACE_SERVER, server->index, 0, 0);
    server_stop(server);
    queue_add(&world->queue, some_time_ns(world), server_continues, server, 0);
}

static void fail_over(struct world *world)
{
    struct server *server = any_server(world);

    if (!server->network.is_listening || server->network.is_stopped || server->is_other_there)
        return;
    NOTE(world, "fails over: server", TRACE_SERVER, server->index, 0, 0);
    server_failover(server);
    server_replicate(server);
}

static void writes_again(void *target, uint64_t data)
{
    struct server *server = target;
    (void)data;

    server_read_only(server, false);
}

static void become_read_only(struct world *world)
{
    struct server *server = any_server(world);

    NOTE(world, "is read-only: server", TRACE_SERVER, server->index, 0, 0);
    server_read_only(server, true);
    queue_add(&world->queue, some_time_ns(world), writes_again, server, 0);
}

static void has_memory(void *target, uint64_t data)
{
    struct server *server = target;
    (void)data;

    server_full(server, false);
}

static void become_full(struct world *world)
{
    struct server *server = any_server(world);

    NOTE(world, "is full: server", TRACE_SERVER, server->index, 0, 0);
    server_full(server, true);
    queue_add(&world->queue, some_time_ns(world), has_memory, server, 0);
}

static void flush_all(struct world *world)
{
    struct server *server = any_server(world);

    NOTE(world, "FLUSHALL: server", TRACE_SERVER, server->index, 0, 0);
    server_flush_all(server);
}

static void flush_scripts(struct world *world)
{
    struct server *server = any_server(world);

    NOTE(world, "SCRIPT FLUSH: server", TRACE_SERVER, server->index, 0, 0);
    server_flush_scripts(server);
}

static void evict(struct world *world)
{
    struct server *server = any_server(world);
    const uint32_t room = dice_below(&world->dice, WORLD_ROOMS);

    NOTE(world, "evicts: server, room", TRACE_SERVER, server->index, room, 0);
    server_evict(server, room);
}

static void kill_subscribers(struct world *world)
{
    struct server *server = any_server(world);

    NOTE(world, "CLIENT KILL TYPE pubsub: server", TRACE_SERVER, server->index, 0, 0);
    server_kill_subscribers(server);
}

static void save(struct world *world)
{
    server_save(any_server(world));
}

static void replicate(struct world *world)
{
    server_replicate(any_server(world));
}

static void reset_link(struct world *world)
{
    struct server *server = any_server(world);

    if (server->network.open.count == 0)
        return;
    struct link *link =
        server->network.open.items[dice_below(&world->dice, (uint32_t)server->network.open.count)];
    NOTE(world, "reset: server, link", link->node, server->index, link->id, 0);
    link_reset(link);
}

static void cut_ends(void *target, uint64_t node)
{
    struct server *server = target;

    server->network.is_cut[node] = false;
    network_resume(&server->network);
}

static void cut(struct world *world)
{
    const bool cuts_all = dice_chance(&world->dice, 20);
    struct server *server = any_server(world);
    const uint64_t lasts_ns = some_time_ns(world);
    const uint32_t node = dice_below(&world->dice, WORLD_MACHINES);

    for (uint32_t i = 0; i < WORLD_MACHINES; i++) {
        if (!cuts_all && i != node)
            continue;
        NOTE(world, "is cut off: server", i, server->index, 0, 0);
        server->network.is_cut[i] = true;
        queue_add(&world->queue, lasts_ns, cut_ends, server, i);
    }
}

static void reads_again(void *target, uint64_t node)
{
    struct world *world = target;

    if (world->machines[node].is_stopped)
        return;
    for (uint32_t i = 0; i < WORLD_SERVERS; i++) {
        world->servers[i].network.is_not_reading[node] = false;
        network_resume(&world->servers[i].network);
    }
}

static void stop_reading(struct world *world)
{
    const uint32_t node = dice_below(&world->dice, WORLD_MACHINES);

    NOTE(world, "does not read", node, 0, 0, 0);
    for (uint32_t i = 0; i < WORLD_SERVERS; i++)
        world->servers[i].network.is_not_reading[node] = true;
    queue_add(&world->queue, some_time_ns(world), reads_again, world, node);
}

static void slowness_ends(void *target, uint64_t data)
{
    struct server *server = target;
    (void)data;

    server->network.slow_percent = 0;
}

static void slow_down(struct world *world)
{
    struct server *server = any_server(world);

    server->network.slow_percent = 1 + dice_below(&world->dice, 10);
    queue_add(&world->queue, some_time_ns(world), slowness_ends, server, 0);
}

static void machine_returns(void *target, uint64_t data)
{
    struct machine *machine = target;
    (void)data;

    if (!machine->node)
        machine_start(machine);
}

static void end_machine(struct machine *machine)
{
    struct world *world = machine->world;

    machine_crash(machine);
    if (world->is_calm)
        machine_start(machine);
    else
        queue_add(&world->queue, some_time_ns(world), machine_returns, machine, 0);
}

static void machine_ends(void *target, uint64_t life)
{
    struct machine *machine = target;

    if (machine->node && machine->lives == life)
        end_machine(machine);
}

/* As a host does: it gives its lease back, and ends a moment later, whether that was heard or not.
 */
static void leave_machine(struct machine *machine)
{
    machine_leave_cluster(machine);
    queue_add(&machine->world->queue, 2 * SIM_S, machine_ends, machine, machine->lives);
}

/* In some runs hosts stop in peace in each of their other lives. No throw of the dice says so, and
 * none of those that do says no: recorded seeds stay. */
static bool stops_in_peace(const struct machine *machine)
{
    return machine->world->faults_off >> 63 && machine->lives % 2 == 1 && !machine->is_stopped;
}

static void crash_machine(struct world *world)
{
    struct machine *machine = any_machine(world);

    if (!machine->node)
        return;
    if (stops_in_peace(machine))
        leave_machine(machine);
    else
        end_machine(machine);
}

static void machine_continues(void *target, uint64_t data)
{
    (void)data;
    machine_continue(target);
}

static void stop_machine(struct world *world)
{
    struct machine *machine = any_machine(world);

    if (!machine_is_running(machine))
        return;
    machine_stop(machine);
    queue_add(&world->queue, some_time_ns(world), machine_continues, machine, 0);
}

/* As often as they stand here. */
static void (*const faults[])(struct world *world) = {
    crash_server, crash_server,  stop_server,   stop_server,   fail_over,        become_read_only,
    flush_all,    evict,         evict,         flush_scripts, kill_subscribers, kill_subscribers,
    save,         save,          replicate,     replicate,     replicate,        reset_link,
    reset_link,   reset_link,    cut,           cut,           stop_reading,     slow_down,
    slow_down,    crash_machine, crash_machine, crash_machine, stop_machine,     become_full,
};

enum { FAULT_COUNT = sizeof faults / sizeof faults[0] };

static void next_fault(void *target, uint64_t data)
{
    struct world *world = target;
    (void)data;

    if (world->is_calm)
        return;
    const uint32_t fault = dice_below(&world->dice, FAULT_COUNT);
    if (!(world->faults_off >> fault & 1))
        faults[fault](world);
    queue_add(&world->queue, (1 + dice_below(&world->dice, 1500)) * SIM_MS, next_fault, world, 0);
}

/* Half of the runs do without half of the faults: some sequences are never seen among all of them.
 */
void faults_begin(struct world *world)
{
    if (dice_chance(&world->dice, 50))
        world->faults_off = dice_next(&world->dice);
    queue_add(&world->queue, 2 * SIM_S, next_fault, world, 0);
}

void faults_heal(struct world *world)
{
    for (uint32_t i = 0; i < WORLD_SERVERS; i++) {
        struct server *server = &world->servers[i];
        for (uint32_t node = 0; node < WORLD_MACHINES; node++) {
            server->network.is_cut[node] = false;
            server->network.is_not_reading[node] = false;
        }
        server->network.slow_percent = 0;
        server_read_only(server, false);
        server_full(server, false);
        server_continue(server);
        server_returns(server, RETURN_ALL);
        other_leaves(server, 0);
        network_resume(&server->network);
    }
    for (uint32_t i = 0; i < WORLD_MACHINES; i++)
        machine_continue(&world->machines[i]);
    for (uint32_t i = 0; i < WORLD_MACHINES; i++)
        machine_returns(&world->machines[i], 0);
}
