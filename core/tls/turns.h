/* What of a turn of a loop its TLS gets. A plain socket tells its poller of all there is to do; one
 * of TLS doesn't tell of two things: handshakes that wait for a step, and bytes that OpenSSL has
 * taken already. For each there is a queue, in the order in which they came, to be looked at once a
 * turn, behind all else. Knows neither loop nor session: whoever has the socket puts itself in, and
 * does what there is to do.
 *
 * All on one thread. */
#ifndef TLS_TURNS_H
#define TLS_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A step of a handshake, such as answering a hello, takes some 200 us and can't be interrupted. So
 * those who are connected come first, and in each turn handshakes have one step, or as many as
 * begin within the first of these. Where turns are long a part of each is theirs: else they would
 * have the less the more there is to do, and some would not be done in time. */
#define TLS_SHAKING_NS 100000u
#define TLS_SHAKING_PART 4 /* one of so many of what the turn has taken */

/* Where more wait for their step their sockets are listened to no more: each would tell again in
 * every turn. Of so few that costs less than the three system calls of listening no more, and then
 * again. */
#define TLS_SHAKING_TOLD 8

/* And so much those with bytes that no socket tells of. */
#define TLS_PENDING_NS 250000u

struct tls_queue;

/* One that may wait; a part of who has the socket. Zero waits for nothing. */
struct tls_waiter {
    struct tls_queue *queue; /* that it is in, or NULL */
    struct tls_waiter *next, **link;
};

struct tls_queue {
    struct tls_waiter *first, **last;
    size_t count;
};

/* A loop's. */
struct tls_turns {
    struct tls_queue shaking; /* handshakes with something to do */
    struct tls_queue pending; /* those with bytes that no socket tells of */
};

void tls_turns_init(struct tls_turns *turns);

/** Its socket says that its handshake may go on: has it wait for a step, if it does not yet.
 * @return Whether the socket is to be listened to meanwhile. */
bool tls_turns_shake(struct tls_turns *turns, struct tls_waiter *waiter);

/** Has it read from in a later turn, unless it waits for that already; it may not wait for a step.
 */
void tls_turns_read(struct tls_turns *turns, struct tls_waiter *waiter);

/** It waits no more; fine if it didn't. */
void tls_turns_forget(struct tls_waiter *waiter);

/* Does what there is to do for one, which waits no more. */
typedef void tls_turn(struct tls_waiter *waiter);

/** Goes on with those that wait, for a share of the turn: with each that is to be read from once at
 * most, since some come back. Once in every turn, behind all else.
 * @param turn_began_ns  Of clock_now_ns(). */
void tls_turns_go_on(struct tls_turns *turns, uint64_t turn_began_ns, tls_turn *shake,
                     tls_turn *read);

/** @return Whether somebody waits, so that the loop may not. */
static inline bool tls_turns_wait(const struct tls_turns *turns)
{
    return turns->shaking.first || turns->pending.first;
}

#endif
