/* Pauses; see ws_pause.h. */
#include "net/ws_pause.h"

#include "net/ws_connection.h"
#include "net/ws_inbound.h"

#include <libwebsockets.h>
#include <poll.h>

/* So late the end of a peer is noticed: while nothing is read, no event tells of it. */
#define LOOK_EVERY_MS 1000

void ws_pause_begin(struct ws_connection *connection)
{
    if (connection->paused || connection->peer_has_ended || connection->state != WS_OPEN)
        return;
    connection->paused = true;
    connection->paused_ms = ws_connection_now_ms(connection);
    lws_rx_flow_control(connection->wsi, 0);
    ws_inbound_note(connection);
    ws_connection_look_within(connection, LOOK_EVERY_MS);
}

/* The clock stood still for the pause: from its beginning on, or from when it was set since. */
static void set_back(uint64_t *since_ms, uint64_t paused_ms, uint64_t now_ms)
{
    *since_ms = *since_ms < paused_ms ? *since_ms + (now_ms - paused_ms) : now_ms;
}

void ws_pause_end(struct ws_connection *connection)
{
    if (!connection->paused)
        return;
    const uint64_t now_ms = ws_connection_now_ms(connection), paused_ms = connection->paused_ms;
    connection->paused = false;
    set_back(&connection->last_heard_ms, paused_ms, now_ms);
    set_back(&connection->last_message_ms, paused_ms, now_ms);
    set_back(&connection->pinged_ms, paused_ms, now_ms);
    if (connection->message_began_ms != 0)
        set_back(&connection->message_began_ms, paused_ms, now_ms);
    ws_inbound_note(connection);
    if (connection->state == WS_OPEN) /* what has begun to close reads by itself */
        lws_rx_flow_control(connection->wsi, 1);
}

uint64_t ws_pause_look(struct ws_connection *connection)
{
    struct pollfd peer = {.fd = connection->fd, .events = POLLRDHUP};
    if (poll(&peer, 1, 0) == 1) {
        if (peer.revents & (POLLERR | POLLHUP)) {
            ws_connection_give_up(connection, TONI_CLOSED_LOST);
            return 0;
        }
        connection->peer_has_ended = true;
        ws_pause_end(connection);
    }
    return LOOK_EVERY_MS;
}
