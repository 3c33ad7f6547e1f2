/* How long answers are waited for. A thread that is held up for a second, or a machine that stands
 * still with all that is on it, would find when it goes on that an answer is due which nobody
 * could give, and would give up a connection that is well, and with it the messages on their way.
 * So while something is waited for, the node looks at the clock every now and then: if it has not
 * come to that, its patience begins anew. */
#include "cluster/node_private.h"

/* It is ticked so often while something is waited for. */
#define LOOK_MS 250

/* After that it stood still. What is shorter leaves an answer half of its time, or more. */
#define STILL_MS 500

void node_look(struct cluster_node *node, uint64_t now_ms)
{
    /* Also where it had nothing to do for so long: then nothing is waited for, either. */
    if (now_ms >= node->looked_ms + STILL_MS)
        node->patient_ms = now_ms + node->settings.reply_ms;
    node->looked_ms = now_ms;
}

bool node_is_over(const struct cluster_node *node, uint64_t due_ms, uint64_t now_ms)
{
    return now_ms >= due_ms && now_ms >= node->patient_ms;
}

uint64_t node_patience_due(const struct cluster_node *node, uint64_t over_ms)
{
    if (over_ms == UINT64_MAX)
        return UINT64_MAX;
    const uint64_t due = over_ms > node->patient_ms ? over_ms : node->patient_ms;
    return due < node->looked_ms + LOOK_MS ? due : node->looked_ms + LOOK_MS;
}
