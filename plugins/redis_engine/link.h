/* One socket to a server, with TLS or without: replies come in, commands go out together. */
#ifndef REDIS_ENGINE_LINK_H
#define REDIS_ENGINE_LINK_H

#include "incoming.h"
#include "lookup.h"
#include "outgoing.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <toni/engine.h>

/** What a link tells. Each may close the link, and open it again. */
struct link_calls {
    void (*opened)(void *data);
    void (*replied)(void *data, const redisReply *reply); /* borrowed */
    void (*ended)(void *data, const char *why);           /* it is closed already */
};

/** What a link is made with. */
struct link_settings {
    toni_engine *engine;
    const struct link_calls *calls;
    void *data;
    SSL_CTX *tls;         /* NULL: without */
    const char *tls_name; /* that the server's certificate has to have: a name or an address */
    size_t reply_most, output_most; /* bytes */
};

/** All zero: closed. */
struct link {
    struct link_settings with;
    bool is_open;
    bool is_ready; /* connected, and TLS is agreed on */
    bool wants_write;
    int fd;
    int64_t watch;
    uint32_t events; /* that are watched */
    uint64_t life;   /* rises when it is closed: whoever called out sees whether it still is */
    SSL *ssl;
    struct incoming incoming;
    struct outgoing outgoing;
    char why[256];
};

/** Begins to connect. @return 0: `opened` or `ended` will be called, not from within this call;
 * -1: it can't, and `why` says so. */
int link_open(struct link *link, const struct link_settings *settings, const struct place *place);

/** Ends it at once; nothing is called. One that is closed is no error. */
void link_close(struct link *link);

/** Writes what waits. May call `ended`. */
void link_flush(struct link *link);

/** Closes it, and calls `ended`. @param why  Copied. */
void link_end(struct link *link, const char *why);

#endif
