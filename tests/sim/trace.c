/* See trace.h. */
#include "trace.h"

#include <inttypes.h>

void trace_note(struct trace *trace, const char *what, uint32_t node, uint64_t a, uint64_t b,
                uint64_t c)
{
    trace->entries[trace->count++ % TRACE_KEPT] = (struct trace_entry){
        .at_ns = trace->queue->now_ns,
        .step = trace->queue->steps,
        .what = what,
        .node = node,
        .a = a,
        .b = b,
        .c = c,
    };
}

void trace_show(const struct trace *trace, uint64_t count, FILE *file)
{
    const uint64_t most = count < TRACE_KEPT ? count : TRACE_KEPT;
    const uint64_t first = trace->count > most ? trace->count - most : 0;

    for (uint64_t i = first; i < trace->count; i++) {
        const struct trace_entry *entry = &trace->entries[i % TRACE_KEPT];
        (void)fprintf(file, "  step %-8" PRIu64 " %10.3f ms  ", entry->step,
                      (double)entry->at_ns / (double)SIM_MS);
        if (entry->node == TRACE_SERVER)
            (void)fprintf(file, "server  ");
        else
            (void)fprintf(file, "node %-3" PRIu32, entry->node);
        (void)fprintf(file, "%-44s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", entry->what, entry->a,
                      entry->b, entry->c);
    }
}
