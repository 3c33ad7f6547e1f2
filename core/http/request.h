/* The way of a request through the host: from its first line to a service and back. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

struct MHD_Daemon;
struct http_connection;

/** Starts a thread that answers on the connections that it is handed: a http_start_thread.
 * @param data  The server. @return NULL on an error. */
struct MHD_Daemon *http_request_start(void *data);

/** A connection that never asked is gone: a http_connection_lost. @param data  The server. */
void http_request_lost(void *data, struct http_connection *connection);

/** A client is a connection by now, or has gone before it became one: a proxy_reading_over.
 * @param data  The server. @thread Any. */
void http_newcomer_over(void *data);

#endif
