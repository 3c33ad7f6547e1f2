/* Who may ask, and who may say for whom. A web page can make its visitor's browser send requests to
 * any address that the browser reaches, and if the name of its own server is made to point there
 * (DNS rebinding), it can read the answers, too. What gives it away are the Host that the browser
 * asks for, and the Origin of the page.
 *
 * Behind a proxy each connection comes from that: whose it is says the proxy, if it is trusted.
 *
 * The rules are those of gateways.conf, `hosts`, `origins` and `trusted_proxies`; a reload changes
 * them for who asks from then on. All functions on any thread. */
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

/** Who asks for what the workbench of the page shows. */
struct workbench_asker {
    toni_str address;  /* the peer's, as a number; empty: it has none */
    toni_str host;     /* that it asked for; empty: none */
    bool is_forwarded; /* a proxy has handed the request on, for all one can tell */
};

/** Tells whether the workbench is for this one: `listen.workbench` of gateways.conf. */
bool access_allows_workbench(struct access *access, const struct workbench_asker *asker);

/** @return How this peer tells whose its connections are; PROXY_NONE: it is not trusted to. */
enum proxy_way access_proxy_way(struct access *access, const struct sockaddr_storage *peer);

/** What a trusted proxy has written into the head of a request. */
struct forwarded_reading {
    struct config *config; /* whose rules hold */
    enum proxy_way way;
    bool is_bad;
    struct forwarded forwarded;
};

/** Begins to find out whom a trusted proxy has named; access_end_forwarded() must follow.
 * @param way  PROXY_BY_LIST or PROXY_BY_FIELD, as it was when the proxy connected. */
void access_begin_forwarded(struct access *access, enum proxy_way way,
                            struct forwarded_reading *reading);

/** Takes one value of the field proxy_field_name(), in the order of the head. */
void access_take_forwarded(struct forwarded_reading *reading, toni_str value);

/** @param client  Set if somebody is named (1); else nobody is (0).
 * @return 1, 0, or -1 if the field can't be read: then the request is to be refused. */
int access_end_forwarded(struct forwarded_reading *reading, toni_ip *client);

/** @return The name of the header field that a way is about. */
const char *proxy_field_name(enum proxy_way way);

#endif
