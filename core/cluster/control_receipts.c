/* Receipts: what becomes of a message on all nodes that get it. */
#include "cluster/control_private.h"

#include <stdlib.h>

int control_receipt(struct control_table *control, uint64_t cookie, uint64_t *number,
                    struct node_identity *from)
{
    struct control_ask *ask;

    if (control->receipt_count >= control->settings.receipts_max)
        return CLUSTER_BUSY;
    int status = control_ask_make(control, control->seen, control->seen_count, 0, &ask);
    if (status == CLUSTER_DONE)
        status = control_ask_add(control, ask, cookie);
    if (status != CLUSTER_DONE)
        return status;
    if (ask->from.slot == 0)
        ask->from.boot = control->settings.nameless;
    ask->is_receipt = true;
    ask->expected = UINT32_MAX;
    control->receipt_count++;
    list_append(&control->unsent, &ask->place);
    *number = ask->number;
    *from = ask->from;
    return CLUSTER_DONE;
}

static struct control_ask *find_receipt(struct control_table *control, uint64_t number)
{
    struct control_ask *ask = control_ask_find(control, number);

    return ask && ask->is_receipt ? ask : NULL;
}

static void add(uint32_t *sum, uint32_t more)
{
    *sum = more > UINT32_MAX - *sum ? UINT32_MAX : *sum + more;
}

static void add_counts(struct control_ask *ask, struct control_counts counts)
{
    add(&ask->counts.targeted, counts.targeted);
    add(&ask->counts.queued, counts.queued);
    add(&ask->counts.dropped, counts.dropped);
    add(&ask->counts.closed, counts.closed);
}

void control_receipt_sent(struct control_table *control, uint64_t number,
                          enum publish_result result, uint32_t receivers, uint32_t answer_ms,
                          uint64_t now_ms)
{
    struct control_ask *ask = find_receipt(control, number);

    if (!ask)
        return;
    if (result == PUBLISH_REJECTED) {
        control_ask_finish(control, ask, CONTROL_NOT_SENT);
        return;
    }
    list_remove(&ask->place);
    ask->ends_ms = now_ms + answer_ms;
    control_ask_wait(control, ask);
    if (result == PUBLISH_OK)
        ask->expected = receivers;
    control_ask_finish_if_over(control, ask);
}

/* @return Whether it has not answered yet, and its answer is noted. Without memory it is missing.
 */
static bool note_other(struct control_table *control, struct control_ask *ask,
                       struct node_identity identity)
{
    for (uint32_t i = 0; i < ask->other_count; i++) {
        if (node_identity_equal(ask->others[i], identity))
            return false;
    }
    if (ask->other_count == ask->other_room) {
        const uint32_t more = ask->other_room > 0 ? ask->other_room : 4;
        const uint64_t bytes = more * sizeof *ask->others;
        if (ask->other_room >= control->settings.nodes_max || !control_charge(control, bytes))
            return false;
        struct node_identity *others =
            realloc(ask->others, (ask->other_room + more) * sizeof *others);
        ask->bytes += bytes;
        if (!others)
            return false;
        ask->others = others;
        ask->other_room += more;
    }
    ask->others[ask->other_count++] = identity;
    return true;
}

/* A message may come twice to a node, and so its answer. */
void control_receipt_take(struct control_table *control, struct control_ask *ask,
                          const struct control_frame *frame)
{
    struct control_target *target = control_ask_target(ask, frame->head.from);

    if (frame->answer.status != 0)
        return;
    if (!target && !note_other(control, ask, frame->head.from))
        return;
    if (target && target->outcome != CONTROL_UNDER_WAY)
        return;
    add_counts(ask, frame->answer.counts);
    if (target) {
        control_target_end(control, ask, target, CONTROL_ANSWERED);
    } else {
        ask->answered++;
        control_ask_finish_if_over(control, ask);
    }
}

static void count_here(struct control_table *control, struct control_ask *ask,
                       struct control_counts counts)
{
    if (ask->is_counted)
        return;
    ask->is_counted = true;
    add_counts(ask, counts);
    ask->answered++;
    control_ask_finish_if_over(control, ask);
}

void control_receipt_counted(struct control_table *control, uint64_t number,
                             struct node_identity from, struct control_counts counts)
{
    struct control_ask *ask = find_receipt(control, number);
    const struct control_head asked = {.number = number, .from = from, .to = control->own};

    if (ask && node_identity_equal(ask->from, from))
        count_here(control, ask, counts);
    else if (from.slot != 0 && asked.to.slot != 0 && !node_identity_equal(from, asked.to))
        (void)control_reply(control, &asked, &(struct control_answer){.counts = counts});
}
