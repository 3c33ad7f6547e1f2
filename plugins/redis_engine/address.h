/* Where a server is, as gateways.conf writes it: "host:port", "[address]:port" or "unix:/path". */
#ifndef REDIS_ENGINE_ADDRESS_H
#define REDIS_ENGINE_ADDRESS_H

#include <stdbool.h>
#include <toni/str.h>

#define ADDRESS_HOST_MOST 255

struct address {
    bool is_unix;
    char host[ADDRESS_HOST_MOST + 1]; /* or the path */
    char port[6];
};

/** @param standard_port  If it says none; NULL: it has to. @return NULL, or what is wrong. */
const char *address_read(struct address *address, toni_str text, const char *standard_port);

#endif
