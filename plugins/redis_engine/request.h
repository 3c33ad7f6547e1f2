/* What the host asks for becomes commands of Redis. Each ends the connection if it has no memory
 * for it, or too much waits. */
#ifndef REDIS_ENGINE_REQUEST_H
#define REDIS_ENGINE_REQUEST_H

#include "connection.h"

/** Begins a command on the socket of commands; then it is put together, and asked. */
struct command *request_begin(struct connection *connection, toni_str what);
void request_ask(struct connection *connection, struct waiting waiting);

/** Asks for what has no parameters. @param words  The command. A capital letter that is a word is a
 * key, of the kind that connection.h has in lower case, with a name that nobody else has. */
void request_words(struct connection *connection, const char *words, struct waiting waiting);

/** Selects the database, and asks for the id that the socket of commands has. */
void request_client_id(struct connection *connection);

void request_hello(struct connection *connection, uint64_t request, const toni_engine_hello *hello);

/** The second part of a hello: ends the node's older clients, and tries the script. */
void request_end_clients(struct connection *connection, redisReply *const *ids, size_t count);

/** Tries the script for publishes. */
void request_trial(struct connection *connection);

void request_load(struct connection *connection);

/** It goes out with others, by request_publishes at the latest. */
void request_publish(struct connection *connection, const toni_engine_publish *publish);

/** Writes the publishes that wait: before any other command, for these keep their order, and at the
 * end of a turn. */
void request_publishes(struct connection *connection);

void request_subscriptions(struct connection *connection, toni_str command, const toni_str *rooms,
                           uint32_t count);
void request_tops(struct connection *connection, uint64_t request, const toni_str *rooms,
                  uint32_t count);
void request_history(struct connection *connection, uint64_t request,
                     const toni_engine_history *history);
void request_probe(struct connection *connection, uint64_t request, uint64_t incarnation);
void request_lease(struct connection *connection, uint64_t request, const toni_engine_lease *lease);

#endif
