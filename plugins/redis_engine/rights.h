/* What the server lets this host run: each command of hosts and of scripts is tried once, at the
 * beginning of a connection, where nothing comes of it. The scripts alone would show the first that
 * is missing, and one that they seldom run only when they do; and Redis 7.0 does not say which it
 * is. */
#ifndef REDIS_ENGINE_RIGHTS_H
#define REDIS_ENGINE_RIGHTS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <toni/types.h>

#define RIGHTS_COUNT 22

struct connection;

struct rights {
    bool is_refused[RIGHTS_COUNT]; /* the user may not run it */
    bool is_missing[RIGHTS_COUNT]; /* the server has no such command */
    bool has_refused, has_missing;
};

/** Tries all: a WAITING_RIGHT for each, whose `count` is its index. */
void rights_ask(struct connection *connection);

/** Takes the reply to one. What is wrong with the server otherwise is not looked at here. */
void rights_take(struct rights *rights, uint32_t index, const redisReply *reply);

/* Each writes a line that says what it is, and what mends it. @return Whether there is any. */

/** @param user  Of the server; empty: the default one. */
bool rights_tell_refused(const struct rights *rights, toni_str user, char *text, size_t size);
bool rights_tell_missing(const struct rights *rights, char *text, size_t size);

#endif
