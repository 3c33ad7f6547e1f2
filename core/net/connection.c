/* Connections; see connection.h. */
#include "net/connection.h"

#include "net/server_data.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void connection_set_timeout(struct connection *connection, uint64_t delay_ms)
{
    timeout_set(&connection->served.worker->timeouts, &connection->timeout, delay_ms);
}

void connection_look_within(struct connection *connection, uint64_t delay_ms)
{
    const struct timeout *timeout = &connection->timeout;
    if (!timeout->link || timeout->due_ms > connection_now_ms(connection) + delay_ms)
        connection_set_timeout(connection, delay_ms);
}

/* --- Making */

struct connection *connection_create(struct worker *worker, int fd, const char *address,
                                     struct place *place, enum proxy_way way,
                                     const struct stream_owner *owner)
{
    const size_t length = strnlen(address, INET6_ADDRSTRLEN - 1);
    const size_t room = way == PROXY_NONE ? length + 1 : INET6_ADDRSTRLEN;
    const size_t size = offsetof(struct connection, address) + room;
    struct connection *connection =
        calloc(1, size > sizeof *connection ? size : sizeof *connection);
    if (!connection)
        return NULL;
    if (stream_open(&connection->stream, &worker->loop, fd, owner)) {
        free(connection);
        return NULL;
    }
    connection->served.worker = worker;
    connection->place = place;
    connection->proxy_way = (uint8_t)way;
    connection->end_cause = END_CAUSE_COUNT;
    memcpy(connection->address, address, length);
    connection->next = worker->connections;
    connection->link = &worker->connections;
    if (connection->next)
        connection->next->link = &connection->next;
    worker->connections = connection;
    connection->last_heard_ms = connection_now_ms(connection);
    connection_set_timeout(connection, worker->server->limits.handshake_ms);
    return connection;
}

void connection_leave_place(struct connection *connection)
{
    if (connection->place)
        places_give_back(&connection->served.worker->server->places, connection->place);
    free(connection->place);
    connection->place = NULL;
}

void connection_leave_admission(struct connection *connection)
{
    if (connection->is_admitted)
        admission_leave(&connection->served.worker->server->admission,
                        &connection->served.slot->connections, connection->address);
    connection->is_admitted = false;
}

void connection_unlink(struct connection *connection)
{
    if (!connection->link)
        return;
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    connection->link = NULL;
    connection_leave_admission(connection);
}
