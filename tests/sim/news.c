/* See news.h. */
#include "news.h"

#include <string.h>

enum { BURST = 20, LOST_PERCENT = 20 };

/* Between one request that is made early and the next; beside these there are the regular ones. */
#define EARLY_NS (1000 * SIM_MS)

bool news_is_on(const struct world *world)
{
    return world->faults_off >> 62 & 1;
}

/* The mutation: it asks each time. */
static void ask_at_once(struct machine *machine)
{
    struct output output = machine->last_lease;

    if (output.generation == 0 || output.generation != machine->io[output.server].generation)
        return;
    output.request = UINT64_MAX; /* nobody waits for the reply */
    output.payload = must_have(payload_create(machine->name, strlen(machine->name), 0));
    machine_command(machine, &output);
    output_finish(&output);
}

static void hear(void *target, uint64_t data)
{
    struct machine *machine = target;
    (void)data;

    if (!machine_is_running(machine) || machine->world->mutation == MUTATION_NEWS_UNHEARD)
        return;
    NOTE(machine->world, "hears that there is a new node", machine->index, 0, 0, 0);
    if (machine->world->mutation == MUTATION_NEWS_UNBOUNDED)
        ask_at_once(machine);
    node_renew_early(machine->node, machine_now_ms(machine));
    machine_settle(machine);
}

static void tell(struct world *world, struct machine *machine)
{
    const bool is_late = !world->is_calm && dice_chance(&world->news, 10);

    if (world->is_calm || !dice_chance(&world->news, LOST_PERCENT))
        queue_add(&world->queue, (1 + dice_below(&world->news, is_late ? 3000 : 3)) * SIM_MS, hear,
                  machine, 0);
}

void news_announce(const struct machine *machine)
{
    struct world *world = machine->world;

    for (uint32_t i = 0; i < WORLD_MACHINES && news_is_on(world); i++) {
        if (i != machine->index)
            tell(world, &world->machines[i]);
    }
}

/* Whoever may publish can say so at any time, and as often as he likes. */
static void forge(void *target, uint64_t data)
{
    struct world *world = target;
    (void)data;

    if (world->is_calm)
        return;
    for (uint32_t i = 0; i < BURST; i++)
        tell(world, &world->machines[dice_below(&world->news, WORLD_MACHINES)]);
    queue_add(&world->queue, (1 + dice_below(&world->news, 4000)) * SIM_MS, forge, world, 0);
}

void news_begin(struct world *world)
{
    world->news = (struct dice){~world->seed};
    if (news_is_on(world))
        queue_add(&world->queue, SIM_S, forge, world, 0);
}

/* Of three in succession on one connection the first and the last are as far apart as two that are
 * made early. One that gives the lease back is none of them. */
void news_lease_asked(struct machine *machine, const struct output *output)
{
    struct world *world = machine->world;
    const bool is_first = machine->last_lease.generation != output->generation;
    uint64_t *asked_ns = machine->lease_asked_ns;

    if (output->lease.ttl_ms == 0)
        return;
    if (is_first)
        asked_ns[0] = asked_ns[1] = 0;
    /* A tick is at a whole millisecond. */
    if (asked_ns[0] != 0 && world->queue.now_ns + SIM_MS < asked_ns[0] + EARLY_NS)
        BROKEN(world, "node %u asks for its lease again and again", machine->index);
    asked_ns[0] = asked_ns[1];
    asked_ns[1] = world->queue.now_ns;
    machine->last_lease = *output;
    machine->last_lease.payload = NULL;
}
