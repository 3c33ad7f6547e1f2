/* A connection's calls to its gateway: whatever instance is in the slot at the moment. Not about
 * what the connection makes of the results.
 *
 * When the instance was exchanged, a client is handed on before the first callback of the new one
 * for it: what the old one kept with it is released, and `on_adopt` is called. All on the
 * connection's worker. */
#ifndef NET_WS_GATEWAY_H
#define NET_WS_GATEWAY_H

#include "net/ws_connection.h"

/** @return See instance_guard(). */
int32_t ws_gateway_guard(struct ws_connection *connection);

/** The client is there by now. @return See instance_on_connect(). */
int32_t ws_gateway_on_connect(struct ws_connection *connection);

/** Counts and logs what `on_connect` returned. */
void ws_gateway_refused(struct ws_connection *connection, int32_t error);

/** @return See instance_on_message(). A client that is being closed gets nothing. */
int32_t ws_gateway_on_message(struct ws_connection *connection, const toni_message *message);

/** The connection's client has ended.
 * @param info  NULL: the gateway is not told, but releases what it kept. */
void ws_gateway_on_disconnect(struct ws_connection *connection, toni_client *client,
                              const toni_disconnect_info *info);

/** Hands the client on, if that is due, and gives it the limits of the moment. */
void ws_gateway_adopt(struct ws_connection *connection);

#endif
