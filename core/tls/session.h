/* One client's TLS on its socket: plain bytes go in and come out, ciphertext is read from the
 * socket and written to it, neither of them waiting. OpenSSL never has to repeat a write: what it
 * encrypts goes into a buffer that all sessions of a thread share, and from there to the socket in
 * one system call; what the socket does not take is kept, and the session is full until it has
 * gone. Knows no loop: who owns the socket polls it.
 *
 * All on one thread, with one output. */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include "tls/figures.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_context;
struct tls_session;

/* What tls_session_read returns beside a number of bytes. */
#define TLS_ENDED (-1)  /* close_notify has come: nothing follows; it may still be written to */
#define TLS_BROKEN (-2) /* nothing goes either way; also an end without close_notify */

/* Ciphertext on its way to a socket: empty between two calls. */
struct tls_output {
    uint8_t *bytes;
    size_t size;
    _Atomic size_t *kept; /* of all outputs: bytes that sockets have not taken; NULL: not bounded */
    size_t kept_max;      /* a session that would pass this is broken */
};

/** @return 0, or -1 on no memory. */
int tls_output_init(struct tls_output *output);

void tls_output_finish(struct tls_output *output);

/** @param context  The session takes a reference of its own.
 * @param fd        Connected, not blocking; borrowed.
 * @param output    Of this thread; outlives the session.
 * @return NULL on no memory. */
struct tls_session *tls_session_create(struct tls_context *context, int fd,
                                       struct tls_output *output);

/** Sends nothing; @p session NULL is fine. */
void tls_session_destroy(struct tls_session *session);

enum tls_progress {
    TLS_DONE,
    TLS_WAITS, /* for more of the client */
    TLS_FAILED,
};

/** Goes on with the handshake, as far as what has come allows. It may take a millisecond.
 * @param why  Set on TLS_FAILED; the client has been told by an alert. */
enum tls_progress tls_session_shake(struct tls_session *session, enum tls_failure *why);

/** @return Whether the handshake, which is done, took up an earlier session. */
bool tls_session_is_resumed(const struct tls_session *session);

/** Reads what there is.
 * @return How many bytes, 0 for none, TLS_ENDED or TLS_BROKEN. Fewer than @p size: nothing is left,
 * but for what tls_session_has_more or the socket tells of. */
ssize_t tls_session_read(struct tls_session *session, void *to, size_t size);

/** @return Whether bytes wait that were taken from the socket already, or an end behind those that
 * were read: the socket does not tell of them. */
bool tls_session_has_more(const struct tls_session *session);

/** @return Whether the socket may hold more than the last tls_session_read has taken from it,
 * though that found nothing whole. */
bool tls_session_may_hold_more(const struct tls_session *session);

/** Encrypts and sends. What the socket does not take counts as taken: see tls_session_is_full.
 * @return @p size, or less after a time in which it was full; -1 if it is broken. */
ssize_t tls_session_write(struct tls_session *session, const void *bytes, size_t size);

/** @return Whether ciphertext waits for the socket: nothing may be written until it has gone. */
bool tls_session_is_full(const struct tls_session *session);

/** The socket takes more. @return 0, or -1 if it is broken. */
int tls_session_flush(struct tls_session *session);

/** Says that nothing follows: close_notify, behind what was written. The end of TCP is to follow,
 * and goes with it. */
void tls_session_end(struct tls_session *session);

/** @return Whether the client's close_notify has come, and all before it was read. */
bool tls_session_has_ended(const struct tls_session *session);

/** @return Whether it has ended without close_notify. */
bool tls_session_is_truncated(const struct tls_session *session);

#endif
