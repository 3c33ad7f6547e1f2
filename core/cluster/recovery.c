/* Whether a history has all: see recovery.h. */
#include "cluster/recovery.h"

enum cluster_why recovery_judge(struct position since, uint32_t limit,
                                const struct history_span *span)
{
    if (since.epoch != span->top.epoch)
        return WHY_EPOCH;
    if (since.offset > span->top.offset)
        return WHY_AHEAD;
    if (since.offset == span->top.offset)
        return WHY_NONE;
    if (span->top.offset - since.offset > limit)
        return WHY_TOO_MUCH;
    if (span->first > span->last)
        return WHY_NO_HISTORY;
    if (span->first > since.offset + 1 || span->last < span->top.offset)
        return WHY_TRIMMED;
    return WHY_NONE;
}
