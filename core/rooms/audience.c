/* Audiences; see audience.h. */
#include "rooms/audience.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(LANES_MAX - 1 <= UINT8_MAX, "an audience has the index of its lane in a byte");

struct audience *audience_create(struct room *room, uint32_t lane)
{
    struct audience *audience = malloc(sizeof *audience);
    if (audience)
        *audience = (struct audience){.room = room, .lane = (uint8_t)lane};
    return audience;
}

struct member *audience_reserve(uint8_t step)
{
    return malloc(audience_space(step) * sizeof(struct member));
}

static void put(const struct audience *audience, uint32_t index, struct member member)
{
    audience->members[index] = member;
    member.membership->index = index;
}

void audience_move(struct audience *audience, struct member *members)
{
    if (audience->has_array) {
        memcpy(members, audience->members, audience->count * sizeof *members);
        free(audience->members);
    } else if (audience->count > 0) {
        members[0] = (struct member){audience->only->receiver, audience->only};
    }
    audience->members = members;
    audience->has_array = true;
}

void audience_add(struct membership *membership)
{
    struct audience *audience = membership->audience;
    if (audience->has_array) {
        put(audience, audience->count, (struct member){membership->receiver, membership});
    } else {
        audience->only = membership;
        membership->index = 0;
    }
    audience->count++;
}

void audience_remove(const struct membership *membership)
{
    struct audience *audience = membership->audience;
    const uint32_t last = --audience->count;
    if (!audience->has_array)
        return;
    if (last == 0) {
        free(audience->members);
        audience->has_array = false;
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

static void hand_up_to(struct receiver *receiver, struct batch *batch, uint32_t end)
{
    if (receiver->resume < end)
        (void)receiver_enqueue(receiver, receiver_batch(receiver, batch), receiver->resume,
                               end - receiver->resume);
}

/* Moves each who is left out of something to the front of the members, and hands them what is for
 * them: so the common loop, which begins behind them, needs no check for that.
 * @return How many they are. */
static uint32_t hand_to_excepted(const struct audience *audience, struct batch *batch,
                                 uint32_t first, uint32_t end, const struct exception *exceptions)
{
    uint32_t front = 0;
    for (const struct exception *e = exceptions; e; e = e->next) {
        const uint32_t index = e->membership->index;
        struct receiver *receiver = e->membership->receiver;
        if (index >= front) {
            const struct member member = audience->members[index];
            if (index > front)
                put(audience, index, audience->members[front]);
            put(audience, front++, member);
            receiver->resume = first;
        }
        hand_up_to(receiver, batch, e->message);
        receiver->resume = e->message + 1;
    }
    for (uint32_t i = 0; i < front; i++)
        hand_up_to(audience->members[i].receiver, batch, end);
    return front;
}

void audience_deliver(const struct audience *audience, struct batch *batch, uint32_t first,
                      uint32_t count, const struct exception *exceptions)
{
    if (!audience->has_array) { /* nobody is left out of what is for one */
        struct receiver *receiver = audience->only->receiver;
        (void)receiver_enqueue(receiver, receiver_batch(receiver, batch), first, count);
        return;
    }
    const uint32_t from =
        exceptions ? hand_to_excepted(audience, batch, first, first + count, exceptions) : 0;
    if (batch->deflated)
        hand_out_either(audience, from, batch, first, count);
    else
        hand_out(audience, from, batch, first, count);
}
