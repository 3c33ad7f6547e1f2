/* What was missed; see missed.h. */
#include "rooms/missed.h"

static uint32_t smaller(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

static uint32_t less(uint64_t all, uint64_t part)
{
    return all > part ? smaller(all - part, UINT32_MAX) : 0;
}

void missed_note(struct missed *missed, const struct outbox *outbox)
{
    missed->messages = smaller(outbox->messages, UINT32_MAX);
    missed->bytes = smaller(outbox_limited_bytes(outbox), UINT32_MAX);
    atomic_store(&missed->behind_messages, 0);
    atomic_store(&missed->behind_bytes, 0);
}

void missed_take_off(struct missed *missed, uint64_t messages, uint64_t bytes)
{
    missed->messages = less(missed->messages, messages);
    missed->bytes = less(missed->bytes, bytes);
}

void missed_settle(struct missed *missed, const struct outbox *outbox)
{
    const uint64_t bytes = outbox_limited_bytes(outbox);
    missed->messages = smaller(missed->messages, outbox->messages);
    missed->bytes = smaller(missed->bytes, bytes);
    atomic_store(&missed->behind_messages, less(outbox->messages, missed->messages));
    atomic_store(&missed->behind_bytes, less(bytes, missed->bytes));
}
