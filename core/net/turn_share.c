/* Shares of a turn; see turn_share.h. */
#include "net/turn_share.h"

#include "base/clock.h"

/* The clock is asked again after as many events as there were, but no more than this. */
#define EVENTS_BETWEEN_LOOKS 8u

static uint32_t next_look(uint32_t events)
{
    if (events == 0)
        return 1;
    return events + (events < EVENTS_BETWEEN_LOOKS ? events : EVENTS_BETWEEN_LOOKS);
}

static uint64_t size_of(const struct turn_share *share)
{
    return TURN_SHARE_NS >> share->halvings;
}

void turn_share_end_turn(struct turn_share *share)
{
    share->halvings = 0;
}

void turn_share_begin(struct turn_share *share)
{
    *share = (struct turn_share){.look_at = 1, .halvings = share->halvings};
}

void turn_share_begin_at(struct turn_share *share, uint64_t now_ns, uint64_t until_ns)
{
    turn_share_begin(share);
    share->until_ns = now_ns + size_of(share) < until_ns ? now_ns + size_of(share) : until_ns;
}

bool turn_share_look(struct turn_share *share)
{
    const uint64_t now_ns = clock_now_ns();
    share->look_at = next_look(share->events);
    if (share->until_ns == 0)
        share->until_ns = now_ns + size_of(share);
    if (now_ns < share->until_ns)
        return false;
    if (size_of(share) > TURN_SHARE_LEAST_NS)
        share->halvings++;
    return true;
}
