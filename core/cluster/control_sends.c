/* What is to be published, until it is taken. */
#include "cluster/control_private.h"

#include <stdlib.h>

struct sending {
    struct list place;
    struct control_send send;
    uint64_t bytes; /* that it is charged with */
};

int control_send_to(struct control_table *control, uint32_t slot, uint64_t cookie,
                    struct payload *payload)
{
    struct sending *sending = payload ? malloc(sizeof *sending) : NULL;
    /* A request's bytes are its ask's. */
    const uint64_t bytes = sizeof *sending + (payload && cookie == 0 ? payload->size : 0);

    if (!sending || !control_charge(control, bytes)) {
        const int status = sending ? CLUSTER_BUSY : CLUSTER_NO_MEMORY;
        payload_unref(payload);
        free(sending);
        return status;
    }
    *sending = (struct sending){.send = {.slot = slot, .cookie = cookie, .payload = payload},
                                .bytes = bytes};
    list_append(&control->sends, &sending->place);
    return CLUSTER_DONE;
}

static struct sending *sending_of(struct list *place)
{
    return list_owner(place, struct sending, place);
}

static void take_out(struct control_table *control, struct sending *sending,
                     struct control_send *send)
{
    *send = sending->send;
    list_remove(&sending->place);
    control->bytes -= sending->bytes;
    free(sending);
}

bool control_take_send(struct control_table *control, struct control_send *send)
{
    struct list *first = list_first(&control->sends);

    if (first)
        take_out(control, sending_of(first), send);
    return first != NULL;
}

void control_take_back(struct control_table *control, uint64_t number)
{
    struct list *next;
    struct control_send send;

    for (struct list *place = control->sends.next; place != &control->sends; place = next) {
        next = place->next;
        if (sending_of(place)->send.cookie >> TARGET_BITS != number)
            continue;
        take_out(control, sending_of(place), &send);
        payload_unref(send.payload);
    }
}
