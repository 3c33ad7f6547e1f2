/** @file
 * Clients and rooms of other hosts: with `cluster` in gateways.conf several hosts share their rooms
 * (engine.h), and a client's id is good on all of them.
 *
 * The calls of connections.h that name a client by its id reach it on whichever host it is:
 * toni_send_to_client, toni_close_client, toni_remove_client, toni_join_room and toni_leave_room
 * hand on what is for a client of another host, and return TONI_OK for that: nobody tells what came
 * of it. The calls here do tell. All others are about this host: toni_get_room_members lists those
 * who are here.
 *
 * A request to another host is carried out once or not at all. The status of its answer is what the
 * call returned there, or
 *
 * - TONI_ERR_NOT_FOUND: nothing was done; there is no such client, or its host is gone.
 * - TONI_ERR_BUSY: nothing was done; the engine is away, too much is under way, or this host is
 * none of the cluster's at present.
 * - TONI_ERR_TIMEOUT: no answer came within `receipt_ms`; it may have been done.
 *
 * Each function answers by a task of the instance: exactly once, or `release` alone if the instance
 * ends before. A request about a client that is here is carried out before the function returns,
 * and answered likewise. A host that is alone, and a namespace with `cluster = false`, answer the
 * same for what is here.
 *
 * What a plugin is told of the cluster without asking: `on_degraded` and `on_node_lost` in
 * plugin.h.
 *
 * @since ABI 1.0
 */
#ifndef TONI_CLUSTER_H
#define TONI_CLUSTER_H

#include <toni/host.h>

/* How a server of the engine is. */
#define TONI_SERVER_DOWN 0u     /**< broadcasts to its rooms are refused: TONI_ERR_BUSY */
#define TONI_SERVER_DEGRADED 1u /**< it takes broadcasts; rooms are still being caught up with */
#define TONI_SERVER_UP 2u

/** What `on_degraded` tells: a server's state has changed, or broadcasts are lost. Grows at its
 * end. */
typedef struct toni_degraded {
    uint32_t struct_size;
    uint32_t state;  /**< one of TONI_SERVER_…, now */
    uint64_t lost;   /**< broadcasts of this node without a receipt that were not, or maybe not,
                        applied since the last call for this server */
    toni_str server; /**< its name, as the engine has it; borrowed for the call */
    toni_str why;    /**< a few words for people; borrowed for the call */
} toni_degraded;

/** The most members that toni_cluster_room lists at a time. */
#define TONI_CLUSTER_PAGE_MOST 1000

/** A request of which all but kind and client is still to be filled in. For the calls below. */
static inline toni_cluster_request toni_cluster_request_of(uint32_t kind, toni_client_id client)
{
    toni_cluster_request request;
    request.struct_size = sizeof request;
    request.kind = kind;
    request.client = client;
    request.after = 0;
    request.text = toni_str_make("", 0);
    request.message = NULL;
    request.code = 0;
    request.limit = 0;
    return request;
}

/** Sends a message to a client of any host.
 * @param connections  The injected handle.
 * @param client       The client's id.
 * @param message      Borrowed for the call.
 * @param context      Of the instance to notify: the caller's own.
 * @param notify       Called once; the status is as toni_send_to_client returns it, or see above.
 * @param data         Handed to @p notify and @p release; may be NULL.
 * @param release      Called once when the task is over; NULL: there is nothing to release.
 * @return TONI_OK: there will be an answer; TONI_ERR_INVALID (@p notify is NULL), errors of
 * toni_post; then neither @p notify nor @p release is called.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_cluster_send(toni_connections *connections, toni_client_id client,
                                        const toni_message *message, toni_context *context,
                                        toni_cluster_fn notify, void *data, toni_release_fn release)
{
    toni_cluster_request request = toni_cluster_request_of(TONI_CLUSTER_SEND, client);
    request.message = message;
    return toni_host_of(connections)
        ->cluster_ask(connections, &request, context, notify, data, release);
}

/** Closes a client of any host.
 * @param code    As for toni_close_client.
 * @param reason  UTF-8, up to 123 bytes; borrowed for the call.
 * @param notify  Called once; the status is as toni_close_client returns it, or see above.
 * @return As toni_cluster_send.
 * @thread Any. @since ABI 1.0 */
/* NOLINTNEXTLINE(readability-function-size): what is asked, and four of whom to tell */
static inline int32_t toni_cluster_close(toni_connections *connections, toni_client_id client,
                                         uint16_t code, toni_str reason, toni_context *context,
                                         toni_cluster_fn notify, void *data,
                                         toni_release_fn release)
{
    toni_cluster_request request = toni_cluster_request_of(TONI_CLUSTER_CLOSE, client);
    request.code = code;
    request.text = reason;
    return toni_host_of(connections)
        ->cluster_ask(connections, &request, context, notify, data, release);
}

/** Lets a client of any host join a room.
 * @param room    UTF-8, 1 to 255 bytes; borrowed for the call.
 * @param notify  Called once; the status is as toni_join_room returns it, or see above.
 * @return As toni_cluster_send.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_cluster_join(toni_connections *connections, toni_client_id client,
                                        toni_str room, toni_context *context,
                                        toni_cluster_fn notify, void *data, toni_release_fn release)
{
    toni_cluster_request request = toni_cluster_request_of(TONI_CLUSTER_JOIN, client);
    request.text = room;
    return toni_host_of(connections)
        ->cluster_ask(connections, &request, context, notify, data, release);
}

/** Lets a client of any host leave a room.
 * @param room    UTF-8, 1 to 255 bytes; borrowed for the call.
 * @param notify  Called once; the status is as toni_leave_room returns it, or see above.
 * @return As toni_cluster_send.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_cluster_leave(toni_connections *connections, toni_client_id client,
                                         toni_str room, toni_context *context,
                                         toni_cluster_fn notify, void *data,
                                         toni_release_fn release)
{
    toni_cluster_request request = toni_cluster_request_of(TONI_CLUSTER_LEAVE, client);
    request.text = room;
    return toni_host_of(connections)
        ->cluster_ask(connections, &request, context, notify, data, release);
}

/** Asks all hosts for the members of a room: how many there are, and a page of them. For the next
 * page, ask with the last id that came as @p after; a page that is shorter than @p limit is the
 * last. Hosts answer one after the other, and members come and go meanwhile: the sum is of no one
 * moment.
 * @param room    UTF-8, 1 to 255 bytes; borrowed for the call.
 * @param after   0: from the beginning.
 * @param limit   Of members, up to TONI_CLUSTER_PAGE_MOST; 0: only the number is wanted.
 * @param notify  Called once. TONI_OK; TONI_ERR_TIMEOUT: the hosts of `nodes` did not answer in
 * time, and their members are missing; TONI_ERR_BUSY: only those who are here are counted.
 * @return As toni_cluster_send; TONI_ERR_INVALID also for the name or @p limit.
 * @thread Any. @since ABI 1.0 */
/* NOLINTNEXTLINE(readability-function-size): what is asked, and four of whom to tell */
static inline int32_t toni_cluster_room(toni_connections *connections, toni_str room,
                                        toni_client_id after, uint32_t limit, toni_context *context,
                                        toni_cluster_fn notify, void *data, toni_release_fn release)
{
    toni_cluster_request request = toni_cluster_request_of(TONI_CLUSTER_ROOM, 0);
    request.after = after;
    request.limit = limit;
    request.text = room;
    return toni_host_of(connections)
        ->cluster_ask(connections, &request, context, notify, data, release);
}

/** Asks for the names of all hosts that this one sees, its own first. A host that is alone has
 * none.
 * @param notify  Called once; they are its `nodes`.
 * @return As toni_cluster_send.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_cluster_nodes(toni_connections *connections, toni_context *context,
                                         toni_cluster_fn notify, void *data,
                                         toni_release_fn release)
{
    const toni_cluster_request request = toni_cluster_request_of(TONI_CLUSTER_NODES, 0);
    return toni_host_of(connections)
        ->cluster_ask(connections, &request, context, notify, data, release);
}

#endif
