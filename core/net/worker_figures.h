/* What a worker counts of its sockets. The worker adds, any thread reads; what concerns outboxes
 * its lane counts (rooms/lane_figures.h). */
#ifndef NET_WORKER_FIGURES_H
#define NET_WORKER_FIGURES_H

#include "base/counter.h"
#include "base/histogram.h"

/* What ended a connection that had been let in. X(name, label) */
#define END_CAUSES(X)                                                                              \
    X(END_BY_CLIENT, "client") /* it sent a close frame */                                         \
    X(END_BY_PLUGIN, "plugin") /* toni_close_client and its like */                                \
    X(END_BY_DRAIN, "drain")                                                                       \
    X(END_BY_FAULT, "fault")                   /* of a callback, or no memory: 1011 */             \
    X(END_BY_IDLENESS, "idle")                 /* idle_ms */                                       \
    X(END_BY_LIMIT, "limit")                   /* of messages or their size: 1008, 1009 */         \
    X(END_BY_LOSS, "lost")                     /* no close frame, or no answer to a ping */        \
    X(END_BY_PROTOCOL_ERROR, "protocol_error") /* 1002, 1007 */                                    \
    X(END_BY_REFUSAL, "refused")               /* by on_connect */                                 \
    X(END_BY_SLOWNESS, "slow_consumer")                                                            \
    X(END_BY_STALL, "stalled")                 /* stalled_ms */                                    \
    X(END_BY_OUTBOX_MEMORY, "outbox_memory")   /* outbox_bytes_total */                            \
    X(END_BY_INBOUND_MEMORY, "inbound_memory") /* inbound_bytes */                                 \
    X(END_BY_MESSAGE_TIME, "message_timeout")  /* message_ms */                                    \
    X(END_BY_TOKEN, "token")                   /* its token has ended: 4001 */                     \
    X(END_BY_REVOCATION, "revoked")            /* its subject was revoked: 4001 */

enum end_cause {
#define END_CAUSE_NAME(name, label) name,
    END_CAUSES(END_CAUSE_NAME)
#undef END_CAUSE_NAME
        END_CAUSE_COUNT
};

/* The statuses that a handshake may be refused with. */
#define REFUSAL_STATUSES(X)                                                                        \
    X(400)                                                                                         \
    X(401)                                                                                         \
    X(402)                                                                                         \
    X(403)                                                                                         \
    X(404)                                                                                         \
    X(405)                                                                                         \
    X(409)                                                                                         \
    X(410)                                                                                         \
    X(414)                                                                                         \
    X(423)                                                                                         \
    X(426)                                                                                         \
    X(429)                                                                                         \
    X(431)                                                                                         \
    X(451)                                                                                         \
    X(500)                                                                                         \
    X(502)                                                                                         \
    X(503)                                                                                         \
    X(504)                                                                                         \
    X(505)

enum refusal_status {
#define REFUSAL_NAME(status) REFUSED_##status,
    REFUSAL_STATUSES(REFUSAL_NAME)
#undef REFUSAL_NAME
        REFUSAL_STATUS_COUNT
};

struct worker_figures {
    struct counter received; /* whole messages of clients that are not being closed */
    struct counter received_bytes;
    struct counter deferred; /* times that a client was set aside, its share of a turn being used */
    struct counter accepted; /* handshakes that were answered 101 */
    struct counter refused[REFUSAL_STATUS_COUNT];
    struct counter handshakes_late;
    struct counter ended[END_CAUSE_COUNT];
    struct histogram turns; /* from a turn's first event to the end of its flush */
};

#endif
