/* The options of an instance, read and checked once; but passwords may change meanwhile. */
#ifndef REDIS_ENGINE_SETTINGS_H
#define REDIS_ENGINE_SETTINGS_H

#include "address.h"
#include "secret.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <toni/toni.h>

#define SETTINGS_SERVERS_MOST 64
#define SETTINGS_SENTINELS_MOST 8
#define SETTINGS_PREFIX_MOST 64

/** Where one server is: at an address, or where sentinels say that the primary is. */
struct server_place {
    toni_str name;         /* of the server, the same on all nodes; borrowed of the options */
    size_t sentinel_count; /* 0: it is at addresses[0] */
    struct address addresses[SETTINGS_SENTINELS_MOST];
};

/** Who this host is to a server. */
struct credentials {
    toni_str user;             /* empty: the default one */
    const char *option;        /* that names the file */
    const char *password_file; /* NULL: none; borrowed of the options */
    struct secret password;    /* what the file had when it could be read */
    char unread[96];           /* why it could not be read for the last connection; empty: it was */
};

struct settings {
    toni_str prefix;
    uint32_t database;
    uint64_t room_life_ms;
    size_t reply_most, output_most; /* bytes */
    struct credentials server, sentinel;
    SSL_CTX *tls; /* NULL: without */
    toni_str tls_name;
    size_t server_count;
    struct server_place servers[SETTINGS_SERVERS_MOST];
};

/** The options that they are read from, for the descriptor. */
extern const toni_option *const settings_options[];

/** @return TONI_OK, or an error that was said by toni_fail. Finish it all the same. */
int32_t settings_read(struct settings *settings, toni_context *context);

void settings_finish(struct settings *settings);

#endif
