/* What goes out; see outbound.h. */
#include "net/outbound.h"

#include "net/closing.h"
#include "net/ending.h"
#include "net/pausing.h"
#include "net/relieved.h"
#include "net/watching.h"

static bool busy(void *socket)
{
    const struct connection *connection = socket;
    return connection->stream.is_full || connection->state == CONNECTION_CLOSED;
}

/* The stream says by itself when it takes more. What waits has so long to move. */
static void want_flush(void *socket)
{
    struct connection *connection = socket;
    if (connection->state == CONNECTION_OPEN)
        connection_look_within(connection, connection->limits->stalled_ms);
}

static ssize_t write_bytes(void *socket, const uint8_t *bytes, size_t size)
{
    struct connection *connection = socket;
    ssize_t taken = stream_write(&connection->stream, bytes, size);
    if (taken < 0)
        connection_abort(connection, END_BY_LOSS);
    return taken;
}

static void pause_reading(void *socket, bool pause)
{
    if (pause)
        pausing_begin(socket);
    else
        pausing_end(socket);
}

static void drained(void *socket)
{
    relieved_note(socket);
}

static void close_begun(void *socket)
{
    closing_begin(socket);
}

static void close_written(void *socket)
{
    closing_written(socket);
}

static void identified(void *socket)
{
    watching_identified(socket);
}

const struct transport outbound_transport = {
    .busy = busy,
    .want_flush = want_flush,
    .write = write_bytes,
    .pause = pause_reading,
    .drained = drained,
    .close_begun = close_begun,
    .close_written = close_written,
    .identified = identified,
};

/* Somebody reads: as good as a pong. */
void outbound_writable(struct connection *connection)
{
    toni_client *client = connection->served.client;
    if (!client)
        return;
    watching_heard(connection);
    client_moved(client);
    client_flush(client);
}
