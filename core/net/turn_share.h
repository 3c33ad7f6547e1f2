/* What one client's input may take of a worker's turn, in time: its bytes may hold thousands of
 * messages or fragments, or a few that inflate to megabytes, and others wait meanwhile. Whoever has
 * used its share is set aside; what all those together take of a turn is bounded, too, so whoever
 * needs little waits a little only, however many need much. See receiving.h.
 *
 * For the same reason each client that uses its share up halves the shares of those that follow in
 * this turn: a hundred that need much and come at once take 4 ms, and not 25.
 *
 * The clock is asked when it tells something: not for a read of a single message, which nothing can
 * interrupt, and then after ever more of them. One thread. */
#ifndef NET_TURN_SHARE_H
#define NET_TURN_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Of one client at a time: the first in a turn, and at least. */
#define TURN_SHARE_NS 250000u
#define TURN_SHARE_LEAST_NS 31250u

/* Of a turn, for all that were set aside. */
#define TURN_ASIDE_NS 250000u

struct turn_share {
    uint64_t until_ns; /* 0: nobody has asked the clock yet */
    uint32_t events;   /* since it began */
    uint32_t look_at;  /* so many events: then the clock is asked */
    uint32_t halvings; /* of the share, in this turn */
};

/** A turn has ended: the next client's share is a whole one. */
void turn_share_end_turn(struct turn_share *share);

/** One client's input is taken from now on. */
void turn_share_begin(struct turn_share *share);

/** The same, and the clock was asked.
 * @param now_ns    Of clock_now_ns().
 * @param until_ns  Ends no later than that. */
void turn_share_begin_at(struct turn_share *share, uint64_t now_ns, uint64_t until_ns);

/** Asks the clock. @return Whether the share is used up. */
bool turn_share_look(struct turn_share *share);

/** To be asked after each thing that may have taken time.
 * @return Whether the share is used up, as far as that is known. */
static inline bool turn_share_is_used(struct turn_share *share)
{
    return ++share->events >= share->look_at && turn_share_look(share);
}

#endif
