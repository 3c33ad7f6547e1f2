/* Closing; see closing.h. */
#include "net/closing.h"

#include "net/ending.h"
#include "net/inbound.h"
#include "net/pausing.h"
#include "net/server_data.h"
#include "ws/frame.h"

#include <stdlib.h>

/* More than this is not taken from one that goes on sending. */
#define DROPPED_MAX 1048576

static void begin_clock(struct connection *connection)
{
    const struct limits *limits =
        connection->limits ? connection->limits : &connection->served.worker->server->limits;
    connection->dropped_bytes = 0;
    connection_set_timeout(connection, limits->close_ms);
}

/* What follows a handshake that was refused is no frames. */
static void drop(struct connection *connection, const uint8_t *bytes, size_t size)
{
    if (size > 0 && connection->served.client && !connection->peer_has_closed)
        connection->peer_has_closed = codec_drop(&connection->codec, bytes, size);
}

static void drop_rest(struct connection *connection)
{
    size_t size;
    uint8_t *rest = inbound_take_rest(connection, &size);
    drop(connection, rest, size);
    free(rest);
}

void closing_begin(struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN)
        return;
    pausing_end(connection);
    drop_rest(connection);
    inbound_forget(connection);
    connection->state = CONNECTION_CLOSING;
    stream_listen(&connection->stream, STREAM_READ); /* it may have been set aside */
    begin_clock(connection);
}

/* Takes one buffer's worth. @return Whether there was something, and less than that: then there may
 * be the end behind it. Who floods has a buffer's worth taken a turn. */
static bool take(struct connection *connection)
{
    /* Not the worker's receive buffer: a flush in the middle of a read may lead here. */
    uint8_t *bytes = connection->served.worker->lane->scratch;
    ssize_t taken = stream_read(&connection->stream, bytes, FRAME_MAX);
    if (taken == STREAM_BROKEN) {
        connection_abort(connection, END_CAUSE_COUNT);
    } else if (taken == STREAM_ENDED) {
        connection->peer_has_ended = true;
        stream_listen(&connection->stream, 0);
    } else if (taken > 0) {
        drop(connection, bytes, (size_t)taken);
        connection->dropped_bytes += (uint32_t)taken;
        if (connection->dropped_bytes >= DROPPED_MAX)
            stream_listen(&connection->stream, STREAM_END);
    }
    return taken > 0 && taken < (ssize_t)FRAME_MAX;
}

/* Both have said close, or the peer has gone: nothing is waited for. */
static void end_if_over(struct connection *connection)
{
    if (connection->state == CONNECTION_LINGERING && !stream_is_unsent(&connection->stream) &&
        (connection->peer_has_closed || connection->peer_has_ended))
        connection_abort(connection, END_CAUSE_COUNT);
}

/* A flush while a read is taken may lead here: what is left of that comes first. */
static void linger(struct connection *connection)
{
    while (!connection->is_taking && connection->state == CONNECTION_LINGERING &&
           !connection->peer_has_ended && connection->dropped_bytes < DROPPED_MAX &&
           take(connection))
        ;
    end_if_over(connection);
}

void closing_written(struct connection *connection)
{
    if (connection->state != CONNECTION_OPENING && connection->state != CONNECTION_CLOSING)
        return;
    if (connection->state == CONNECTION_OPENING)
        begin_clock(connection);
    connection->state = CONNECTION_LINGERING;
    stream_shut_write(&connection->stream);
    linger(connection);
}

void closing_sent(struct connection *connection)
{
    end_if_over(connection);
}

void closing_take(struct connection *connection, const uint8_t *bytes, size_t size)
{
    drop(connection, bytes, size);
    linger(connection);
}

void closing_readable(struct connection *connection)
{
    if (connection->dropped_bytes >= DROPPED_MAX) { /* it has ended, behind a flood */
        connection->peer_has_ended = true;
        stream_listen(&connection->stream, 0);
    } else {
        (void)take(connection);
    }
    end_if_over(connection);
}
