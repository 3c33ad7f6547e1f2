/* Streams: answers whose content a service writes bit by bit. What it has written waits here, up to
 * a bound, until libmicrohttpd fetches it for the client; while nothing waits the connection sleeps
 * (keeping.h). A client that takes nothing for `stalled_ms` loses its connection. */
#ifndef HTTP_STREAMING_H
#define HTTP_STREAMING_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <toni/http.h>

struct MHD_Response;
struct tasks;

/** Guarded by the lock of the list of what is kept, as the exchange is. */
struct streaming {
    struct tasks *tasks;
    int64_t notice;      /* its instance's; see instance/notice.h */
    struct buffer bytes; /* written */
    size_t fetched;      /* of these, by libmicrohttpd */
    size_t most;         /* that may wait */
    bool is_full;        /* half of that was passed: its instance is told when a quarter is left */
    uint64_t stalled_ms;

    /* What the last sweep saw. */
    uint64_t moved_ms;
    uint64_t total, seen_total; /* fetched from the beginning on */
    int seen_unread;            /* by the client, in the socket */
};

/** @return A response whose content is the exchange's stream; NULL on no memory. */
struct MHD_Response *streaming_response(toni_exchange *exchange);

/** Frees what a stream holds. @param stream  May be zero. */
void streaming_finish(struct streaming *stream);

/** Fills in what toni/http.h calls for streams. */
void streaming_fill_table(toni_host *table);

#endif
