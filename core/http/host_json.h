/* What runs, as JSON: /toni.json for anybody, /.toni/host.json for the workbench. */
#ifndef HTTP_HOST_JSON_H
#define HTTP_HOST_JSON_H

#include "instance/slot.h"
#include "net/listener.h"

#include <stddef.h>

/* How much is told, and to whom. */
enum host_json {
    HOST_JSON_PUBLIC,    /* /toni.json */
    HOST_JSON_STRANGER,  /* /.toni/host.json, for one whom the workbench is not for */
    HOST_JSON_WORKBENCH, /* /.toni/host.json */
};

/** Writes `{"version": "0.1.0", "websocket": [{"port": 9000}], "gateways": [{"name": "rooms",
 * "path": "/rooms"}]}`. The ports are those that are really bound, each once, `"tls": true` with
 * those that speak it; Unix sockets are left out, as no browser can reach them. /.toni/host.json
 * has `workbench`, true or false, too. For the workbench a gateway has also
 *
 *     "module", "plugin": {"name", "version"}, "subprotocols": [name], "clients": how many,
 *     "guarded": whether a guard is asked, "lists_rooms": whether it allows that,
 *     "events": see events_json.h
 *
 * @param listeners  Bound, for WebSocket.
 * @return Allocated; NULL on no memory. @thread Any, within no call of a slot. */
char *http_host_to_json(const struct listener *listeners, size_t count, struct slots *slots,
                        enum host_json how);

#endif
