/* The TLS of one stream: its handshake, which begins with the client's first byte, and what
 * follows. Knows no loop: net/stream.h polls, and decides when work is done. All on the worker. */
#ifndef NET_SECURE_H
#define NET_SECURE_H

#include "net/places.h"
#include "tls/context.h"
#include "tls/session.h"
#include "tls/turns.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all workers share. */
struct secure_totals {
    atomic_uint_fast64_t handshakes; /* under way */
    struct places places;            /* theirs: limits.tls_handshakes */
    _Atomic size_t kept;             /* ciphertext that sockets have not taken */
    size_t kept_max;                 /* limits.tls_unsent_bytes */
};

/* A worker's. */
struct secure_worker {
    struct secure_totals *totals;
    struct tls_output output;
    struct tls_figures figures;
};

enum secure_state {
    SECURE_SILENT,  /* nothing has come */
    SECURE_SHAKING, /* its handshake is under way */
    SECURE_OPEN,
    SECURE_FAILED,
};

struct secure {
    struct secure_worker *worker;
    struct tls_port *port;
    struct tls_session *session; /* from the first byte on */
    void *stream;                /* whose it is */
    const char *address;         /* the client's; borrowed */
    const struct place *client;  /* among its listener's; until its handshake has begun */
    struct place *place;         /* among handshakes, while its own is under way */
    struct tls_waiter waiter;    /* among its worker's */
    int fd;
    uint8_t state;       /* enum secure_state */
    bool is_shut_wanted; /* TCP is to end once all ciphertext has gone */
};

/** @return 0, or -1 on no memory. */
int secure_worker_init(struct secure_worker *worker, struct secure_totals *totals);

void secure_worker_finish(struct secure_worker *worker);

/** @param port    Outlives it.
 * @param client   The place of the socket; borrowed until its handshake has begun.
 * @param address  The client's, for the log; outlives it.
 * @return NULL on no memory. */
struct secure *secure_create(struct secure_worker *worker, struct tls_port *port, int fd,
                             const struct place *client, const char *address, void *stream);

/** The socket may be closed afterwards, not before. */
void secure_destroy(struct secure *secure);

enum secure_step {
    SECURE_STEP_DONE,  /* the handshake is over */
    SECURE_STEP_WAITS, /* for more of the client */
    SECURE_STEP_PLAIN, /* it speaks no TLS, but what may be HTTP: nothing of that has been read */
    SECURE_STEP_FAILED,
};

/** @return Whether its handshake was ended to make room for another. */
bool secure_is_ended(struct secure *secure);

/** The time for its handshake is over: if that has begun and is not done, it counts as late. Only
 * secure_destroy may follow. */
void secure_expire(struct secure *secure);

/** Does of the handshake what can be done now; counts how it ends. */
enum secure_step secure_shake(struct secure *secure);

#endif
