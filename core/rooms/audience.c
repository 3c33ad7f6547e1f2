/* Audiences; see audience.h. */
#include "rooms/audience.h"

#include <stdlib.h>
#include <string.h>

struct audience *audience_create(struct room *room)
{
    struct audience *audience = malloc(sizeof *audience);
    if (!audience)
        return NULL;
    *audience = (struct audience){.room = room, .capacity = 1};
    audience->members = &audience->first;
    return audience;
}

struct member *audience_reserve(uint32_t capacity)
{
    return malloc(capacity * sizeof(struct member));
}

void audience_move(struct audience *audience, struct member *members, uint32_t capacity)
{
    memcpy(members, audience->members, audience->count * sizeof *members);
    if (audience->members != &audience->first)
        free(audience->members);
    audience->members = members;
    audience->capacity = capacity;
}

static void put(struct audience *audience, uint32_t index, struct member member)
{
    audience->members[index] = member;
    member.membership->index = index;
}

void audience_add(struct audience *audience, struct membership *membership)
{
    put(audience, audience->count++,
        (struct member){.receiver = membership->receiver, .membership = membership});
}

void audience_remove(struct membership *membership)
{
    struct audience *audience = membership->audience;
    const uint32_t last = --audience->count;
    if (last == 0) {
        if (audience->members != &audience->first)
            free(audience->members);
        free(audience);
    } else if (membership->index < last) {
        put(audience, membership->index, audience->members[last]);
    }
}

/* --- Delivery */

/* Two loops, each a function of its own: so the common loop needs no per-member check for
 * compression, and has all it needs in registers. */

__attribute__((noinline)) static void hand_out(const struct audience *audience, uint32_t from,
                                               struct batch *batch, uint32_t first, uint32_t count)
{
    for (uint32_t i = from; i < audience->count; i++)
        (void)receiver_enqueue(audience->members[i].receiver, batch, first, count);
}

__attribute__((noinline)) static void hand_out_either(const struct audience *audience,
                                                      uint32_t from, struct batch *batch,
                                                      uint32_t first, uint32_t count)
{
    for (uint32_t i = from; i < audience->count; i++) {
        struct receiver *receiver = audience->members[i].receiver;
        (void)receiver_enqueue(receiver, receiver_batch(receiver, batch), first, count);
    }
}

static void hand_up_to(struct membership *membership, struct batch *batch, uint32_t end)
{
    struct receiver *receiver = membership->receiver;
    if (membership->next < end)
        (void)receiver_enqueue(receiver, receiver_batch(receiver, batch), membership->next,
                               end - membership->next);
}

/* Moves each who is left out of something to the front of the members, and hands them what is for
 * them: so the common loop, which begins behind them, needs no check for that.
 * @return How many they are. */
static uint32_t hand_to_excepted(struct audience *audience, struct batch *batch, uint32_t first,
                                 uint32_t end, const struct exception *exceptions)
{
    uint32_t front = 0;
    for (const struct exception *e = exceptions; e; e = e->next) {
        struct membership *membership = e->membership;
        const uint32_t index = membership->index;
        if (index >= front) {
            const struct member member = audience->members[index];
            if (index > front)
                put(audience, index, audience->members[front]);
            put(audience, front++, member);
            membership->next = first;
        }
        hand_up_to(membership, batch, e->message);
        membership->next = e->message + 1;
    }
    for (uint32_t i = 0; i < front; i++)
        hand_up_to(audience->members[i].membership, batch, end);
    return front;
}

void audience_deliver(struct audience *audience, struct batch *batch, uint32_t first,
                      uint32_t count, const struct exception *exceptions)
{
    const uint32_t from =
        exceptions ? hand_to_excepted(audience, batch, first, first + count, exceptions) : 0;
    if (batch->deflated)
        hand_out_either(audience, from, batch, first, count);
    else
        hand_out(audience, from, batch, first, count);
}
