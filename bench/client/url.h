/* Where to connect, as it is given on a command line. */
#ifndef CLIENT_URL_H
#define CLIENT_URL_H

#include <stdbool.h>

/** Each text is allocated. */
struct url {
    bool tls;
    char *host;   /* a name or an address, without brackets; NULL: a Unix socket */
    char *port;   /* digits, or a service's name; NULL: a Unix socket */
    char *socket; /* the path of a Unix socket; NULL: TCP */
    char *path;   /* with the query; "/" at least; it may hold placeholders (template.h) */
};

/** Takes `ws://HOST[:PORT][/PATH]`, `wss://…`, where HOST may be [IPv6], and
 * `unix:/SOCKET[:/PATH]`.
 * @param url  For url_finish, whatever is returned.
 * @return NULL, or what is wrong. */
const char *url_parse(struct url *url, const char *text);

void url_finish(struct url *url);

#endif
