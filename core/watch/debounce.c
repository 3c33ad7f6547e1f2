/* Saves; see debounce.h. */
#include "watch/debounce.h"

void debounce_note(struct debounce *debounce, uint64_t now_ms)
{
    if (!debounce->is_open)
        debounce->first_ms = now_ms;
    debounce->is_open = true;
    debounce->last_ms = now_ms;
}

uint64_t debounce_left_ms(const struct debounce *debounce, uint64_t now_ms)
{
    const uint64_t quiet = debounce->last_ms + DEBOUNCE_QUIET_MS;
    const uint64_t most = debounce->first_ms + DEBOUNCE_MOST_MS;
    const uint64_t over = quiet < most ? quiet : most;
    return over > now_ms ? over - now_ms : 0;
}

bool debounce_take(struct debounce *debounce, uint64_t now_ms, uint64_t *first_ms)
{
    if (!debounce->is_open || debounce_left_ms(debounce, now_ms) > 0)
        return false;
    *first_ms = debounce->first_ms;
    *debounce = (struct debounce){0};
    return true;
}
