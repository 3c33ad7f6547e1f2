/* The nodes: this one, and others that are seen. */
#include "cluster/control_private.h"

void control_held(struct control_table *control, struct node_identity identity)
{
    control->own = identity;
}

void control_lost(struct control_table *control)
{
    control->own = (struct node_identity){0};
}

void control_seen(struct control_table *control, struct node_identity identity,
                  struct payload *name)
{
    if (control->seen_count == control->settings.nodes_max)
        return;
    control->seen[control->seen_count++] =
        (struct control_node){.identity = identity, .name = payload_ref(name)};
}

int control_announce(struct control_table *control)
{
    if (control->own.slot == 0)
        return CLUSTER_BUSY;
    return control_send_to(control, CONTROL_ALL, 0, control_announcement_write(control->own));
}

static bool is_known(const struct control_table *control, struct node_identity identity)
{
    for (uint32_t i = 0; i < control->seen_count; i++) {
        if (node_identity_equal(control->seen[i].identity, identity))
            return true;
    }
    return node_identity_equal(control->own, identity);
}

bool control_announces(const struct control_table *control, const void *bytes, size_t size)
{
    struct control_frame frame;

    return control_read(bytes, size, &frame) && frame.request.form == CONTROL_ANNOUNCE &&
           !is_known(control, frame.head.from);
}

/* It may have carried out what it was asked before it went, if it has heard it. */
static void stop_waiting_for(struct control_table *control, struct node_identity identity)
{
    struct list *place = control->waiting.next, *next;

    for (; place != &control->waiting; place = next) {
        struct control_ask *ask = control_ask_of(place);
        struct control_target *target = control_ask_target(ask, identity);
        next = place->next;
        if (target && !ask->is_receipt) /* its number of answers says when it is over */
            control_target_end(control, ask, target,
                               target->again_ms != 0 ? CONTROL_NO_NODE : CONTROL_NO_ANSWER);
    }
}

void control_gone(struct control_table *control, struct node_identity identity)
{
    for (uint32_t i = 0; i < control->seen_count; i++) {
        if (!node_identity_equal(control->seen[i].identity, identity))
            continue;
        payload_unref(control->seen[i].name);
        control->seen[i] = control->seen[--control->seen_count];
        break;
    }
    stop_waiting_for(control, identity);
}

bool control_find(const struct control_table *control, struct client_origin origin,
                  struct node_identity *identity)
{
    for (uint32_t i = 0; i < control->seen_count; i++) {
        *identity = control->seen[i].identity;
        if (client_origin_is(origin, *identity))
            return true;
    }
    return false;
}

const struct payload *control_name(const struct control_table *control, uint32_t index)
{
    return index < control->seen_count ? control->seen[index].name : NULL;
}
