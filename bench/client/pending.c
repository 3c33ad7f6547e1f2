/* Messages that wait for answers; see pending.h. */
#include "client/pending.h"

#include <stdlib.h>

#define CAPACITY_LEAST 8U

static uint64_t *slot(const struct pending *pending, uint32_t number)
{
    return &pending->sent_ns[number & (pending->capacity - 1)];
}

/* The numbers go round at 2^32. */
static bool is_below(uint32_t number, uint32_t bound)
{
    return (int32_t)(number - bound) < 0;
}

void pending_finish(struct pending *pending)
{
    free(pending->sent_ns);
    *pending = (struct pending){0};
}

static void skip_answered(struct pending *pending)
{
    while (pending->first != pending->next && *slot(pending, pending->first) == 0)
        pending->first++;
}

/* The oldest that were given up must not keep the ring from going on for ever. */
static void forget_first(struct pending *pending)
{
    *slot(pending, pending->first) = 0;
    skip_answered(pending);
}

bool pending_reserve(struct pending *pending)
{
    if (pending->next - pending->first < pending->capacity)
        return true;
    if (pending->capacity >= PENDING_MAX) {
        if (!is_below(pending->first, pending->given_up))
            return false;
        forget_first(pending);
        return true;
    }
    struct pending larger = *pending;
    larger.capacity = pending->capacity ? 2 * pending->capacity : CAPACITY_LEAST;
    larger.sent_ns = calloc(larger.capacity, sizeof *larger.sent_ns);
    if (!larger.sent_ns)
        return false;
    for (uint32_t number = pending->first; number != pending->next; number++)
        *slot(&larger, number) = *slot(pending, number);
    free(pending->sent_ns);
    *pending = larger;
    return true;
}

uint32_t pending_add(struct pending *pending, uint64_t sent_ns)
{
    *slot(pending, pending->next) = sent_ns;
    pending->waiting++;
    return pending->next++;
}

uint32_t pending_oldest(const struct pending *pending)
{
    return is_below(pending->first, pending->given_up) ? pending->given_up : pending->first;
}

void pending_give_up(struct pending *pending)
{
    pending->abandoned += pending->waiting;
    pending->waiting = 0;
    pending->given_up = pending->next;
}

uint64_t pending_take(struct pending *pending, uint32_t number)
{
    if (number - pending->first >= pending->next - pending->first)
        return 0;
    const uint64_t sent_ns = *slot(pending, number);
    if (sent_ns == 0)
        return 0;
    *slot(pending, number) = 0;
    if (is_below(number, pending->given_up))
        pending->abandoned--;
    else
        pending->waiting--;
    skip_answered(pending);
    return sent_ns;
}
