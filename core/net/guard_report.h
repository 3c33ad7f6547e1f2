/* What is counted of each guard that was asked, and the one line in the log for each refusal: which
 * guard, why, and for whom. What the client sent stands in it without its query, which may hold a
 * token. All on the connection's worker. */
#ifndef NET_GUARD_REPORT_H
#define NET_GUARD_REPORT_H

#include "instance/figures.h"
#include "net/opening_state.h"

struct connection;

/** The guard that was asked last has answered, or is waited for no more.
 * @param refusal  REFUSAL_NONE if it lets the client pass. */
void guard_report(struct connection *connection, enum guard_answer answer, enum refusal refusal);

/** @return Whether guards have let in whose subject is revoked. */
bool guard_report_is_revoked(const struct connection *connection);

/** A guard has let it in, but what it said of the client is good no more.
 * @param why  Such as "the token is revoked". */
void guard_report_over(const struct connection *connection, const char *why);

/** @return The status that a refusal has: that of the guard, if it has chosen one. */
unsigned guard_report_status(const struct opening *opening, enum refusal refusal);

#endif
