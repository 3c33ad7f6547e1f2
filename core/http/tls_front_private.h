/* The front's thread, and what it knows of one client; for tls_*.c alone. All of it is
 * the thread's, but for what the lock guards. */
#ifndef HTTP_TLS_FRONT_PRIVATE_H
#define HTTP_TLS_FRONT_PRIVATE_H

#include "http/standstill.h"
#include "http/tls_front.h"
#include "tls/session.h"
#include "tls/turns.h"

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
    struct tls_relay *next, **link;  /* of all; before its thread has it, of the taken */
    struct tls_waiter waiter;        /* among those with something to do */
    struct tls_session *session;     /* from its first byte on */
    struct http_secure *secure;      /* from the end of the handshake on */
    struct sockaddr_storage counted; /* whose place it takes */
    struct place place; /* while the host waits for it: before and after its requests */
    uv_poll_t client, plain;
    struct tls_newcomer is;          /* with its socket */
    int inner;                       /* our end of the pair; -1: there is none yet */
    int client_events, plain_events; /* that are polled for */
    unsigned handles;                /* of the two polls, that are open */
    enum relay_state state;
    bool is_shaking;   /* its handshake has begun, and how it ends is not counted yet */
    bool is_heard;     /* its socket is listened to, though it waits for a step */
    bool client_ended; /* it sends nothing more, or nothing that matters */
    bool is_last;      /* HTTP has ended its side of the pair: what is in it is the last */
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
    uv_prepare_t turn_end;
    uv_idle_t again;        /* active while somebody has something to do: the loop may not wait */
    uint64_t turn_began_ns; /* of clock_now_ns(); 0: nothing has happened in this turn */
    uv_timer_t sweep;
    struct standstill standstill;
    uint64_t limit_ms;
    struct tls_output output;
    struct tls_figures *figures; /* borrowed */
    struct tls_relay *first;
    struct tls_turns turns;
    uint8_t piece[FRONT_PIECE];
    bool is_closing;

    pthread_mutex_t handing; /* held while a client is handed on. Guards what follows */
    bool is_refusing;

    pthread_mutex_t lock; /* a leaf. Guards the rest */
    struct tls_relay *taken;
    bool is_to_close;
    uint64_t closing_ms;
};

/* --- tls_relay.c */

/** Begins to watch a client that was taken. */
void tls_relay_begin(struct tls_relay *relay);

/** Does what there is to do for a client that has waited for that. */
void tls_relay_go_on(struct tls_waiter *waiter);

/** Ends it as soon as it has got what there is for it. */
void tls_relay_finish(struct tls_relay *relay);

/** Ends it now, whatever it has got. */
void tls_relay_drop(struct tls_relay *relay);

/** @return Whether ciphertext waits for the client's socket. */
bool tls_relay_is_full(const struct tls_relay *relay);

/** Carries what the client has sent into the pair. */
void tls_relay_carry_in(struct tls_relay *relay);

/** No answer follows: what is on its way goes out, and what the client still sends is taken. */
void tls_relay_begin_ending(struct tls_relay *relay);

/* --- tls_shaking.c */

/** Its handshake may go on: it waits for a step, which comes at the turn's end, or a later one's.
 * One that was ended for another, who is let in only once this has gone, is dropped at once. */
void tls_shaking_wait(struct tls_relay *relay);

/** Its handshake ends unfinished, if it has begun and is not over: counts why. */
void tls_shaking_end(struct tls_relay *relay, enum tls_failure why);

/** Does of its handshake what can be done now. Once that is done it is open, or ends. */
void tls_shaking_step(struct tls_relay *relay);

/* --- tls_front.c */

/** To be called by all that the loop calls: the turn has begun by then. */
void tls_front_notice_turn(struct tls_front *front);

/** The last of its handles is closed: it is freed. */
void tls_front_forget(struct tls_relay *relay);

#endif
