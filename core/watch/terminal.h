/* What `toni run --watch` says, and passes on: to stderr, in colours if that is a terminal. */
#ifndef WATCH_TERMINAL_H
#define WATCH_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

enum terminal_tone {
    TONE_PLAIN,
    TONE_GOOD,
    TONE_WARNING,
    TONE_BAD,
};

/** Looks whether stderr is a terminal that shows colours, and NO_COLOR is not set (or empty). Once,
 * before anything is said. */
void terminal_look(void);

/** @return Whether colours are shown. */
bool terminal_has_colours(void);

/** Says something of its own: one line, `watch: …`, in which control characters are visible. */
void terminal_say(enum terminal_tone tone, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Passes on what another process has written: visible.h.
 * @param tone          Of the whole of it.
 * @param keeps_colours  It may have its own. */
void terminal_pass(enum terminal_tone tone, const char *text, size_t length, bool keeps_colours);

#endif
