/* Which lines are written: see warnings.h. */
#include "warnings.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000
#define SECOND_MS 1000

bool warnings_take(struct warnings *warnings, const char *text, int64_t now_ms)
{
    const size_t size = sizeof warnings->list[0].text;
    size_t oldest = 0;
    for (size_t i = 0; i < WARNINGS_MOST; i++) {
        const int64_t written_ms = warnings->list[i].ms;
        if (written_ms > 0 && now_ms - written_ms < MINUTE_MS &&
            strncmp(warnings->list[i].text, text, size - 1) == 0)
            return false;
        if (written_ms < warnings->list[oldest].ms)
            oldest = i;
    }
    const int64_t oldest_ms = warnings->list[oldest].ms;
    if (oldest_ms > 0 && now_ms - oldest_ms < MINUTE_MS && now_ms - warnings->last_ms < SECOND_MS)
        return false;
    (void)snprintf(warnings->list[oldest].text, size, "%s", text);
    warnings->list[oldest].ms = warnings->last_ms = now_ms;
    return true;
}
