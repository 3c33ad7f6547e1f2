/* Events by state; see dispatch.h. */
#include "net/dispatch.h"

#include "base/clock.h"
#include "net/closing.h"
#include "net/ending.h"
#include "net/guarding.h"
#include "net/inbound.h"
#include "net/opening.h"
#include "net/outbound.h"
#include "net/pausing.h"
#include "net/peer.h"
#include "net/receiving.h"
#include "net/relieved.h"
#include "net/server_data.h"
#include "net/watching.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static void on_readable(struct connection *connection)
{
    switch ((enum connection_state)connection->state) {
    case CONNECTION_OPENING:
        opening_readable(connection);
        break;
    case CONNECTION_OPEN:
        receiving_readable(connection);
        break;
    case CONNECTION_CLOSING:
    case CONNECTION_LINGERING:
        closing_readable(connection);
        break;
    case CONNECTION_CLOSED:
        break;
    }
}

static void on_writable(struct connection *connection)
{
    if (connection->state == CONNECTION_LINGERING)
        closing_sent(connection);
    else
        outbound_writable(connection);
}

/* A socket that is broken is not polled any more: so what it holds is read here, to its end, or
 * nothing of it is wanted. What is kept, of a pause or of one that is set aside, comes first: then
 * this goes on behind that. */
static void read_to_the_end(struct connection *connection)
{
    while (connection->state != CONNECTION_CLOSED && !connection->is_paused &&
           !connection->peer_has_ended && !inbound_is_resumed(connection->inbound))
        on_readable(connection);
    if (!inbound_is_resumed(connection->inbound))
        connection_abort(connection, END_BY_LOSS);
}

void dispatch_resume(struct worker *worker)
{
    struct connection *connection;
    if (!worker->resumed)
        return;
    uint64_t now_ns = clock_now_ns();
    const uint64_t until_ns = now_ns + TURN_ASIDE_NS;
    /* Each once: some may be paused or set aside again meanwhile. */
    for (size_t count = worker->resumed_count;
         count > 0 && now_ns < until_ns && (connection = inbound_next_resumed(worker)); count--) {
        turn_share_begin_at(&worker->share, now_ns, until_ns);
        receiving_go_on(connection);
        if (connection->stream.is_broken)
            read_to_the_end(connection);
        now_ns = clock_now_ns();
    }
}

static void ready(struct stream *stream, unsigned events)
{
    struct connection *connection = connection_of_stream(stream);
    worker_notice_turn(connection->served.worker);
    if (stream->is_broken) {
        read_to_the_end(connection);
        return;
    }
    if (events & STREAM_WRITE)
        on_writable(connection);
    if (events & STREAM_END && connection->is_paused)
        pausing_peer_ended(connection);
    else if (events & (STREAM_READ | STREAM_END))
        on_readable(connection);
}

static void closed(struct stream *stream)
{
    struct connection *connection = connection_of_stream(stream);
    worker_notice_turn(connection->served.worker);
    relieved_forget(connection);
    connection_destroy(connection);
}

static const struct stream_owner owner = {.ready = ready, .closed = closed};

int dispatch_adopt(struct worker *worker, int fd, const char *address, struct place *place,
                   const struct approach *approach)
{
    struct places *places = &worker->server->places;
    struct tls_port *tls = approach->tls;
    struct connection *connection =
        connection_create(worker, fd, address, place, approach->way, &owner);
    if (connection && tls &&
        stream_secure(&connection->stream, &worker->streams, tls, place, connection->address)) {
        connection_abort(connection, END_BY_FAULT);
        return 0;
    }
    if (connection) {
        places_arrive(places, place);
        return 0;
    }
    places_give_back(places, place);
    free(place);
    close(fd);
    return -1;
}

void dispatch_expired(struct timeout *timeout)
{
    struct connection *connection =
        (struct connection *)((char *)timeout - offsetof(struct connection, timeout));
    worker_notice_turn(connection->served.worker);
    switch ((enum connection_state)connection->state) {
    case CONNECTION_OPENING:
        opening_expired(connection);
        break;
    case CONNECTION_OPEN:
        watching_look(connection);
        break;
    case CONNECTION_CLOSING: /* the rest can't be flushed, or the peer doesn't answer the close */
    case CONNECTION_LINGERING:
        connection_abort(connection, END_CAUSE_COUNT);
        break;
    case CONNECTION_CLOSED:
        break;
    }
}

void dispatch_dismiss(struct connection *connection)
{
    if (guarding_waits(connection))
        guarding_withdraw(connection);
    else
        connection_drain(connection);
}

void dispatch_renew(struct connection *connection)
{
    if (guarding_waits(connection))
        guarding_adopt(connection);
    else
        connection_adopt(connection);
}

void dispatch_abandon(struct connection *connection)
{
    if (guarding_waits(connection))
        guarding_withdraw(connection);
    connection_abandon(connection);
}

void dispatch_drain(struct drain *drain, struct drain_node *node)
{
    (void)drain;
    struct connection *connection =
        (struct connection *)((char *)node - offsetof(struct connection, drain));
    worker_notice_turn(connection->served.worker);
    connection_drain(connection);
}
