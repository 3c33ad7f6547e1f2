/* The last events of a run, to be shown when it fails. An event is kept as numbers, and becomes
 * text only then: a run of a million steps writes none. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "queue.h"

#include <stdio.h>

enum { TRACE_KEPT = 65536, TRACE_SHOWN = 60 };

struct trace_entry {
    uint64_t at_ns;
    uint64_t step;
    const char *what; /* a literal */
    uint32_t node;
    uint64_t a, b, c;
};

struct trace {
    const struct queue *queue;
    struct trace_entry entries[TRACE_KEPT];
    uint64_t count;
};

/** Notes an event. @param what  A literal that says what a, b and c are, if they are anything.
 * @param node  Counted from 0, or TRACE_SERVER. */
void trace_note(struct trace *trace, const char *what, uint32_t node, uint64_t a, uint64_t b,
                uint64_t c);

#define TRACE_SERVER UINT32_MAX

/** Writes the last events, up to @p count, the oldest first. */
void trace_show(const struct trace *trace, uint64_t count, FILE *file);

#endif
