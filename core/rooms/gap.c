/* See gap.h. */
#include "rooms/gap.h"

#include "rooms/spare_commands.h"

#include <assert.h>

/* A gap on its way to a room's members on one lane. */
struct gap_command {
    struct command command;    /* first */
    struct audience *audience; /* has members when the lane comes to this: as for a delivery */
    uint32_t count;
};

static_assert(sizeof(struct gap_command) <= SPARE_COMMAND_SIZE, "a spare command has this size");

static void drop(struct command *command)
{
    spare_give(SPARE_COMMAND, command);
}

static void deliver(struct command *command, struct lane *lane)
{
    const struct gap_command *gap = (const struct gap_command *)command;
    const struct audience *audience = gap->audience;
    (void)lane;
    for (uint32_t i = 0; i < audience->count; i++)
        receiver_mark_gap(audience_receiver(audience, i), &audience->room->topic, gap->count);
    drop(command);
}

static const struct command_type gap_type = {deliver, drop};

/* Under the room's lock. */
static void post(const struct room *room, struct command **spares, uint32_t count)
{
    for (struct audience *audience = room->audiences; audience; audience = audience->next) {
        struct gap_command *gap = spare_commands_use(spares);
        *gap =
            (struct gap_command){.command.type = &gap_type, .audience = audience, .count = count};
        lane_post(&room->space->connections->lanes[audience->lane], &gap->command);
    }
}

int gap_tell(struct room *room, uint64_t count)
{
    struct command *spares = NULL;
    const bool is_known = count > 0 && count < GAP_COUNT_UNKNOWN;
    lock_take(&room->lock);
    const int result = spare_commands_take(room->audiences, 0, &spares);
    if (!result)
        post(room, &spares, is_known ? (uint32_t)count : GAP_COUNT_UNKNOWN);
    lock_give(&room->lock);
    spare_commands_give(spares);
    return result;
}
