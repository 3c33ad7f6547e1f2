/* The state that an instance exports for its successor (toni/state.h): bytes, bounded. Not about
 * when that is done; swap.h. */
#ifndef INSTANCE_STATE_H
#define INSTANCE_STATE_H

#include "base/buffer.h"

#include <toni/host.h>

struct toni_state_writer {
    const toni_host *host; /* first, for ever: see toni/abi.h */
    struct buffer bytes;
    uint64_t most;   /* bytes */
    uint64_t wanted; /* that were to be written, also if they were not taken */
    int32_t error;   /* the first that a write met */
};

/** Begins an empty state. @param most  Bytes that it may have. */
void state_writer_init(toni_state_writer *writer, const toni_host *host, uint64_t most);

void state_writer_finish(toni_state_writer *writer);

/** Sets state_write in a table. */
void state_fill_table(toni_host *table);

#endif
