/* Whose handshake it is that a trusted proxy hands on: read from its head, see ws/forwarded.h. All
 * on the connection's worker. */
#ifndef NET_FORWARDING_H
#define NET_FORWARDING_H

#include "ws/handshake.h"

struct connection;

/** The head is whole: gives the connection its client's address, if a trusted proxy has sent it.
 * @param why  Set to a few words more, if it is refused.
 * @return REFUSAL_NONE, or REFUSAL_BAD_REQUEST. */
enum refusal forwarding_read(struct connection *connection, const char **why);

#endif
