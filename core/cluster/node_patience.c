/* How long answers are waited for. A thread that is held up for a second, or a machine that stands
 * still with all that is on it, would find when it goes on that an answer is due which nobody
 * could give, and would give up a connection that is well, and with it the messages on their way.
 * So while something is waited for, the node looks at the clock every now and then: if it has not
 * come to that, its patience begins anew.
 *
 * But not for ever: a host that is stopped again and again would call a server up that is long
 * gone. What has no answer when the node has stood still PATIENCE_MOST times since it was due is
 * given up: nobody has answered while it was awake between them, either. Standstills are counted,
 * and not their time, since one alone may be of any length. */
#include "cluster/node_private.h"

/* It is ticked so often while something is waited for. */
#define LOOK_MS 250

/* After that it stood still. What is shorter leaves an answer half of its time, or more. */
#define STILL_MS 500

static void begin_anew(struct cluster_node *node, uint64_t now_ms)
{
    node->patient_ms = now_ms + node->settings.reply_ms;
    node->still_ms[node->still_next] = now_ms;
    node->still_next = (node->still_next + 1) % PATIENCE_MOST;
}

void node_look(struct cluster_node *node, uint64_t now_ms)
{
    /* Also where it had nothing to do for so long: then nothing is waited for, either. */
    if (now_ms >= node->looked_ms + STILL_MS)
        begin_anew(node, now_ms);
    node->looked_ms = now_ms;
}

static uint64_t oldest_still_ms(const struct cluster_node *node)
{
    return node->still_ms[node->still_next];
}

bool node_is_over(const struct cluster_node *node, uint64_t due_ms, uint64_t now_ms)
{
    return now_ms >= due_ms && (now_ms >= node->patient_ms || oldest_still_ms(node) > due_ms);
}

uint64_t node_patience_due(const struct cluster_node *node, uint64_t over_ms)
{
    if (over_ms == UINT64_MAX)
        return UINT64_MAX;
    if (oldest_still_ms(node) > over_ms)
        return over_ms;
    const uint64_t due = over_ms > node->patient_ms ? over_ms : node->patient_ms;
    return due < node->looked_ms + LOOK_MS ? due : node->looked_ms + LOOK_MS;
}
