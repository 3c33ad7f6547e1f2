/* See people.h. */
#include "people.h"

enum { MEMBERS_MOST = 16, BURST_MOST = 80 };

static void publish_burst(struct machine *machine)
{
    struct world *world = machine->world;
    const uint32_t count = 1 + dice_below(&world->dice, BURST_MOST);
    const uint32_t room = dice_below(&world->dice, WORLD_ROOMS);

    for (uint32_t i = 0; i < count; i++)
        machine_publish(machine, room);
}

/* Some say something at once, and some are talked to. */
static void join_and_talk(struct machine *machine, uint32_t room, uint32_t dice)
{
    struct world *world = machine->world;

    machine_join(machine, room, dice_chance(&world->dice, 25));
    if (dice % 2 == 0)
        machine_publish(machine, room);
    if (dice % 4 < 2)
        machine_publish(&world->machines[(machine->index + 1) % WORLD_MACHINES], room);
}

static void act(void *target, uint64_t data)
{
    struct machine *machine = target;
    struct world *world = machine->world;
    const uint32_t dice = dice_below(&world->dice, 1000);
    const uint32_t room = dice_below(&world->dice, WORLD_ROOMS);
    (void)data;

    if (world->is_calm)
        return;
    if (dice < 2)
        publish_burst(machine);
    else if (dice < 700)
        machine_publish(machine, room);
    else if (dice < 800 && machine->members.count < MEMBERS_MOST)
        join_and_talk(machine, room, dice);
    else if (dice < 900 && world->memories.count > 0 && machine->members.count < MEMBERS_MOST)
        machine_come_back(machine, dice_below(&world->dice, (uint32_t)world->memories.count));
    else if (machine->members.count > 0)
        machine_leave(machine, dice_below(&world->dice, (uint32_t)machine->members.count));
    queue_add(&world->queue, (1 + dice_below(&world->dice, 150)) * SIM_MS, act, machine, 0);
}

void people_begin(struct world *world)
{
    for (uint32_t i = 0; i < WORLD_MACHINES; i++)
        queue_add(&world->queue, i * SIM_MS, act, &world->machines[i], 0);
}
