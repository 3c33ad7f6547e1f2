/* Calls to gateways; see ws_gateway.h. */
#include "net/ws_gateway.h"

#include "instance/instance.h"

#include <toni/error.h>

/* Each call is between these two. */

static struct instance *enter(struct ws_connection *connection)
{
    worker_calls(connection->worker, connection->gateway);
    return slot_enter(connection->gateway);
}

static void leave(struct ws_connection *connection)
{
    slot_exit(connection->gateway);
}

static void release(struct instance *retired, toni_client *client)
{
    if (retired)
        instance_client_free(retired, client->data);
    client_set_data(client, NULL);
}

/* Inside the slot. A client of an instance that is not there any more is the new one's from now on;
 * but not one that was refused, whose end nobody would be told of. */
static void hand_on(struct ws_connection *connection, toni_client *client,
                    struct instance *instance)
{
    struct slot *slot = connection->gateway;
    if (connection->generation == slot->generation)
        return;
    connection->generation = slot->generation;
    release(slot->retired, client);
    if (!instance || connection->refused)
        return;
    if (instance_on_adopt(instance, client) != TONI_OK && client_is_open(client))
        ws_connection_fault(connection);
}

int32_t ws_gateway_guard(struct ws_connection *connection)
{
    int32_t result = TONI_OK;
    struct instance *instance = enter(connection);
    if (instance)
        result = instance_guard(instance, connection->request);
    leave(connection);
    return result;
}

int32_t ws_gateway_on_connect(struct ws_connection *connection)
{
    int32_t result = TONI_OK;
    struct instance *instance = enter(connection);
    connection->generation = connection->gateway->generation;
    if (instance)
        result = instance_on_connect(instance, connection->client);
    if (result !=
        TONI_OK) /* no callback follows: it carries nothing that a swap would have to mind */
        release(instance, connection->client);
    leave(connection);
    return result;
}

void ws_gateway_refused(struct ws_connection *connection, int32_t error)
{
    struct instance *instance = enter(connection);
    if (instance)
        instance_callback_failed(instance, "on_connect", connection->client, error);
    leave(connection);
}

int32_t ws_gateway_on_message(struct ws_connection *connection, const toni_message *message)
{
    int32_t result = TONI_OK;
    struct instance *instance = enter(connection);
    hand_on(connection, connection->client, instance);
    if (instance && client_is_open(connection->client))
        result = instance_on_message(instance, connection->client, message);
    leave(connection);
    return result;
}

void ws_gateway_on_disconnect(struct ws_connection *connection, toni_client *client,
                              const toni_disconnect_info *info)
{
    struct instance *instance = enter(connection);
    hand_on(connection, client, instance);
    client_begin_leaving(client);
    if (instance && info)
        instance_on_disconnect(instance, client, info);
    release(instance, client);
    leave(connection);
}

void ws_gateway_adopt(struct ws_connection *connection)
{
    if (!connection->client)
        return;
    connection->limits = slot_limits(connection->gateway);
    client_set_limits(connection->client, connection->limits);
    struct instance *instance = enter(connection);
    hand_on(connection, connection->client, instance);
    leave(connection);
}
