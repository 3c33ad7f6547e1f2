/* What comes from a server is told to the host. */
#ifndef REDIS_ENGINE_REPLY_H
#define REDIS_ENGINE_REPLY_H

#include "connection.h"

/** @return What was asked, for people. */
const char *reply_name_of(enum waiting_kind kind);

/** A reply to a command. */
void reply_take(struct connection *connection, const redisReply *reply);

/** What came on the socket of subscriptions. */
void reply_take_pushed(struct connection *connection, const redisReply *reply);

#endif
