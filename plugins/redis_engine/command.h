/* One command for a server, put together argument by argument. */
#ifndef REDIS_ENGINE_COMMAND_H
#define REDIS_ENGINE_COMMAND_H

#include "outgoing.h"

#include <stdbool.h>
#include <stdint.h>
#include <toni/engine.h>

/** Arguments of one command, at most: a room for each of TONI_ENGINE_KEYS_MOST, and eight others.
 */
#define COMMAND_ARGUMENTS_MOST (TONI_ENGINE_KEYS_MOST + 8)

/** All zero: none was put together yet. Kept for the next one, so that nothing is allocated. */
struct command {
    toni_str prefix; /* of all keys; borrowed */
    char *text;      /* what was made here of the arguments */
    size_t size, room;
    size_t count;
    bool is_broken; /* no memory, or too many */
    struct {
        const char *bytes; /* borrowed; NULL: `offset` in `text` */
        size_t offset, size;
    } arguments[COMMAND_ARGUMENTS_MOST];
};

void command_begin(struct command *command);

/** Adds an argument. @param bytes  Borrowed until command_end. */
void command_add(struct command *command, toni_str bytes);

/** Adds a number as text: 16 digits, or as few as are needed in base 10. */
void command_add_hex(struct command *command, uint64_t number, size_t digits);
void command_add_number(struct command *command, uint64_t number);

/** Adds a key: the prefix, what kind it is of, and a name. @param name  Copied; may be empty. */
void command_add_key(struct command *command, char kind, toni_str name);

/** Writes it. @return 0; -1: no memory, or no room. Nothing was written then. */
int command_end(struct command *command, struct outgoing *outgoing);

void command_finish(struct command *command);

#endif
