/* Who may ask. A web page can make its visitor's browser send requests to any address that the
 * browser reaches, and if the name of its own server is made to point there (DNS rebinding), it can
 * read the answers, too. What gives it away are the Host that the browser asks for, and the Origin
 * of the page.
 *
 * The rules are those of gateways.conf, `hosts` and `origins`; a reload changes them for who asks
 * from then on. All functions on any thread. */
#ifndef NET_ACCESS_H
#define NET_ACCESS_H

#include "config/config.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <toni/str.h>

struct access;

/** @param config  Gets one more reference. @return NULL on no memory. */
struct access *access_create(struct config *config);

/** Takes the rules of another configuration. */
void access_change(struct access *access, struct config *config);

/** @param access  NULL is fine. */
void access_destroy(struct access *access);

/** Tells whether a request for this host is for us: a name of `hosts`, of loopback, or the very
 * address that the client has reached.
 * @param host   As the client wrote it.
 * @param local  The connection's own address. */
bool access_knows_host(struct access *access, toni_str host, const struct sockaddr *local);

/** Tells whether a page may open a WebSocket: its Origin is listed, by the gateway or, if that has
 * no `origins`, by the host; or it is of the host that is asked for, and that is ours.
 * @param gateway  The name of the gateway.
 * @param origin   As the browser wrote it.
 * @param host     As above. */
bool access_allows_origin(struct access *access, const char *gateway, toni_str origin,
                          toni_str host, const struct sockaddr *local);

#endif
