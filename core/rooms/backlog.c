/* Backlogs; see backlog.h. */
#include "rooms/backlog.h"

#include "rooms/pins.h"

static struct budget *budget_of(const struct lane *lane)
{
    return &lane->budgets[BUDGET_OUTBOX];
}

/* The ring of an empty outbox is small, and not counted. */
static void charge_ring(struct backlog *backlog, struct lane *lane, const struct outbox *outbox)
{
    const uint32_t ring =
        outbox->count > 0 ? outbox->capacity * (uint32_t)sizeof *outbox->entries : 0;
    if (ring > backlog->charged_ring)
        budget_charge(budget_of(lane), ring - backlog->charged_ring);
    else if (ring < backlog->charged_ring)
        budget_release(budget_of(lane), backlog->charged_ring - ring);
    backlog->charged_ring = ring;
}

void backlog_note(struct backlog *backlog, struct lane *lane, struct outbox *outbox)
{
    outbox_hold(outbox, budget_of(lane));
    charge_ring(backlog, lane, outbox);
    pin_set(lane, BUDGET_OUTBOX, &backlog->pin, outbox->bytes + backlog->charged_ring);
    if (outbox->has_moved)
        backlog_moved(backlog, lane);
    outbox->has_moved = false;
}

void backlog_moved(struct backlog *backlog, struct lane *lane)
{
    pin_moved(lane, BUDGET_OUTBOX, &backlog->pin);
}

uint64_t backlog_stuck_ms(const struct backlog *backlog, const struct lane *lane)
{
    return backlog->pin.bytes > 0 ? lane->now_ms - backlog->pin.moved_ms : 0;
}

/* One of the limits is half reached. */
static bool is_above_half(uint64_t messages, uint64_t bytes, const struct limits *limits)
{
    return messages * 2 > limits->outbox_messages || bytes * 2 > limits->outbox_bytes;
}

bool backlog_pauses(const struct outbox *outbox, const struct limits *limits, bool is_paused)
{
    const uint64_t messages = outbox->direct_messages, bytes = outbox->direct_bytes;
    if (is_paused)
        return messages * 4 >= limits->outbox_messages || bytes * 4 >= limits->outbox_bytes ||
               outbox->controls * 4 >= OUTBOX_CONTROLS_MAX;
    return is_above_half(messages, bytes, limits) || outbox->controls >= OUTBOX_CONTROLS_MAX;
}

bool backlog_is_high(const struct outbox *outbox, const struct limits *limits)
{
    return is_above_half(outbox->messages, outbox->bytes, limits);
}

bool backlog_is_low(const struct outbox *outbox, const struct limits *limits)
{
    return outbox->messages * 4 < limits->outbox_messages &&
           outbox->bytes * 4 < limits->outbox_bytes;
}
