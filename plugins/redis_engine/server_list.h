/* What a host tells others of the servers that it names. Rooms are spread over them by their names:
 * hosts that name different ones look for a room at different servers, which nothing else shows. */
#ifndef REDIS_ENGINE_SERVER_LIST_H
#define REDIS_ENGINE_SERVER_LIST_H

#include "hex.h"

#include <toni/types.h>

#define SERVER_LIST_MOST 256

struct server_list {
    char digest[HEX_DIGITS];     /* the same for all hosts that find each room at the same server */
    char text[SERVER_LIST_MOST]; /* for people, as much of it as fits */
};

/** @param names  At least one; their order is of no importance. Of one server the name isn't
 * either: all rooms are there. @return 0; -1: no memory, or OpenSSL has no SHA-256. */
int server_list_make(struct server_list *list, const toni_str *names, size_t count);

#endif
