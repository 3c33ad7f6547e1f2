/* Requests to other nodes, which are sent again while nobody has heard them. */
#include "cluster/control_private.h"

/* A node subscribes its channel in the first moments of a connection. */
#define AGAIN_MS 50

/* For the first time, or again. */
static int send_request(struct control_table *control, const struct control_ask *ask,
                        uint32_t index)
{
    const struct control_target *target = &ask->targets[index];

    return control_send_to(control, target->identity.slot, ask->number << TARGET_BITS | index,
                           payload_ref(target->request));
}

static int send_all(struct control_table *control, struct control_ask *ask,
                    const struct control_request *request)
{
    int status = CLUSTER_DONE;

    for (uint32_t i = 0; i < ask->target_count && status == CLUSTER_DONE; i++) {
        struct control_target *target = &ask->targets[i];
        const struct control_head head = {
            .number = ask->number, .from = ask->from, .to = target->identity};
        struct payload *payload = control_request_write(&head, request);
        if (!payload)
            return CLUSTER_NO_MEMORY;
        if (!control_charge(control, payload->size)) {
            payload_unref(payload);
            return CLUSTER_BUSY;
        }
        target->request = payload;
        ask->bytes += payload->size;
        status = send_request(control, ask, i);
    }
    return status;
}

/* Somebody may have heard it, so it is not sent again. */
static void forget_request(struct control_table *control, struct control_ask *ask,
                           struct control_target *target)
{
    if (!target->request)
        return;
    control->bytes -= target->request->size;
    ask->bytes -= target->request->size;
    payload_unref(target->request);
    target->request = NULL;
}

static void note_again(struct control_table *control, struct control_target *target, uint64_t at_ms)
{
    target->again_ms = at_ms;
    if (at_ms < control->again_ms)
        control->again_ms = at_ms;
}

static void ask_again(struct control_table *control, struct control_ask *ask, uint64_t now_ms)
{
    for (uint32_t i = 0; i < ask->target_count; i++) {
        struct control_target *target = &ask->targets[i];
        if (target->again_ms == 0 || target->outcome != CONTROL_UNDER_WAY)
            continue;
        if (target->again_ms <= now_ms && send_request(control, ask, i) == CLUSTER_DONE)
            target->again_ms = 0;
        else
            note_again(control, target,
                       target->again_ms > now_ms ? target->again_ms : now_ms + AGAIN_MS);
    }
}

void control_tick(struct control_table *control, uint64_t now_ms)
{
    struct list *first;

    while ((first = list_first(&control->waiting)) && control_ask_of(first)->ends_ms <= now_ms)
        control_ask_give_up(control, control_ask_of(first));
    if (now_ms < control->again_ms)
        return;
    control->again_ms = UINT64_MAX;
    for (struct list *place = first; place && place != &control->waiting; place = place->next)
        ask_again(control, control_ask_of(place), now_ms);
}

static int ask_these(struct control_table *control, const struct control_node *targets,
                     uint32_t count, const struct control_request *request, uint32_t answer_ms,
                     uint64_t cookie, uint64_t now_ms)
{
    struct control_ask *ask;

    if (!control_request_is_good(request))
        return CLUSTER_INVALID;
    if (control->own.slot == 0 ||
        control->asks.count - control->receipt_count >= control->settings.asks_max)
        return CLUSTER_BUSY;
    int status = control_ask_make(control, targets, count, request->limit, &ask);
    if (status != CLUSTER_DONE)
        return status;
    ask->is_room = request->form == CONTROL_ROOM;
    status = control_ask_add(control, ask, cookie);
    if (status != CLUSTER_DONE)
        return status;
    ask->ends_ms = now_ms + answer_ms;
    control_ask_wait(control, ask);
    status = send_all(control, ask, request);
    if (status != CLUSTER_DONE) {
        control_take_back(control, ask->number);
        hash_table_remove(&control->asks, &ask->by_number);
        list_remove(&ask->place);
        control_ask_unmake(control, ask);
        return status;
    }
    control_ask_finish_if_over(control, ask); /* nobody is there */
    return CLUSTER_DONE;
}

int control_ask_node(struct control_table *control, struct node_identity to,
                     const struct control_request *request, uint32_t answer_ms, uint64_t cookie,
                     uint64_t now_ms)
{
    for (uint32_t i = 0; i < control->seen_count; i++) {
        if (node_identity_equal(control->seen[i].identity, to))
            return ask_these(control, &control->seen[i], 1, request, answer_ms, cookie, now_ms);
    }
    return CLUSTER_INVALID;
}

int control_ask_all(struct control_table *control, const struct control_request *request,
                    uint32_t answer_ms, uint64_t cookie, uint64_t now_ms)
{
    return ask_these(control, control->seen, control->seen_count, request, answer_ms, cookie,
                     now_ms);
}

void control_sent(struct control_table *control, uint64_t cookie, enum publish_result result,
                  uint32_t receivers, uint64_t now_ms)
{
    struct control_ask *ask = control_ask_find(control, cookie >> TARGET_BITS);
    const uint64_t index = cookie & (TARGETS_MOST - 1);

    if (!ask || ask->is_receipt || index >= ask->target_count)
        return;
    struct control_target *target = &ask->targets[index];
    if (target->outcome != CONTROL_UNDER_WAY)
        return;
    if (result == PUBLISH_REJECTED)
        control_target_end(control, ask, target, CONTROL_NOT_SENT);
    else if (result == PUBLISH_OK && receivers == 0)
        note_again(control, target, now_ms + AGAIN_MS);
    else /* An answer may come, also to what nobody knows of whether it was sent. */
        forget_request(control, ask, target);
}
