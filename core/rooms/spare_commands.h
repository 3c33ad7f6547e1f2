/* The commands of what is about to be posted to all lanes with members of a room: all memory is
 * there before anything is changed. */
#ifndef ROOMS_SPARE_COMMANDS_H
#define ROOMS_SPARE_COMMANDS_H

#include "rooms/audience.h"

/** Gives back what was not used. */
static inline void spare_commands_give(struct command *spares)
{
    for (struct command *next; spares; spares = next) {
        next = spares->next;
        spare_give(SPARE_COMMAND, spares);
    }
}

/** Takes one for each lane, and some more. @param spares  NULL at first.
 * @return 0, or -1 on no memory; to be given back in both cases. */
static inline int spare_commands_take(const struct audience *audiences, uint32_t more,
                                      struct command **spares)
{
    uint32_t needed = more;
    for (const struct audience *audience = audiences; audience; audience = audience->next)
        needed++;
    for (; needed > 0; needed--) {
        struct command *spare = spare_take(SPARE_COMMAND, SPARE_COMMAND_SIZE);
        if (!spare)
            return -1;
        spare->next = *spares;
        *spares = spare;
    }
    return 0;
}

/** @return One of them; there is one. */
static inline void *spare_commands_use(struct command **spares)
{
    struct command *spare = *spares;
    *spares = spare->next; /* NOLINT(clang-analyzer-core.NullDereference): as many as are used */
    return spare;
}

#endif
