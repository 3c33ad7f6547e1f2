/* The front's thread, and what it knows of one client; for tls_front.c and tls_relay.c alone. All
 * of it is the thread's, but for what the lock guards. */
#ifndef HTTP_TLS_FRONT_PRIVATE_H
#define HTTP_TLS_FRONT_PRIVATE_H

#include "http/tls_front.h"
#include "tls/session.h"

#include <pthread.h>
#include <uv.h>

enum relay_state {
    RELAY_SHAKING,
    RELAY_OPEN,   /* bytes go both ways */
    RELAY_ENDING, /* its answers have ended: they go out, and what it still sends is taken */
    RELAY_OVER,   /* its handles are being closed */
};

/* One client. */
struct tls_relay {
    struct tls_front *front;
    struct tls_door *door;
    struct tls_relay *next, **link;           /* of all; before its thread has it, of the taken */
    struct tls_relay *turn_next, **turn_link; /* of those that have something to do; NULL: not */
    struct tls_session *session;              /* from its first byte on */
    struct http_secure *secure;               /* from the end of the handshake on */
    struct sockaddr_storage counted;          /* whose place it takes */
    struct place place; /* while the host waits for it: before and after its requests */
    uv_poll_t client, plain;
    struct tls_newcomer is;          /* with its socket */
    int inner;                       /* our end of the pair; -1: there is none yet */
    int client_events, plain_events; /* that are polled for */
    unsigned handles;                /* of the two polls, that are open */
    enum relay_state state;
    bool client_ended; /* it sends nothing more, or nothing that matters */
    bool inner_ended;  /* no answer follows */
    bool is_deaf;      /* nobody reads what it sends */
    bool is_shut;      /* TCP has been told that nothing follows */
    bool was_ready;    /* it was handed on */
    uint8_t *up;       /* plain bytes that the pair has not taken; allocated, or NULL */
    size_t up_size, up_sent;
    size_t left;     /* bytes that it may still send, while it ends */
    uint64_t due_ms; /* of the loop's clock: when it must be over; only of SHAKING and ENDING */
};

struct tls_front {
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t wake;
    uv_idle_t turn; /* active while somebody has something to do */
    uv_timer_t sweep;
    uint64_t limit_ms;
    struct tls_output output;
    struct tls_figures *figures; /* borrowed */
    struct tls_relay *first;
    struct tls_relay *turn_first, **turn_last;
    uint8_t piece[FRONT_PIECE];
    bool is_closing;

    pthread_mutex_t handing; /* held while a client is handed on. Guards what follows */
    bool is_refusing;

    pthread_mutex_t lock; /* a leaf. Guards the rest */
    struct tls_relay *taken;
    bool is_to_close;
    uint64_t closing_ms;
};

/** Begins to watch a client that was taken. */
void tls_relay_begin(struct tls_relay *relay);

/** Does what there is to do for a client. */
void tls_relay_step(struct tls_relay *relay);

/** Ends it as soon as it has got what there is for it. */
void tls_relay_finish(struct tls_relay *relay);

/** Ends it now, whatever it has got. */
void tls_relay_drop(struct tls_relay *relay);

/** Has something done for a client soon, after others. */
void tls_front_queue(struct tls_relay *relay);
void tls_front_unqueue(struct tls_relay *relay);

/** The last of its handles is closed: it is freed. */
void tls_front_forget(struct tls_relay *relay);

#endif
