/* Lingering; see ws_lingering.h. */
#include "net/ws_lingering.h"

#include "net/ws_connection.h"
#include "ws/frame.h"

#include <errno.h>
#include <libwebsockets.h>
#include <sys/socket.h>

/* More than this is not taken from one that goes on sending. */
#define DROPPED_MAX 1048576

/* It looks soon, since most peers answer at once, and then less and less often. */
#define FIRST_LOOK_MS 10
#define LAST_LOOK_MS 80

void ws_lingering_begin(struct ws_connection *connection)
{
    const uint64_t close_ms = connection->limits->close_ms;
    connection->lingers = true;
    connection->close_due_ms = ws_connection_now_ms(connection) + close_ms;
    connection->look_ms = FIRST_LOOK_MS;
    connection->dropped_bytes = 0;
    lws_rx_flow_control(connection->wsi, 0);
    ws_connection_set_timeout(connection, close_ms < FIRST_LOOK_MS ? close_ms : FIRST_LOOK_MS);
}

void ws_lingering_written(struct ws_connection *connection)
{
    if (!connection->lingers || !connection->client || !connection->client->close_written ||
        lws_partial_buffered(connection->wsi))
        return;
    shutdown(connection->fd, SHUT_WR);
    connection->write_is_shut = true;
    connection->look_ms = FIRST_LOOK_MS;
    ws_connection_look_within(connection, FIRST_LOOK_MS);
}

/* Nothing follows a peer's close, so if it has come, it is what these bytes end with. What only
 * looks like one ends the connection sooner than it might. */
static bool ends_with_close(const uint8_t *bytes, size_t size)
{
    for (size_t payload = 0; payload <= FRAME_CONTROL_MAX && payload + 6 <= size; payload++) {
        const uint8_t *frame = bytes + size - payload - 6;
        if (frame[0] == (0x80 | FRAME_CLOSE) && frame[1] == (0x80 | payload))
            return true;
    }
    return false;
}

/* Takes one buffer's worth. @return How much there was; -1: nothing, and nothing will come. */
static ssize_t take(struct ws_connection *connection)
{
    uint8_t *bytes = connection->worker->lane->scratch;
    ssize_t taken = recv(connection->fd, bytes, FRAME_MAX, MSG_DONTWAIT);
    if (taken < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    if (taken > 0 && ends_with_close(bytes, (size_t)taken))
        connection->peer_has_closed = true;
    return taken > 0 ? taken : -1;
}

void ws_lingering_expired(struct ws_connection *connection)
{
    const uint64_t now_ms = ws_connection_now_ms(connection);
    ssize_t taken = connection->dropped_bytes < DROPPED_MAX ? take(connection) : 0;
    const bool is_over = connection->peer_has_closed && connection->write_is_shut;
    if (taken < 0 || is_over || now_ms >= connection->close_due_ms) {
        ws_connection_give_up(connection, 0);
        return;
    }
    connection->dropped_bytes += (uint32_t)taken;
    if (taken == 0 && connection->look_ms < LAST_LOOK_MS)
        connection->look_ms *= 2;
    const uint64_t left_ms = connection->close_due_ms - now_ms;
    ws_connection_set_timeout(connection,
                              left_ms < connection->look_ms ? left_ms : connection->look_ms);
}
