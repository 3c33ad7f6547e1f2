/* The way of a request through the host: from its first line to a service and back. */
#ifndef NET_HTTP_REQUEST_H
#define NET_HTTP_REQUEST_H

struct MHD_Daemon;
struct http_server;

/** Starts the threads of one address, which accept on @p fd and answer.
 * @param fd  Stays the caller's. @return NULL on an error. */
struct MHD_Daemon *http_request_listen(struct http_server *server, int fd);

#endif
