/* The opening handshake of a connection: reads the head, decides who is let in, and answers. What
 * may be answered and how it is written is in ws/handshake.h; this is what needs the host: its
 * gateways, limits, origins and guards. All on the connection's worker.
 *
 *     OPENING_READING --head is whole--> OPENING_DECIDING --opening_decided--> OPENING_ANSWERED
 *
 * While it decides nothing more is read: what came behind the head is kept, and becomes the first
 * frames. If the peer ends or resets meanwhile, the connection ends. */
#ifndef NET_OPENING_H
#define NET_OPENING_H

#include "ws/handshake.h"

struct connection;

/** There are bytes, or the peer's end. */
void opening_readable(struct connection *connection);

/** It is decided: lets the client in, or refuses it.
 * @param refusal  REFUSAL_NONE: it is let in.
 * @param why      Added to the text for people; NULL: nothing. */
void opening_decided(struct connection *connection, enum refusal refusal, const char *why);

/** Its time is over. */
void opening_expired(struct connection *connection);

#endif
