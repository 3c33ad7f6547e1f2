/* The first promise that was broken in a run, with the step at which it was. */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum { VERDICT_TEXT = 400 };

struct verdict {
    bool is_broken;
    uint64_t step;
    char text[VERDICT_TEXT];
};

/** Notes that a promise was broken at @p step; the earliest one is kept. */
__attribute__((format(printf, 3, 4))) void verdict_break(struct verdict *verdict, uint64_t step,
                                                         const char *format, ...);

#endif
