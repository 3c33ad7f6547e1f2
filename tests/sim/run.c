/* See run.h. */
#include "run.h"

#include "faults.h"
#include "news.h"
#include "people.h"
#include "world.h"

#include <inttypes.h>

static const uint64_t heal_ns = 30 * SIM_S; /* until all is well: a wait of 10 s, a lease of 10 s */
static const uint64_t news_ns = SIM_S;      /* until all see a node that has just begun */
static const uint64_t quiet_ns =
    12 * SIM_S; /* until the last message is everywhere, or its loss told */

/* Time is given to who has not yet noticed that its connection has ended, or stood still. */
static void check_alarm(struct world *world, uint32_t machine, uint32_t index)
{
    const struct server *server = &world->servers[index];

    if (server->is_other_there && world->queue.now_ns > server->other_since_ns + 2 * SIM_S &&
        world->queue.now_ns > world->machines[machine].continued_ns + 2 * SIM_S)
        machine_check_alarm(&world->machines[machine], server);
}

static void check_now(void *target, uint64_t data)
{
    struct world *world = target;
    (void)data;

    for (uint32_t i = 0; i < WORLD_MACHINES; i++) {
        for (uint32_t j = 0; j < WORLD_SERVERS; j++)
            check_alarm(world, i, j);
        /* One that has just gone on has not had its turn yet. */
        if (machine_is_running(&world->machines[i]) &&
            world->queue.now_ns > world->machines[i].continued_ns + SIM_MS)
            machine_check_ghosts(&world->machines[i]);
    }
    queue_add(&world->queue, SIM_S / 2, check_now, world, 0);
}

static void publish_last(struct world *world)
{
    world->first_calm_id = world->truth.publishes.count;
    for (uint32_t room = 0; room < WORLD_ROOMS; room++) {
        for (uint32_t i = 0; i < WORLD_MACHINES; i++)
            machine_publish(&world->machines[i], room);
    }
}

/* Steps until then, or until something is broken, or it is step @p most. */
static bool pass(struct world *world, uint64_t until_ns, uint64_t most)
{
    while (!world->verdict.is_broken && world->queue.steps < most) {
        if (!queue_step(&world->queue, until_ns))
            return true;
    }
    return false;
}

static void judge_machine(struct world *world, const struct machine *machine)
{
    for (uint32_t server = 0; server < WORLD_SERVERS; server++) {
        if (!machine->is_up[server])
            BROKEN(world, "all is well again, and node %u isn't up at server %u", machine->index,
                   server);
    }
    if (machine->lease_since_ns == 0 ||
        node_identity(machine->node, machine_now_ms(machine)).slot == 0)
        BROKEN(world, "all is well again, and node %u has no lease", machine->index);
    if (machine->id_key == 0 || machine->id_key != world->machines[0].id_key)
        BROKEN(world, "all is well again, and node %u has another key than 0", machine->index);
    for (size_t i = 0; i < machine->members.count; i++) {
        if (machine->members.items[i].waits != 0)
            BROKEN(world, "client %u of node %u still waits for what it missed",
                   machine->members.items[i].client, machine->index);
    }
    for (uint32_t i = 0; i < WORLD_MACHINES; i++) {
        if (i != machine->index && !machine_sees(machine, &world->machines[i]))
            BROKEN(world, "all is well again, and node %u doesn't see %u", machine->index, i);
    }
}

static void judge_room(struct world *world, uint32_t room)
{
    char key[ROOM_KEY_SIZE];
    const uint32_t at = node_server_of(world->machines[0].node, room_key_of(room, key));
    uint32_t wanted = 0;

    for (uint32_t i = 0; i < WORLD_MACHINES; i++)
        wanted |= (uint32_t)(machine_members(&world->machines[i], room) > 0) << i;
    for (uint32_t server = 0; server < WORLD_SERVERS; server++) {
        const uint32_t there = server_subscribers(&world->servers[server], room);
        if (there != (server == at ? wanted : 0))
            BROKEN(world, "room %u: nodes %#x subscribe at server %u, and %#x should", room, there,
                   server, server == at ? wanted : 0);
    }
    if (world->last_ids[room] == 0)
        BROKEN(world, "all is well again, and nothing can be published in room %u", room);
}

/* They need not wait until they renew their own leases. */
static void judge_news(struct world *world, const struct machine *begun)
{
    for (uint32_t i = 0; i < WORLD_MACHINES; i++) {
        if (i != begun->index && !machine_sees(&world->machines[i], begun))
            BROKEN(world, "all is well again, and node %u does not see %u, which has just begun", i,
                   begun->index);
    }
}

/* A node begins, after it has ended. @return As pass() does. */
static bool begin_one(struct world *world, uint64_t most)
{
    struct machine *machine = &world->machines[world->seed % WORLD_MACHINES];

    machine_crash(machine);
    machine_start(machine);
    if (!pass(world, world->queue.now_ns + news_ns, most))
        return false;
    judge_news(world, machine);
    return true;
}

/* Every node can publish in every room. */
static void judge_last(struct world *world)
{
    for (uint64_t id = world->first_calm_id; id < world->truth.publishes.count; id++) {
        const struct publish *publish = &world->truth.publishes.items[id];
        if (publish->outcome != OUTCOME_OK) {
            BROKEN(world,
                   "all is well again, and publish %" PRIu64 " of node %u in room %u isn't OK", id,
                   publish->node, publish->room);
        }
    }
}

static void judge_logs(struct world *world)
{
    uint64_t *must = must_have(calloc(world->logs.count + 1, sizeof *must));

    for (uint32_t i = 0; i < WORLD_MACHINES; i++) {
        const struct machine *machine = &world->machines[i];
        for (size_t j = 0; j < machine->members.count; j++)
            must[machine->members.items[j].log] = world->last_ids[machine->members.items[j].room];
    }
    for (size_t i = 0; i < world->logs.count; i++)
        member_log_judge(world->logs.items[i], &world->truth, must[i], world->queue.steps);
    free(must);
}

/* @param most  The run ends at this step without a judgement; UINT64_MAX: at its end, with it. */
static void live(struct world *world, uint64_t steps, uint64_t most)
{
    people_begin(world);
    faults_begin(world);
    news_begin(world);
    check_now(world, 0);
    if (pass(world, UINT64_MAX, steps < most ? steps : most) || world->queue.steps >= most)
        return;
    faults_heal(world);
    world->is_calm = true;
    if (!pass(world, world->queue.now_ns + heal_ns, most))
        return;
    if (news_is_on(world) && !begin_one(world, most))
        return;
    publish_last(world);
    if (!pass(world, world->queue.now_ns + quiet_ns, most))
        return;
    for (uint32_t i = 0; i < WORLD_MACHINES; i++)
        judge_machine(world, &world->machines[i]);
    for (uint32_t room = 0; room < WORLD_ROOMS; room++)
        judge_room(world, room);
    judge_last(world);
    truth_judge(&world->truth);
    judge_logs(world);
}

/* The same run again, up to where the promise was broken. */
static void show(const struct run *run, const struct verdict *verdict)
{
    struct world *world = must_have(calloc(1, sizeof *world));

    printf("seed %" PRIu64 ", step %" PRIu64 ": %s\n", run->seed, verdict->step, verdict->text);
    world_init(world, run->seed, run->mutation);
    live(world, run->steps, verdict->step);
    trace_show(&world->trace, run->shown, stdout);
    printf("to see it again: sim --seed %" PRIu64 " --steps %" PRIu64 "%s%s\n", run->seed,
           run->steps, run->mutation ? " --mutation " : "",
           run->mutation ? mutation_names[run->mutation] : "");
    (void)fflush(stdout);
    world_finish(world);
    free(world);
}

struct run_result run_once(const struct run *run)
{
    struct world *world = must_have(calloc(1, sizeof *world));

    world_init(world, run->seed, run->mutation);
    live(world, run->steps, UINT64_MAX);
    struct run_result result = {
        .verdict = world->verdict,
        .steps = world->queue.steps,
        .publishes = world->truth.publishes.count - 1,
    };
    for (size_t i = 0; i < world->logs.count; i++)
        result.messages += world->logs.items[i]->entries.count;
    if (result.verdict.is_broken && run->shown > 0)
        show(run, &world->verdict);
    world_finish(world);
    free(world);
    return result;
}
