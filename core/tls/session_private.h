/* What a session consists of; for core/tls alone. */
#ifndef TLS_SESSION_PRIVATE_H
#define TLS_SESSION_PRIVATE_H

#include "tls/hello.h"
#include "tls/session.h"

struct ssl_st;

struct tls_session {
    struct ssl_st *ssl;
    struct tls_context *context;
    struct tls_output *output;
    uint8_t *kept; /* ciphertext that the socket has not taken; allocated, or NULL */
    size_t kept_size;
    size_t kept_sent; /* of it */
    int fd;
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

#endif
