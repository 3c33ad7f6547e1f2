/* A client: one WebSocket connection as the rooms see it. Its rooms, its outbox, and its end. Knows
 * no sockets: it writes through a transport.
 *
 * Any thread may hold a reference and ask for something; what is sent goes through the inbox of the
 * client's lane, and only that lane's worker touches the outbox. */
#ifndef ROOMS_CLIENT_H
#define ROOMS_CLIENT_H

#include "base/hash_table.h"
#include "rooms/lane.h"
#include "rooms/limits.h"
#include "rooms/memberships.h"
#include "rooms/outbox.h"
#include "rooms/receipt.h"
#include "rooms/request.h"
#include "rooms/room.h"
#include "rooms/transport.h"

#include <toni/types.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* So many pings and pongs may wait in an outbox; of more the last takes the place of the one before
 * it, as RFC 6455, section 5.5.3, allows. */
#define CLIENT_CONTROLS_MAX 16

enum client_state {
    CLIENT_OPEN,
    CLIENT_CLOSING, /* no target any more, but still a member of its rooms */
    CLIENT_GONE,
};

struct toni_client {
    const toni_host *host; /* first, for ever: see toni/abi.h */
    struct hash_node node; /* of the table of clients */
    toni_connections *connections;
    toni_request *request;   /* owned */
    void *gateway;           /* whoever made the client knows what this is */
    void *data;              /* the plugin's */
    int64_t connected_since; /* wall clock, milliseconds */
    toni_client_id id;
    char name[TONI_CLIENT_NAME_SIZE];
    atomic_uint refs;

    pthread_mutex_t mutex; /* guards the next three */
    struct memberships memberships;
    _Atomic enum client_state state; /* changed under the lock, read without */
    atomic_bool is_leaving;          /* see client_begin_leaving() */
    uint16_t close_code;             /* of the server's close; 0 if it was not the server's */

    /* Direct sends that came since the last flush; with what that left (below) these decide who is
     * told that the outbox is full. */
    atomic_uint_fast64_t posted_messages, posted_bytes;

    struct counter dropped; /* messages that were accepted for it and dropped; the worker counts */
    struct gateway_figures *gateway_figures; /* its gateway's; borrowed; NULL: not counted */

    /* What the worker reads and writes for each message lies together, in three cache lines: with
     * many clients each line is one to wait for. */
    struct lane *lane;
    const struct transport *transport;
    void *socket;                        /* for the transport; the worker's */
    const struct limits *_Atomic limits; /* see client_set_limits */
    struct lane_node node_to_flush;      /* the worker's, as all that follows but `deflates` */
    bool deflates;                       /* takes compressed messages; never changes */
    bool finished;
    bool retired;
    bool close_queued;  /* the close frame is in the outbox: nothing may follow it */
    bool close_written; /* and has gone out */
    bool deaf;          /* nothing can be written any more */
    bool starved;       /* something could not be put into the outbox for want of memory */
    bool slow;          /* it was closed as a slow consumer */
    bool evicted;       /* it was closed since all outboxes together were too large */
    bool paused;        /* nothing is read from it: see backlog.h */
    struct outbox outbox;
    uint64_t fresh_messages, fresh_bytes;           /* that came into it in `fresh_turn` */
    uint64_t fresh_turn;                            /* of the lane */
    uint64_t delivered_messages, delivered_bytes;   /* of `posted`, since the last flush */
    atomic_uint_fast64_t left_messages, left_bytes; /* in the outbox, by the last flush */
    uint64_t mark; /* the last spread that reached it: see spread.h */

    /* What waits for it, as the last flush left it; see backlog.h. */
    struct pin pin;
    uint32_t charged_ring; /* bytes */
};

/** What the lanes do with clients that are to be flushed. */
extern const struct lane_work client_work;

/** Makes a client, and puts it into the table and the room of everyone. The lane's worker only.
 * @param request    Owned by the client from now on, if it is made.
 * @param limits     Borrowed: must outlive the client.
 * @param transport  Called on the worker, until client_finish.
 * @return The client, with one reference for the caller; NULL on no memory. */
toni_client *client_create(toni_connections *connections, struct lane *lane, toni_request *request,
                           const struct limits *limits, const struct transport *transport,
                           void *socket);

/** @return @p client. @thread Any. */
toni_client *client_ref(toni_client *client);

/** Drops one reference. @param client  NULL is fine. @thread Any. */
void client_unref(toni_client *client);

/* --- From any thread */

/** See toni_join_room. @param room  A valid name. */
int32_t client_join(toni_client *client, toni_str room);

/** See toni_leave_room. @param room  A valid name. */
int32_t client_leave(toni_client *client, toni_str room);

/** See toni_send_to_client. */
int32_t client_send(toni_client *client, const toni_message *message);

/** Closes the client once what was accepted before has gone out. Of one that is being closed it
 * asks nothing more.
 * @param code    Valid to send.
 * @param reason  Valid to send.
 * @return TONI_OK, TONI_ERR_NOT_FOUND (gone), TONI_ERR_NO_MEMORY. */
int32_t client_close(toni_client *client, uint16_t code, toni_str reason);

/** See toni_get_client_rooms. */
int32_t client_rooms(toni_client *client, toni_room_names **rooms);

/** See toni_client_set_data. By the thread that runs a callback of the client, or has ended it. */
void client_set_data(toni_client *client, void *data);

/** See toni_get_client. */
int32_t client_info(toni_client *client, toni_client_info **info);

/* --- The lane's worker only */

/** Closes the client at once: what waits for it is dropped and counted, then it gets the close
 * frame.
 * @param code  Valid to send; 0 for a close frame without a code. */
void client_close_now(toni_client *client, uint16_t code, toni_str reason);

/** The host needs the memory that waits for this client: closes it as one that is too slow. What
 * waits is dropped; one that is being closed already is not told any more. */
void client_evict(toni_client *client);

/** Gives the client other limits, from now on; a lower `deflate_above` holds in its rooms, too.
 * @param limits  Borrowed, as with client_create. */
void client_set_limits(toni_client *client, const struct limits *limits);

/** Makes the client no target any more; the first thing to do when its connection is lost. */
void client_mute(toni_client *client);

/** Has the client listed by none of its rooms any more, though it stays a member of them: its
 * `on_disconnect` is about to tell them that it has gone. */
static inline void client_begin_leaving(toni_client *client)
{
    atomic_store_explicit(&client->is_leaving, true, memory_order_release);
}

/** Drops what waits for the client, and counts it: its connection takes nothing any more. */
void client_discard(toni_client *client);

/** Takes the client out of its rooms and the table, so that nobody finds it any more. What was
 * accepted for it, and its close, still go out. */
void client_retire(toni_client *client);

/** Ends the client: its connection is gone. Retires it, and drops what waits for it. References may
 * remain. */
void client_finish(toni_client *client);

/** @return What such a client gets: the batch, or its twin. */
static inline struct batch *client_batch(const toni_client *client, struct batch *batch)
{
    return client->deflates && batch->deflated ? batch->deflated : batch;
}

/** Puts a ping or a pong behind what waits for the client and what its lane was posted before.
 * @param size  At most FRAME_CONTROL_MAX.
 * @return 0; -1 on no memory, or if nothing may follow what waits. */
int client_send_control(toni_client *client, enum frame_opcode opcode, const void *payload,
                        size_t size);

/** Puts messages of a batch, as client_batch chose it, into the outbox. Without the client's lock,
 * mostly under a room's. */
enum outbox_answer client_enqueue(toni_client *client, struct batch *batch, uint32_t first,
                                  uint32_t count);

/** Writes as much of the outbox as the transport takes, then looks at the limits. */
void client_flush(toni_client *client);

/** @return Whether direct sends that were not flushed yet could pause it (see backlog.h): then
 * lane_flush tells. Without a direct send since the last flush, that is one load. */
static inline bool client_may_pause(const toni_client *client)
{
    const uint64_t posted = atomic_load_explicit(&client->posted_messages, memory_order_relaxed);
    if (posted == 0 || client->paused)
        return false;
    const uint64_t bytes = atomic_load_explicit(&client->posted_bytes, memory_order_relaxed);
    const struct limits *limits = client->limits;
    return (posted + client->outbox.direct_messages) * 2 > limits->outbox_messages ||
           (bytes + client->outbox.direct_bytes) * 2 > limits->outbox_bytes;
}

/** @return Whether the client is neither being closed nor gone. @thread Any. */
static inline bool client_is_open(toni_client *client)
{
    return atomic_load_explicit(&client->state, memory_order_acquire) == CLIENT_OPEN;
}

#endif
