/* Exchanges that a service keeps, to answer them later: the connection sleeps in libmicrohttpd
 * until there is an answer, a stream, or the outcome that stands for an answer. Which there are,
 * and until when, is instance/kept.h's; what a stream writes, streaming.h's. */
#ifndef HTTP_KEEPING_H
#define HTTP_KEEPING_H

#include "http/streaming.h"
#include "instance/kept.h"

#include <stdbool.h>
#include <toni/http.h>

/** An exchange that is kept. Guarded by the lock of the list. */
struct keeping {
    struct kept kept; /* first */
    toni_exchange *exchange;
    struct streaming stream; /* once it is one */
};

/** What became of it, seen by the connection's thread. */
enum keeping_step {
    KEEPING_SLEEPS,  /* it waits; the connection's thread is called again later */
    KEEPING_ANSWERS, /* there is an answer in the exchange: the service's, or one that refuses */
    KEEPING_STREAMS, /* there is the head of an answer, whose content comes from the stream */
    KEEPING_ENDS,    /* the client has gone: the connection is to be closed */
};

/** @return The exchange of one that is kept. */
toni_exchange *keeping_exchange(const struct kept *kept);

/** @return Whether the exchange is kept, or streams. @thread The connection's. */
bool keeping_has(const toni_exchange *exchange);

/** After `on_request`, and whenever the connection is woken.
 * @param exchange  That is kept; it is no more, unless it sleeps or streams.
 * @thread The connection's. */
enum keeping_step keeping_look(toni_exchange *exchange);

/** It is not to be kept any more: `on_request` has failed, or the connection ends.
 * @param exchange  May be one that is not kept.
 * @param outcome   If it has none yet.
 * @return The outcome that it had; KEPT_WAITS: none. @thread The connection's. */
enum kept_outcome keeping_end(toni_exchange *exchange, enum kept_outcome outcome);

/** Finds what an instance has kept; see kept_lock(). */
struct kept *keeping_lock(const toni_context *context, toni_exchange_id id);

/** Lets a connection sleep: see kept_sleep(). */
void keeping_sleep(struct kept *kept);

/** Fills in what toni/http.h calls for exchanges that are kept. */
void keeping_fill_table(toni_host *table);

#endif
