/* Two hosts of one process that share an engine (fake_door.h), and their clients. */
#ifndef TWO_HOSTS_H
#define TWO_HOSTS_H

#include "fake_door.h"

enum { HOSTS = FAKE_DOORS };

extern struct fake_engine engine;
extern struct fixture hosts[HOSTS];
extern struct fake_door *doors[HOSTS]; /* of their default namespaces */

/** @param limits  NULL: the defaults. */
void hosts_open(const struct limits *limits);

/** Ends all clients and both hosts; they want no room then. Nothing may wait in the engine. */
void hosts_close(void);

/** A turn of every lane of both. */
void hosts_turn(void);

toni_connections *hosts_connections(uint32_t host);

/** Connects a client to a host. */
struct peer *hosts_peer(uint32_t host);

/** Another one of that host, which hosts_close() ends as well. @return The same. */
struct peer *hosts_adopt(uint32_t host, struct peer *peer);

#endif
