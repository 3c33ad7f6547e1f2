/* Guards, and openings that wait for one. Nothing is sent meanwhile; up to 4 KiB behind the head
 * are read and kept, and the peer's end is noticed. A wait ends once: decided, after `guard_ms`,
 * because the client has gone, or because nobody is to decide any more.
 *
 * All on the connection's worker. */
#ifndef NET_GUARDING_H
#define NET_GUARDING_H

#include "ws/handshake.h"

#include <stdbool.h>

struct connection;

/** So many bytes behind a head are read before it is answered. */
#define GUARDING_EARLY_MAX 4096

/** Asks the guards that are listed for the gateway, then its own; the first refusal decides.
 * @param refusal  Set to its answer, if it has one: REFUSAL_NONE lets the client in.
 * @param decided  Called when the wait ends, if it has none yet and the client has not gone.
 * @return Whether it has one. */
bool guarding_ask(struct connection *connection, enum refusal *refusal,
                  void (*decided)(struct connection *connection, enum refusal refusal,
                                  const char *why));

/** Tells whether the connection's opening waits. */
bool guarding_waits(const struct connection *connection);

/** There are bytes, or the peer's end, while it waits. */
void guarding_readable(struct connection *connection);

/** `guard_ms` is over. */
void guarding_expired(struct connection *connection);

/** The instance in the gateway's slot may have been exchanged: if so, the wait ends. */
void guarding_adopt(struct connection *connection);

/** The gateway is removed, or the host stops: the wait ends. */
void guarding_withdraw(struct connection *connection);

#endif
