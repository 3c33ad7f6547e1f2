/* What a server's answers show that people should know: the log says so. Hosts go on. */
#ifndef REDIS_ENGINE_REMARKS_H
#define REDIS_ENGINE_REMARKS_H

#include "answer.h"
#include "connection.h"

/** The server has mended fields that no host can have put there. @param fields  A letter each. */
void remark_mended(struct connection *connection, toni_str fields);

/** Some of the leases are none. */
void remark_strange(struct connection *connection, const struct answer_lease *lease);

/** Other hosts name other servers. @param reply  Of a probe. */
void remark_other_lists(struct connection *connection, const redisReply *reply);

#endif
