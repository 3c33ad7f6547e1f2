/* Pauses; see pausing.h. */
#include "net/pausing.h"

#include "net/connection.h"
#include "net/inbound.h"

void pausing_begin(struct connection *connection)
{
    if (connection->is_paused || connection->peer_has_ended || connection->state != CONNECTION_OPEN)
        return;
    connection->is_paused = true;
    if (inbound_begin_pause(connection)) { /* without memory it is not paused */
        connection->is_paused = false;
        return;
    }
    stream_listen(&connection->stream, STREAM_END);
}

/* The clock stood still for the pause: from its beginning on, or from when it was set since. */
static void set_back(uint64_t *since_ms, uint64_t paused_ms, uint64_t now_ms)
{
    *since_ms = *since_ms < paused_ms ? *since_ms + (now_ms - paused_ms) : now_ms;
}

void pausing_end(struct connection *connection)
{
    if (!connection->is_paused)
        return;
    struct inbound *inbound = connection->inbound; /* of one that is paused there always is one */
    const uint64_t now_ms = connection_now_ms(connection), paused_ms = inbound->paused_ms;
    connection->is_paused = false;
    set_back(&connection->last_heard_ms, paused_ms, now_ms);
    set_back(&connection->last_message_ms, paused_ms, now_ms);
    if (inbound->message_began_ms != 0)
        set_back(&inbound->message_began_ms, paused_ms, now_ms);
    inbound_resume(connection);
    stream_listen(&connection->stream, STREAM_READ);
    connection_look_within(connection, 0); /* the clocks go on */
}

void pausing_peer_ended(struct connection *connection)
{
    connection->peer_has_ended = true;
    pausing_end(connection);
}
