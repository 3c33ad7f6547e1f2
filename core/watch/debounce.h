/* When a save is over: an editor, or `git checkout`, changes several things one after the other.
 * Knows no clock and no timer. */
#ifndef WATCH_DEBOUNCE_H
#define WATCH_DEBOUNCE_H

#include <stdbool.h>
#include <stdint.h>

/** A save is over when nothing has changed for so long, */
#define DEBOUNCE_QUIET_MS 40

/** or when so much time has passed since its first change. */
#define DEBOUNCE_MOST_MS 400

/** Zero is: nothing has changed. */
struct debounce {
    bool is_open;
    uint64_t first_ms; /* the first change of the save */
    uint64_t last_ms;
};

/** Something has changed. */
void debounce_note(struct debounce *debounce, uint64_t now_ms);

/** @return In how many milliseconds the save is over if nothing else changes; only while it is
 * open. */
uint64_t debounce_left_ms(const struct debounce *debounce, uint64_t now_ms);

/** Ends the save if it is over.
 * @param first_ms  Set to when it began.
 * @return Whether it is. */
bool debounce_take(struct debounce *debounce, uint64_t now_ms, uint64_t *first_ms);

#endif
