/* What is kept of what clients send: messages that have not come to their end. Charged to the
 * host's budget `inbound_bytes`; each has `message_ms` to end. All on the connection's worker. */
#ifndef NET_WS_INBOUND_H
#define NET_WS_INBOUND_H

#include <stdint.h>

struct worker;
struct ws_connection;

/** To be called when the memory for what came has changed: charges what there is now. The first of
 * a message begins its `message_ms`. */
void ws_inbound_note(struct ws_connection *connection);

/** The same, and more of a message has come. */
void ws_inbound_came(struct ws_connection *connection);

/** Ends the connection if its message is late. @return Milliseconds until it is, UINT64_MAX if
 * none has begun; 0: the connection is being ended. */
uint64_t ws_inbound_look(struct ws_connection *connection);

/** While the budget is passed: closes the connections of this worker that have to go. */
void ws_inbound_relieve(struct worker *worker);

#endif
