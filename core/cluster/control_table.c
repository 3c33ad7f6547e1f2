/* The table of requests: what is under way, and what came of it. */
#include "cluster/control_private.h"

#include <stdlib.h>

/* --- Made and ended */

struct control_table *control_table_create(const struct control_settings *settings)
{
    struct control_table *control = calloc(1, sizeof *control);

    if (!control)
        return NULL;
    control->settings = *settings;
    control->again_ms = UINT64_MAX;
    if (control->settings.nodes_max > TARGETS_MOST)
        control->settings.nodes_max = TARGETS_MOST;
    control->seen =
        calloc(settings->nodes_max > 0 ? settings->nodes_max : 1, sizeof(struct control_node));
    if (!control->seen) {
        free(control);
        return NULL;
    }
    hash_table_init(&control->asks);
    list_init(&control->unsent);
    list_init(&control->waiting);
    list_init(&control->done);
    list_init(&control->sends);
    return control;
}

void control_table_destroy(struct control_table *control)
{
    struct control_send send;
    struct control_ask *ask;

    if (!control)
        return;
    control_end(control);
    while ((ask = control_take(control)))
        control_ask_destroy(ask);
    while (control_take_send(control, &send))
        payload_unref(send.payload);
    for (uint32_t i = 0; i < control->seen_count; i++)
        payload_unref(control->seen[i].name);
    hash_table_finish(&control->asks, NULL, NULL);
    free(control->seen);
    free(control);
}

/* --- What is under way */

static bool match(const struct hash_node *node, const void *number)
{
    return node->hash == *(const uint64_t *)number;
}

/* Numbers count up: all their bits but the low ones are the same. */
struct control_ask *control_ask_find(const struct control_table *control, uint64_t number)
{
    struct hash_node *node = hash_table_find(&control->asks, number, match, &number);

    return node ? list_owner(node, struct control_ask, by_number) : NULL;
}

bool control_charge(struct control_table *control, uint64_t bytes)
{
    if (bytes > control->settings.bytes_max - control->bytes)
        return false;
    control->bytes += bytes;
    return true;
}

int control_ask_make(struct control_table *control, const struct control_node *targets,
                     uint32_t count, uint32_t limit, struct control_ask **made)
{
    const uint64_t bytes = sizeof(struct control_ask) + count * sizeof(struct control_target) +
                           2 * (uint64_t)limit * sizeof(uint64_t);

    if (!control_charge(control, bytes))
        return CLUSTER_BUSY;
    struct control_ask *ask = calloc(1, sizeof *ask + count * sizeof(struct control_target));
    if (ask && limit > 0)
        ask->ids = malloc(2 * (size_t)limit * sizeof(uint64_t));
    if (!ask || (limit > 0 && !ask->ids)) {
        free(ask);
        control->bytes -= bytes;
        return CLUSTER_NO_MEMORY;
    }
    ask->bytes = bytes;
    ask->limit = limit;
    ask->from = control->own;
    ask->target_count = ask->waits = count;
    for (uint32_t i = 0; i < count; i++)
        ask->targets[i] = (struct control_target){.identity = targets[i].identity,
                                                  .name = payload_ref(targets[i].name)};
    *made = ask;
    return CLUSTER_DONE;
}

void control_ask_unmake(struct control_table *control, struct control_ask *ask)
{
    control->bytes -= ask->bytes;
    control_ask_destroy(ask);
}

int control_ask_add(struct control_table *control, struct control_ask *ask, uint64_t cookie)
{
    ask->number = control->number + 1;
    if (hash_table_insert(&control->asks, &ask->by_number, ask->number) != 0) {
        control_ask_unmake(control, ask);
        return CLUSTER_NO_MEMORY;
    }
    control->number++;
    ask->cookie = cookie;
    return CLUSTER_DONE;
}

/* The latest end is mostly the last. */
void control_ask_wait(struct control_table *control, struct control_ask *ask)
{
    struct list *before = control->waiting.prev;

    while (before != &control->waiting && control_ask_of(before)->ends_ms > ask->ends_ms)
        before = before->prev;
    list_insert(before, &ask->place);
}

void control_ask_destroy(struct control_ask *ask)
{
    for (uint32_t i = 0; i < ask->target_count; i++) {
        payload_unref(ask->targets[i].name);
        payload_unref(ask->targets[i].request);
    }
    free(ask->ids);
    free(ask->others);
    free(ask);
}

struct control_target *control_ask_target(struct control_ask *ask, struct node_identity identity)
{
    for (uint32_t i = 0; i < ask->target_count; i++) {
        if (node_identity_equal(ask->targets[i].identity, identity))
            return &ask->targets[i];
    }
    return NULL;
}

/* --- What came of it */

void control_ask_finish(struct control_table *control, struct control_ask *ask,
                        enum control_outcome outcome)
{
    ask->outcome = outcome;
    if (ask->is_receipt && ask->expected != UINT32_MAX)
        ask->missing = ask->expected > ask->answered ? ask->expected - ask->answered : 0;
    else if (ask->is_receipt)
        ask->missing = outcome == CONTROL_NOT_SENT ? 0 : UINT32_MAX;
    else
        ask->missing = ask->target_count - ask->answered;
    hash_table_remove(&control->asks, &ask->by_number);
    control->receipt_count -= ask->is_receipt;
    list_append(&control->done, &ask->place);
}

void control_ask_finish_if_over(struct control_table *control, struct control_ask *ask)
{
    const bool is_complete =
        ask->is_receipt ? ask->answered >= ask->expected : ask->answered == ask->target_count;

    if (is_complete)
        control_ask_finish(control, ask, CONTROL_ANSWERED);
    else if (ask->waits > 0 || ask->is_receipt)
        return;
    else
        control_ask_finish(control, ask,
                           ask->target_count == 1 ? ask->targets[0].outcome : CONTROL_NO_ANSWER);
}

void control_target_end(struct control_table *control, struct control_ask *ask,
                        struct control_target *target, enum control_outcome outcome)
{
    if (target->outcome != CONTROL_UNDER_WAY)
        return;
    target->outcome = outcome;
    ask->waits--;
    ask->answered += outcome == CONTROL_ANSWERED;
    control_ask_finish_if_over(control, ask);
}

void control_ask_give_up(struct control_table *control, struct control_ask *ask)
{
    for (uint32_t i = 0; i < ask->target_count; i++) {
        struct control_target *target = &ask->targets[i];
        if (target->outcome == CONTROL_UNDER_WAY)
            target->outcome = target->again_ms != 0 ? CONTROL_NOT_SENT : CONTROL_NO_ANSWER;
    }
    ask->waits = 0;
    control_ask_finish(control, ask,
                       ask->target_count == 1 && !ask->is_receipt ? ask->targets[0].outcome
                                                                  : CONTROL_NO_ANSWER);
}

void control_end(struct control_table *control)
{
    struct list *first;

    while ((first = list_first(&control->unsent)) || (first = list_first(&control->waiting)))
        control_ask_give_up(control, control_ask_of(first));
}

uint64_t control_due(const struct control_table *control)
{
    struct list *first = list_first(&control->waiting);
    const uint64_t ends_ms = first ? control_ask_of(first)->ends_ms : UINT64_MAX;

    return ends_ms < control->again_ms ? ends_ms : control->again_ms;
}

uint32_t control_count(const struct control_table *control)
{
    return (uint32_t)control->asks.count;
}

uint64_t control_bytes(const struct control_table *control)
{
    return control->bytes;
}

struct control_ask *control_take(struct control_table *control)
{
    struct list *first = list_first(&control->done);

    if (!first)
        return NULL;
    list_remove(first);
    control->bytes -= control_ask_of(first)->bytes;
    return control_ask_of(first);
}
