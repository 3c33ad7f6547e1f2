/* A WebSocket connection as the network sees it: from the accepted socket to its end. What it
 * receives it hands to its gateway; what it sends comes from its client's outbox (core/rooms),
 * through the transport.
 *
 * All on the connection's worker. */
#ifndef NET_WS_CONNECTION_H
#define NET_WS_CONNECTION_H

#include "base/buffer.h"
#include "instance/slot.h"
#include "net/timeouts.h"
#include "net/worker.h"
#include "net/ws_rate.h"
#include "rooms/client.h"
#include "rooms/request.h"

#include <stdbool.h>
#include <stdint.h>

struct lws;

enum ws_state {
    WS_HANDSHAKE, /* not answered yet */
    WS_OPEN,
    WS_CLOSING, /* a close frame is on its way, ours or the peer's */
    WS_DEAD,    /* nothing may be written or read any more */
};

struct ws_connection {
    struct worker *worker;
    struct lws *wsi;
    int fd; /* libwebsockets closes it */
    enum ws_state state;
    bool behind;          /* the socket has not taken all of the last write yet */
    bool flush_asked;     /* libwebsockets will say when it takes more */
    bool pinged;          /* and nothing came since */
    bool ping_waits;      /* it could not be written yet */
    bool admitted;        /* counted in the server's admission */
    bool refused;         /* by `on_connect`: it gets no `on_disconnect` */
    bool inflates;        /* permessage-deflate is agreed on */
    bool compressed;      /* the message that is coming is */
    bool frame_ended;     /* and another frame of it follows */
    bool is_served;       /* it has a client that was not told 1001; see farewell.h */
    bool paused;          /* nothing is read from it; see ws_pause.h */
    bool peer_has_ended;  /* it sends nothing more: it is not paused again */
    bool lingers;         /* what comes is dropped; see ws_lingering.h */
    bool write_is_shut;   /* the same, as is the next: it was told that nothing follows */
    bool peer_has_closed; /* it has answered the close */
    uint8_t end_cause;    /* enum end_cause; END_CAUSE_COUNT: what the reason and the client say */
    uint32_t generation;  /* of the instance that the client is known to */
    uint32_t end_reason;  /* TONI_CLOSED_…; 0: not known yet */
    toni_client *client;  /* NULL before the handshake and after the end */
    struct slot *gateway; /* NULL before the handshake */
    struct place *place;  /* until the handshake has let it in: then NULL; see places.h */
    const struct limits *limits;
    struct ws_connection *next; /* of the worker's list */
    struct ws_connection **link;
    struct timeout timeout; /* the handshake's, the next look at whether it lives, or the close's */
    toni_request *request;  /* the client's, once there is one */
    struct header_text *headers; /* what a running callback was given, see ws_request.h */

    struct buffer message;     /* what has come of a message that is not whole yet */
    struct pin inbound;        /* what that takes; see ws_inbound.h */
    uint64_t message_began_ms; /* 0: none has; of the loop's clock, as all that follow */
    uint64_t last_heard_ms;    /* anything */
    uint64_t last_message_ms;
    uint64_t pinged_ms;
    uint64_t paused_ms;
    union {
        struct ws_rate rate; /* until it lingers: then no message is taken any more */
        struct {
            uint64_t close_due_ms;
            uint32_t look_ms;
            uint32_t dropped_bytes;
        };
    };

    char *end_text; /* of the peer's close frame; allocated, or NULL */
    uint16_t end_code;
    char address[]; /* most are much shorter than the longest */
};

/** @return A connection on the worker's list, before its handshake; NULL on no memory. */
struct ws_connection *ws_connection_create(struct worker *worker, int fd, const char *address);

/** Takes the connection off the list; libwebsockets is about to let go of it. */
void ws_connection_unlink(struct ws_connection *connection);

/** Frees what is left. */
void ws_connection_destroy(struct ws_connection *connection);

/* --- What libwebsockets says. Each returns what its callback shall return. */

int ws_connection_established(struct ws_connection *connection);
int ws_connection_receive(struct ws_connection *connection, const void *bytes, size_t size);
int ws_connection_peer_close(struct ws_connection *connection, const uint8_t *body, size_t size);
int ws_connection_writable(struct ws_connection *connection);

/** Something came that isn't a message. */
void ws_connection_heard(struct ws_connection *connection);

/** The last moment at which something can be written, for whatever reason the connection ends. */
void ws_connection_dropped(struct ws_connection *connection);

/* --- What the worker says */

/** A timeout is due. */
void ws_connection_expired(struct timeout *timeout);

/** The host drains: tells the client 1001. */
void ws_connection_drain(struct ws_connection *connection);

/* --- What the files of one subject say: ws_pause.c and the like */

static inline uint64_t ws_connection_now_ms(const struct ws_connection *connection)
{
    return uv_now(&connection->worker->loop);
}

/** Looks at the connection after that time. */
void ws_connection_set_timeout(struct ws_connection *connection, uint64_t delay_ms);

/** The same, unless it looks earlier anyway. */
void ws_connection_look_within(struct ws_connection *connection, uint64_t delay_ms);

/** Ends the connection at once and without a word; lws does it soon, in its own time. */
void ws_connection_give_up(struct ws_connection *connection, uint32_t reason);

/** Closes the client for breaking a limit: what waits for it is dropped. */
void ws_connection_fail(struct ws_connection *connection, enum end_cause cause, uint16_t code,
                        const char *text);

/** A callback failed: ends the client with 1011. */
void ws_connection_fault(struct ws_connection *connection);

/** The worker stops: ends the connection as far as the gateway and the rooms are concerned. */
void ws_connection_abandon(struct ws_connection *connection);

#endif
