/* Endings; see ending.h. */
#include "net/ending.h"

#include "instance/instance.h"
#include "net/inbound.h"
#include "net/opening_state.h"
#include "net/server_data.h"

#include <stdlib.h>

/* --- The cause */

/* What the rooms have found counts, though the connection may be lost before the client was told.
 */
static enum end_cause cause_in_rooms(const struct connection *connection, enum end_cause otherwise)
{
    const toni_client *client = connection->served.client;
    if (connection->served.is_refused)
        return END_BY_REFUSAL;
    if (client && client->receiver.evicted)
        return END_BY_OUTBOX_MEMORY;
    if (client && client->receiver.slow)
        return END_BY_SLOWNESS;
    if (client && client->receiver.starved)
        return END_BY_FAULT;
    return otherwise;
}

static void note_cause(struct connection *connection, enum end_cause cause, uint16_t code)
{
    if (connection->end_cause != END_CAUSE_COUNT)
        return;
    connection->end_cause = (uint8_t)cause_in_rooms(connection, cause);
    if (cause == END_BY_CLIENT && code == 0)
        code = 1005; /* none was present: RFC 6455, section 7.1.5 */
    connection->end_code = connection->end_cause == cause ? code : 0;
}

static uint32_t reason_of(enum end_cause cause)
{
    switch (cause) {
    case END_BY_CLIENT:
        return TONI_CLOSED_BY_CLIENT;
    case END_BY_PROTOCOL_ERROR:
        return TONI_CLOSED_PROTOCOL_ERROR;
    case END_BY_IDLENESS:
        return TONI_CLOSED_TIMEOUT;
    case END_BY_DRAIN:
        return TONI_CLOSED_DRAIN;
    case END_BY_LOSS:
        return TONI_CLOSED_LOST;
    default:
        return TONI_CLOSED_BY_SERVER;
    }
}

/* --- The end as far as gateway and rooms are concerned */

/* One client less; while draining, the last one tells the host. */
static void count_out(struct server *server)
{
    if (atomic_fetch_sub(&server->clients, 1) == 1 && atomic_load(&server->draining))
        uv_async_send(server->drained);
}

static void notify_gateway(struct connection *connection, toni_client *client)
{
    toni_disconnect_info info = {
        .struct_size = sizeof info,
        .reason = reason_of((enum end_cause)connection->end_cause),
        .code = connection->end_code,
        .text = toni_str_of(connection->end_text ? connection->end_text : ""),
    };
    if (info.reason == TONI_CLOSED_BY_SERVER)
        info.code = client->close_code;
    gateway_on_disconnect(&connection->served, client, &info);
}

static void end_client(struct connection *connection)
{
    struct worker *worker = connection->served.worker;
    toni_client *client = connection->served.client;
    if (!client)
        return;
    note_cause(connection, client_was_revoked(client) ? END_BY_REVOCATION : END_BY_PLUGIN, 0);
    connection->served.client = NULL;
    drain_forget(&worker->drain, &connection->drain);
    counter_add(&worker->figures.ended[connection->end_cause], 1);
    client_untarget(client);
    client_discard(client);
    if (connection->served.is_refused)
        gateway_on_disconnect(&connection->served, client, NULL);
    else
        notify_gateway(connection, client);
    client_finish(client);
    client_unref(client);
    count_out(worker->server);
}

void connection_destroy(struct connection *connection)
{
    struct worker *worker = connection->served.worker;
    end_client(connection);
    connection_unlink(connection);
    opening_free(connection->opening);
    free(connection->end_text);
    free(connection);
    worker_release(worker);
}

/* --- Ways to the end */

void connection_abort(struct connection *connection, enum end_cause cause)
{
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (cause != END_CAUSE_COUNT)
        note_cause(connection, cause, 0);
    connection->state = CONNECTION_CLOSED;
    connection->is_paused = false;
    opening_end_wait(connection->opening, GUARD_GONE);
    inbound_forget(connection);
    timeout_clear(&connection->served.worker->timeouts, &connection->timeout);
    connection_leave_place(connection); /* before another socket can have its number */
    stream_close(&connection->stream);
}

void connection_end(struct connection *connection, enum end_cause cause, uint16_t code,
                    toni_str text)
{
    toni_client *client = connection->served.client;
    if (!client || connection->state >= CONNECTION_CLOSING) /* what it is told, it is told */
        return;
    if (!client_is_open(client)) { /* its gateway was faster, and what that said is on its way */
        if (cause != END_BY_FAULT)
            return;
        note_cause(connection, cause, code);
        client_close_now(client, code, text);
        return;
    }
    note_cause(connection, cause, code);
    inbound_forget_message(connection);
    if (client_close(client, code, text) != TONI_OK)
        connection_abort(connection, cause);
}

void connection_end_now(struct connection *connection, enum end_cause cause, uint16_t code,
                        const char *text)
{
    toni_client *client = connection->served.client;
    if (!client || !client_is_open(client)) { /* it is told already */
        connection_abort(connection, cause);
        return;
    }
    note_cause(connection, cause, code);
    inbound_forget_message(connection);
    client_close_now(client, code, toni_str_of(text));
}

void connection_fault(struct connection *connection, uint16_t code)
{
    const char *text = code == INSTANCE_FAULT_CODE ? "the gateway failed" : "";
    connection_end(connection, END_BY_FAULT, code, toni_str_of(text));
}

void connection_drain(struct connection *connection)
{
    drain_forget(&connection->served.worker->drain, &connection->drain);
    if (connection->state == CONNECTION_OPEN && client_is_open(connection->served.client))
        connection_end(connection, END_BY_DRAIN, 1001, toni_str_of("going away"));
}

void connection_adopt(struct connection *connection)
{
    toni_client *client = connection->served.client;
    if (!client)
        return;
    connection->limits = slot_limits(connection->served.slot);
    client_set_limits(client, connection->limits);
    if (gateway_adopt(&connection->served) != TONI_OK && client_is_open(client))
        connection_fault(connection, INSTANCE_FAULT_CODE);
}

void connection_abandon(struct connection *connection)
{
    connection_abort(connection, END_BY_DRAIN);
    end_client(connection);
    connection_unlink(connection);
}
