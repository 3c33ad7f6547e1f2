/* Exchanges that a service keeps, to answer them later: the connection sleeps in libmicrohttpd
 * until there is an answer, or the outcome that stands for one. Which there are, and until when, is
 * instance/kept.h's. */
#ifndef HTTP_KEEPING_H
#define HTTP_KEEPING_H

#include "instance/kept.h"

#include <stdbool.h>
#include <toni/http.h>

/** What became of it, seen by the connection's thread. */
enum keeping_step {
    KEEPING_SLEEPS,  /* it waits; the connection's thread is called again later */
    KEEPING_ANSWERS, /* there is an answer in the exchange: the service's, or one that refuses */
    KEEPING_ENDS,    /* the client has gone: the connection is to be closed */
};

/** @return Whether the exchange is kept. @thread The connection's. */
bool keeping_has(const toni_exchange *exchange);

/** After `on_request`, and whenever the connection is woken.
 * @param exchange  That is kept; it is no more, unless it sleeps. @thread The connection's. */
enum keeping_step keeping_look(toni_exchange *exchange);

/** It is not to be kept any more: `on_request` has failed, or the connection ends.
 * @param exchange  May be one that is not kept. @thread The connection's. */
void keeping_end(toni_exchange *exchange);

/** Fills in what toni/http.h calls for exchanges that are kept. */
void keeping_fill_table(toni_host *table);

#endif
