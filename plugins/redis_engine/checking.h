/* What `toni check` asks a server: whatever hosts will ask it, on keys that nobody else has and
 * that are gone afterwards. All of it goes out together, and all that is wrong is told together. */
#ifndef REDIS_ENGINE_CHECKING_H
#define REDIS_ENGINE_CHECKING_H

#include "connection.h"

/** Begins one, which the connection is for from now on. */
void check_begin(struct connection *connection, uint64_t request, const toni_engine_hello *hello);

/** @return What a connection that is for a check waits for instead. */
struct waiting check_waiting(struct waiting one);

/** Takes one reply. @param what  The `count` of what it was waited for by. */
void check_take(struct connection *connection, uint32_t what, const redisReply *reply);

/** A probe is back. */
void check_echo(struct connection *connection, uint64_t request);

/** Forgets it. None is no error. */
void check_end(struct connection *connection);

#endif
