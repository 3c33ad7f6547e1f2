/* Publishes that wait to go to a server in one command: what a turn hands over for it. Pure. */
#ifndef REDIS_ENGINE_BATCH_H
#define REDIS_ENGINE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <toni/engine.h>

/** Publishes of one command, at most: with more of them the server wins next to nothing, and runs
 * nothing else meanwhile. */
#define BATCH_MOST 16

/** Bytes of their rooms and bodies, at most. One that is larger goes alone. */
#define BATCH_BYTES ((size_t)64 * 1024)

/** All zero: none waits. They have incarnation, node and life in common. */
struct batch {
    toni_engine_publish list[BATCH_MOST]; /* rooms and bodies are in `text` */
    size_t count;
    uint64_t life_ms; /* of their rooms */
    char *text;
    size_t size, room;
};

/** @return Whether it may go with those that wait, if there are any. */
bool batch_fits(const struct batch *batch, const toni_engine_publish *publish, uint64_t life_ms);

/** Adds one that fits. @param publish  Copied. @return 0, or -1: no memory. */
int batch_add(struct batch *batch, const toni_engine_publish *publish, uint64_t life_ms);

/** They have gone. Keeps what is allocated, unless it is much. */
void batch_empty(struct batch *batch);

/** Forgets all, and gives back what is allocated. */
void batch_clear(struct batch *batch);

#endif
