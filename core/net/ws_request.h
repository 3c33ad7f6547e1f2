/* Reads from libwebsockets what a client asked for. Headers are there until the connection is
 * established; what is wanted later is copied. */
#ifndef NET_WS_REQUEST_H
#define NET_WS_REQUEST_H

#include "net/ws_connection.h"

#include <libwebsockets.h>

/** Reads one header.
 * @param token  Of libwebsockets.
 * @param text   Filled in, NUL-terminated; empty if the header is missing or doesn't fit.
 * @return Its length. */
size_t ws_request_token(struct lws *wsi, enum lws_token_indexes token, char *text, size_t size);

/** Reads the path, percent-decoded and without the query.
 * @param method  Set to libwebsockets' number; 0 is GET. -1: none, or more than one.
 * @return Borrowed from libwebsockets. */
toni_str ws_request_path(struct lws *wsi, int *method);

/** Copies what outlives the handshake, and the headers that the gateway keeps, into
 * `connection->request`.
 * @return 0, or -1 on no memory. */
int ws_request_read(struct ws_connection *connection, toni_str subprotocol);

/** Lets every header be read by name, for the length of one callback. */
void ws_request_open_headers(struct ws_connection *connection);

/** Ends that, and frees what was read. */
void ws_request_close_headers(struct ws_connection *connection, toni_request *request);

#endif
