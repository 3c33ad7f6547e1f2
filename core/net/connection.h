/* A connection: a client's socket from `accept` to its end. What it is, and how it is made. What
 * happens to it is in files of one subject each: opening.h, guarding.h, receiving.h, watching.h,
 * pausing.h, closing.h, outbound.h, ending.h; dispatch.h hands events to them.
 *
 * All on the connection's worker. */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include "config/proxies.h"
#include "net/drain.h"
#include "net/gateway.h"
#include "net/rate.h"
#include "net/stream.h"
#include "net/timeouts.h"
#include "net/worker.h"
#include "ws/codec.h"

#include <stdbool.h>
#include <stdint.h>

struct inbound;
struct opening;

/* The life of a connection: only ever onwards. */
enum connection_state {
    CONNECTION_OPENING,   /* no answer to its handshake yet; see opening.h */
    CONNECTION_OPEN,      /* frames come and go */
    CONNECTION_CLOSING,   /* a close frame of the host's waits behind what was sent before */
    CONNECTION_LINGERING, /* all is written, and the peer is told so; what it sends is dropped */
    CONNECTION_CLOSED,    /* the socket is closed; the loop lets go of it */
};

struct connection {
    struct stream stream;         /* first */
    struct gateway_client served; /* its worker, too */
    const struct limits *limits;
    struct connection *next; /* of the worker's list */
    struct connection **link;
    struct drain_node drain;
    struct timeout timeout; /* the handshake's, the next look at whether it lives, or the close's */
    struct opening *opening; /* until it is open: the handshake, once something has come of it */
    struct place *place;     /* until the handshake has let it in: then NULL; see places.h */
    struct inbound *inbound; /* what is kept of what came; NULL: nothing. See inbound.h */
    struct connection *next_relieved; /* see relieved.h */
    struct codec codec;
    uint64_t last_heard_ms; /* anything; once it is pinged, when that was; until it is open, when it
                               came. Of the loop's clock, as all that follow */
    uint64_t last_message_ms;
    union {
        struct rate rate;       /* until it closes: then no message is taken any more */
        uint32_t dropped_bytes; /* while it lingers */
    };
    char *end_text; /* of the peer's close frame; allocated, or NULL */
    uint16_t end_code;
    uint8_t end_cause;    /* enum end_cause; END_CAUSE_COUNT: not known yet */
    uint8_t state;        /* enum connection_state */
    uint8_t proxy_way;    /* enum proxy_way: that its head is to be asked for; else PROXY_NONE */
    uint8_t read_shift;   /* WORKER_READ_MAX, shifted right by so much, is read at once */
    bool is_admitted;     /* counted in the server's admission */
    bool is_pinged;       /* and nothing came since */
    bool awaits_pong;     /* and none came since */
    bool is_taking;       /* what was received before is being taken, and comes first */
    bool is_paused;       /* nothing is read from it; see pausing.h */
    bool floods;          /* it used up its share of the turn when it was last read */
    bool is_relieved;     /* its gateway is to be told so; see relieved.h */
    bool peer_has_closed; /* it has sent a close frame */
    bool peer_has_ended;  /* it has shut its side of TCP */
    char address[];       /* the client's; most are much shorter than the longest */
};

/** @param fd     Becomes the connection's if it is made.
 * @param place  The same; allocated.
 * @param way    How its head may name another address; PROXY_NONE: it can't.
 * @param owner  What its stream tells.
 * @return A connection on the worker's list, before its handshake; NULL on no memory. */
struct connection *connection_create(struct worker *worker, int fd, const char *address,
                                     struct place *place, enum proxy_way way,
                                     const struct stream_owner *owner);

/** Takes it off the worker's list, and out of all counts. More than once is fine. */
void connection_unlink(struct connection *connection);

/** Gives its place back, since the client is let in or the socket is about to be closed. */
void connection_leave_place(struct connection *connection);

/** It counts against no limit of clients any more: it was refused, or ends. */
void connection_leave_admission(struct connection *connection);

static inline struct connection *connection_of_stream(struct stream *stream)
{
    return (struct connection *)stream;
}

static inline uint64_t connection_now_ms(const struct connection *connection)
{
    return uv_now(&connection->served.worker->loop);
}

/** Looks at the connection after that time. */
void connection_set_timeout(struct connection *connection, uint64_t delay_ms);

/** The same, unless it looks earlier anyway. */
void connection_look_within(struct connection *connection, uint64_t delay_ms);

#endif
