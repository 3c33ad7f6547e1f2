/* What comes on this node's channel: requests, and answers to its own. */
#include "cluster/control_private.h"

/* Of those that are kept and those that came the lowest stay. */
static void take_ids(struct control_ask *ask, const struct control_frame *frame)
{
    uint32_t count = ask->id_count;

    for (uint32_t i = 0; i < frame->answer.id_count && i < ask->limit; i++)
        ask->ids[count++] = control_frame_id(frame, i);
    client_ids_sort(ask->ids, count);
    ask->id_count = count < ask->limit ? count : ask->limit;
}

static void take_answer(struct control_table *control, const struct control_frame *frame)
{
    struct control_ask *ask = control_ask_find(control, frame->head.number);

    if (!ask || !node_identity_equal(ask->from, frame->head.to))
        return;
    if (ask->is_receipt) {
        control_receipt_take(control, ask, frame);
        return;
    }
    struct control_target *target = control_ask_target(ask, frame->head.from);
    if (!target || target->outcome != CONTROL_UNDER_WAY)
        return;
    if (frame->answer.status == CONTROL_STATUS_OTHER_NODE) {
        control_target_end(control, ask, target, CONTROL_NO_NODE);
        return;
    }
    if (ask->is_room && frame->answer.status < 0) {
        control_target_end(control, ask, target, CONTROL_NO_ANSWER); /* the sum lacks it */
        return;
    }
    ask->status = frame->answer.status;
    ask->count += frame->answer.count;
    take_ids(ask, frame);
    control_target_end(control, ask, target, CONTROL_ANSWERED);
}

bool control_message(struct control_table *control, const void *bytes, size_t size,
                     struct control_frame *frame)
{
    if (!control_read(bytes, size, frame))
        return false;
    if (frame->request.form == CONTROL_ANSWER) {
        take_answer(control, frame);
        return false;
    }
    if (frame->request.form == CONTROL_ANNOUNCE)
        return false;
    if (control->own.slot != 0 && node_identity_equal(control->own, frame->head.to))
        return true;
    (void)control_reply(control, &frame->head,
                        &(struct control_answer){.status = CONTROL_STATUS_OTHER_NODE});
    return false;
}

int control_reply(struct control_table *control, const struct control_head *asked,
                  const struct control_answer *answer)
{
    const struct control_head head = {
        .number = asked->number, .from = asked->to, .to = asked->from};

    if (head.to.slot == CONTROL_ALL) /* a forged request: its answer is not for all to hear */
        return CLUSTER_INVALID;
    return control_send_to(control, head.to.slot, 0, control_answer_write(&head, answer));
}
