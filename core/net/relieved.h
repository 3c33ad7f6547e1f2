/* Clients of whose outboxes little is left, after much had waited: their gateways are told
 * (`on_drained`) at the end of the worker's turn, since that is found out in the middle of a flush,
 * where no plugin may be called. All on the worker. */
#ifndef NET_RELIEVED_H
#define NET_RELIEVED_H

#include "net/connection.h"

/** Its gateway is to be told. More than once is fine. */
void relieved_note(struct connection *connection);

/** It is not to be told any more: to be called before the connection is freed. */
void relieved_forget(struct connection *connection);

/** Tells all that were noted until now. */
void relieved_tell(struct worker *worker);

#endif
