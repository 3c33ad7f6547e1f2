/* Whether an HTTP request is for this host: what it says in Host. The same for services, the page
 * and what answers on `listen.admin`. */
#ifndef HTTP_HOST_H
#define HTTP_HOST_H

#include <stdbool.h>

/* What is answered with 403. */
#define HTTP_HOST_REFUSAL "This host does not go by that name.\n"

struct MHD_Connection;
struct access;
struct http_connection;

/** Tells whether Host names us; if not, the log says what to add. A client of HTTP/1.0 may leave it
 * out: no browser does.
 * @param address  The client's, for the log.
 * @thread The connection's. */
bool http_host_is_ours(struct access *access, struct MHD_Connection *mhd,
                       const struct http_connection *connection, const char *address);

#endif
