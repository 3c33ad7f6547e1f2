/* What a session consists of; for core/tls alone. */
#ifndef TLS_SESSION_PRIVATE_H
#define TLS_SESSION_PRIVATE_H

#include "tls/hello.h"
#include "tls/session.h"

struct bio_st;
struct ssl_st;

struct tls_session {
    struct ssl_st *ssl;
    struct tls_context *context;
    struct tls_output *output;
    uint8_t *kept; /* ciphertext that the socket has not taken; allocated, or NULL */
    size_t kept_size;
    size_t kept_sent; /* of it */
    int fd;
    uint8_t *ahead;      /* what has come with a part of the handshake; allocated, or NULL */
    uint16_t ahead_size; /* more than 0 if it is allocated */
    uint16_t ahead_read; /* of it: less than its size */
    struct tls_hello hello;
    bool is_refused;    /* a hello that claims too much */
    uint8_t reads;      /* of the socket, in this call */
    bool is_drained;    /* OpenSSL may not read the socket any more for now */
    bool may_hold_more; /* the socket: its last read was filled */
    bool is_starved;    /* the last read ended where OpenSSL has no whole record */
    bool is_at_end;     /* the peer has ended its side of TCP */
    bool is_truncated;  /* and not that of TLS */
    bool is_broken;
    int8_t end;    /* TLS_ENDED or TLS_BROKEN, that was found behind bytes; 0: none was */
    bool was_full; /* the last write was not taken whole */
};

/* --- session_io.c */

/* The records of the largest write, of 64 KiB, with their heads, and some more. */
#define SESSION_OUTPUT_SIZE 69632u

/** @return What OpenSSL reads and writes through; NULL on no memory. */
struct bio_st *session_make_bio(struct tls_session *session);

/** Empties the output: to the socket, or to what is kept. @return 0, or -1 if it is broken. */
int session_send_out(struct tls_session *session);

/** The same for what the client does not need to go on: it goes with what follows, a segment less.
 */
int session_send_out_ahead(struct tls_session *session);

/** Frees what the socket has not taken. */
void session_forget_kept(struct tls_session *session);

/** Frees what OpenSSL has not taken. */
void session_forget_ahead(struct tls_session *session);

#endif
