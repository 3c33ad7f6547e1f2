/* The opening handshake of RFC 6455, section 4.2: from a whole head to the bytes of its answer. Not
 * about who may come in: which gateway a path has, origins, places and guards are the caller's. In
 * order:
 *
 *     head_read           HEAD_FAULT: handshake_refuse(handshake_fault(&head), head.fault)
 *     (the host stops: REFUSAL_DRAINING)
 *     (no gateway has the head's path: REFUSAL_NOT_FOUND)
 *     handshake_check     405, 426, 400
 *     (origin 403, places 503, guard 401, 403, 503: the caller's)
 *     handshake_choose    the subprotocol
 *     handshake_accept    101
 *
 * No function allocates. */
#ifndef WS_HANDSHAKE_H
#define WS_HANDSHAKE_H

#include "ws/deflate_terms.h"
#include "ws/head.h"

#include <time.h>

/* Fits each answer: a subprotocol may be nearly as long as a head. */
#define HANDSHAKE_ANSWER_SIZE (HEAD_SIZE_MAX + 512)

/** Why a handshake is refused. X(name, status, phrase, header fields, text for people) */
#define REFUSALS(X)                                                                                \
    X(REFUSAL_BAD_REQUEST, 400, "Bad Request", "", "not a valid WebSocket handshake")              \
    X(REFUSAL_NEEDS_TLS, 400, "Bad Request", "", "this port speaks TLS: use wss:// or https://")   \
    X(REFUSAL_UNAUTHORIZED, 401, "Unauthorized", "WWW-Authenticate: Bearer\r\n",                   \
      "say who you are")                                                                           \
    X(REFUSAL_FORBIDDEN, 403, "Forbidden", "", "you may not connect here")                         \
    X(REFUSAL_ORIGIN, 403, "Forbidden", "", "pages of this origin may not connect here")           \
    X(REFUSAL_NOT_FOUND, 404, "Not Found", "", "no gateway on this path")                          \
    X(REFUSAL_METHOD, 405, "Method Not Allowed", "Allow: GET\r\n", "only GET opens a WebSocket")   \
    X(REFUSAL_TARGET_SIZE, 414, "URI Too Long", "", "the request's target is too long")            \
    X(REFUSAL_NO_UPGRADE, 426, "Upgrade Required", "Upgrade: websocket\r\n",                       \
      "connect with a WebSocket client")                                                           \
    X(REFUSAL_VERSION, 426, "Upgrade Required",                                                    \
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",                                       \
      "only WebSocket version 13 is spoken here")                                                  \
    X(REFUSAL_HEAD_SIZE, 431, "Request Header Fields Too Large", "", "the head is too large")      \
    X(REFUSAL_NO_MEMORY, 500, "Internal Server Error", "", "out of memory")                        \
    X(REFUSAL_FULL, 503, "Service Unavailable", "Retry-After: 10\r\n", "too many connections")     \
    X(REFUSAL_DRAINING, 503, "Service Unavailable", "Retry-After: 5\r\n", "the host is stopping")  \
    X(REFUSAL_GUARD_LATE, 503, "Service Unavailable", "Retry-After: 5\r\n",                        \
      "who may connect could not be found out in time")                                            \
    X(REFUSAL_GUARD_BUSY, 503, "Service Unavailable", "Retry-After: 5\r\n",                        \
      "too many wait to be let in")                                                                \
    X(REFUSAL_GUARD_WITHDRAWN, 503, "Service Unavailable", "Retry-After: 1\r\n",                   \
      "who decides that has just been replaced")                                                   \
    X(REFUSAL_HTTP_VERSION, 505, "HTTP Version Not Supported", "", "only HTTP/1.1 is spoken here")

enum refusal {
    REFUSAL_NONE,
#define REFUSAL_NAME(name, status, phrase, fields, text) name,
    REFUSALS(REFUSAL_NAME)
#undef REFUSAL_NAME
};

/** Judges all of a head that doesn't depend on a gateway: method, version, Upgrade, Connection,
 * Sec-WebSocket-Version and -Key, the lists of subprotocols and extensions.
 * @param head   Whole.
 * @param terms  Set to what of permessage-deflate can be agreed on.
 * @param why    Set to a few words for handshake_refuse and the log, or to NULL.
 * @return REFUSAL_NONE, or the first that is wrong, in that order. */
enum refusal handshake_check(const struct head *head, struct deflate_terms *terms,
                             const char **why);

/** @param head  With a fault. @return The refusal with its status. */
enum refusal handshake_fault(const struct head *head);

/** Chooses the subprotocol (RFC 6455, section 1.9): the first that the client offers and the
 * gateway knows. What is offered twice counts once.
 * @param head   Checked.
 * @param known  Up to a NULL; NULL: none.
 * @return A part of the head's bytes; empty: none is agreed on. */
toni_str handshake_choose(const struct head *head, const toni_str *const *known);

/** Chooses a subprotocol for a client that is let in only to be told that it is refused: a browser
 * ends a connection that agrees on none of those offered, and tells its page nothing. It is the
 * shortest, since one that carries a token is longer than its name alone.
 * @param head  Checked.
 * @return A part of the head's bytes; empty: the client offers none. */
toni_str handshake_choose_shortest(const struct head *head);

/** Writes the answer that lets a client in.
 * @param to           HANDSHAKE_ANSWER_SIZE bytes; must not be where the head's bytes lie.
 * @param head         Checked.
 * @param subprotocol  Chosen; empty: none.
 * @param terms        Of permessage-deflate; NULL, or not agreed: none.
 * @return How many bytes were written. */
size_t handshake_accept(char *to, const struct head *head, toni_str subprotocol,
                        const struct deflate_terms *terms);

/** Writes the answer that refuses one; the connection is closed behind it.
 * @param to       HANDSHAKE_ANSWER_SIZE bytes.
 * @param why      A few words that are added to the text, or NULL.
 * @param is_head  The method was HEAD: no body follows.
 * @param now      For the Date field.
 * @return How many bytes were written. */
size_t handshake_refuse(char *to, enum refusal refusal, const char *why, bool is_head, time_t now);

/** What a guard may refuse with. X(status, phrase) */
#define GUARD_STATUSES(X)                                                                          \
    X(400, "Bad Request")                                                                          \
    X(401, "Unauthorized")                                                                         \
    X(402, "Payment Required")                                                                     \
    X(403, "Forbidden")                                                                            \
    X(404, "Not Found")                                                                            \
    X(409, "Conflict")                                                                             \
    X(410, "Gone")                                                                                 \
    X(423, "Locked")                                                                               \
    X(429, "Too Many Requests")                                                                    \
    X(451, "Unavailable For Legal Reasons")                                                        \
    X(500, "Internal Server Error")                                                                \
    X(502, "Bad Gateway")                                                                          \
    X(503, "Service Unavailable")                                                                  \
    X(504, "Gateway Timeout")

/** @return The reason phrase of one of these, or NULL: it is none of them. */
const char *handshake_status_phrase(unsigned status);

/** Writes a refusal as a guard wants it.
 * @param status         One of GUARD_STATUSES. @param text  For people; at most 256 bytes.
 * @param has_challenge  A 401 gets a WWW-Authenticate field of the guard's own.
 * @return As handshake_refuse(). */
size_t handshake_refuse_as(char *to, unsigned status, const char *text, bool has_challenge,
                           bool is_head, time_t now);

/** @return The text for people; NULL for REFUSAL_NONE. */
const char *refusal_text(enum refusal refusal);

/** @return 400 and its kin; 0 for REFUSAL_NONE. */
unsigned refusal_status(enum refusal refusal);

#endif
