/* What waits for a client after a flush: charged to the host's budget, watched for whether it
 * moves, and what flow control goes by. Of a client whose socket takes everything nothing of this
 * is called. All on the client's worker. */
#ifndef ROOMS_BACKLOG_H
#define ROOMS_BACKLOG_H

#include <toni/types.h>

#include <stdbool.h>

struct lane;

/** After a flush that left something, or after which nothing is left any more. Asks the transport
 * to read nothing from a client for whom direct sends above half of a limit of its outbox wait, and
 * to go on below a quarter: who doesn't read its answers sends no more questions. */
void backlog_note(toni_client *client);

/** The socket has taken something of what was written before. */
void backlog_moved(toni_client *client);

/** @return How long nothing of what waits has moved, in milliseconds; 0 if nothing waits. */
uint64_t backlog_stuck_ms(const toni_client *client);

/** While the budget of all outboxes is passed: closes the clients of this lane that have to go. To
 * be called between turns. */
void backlog_relieve(struct lane *lane);

#endif
