/* A worker's long good-bye: tells its clients 1001 one after the other, spread over a time, so that
 * they don't all come back in the same instant. Those whose turn has not come are served as ever.
 * Clients that come meanwhile have their turn too; those that come after the end, at once.
 *
 * All on the worker. */
#ifndef NET_FAREWELL_H
#define NET_FAREWELL_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct worker;
struct ws_connection;

struct farewell {
    uv_timer_t timer;
    uint64_t end_ms;            /* of the loop's clock: everybody is told by then */
    uint64_t last_ms;           /* when clients were last told */
    double owed;                /* how many are to be told, with the fraction that is left over */
    uint64_t serving;           /* clients that have not been told, and are not gone */
    struct ws_connection *next; /* in the worker's list; NULL: its beginning */
};

/** Makes the timer. */
void farewell_init(struct farewell *farewell, uv_loop_t *loop);

/** Closes it; the loop must turn once more. */
void farewell_close(struct farewell *farewell);

/** Begins. @param length_ms  0: all are told at once. */
void farewell_begin(struct worker *worker, uint64_t length_ms);

/** A client is served from now on. */
void farewell_expect(struct ws_connection *connection);

/** A client is told, or gone; more than once is fine. */
void farewell_done(struct ws_connection *connection);

/** A connection is about to leave the worker's list. */
void farewell_forget(struct ws_connection *connection);

#endif
