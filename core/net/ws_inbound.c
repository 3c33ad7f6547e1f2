/* Unfinished messages; see ws_inbound.h. */
#include "net/ws_inbound.h"

#include "base/log_limit.h"
#include "net/worker.h"
#include "net/ws_connection.h"
#include "net/ws_context.h"
#include "rooms/connections.h"
#include "rooms/pins.h"

#include <stddef.h>

static struct budget *budget_of(const struct worker *worker)
{
    return &worker->lane->budgets[BUDGET_INBOUND];
}

/* libwebsockets keeps the rest of one read of a client that is not read from. */
static uint64_t kept_bytes(const struct ws_connection *connection)
{
    return connection->message.capacity + (connection->paused ? WS_RECEIVE_MAX : 0);
}

void ws_inbound_note(struct ws_connection *connection)
{
    struct worker *worker = connection->worker;
    const uint64_t bytes = kept_bytes(connection), before = connection->inbound.bytes;
    if (bytes == before)
        return;
    if (bytes > before)
        budget_charge(budget_of(worker), bytes - before);
    else
        budget_release(budget_of(worker), before - bytes);
    pin_set(worker->lane, BUDGET_INBOUND, &connection->inbound, bytes);
}

void ws_inbound_came(struct ws_connection *connection)
{
    if (connection->message_began_ms == 0) {
        connection->message_began_ms = ws_connection_now_ms(connection);
        ws_connection_look_within(connection, connection->limits->message_ms);
    }
    ws_inbound_note(connection);
    pin_moved(connection->worker->lane, BUDGET_INBOUND, &connection->inbound);
}

uint64_t ws_inbound_look(struct ws_connection *connection)
{
    if (connection->message.length == 0)
        return UINT64_MAX;
    const uint64_t due_ms = connection->message_began_ms + connection->limits->message_ms;
    const uint64_t now_ms = ws_connection_now_ms(connection);
    if (now_ms < due_ms)
        return due_ms - now_ms;
    ws_connection_fail(connection, END_BY_MESSAGE_TIME, 1008, "a message took too long");
    return 0;
}

static struct ws_connection *connection_of(struct pin *pin)
{
    return (struct ws_connection *)((char *)pin - offsetof(struct ws_connection, inbound));
}

void ws_inbound_relieve(struct worker *worker)
{
    struct pin *pin;
    while ((pin = budget_victim(budget_of(worker), worker->lane))) {
        struct ws_connection *connection = connection_of(pin);
        log_limited(LOG_LEVEL_WARN,
                    "client closed: unfinished messages together are above inbound_bytes",
                    log_str("client", connection->client ? connection->client->name : ""),
                    log_uint("bytes", pin->bytes));
        ws_connection_fail(connection, END_BY_INBOUND_MEMORY, 1013, "too much is under way");
    }
}
