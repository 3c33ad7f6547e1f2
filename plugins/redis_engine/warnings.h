/* Which lines are written into the log about one server: each text once a minute, as long as there
 * are not too many to be remembered; and of those that are another each time one a second. Pure. */
#ifndef REDIS_ENGINE_WARNINGS_H
#define REDIS_ENGINE_WARNINGS_H

#include <stdbool.h>
#include <stdint.h>

/** Texts that are remembered. */
#define WARNINGS_MOST 8

/** All zero: none was written. */
struct warnings {
    struct {
        char text[200]; /* as much of it as tells it from others */
        int64_t ms;     /* when it was written; 0: the place is free */
    } list[WARNINGS_MOST];
    int64_t last_ms; /* when the last line was written */
};

/** @param now_ms  Of a monotonic clock; above 0. @return Whether it is to be written now. */
bool warnings_take(struct warnings *warnings, const char *text, int64_t now_ms);

#endif
