/* What was missed; see missed.h. */
#include "rooms/missed.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void set(struct missed *missed, uint64_t messages, uint64_t bytes)
{
    atomic_store_explicit(&missed->messages, (uint32_t)smaller(messages, UINT32_MAX),
                          memory_order_relaxed);
    atomic_store_explicit(&missed->bytes, (uint32_t)smaller(bytes, UINT32_MAX),
                          memory_order_relaxed);
}

void missed_note(struct missed *missed, const struct outbox *outbox)
{
    set(missed, outbox->messages, outbox_limited_bytes(outbox));
}

void missed_take_off(struct missed *missed, uint64_t messages, uint64_t bytes)
{
    const uint64_t all_messages = missed_messages(missed), all_bytes = missed_bytes(missed);
    set(missed, all_messages - smaller(all_messages, messages),
        all_bytes - smaller(all_bytes, bytes));
}

void missed_settle(struct missed *missed, const struct outbox *outbox)
{
    set(missed, smaller(missed_messages(missed), outbox->messages),
        smaller(missed_bytes(missed), outbox_limited_bytes(outbox)));
}
