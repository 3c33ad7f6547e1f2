/* Whether a history has all that somebody missed. All or nothing: a part is none. */
#ifndef CLUSTER_RECOVERY_H
#define CLUSTER_RECOVERY_H

#include "cluster/terms.h"

/** What a history can give: the messages `first` to `last` without a hole; first > last: none. */
struct history_span {
    struct position top; /* where the room is; epoch 0: the engine knows nothing of it */
    uint64_t first, last;
};

/** @param since  Where the client is. @param limit  Of messages that it may miss.
 * @return WHY_NONE: the span has each of since.offset + 1 to top.offset; there may be none of them.
 *         WHY_EPOCH, WHY_AHEAD, WHY_TOO_MUCH, WHY_NO_HISTORY, WHY_TRIMMED. */
enum cluster_why recovery_judge(struct position since, uint32_t limit,
                                const struct history_span *span);

#endif
