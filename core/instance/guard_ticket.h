/* Tickets of guards that wait (toni/guard.h): who holds one, how many there are, and what became of
 * the waits. Not about the handshake that waits: its worker takes a ticket for it, is told of the
 * decision by a function that posts, and lets go of the ticket.
 *
 * A ticket has up to three holders: the *waiter* (the handshake), the *decider* (the plugin), and
 * the decision on its way from the second to the first. Each may be the last: so a plugin may
 * decide when waiter, instance and server have gone. All of it is guarded by one lock, which is
 * above the inboxes' and below all others. */
#ifndef INSTANCE_GUARD_TICKET_H
#define INSTANCE_GUARD_TICKET_H

#include "base/counter.h"
#include "rooms/guard_notes.h"
#include "rooms/request.h"

#include <toni/guard.h>
#include <toni/host.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of those that may wait, so many times as many tickets may be undecided: a guard that is slow to
 * decide for clients that have gone must not have the host pile up tickets. */
#define GUARD_TICKETS_HELD_MAX 4

/* Tickets that are over and remembered, to tell a plugin that decides one twice. */
#define GUARD_TICKETS_REMEMBERED 256

/* What a ticket keeps of its instance's name, for the log: it may outlive the instance. */
#define GUARD_TICKET_NAME_SIZE 64

/* What became of a wait. X(NAME, label) */
#define GUARD_OUTCOMES(X)                                                                          \
    X(GUARD_DECIDED, "decided")                                                                    \
    X(GUARD_LATE, "timeout")        /* guard_ms */                                                 \
    X(GUARD_GONE, "client_gone")    /* the client didn't wait */                                   \
    X(GUARD_WITHDRAWN, "withdrawn") /* gateway or guard swapped or removed, or the host stops */   \
    X(GUARD_REFUSED, "refused")     /* it never began: too many, or no memory */

enum guard_outcome {
#define GUARD_OUTCOME_NAME(name, label) name,
    GUARD_OUTCOMES(GUARD_OUTCOME_NAME)
#undef GUARD_OUTCOME_NAME
        GUARD_OUTCOME_COUNT
};

/** All tickets of a host. The counters may be read by any thread. */
struct guard_tickets {
    pthread_mutex_t lock;
    uint64_t waiting_max;
    bool is_closed;  /* who is last frees it */
    uint64_t posted; /* decisions on their way */
    struct counter waiting;
    struct counter held;      /* not decided yet, whether or not somebody waits */
    struct counter ignored;   /* decisions that nobody waited for any more */
    struct counter abandoned; /* tickets that are held, and that nobody waits for */
    struct counter outcomes[GUARD_OUTCOME_COUNT];
    toni_guard_ticket *remembered[GUARD_TICKETS_REMEMBERED]; /* a ring */
    size_t next_remembered;
};

struct toni_guard_ticket {
    const toni_host *host; /* first, for ever: see toni/abi.h */
    struct guard_tickets *tickets;
    toni_request *request;
    struct guard_notes *notes;             /* that it leaves; the decider's, until it has decided */
    char instance[GUARD_TICKET_NAME_SIZE]; /* the name of the gateway */
    bool has_waiter, has_decider, is_posted;
    int32_t result; /* once it is posted */
    /* Posts the decision to the waiter's thread, which calls guard_ticket_arrived(). Called under
     * the lock, once at most, by any thread. Must not fail. */
    void (*post)(toni_guard_ticket *ticket);
};

/** @param waiting_max  How many may wait at a time. @return NULL on no memory. */
struct guard_tickets *guard_tickets_create(uint64_t waiting_max);

/** There is no waiter any more; deciders may come yet, and what is posted be dropped.
 * @param tickets  NULL is fine. */
void guard_tickets_destroy(struct guard_tickets *tickets);

/** Begins a wait.
 * @param ticket   At the beginning of memory from malloc; the tickets' from now on, also on an
 * error. NULL, as on no memory, is refused.
 * @param request  The ticket's own, as @p ticket is; all headers are kept in it.
 * @param instance  The gateway's name; copied.
 * @param post     See above.
 * @return The ticket, with waiter and decider; NULL if too many wait or are undecided. */
toni_guard_ticket *guard_ticket_begin(struct guard_tickets *tickets, toni_guard_ticket *ticket,
                                      toni_request *request, const char *instance,
                                      void (*post)(toni_guard_ticket *ticket));

/** The waiter's last: it has the decision, or waits no more. Afterwards nothing is posted. */
void guard_ticket_end(toni_guard_ticket *ticket, enum guard_outcome outcome);

/** What was posted has come to the waiter's thread, or is dropped: its last. Whoever is interested
 * reads `has_waiter` and `result` before. */
void guard_ticket_arrived(toni_guard_ticket *ticket);

/* --- What a guard has said */

enum guard_verdict {
    GUARD_ALLOWS,
    GUARD_UNAUTHORIZED, /* 401 */
    GUARD_FORBIDS,      /* 403 */
    GUARD_WAITS,
    GUARD_IS_BUSY, /* 503: it could not wait */
};

/** @param result  Of a decision. */
enum guard_verdict guard_decision(int32_t result);

/** Reads what a guard returned; a ticket that it took and does not wait for is let go of. What
 * makes no sense is logged.
 * @param instance  Its name.
 * @param ticket    That it took; NULL: none.
 * @param refused   It asked for one in vain. */
enum guard_verdict guard_verdict(const char *instance, int32_t result, toni_guard_ticket *ticket,
                                 bool refused);

/** Fills in what toni/guard.h calls. */
void guard_fill_table(toni_host *table);

#endif
