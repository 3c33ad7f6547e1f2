/* What `listen.admin` answers: /healthz, /readyz and /metrics. Knows requests, and neither sockets
 * nor threads: admin.h. */
#ifndef HTTP_ADMIN_PAGES_H
#define HTTP_ADMIN_PAGES_H

#include "http/admin_token.h"
#include "http/metrics.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct access;

/** What /readyz says. */
enum admin_state { ADMIN_STARTING, ADMIN_READY, ADMIN_DRAINING };

struct admin_pages {
    _Atomic enum admin_state state;
    int64_t started_ms;    /* wall clock */
    struct access *access; /* borrowed: whose requests are for us */

    /* Held while the sources are read, so that they can't be taken away meanwhile. A leaf. */
    pthread_mutex_t mutex;
    bool has_sources;
    struct metrics_sources sources;

    pthread_mutex_t token_mutex; /* a leaf. Guards what follows */
    struct admin_token token;
};

/** @return 0, or -1 on no memory. */
int admin_pages_init(struct admin_pages *pages, struct access *access);

/** Nobody may answer any more. */
void admin_pages_finish(struct admin_pages *pages);

/** From now on it has to be shown. @thread Any. */
void admin_pages_change_token(struct admin_pages *pages, const struct admin_token *token);

/** From now on /readyz says that the host is ready, and /metrics tells all. @thread Any.
 * @param sources  What they lead to stays as it is until admin_pages_withdraw. */
void admin_pages_ready(struct admin_pages *pages, const struct metrics_sources *sources);

/** From now on /readyz says that the host drains. @thread Any. */
void admin_pages_drain(struct admin_pages *pages);

/** Lets go of the sources: when this returns nobody reads them. @thread Any. */
void admin_pages_withdraw(struct admin_pages *pages);

/** Answers, as soon as the head is whole; the connection ends with that. @thread The connection's.
 * @return MHD_NO: no memory, and the connection is to be closed. */
enum MHD_Result admin_pages_answer(struct admin_pages *pages, struct MHD_Connection *connection,
                                   const char *path, const char *method);

#endif
