/* A client: one WebSocket connection as plugins see it: who it is, which rooms it is in, and its
 * end. What is sent to it goes through its receiver, on its lane. Knows no sockets.
 *
 * Any thread may hold a reference and ask for something. */
#ifndef ROOMS_CLIENT_H
#define ROOMS_CLIENT_H

#include "base/lock.h"
#include "base/log.h"
#include "rooms/comeback.h"
#include "rooms/direct.h"
#include "rooms/identity.h"
#include "rooms/memberships.h"
#include "rooms/receiver.h"
#include "rooms/request.h"
#include "rooms/room.h"

#include <toni/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct coming; /* coming.h */

enum client_state {
    CLIENT_OPEN,
    CLIENT_CLOSING, /* no target any more, but still a member of its rooms */
    CLIENT_GONE,
};

struct toni_client {
    const toni_host *host;     /* first, for ever: see toni/abi.h */
    struct hash_node node;     /* of the table of clients, by id */
    struct space *space;       /* that it belongs to: its gateway's */
    toni_request *request;     /* owned */
    struct identity *identity; /* owned; NULL: no guard has said who it is. Changed by the worker,
                                  under the lock; see client_identify() */
    void *data;                /* the plugin's */
    int64_t connected_since;   /* wall clock, milliseconds */
    char name[TONI_CLIENT_NAME_SIZE];
    atomic_bool is_leaving; /* see client_begin_leaving() */
    bool retired;           /* the worker's */
    bool sends_close;       /* the server closes it; see `lock` */
    uint16_t close_code;    /* of the server's close; 0 if it was not the server's; see `lock` */
    atomic_uchar state;     /* enum client_state; changed under the lock, read without */
    bool is_revoked;        /* the server closes it since its subject was revoked; see `lock` */
    atomic_uint refs;
    struct lock lock; /* guards the rooms, the state, the identity and the close */
    struct memberships memberships;
    struct membership everyone; /* in the room of everyone */

    /* Posted once, when the client is to be no target any more. It has a reference: so whatever was
     * posted for the client before needs none. */
    struct command close;
    struct batch *close_batch; /* the close frame; NULL: no memory, or there is none to be sent */

    struct receiver receiver;
};

/** Makes a client, and puts it into the table and its namespace's room of everyone. The lane's
 * worker only.
 * @param space      The namespace of its gateway.
 * @param request    Owned by the client from now on, if it is made.
 * @param limits     Borrowed: must outlive the client.
 * @param transport  Called on the worker, until client_finish.
 * @return The client, with one reference for the caller; NULL on no memory. */
toni_client *client_create(struct space *space, struct lane *lane, toni_request *request,
                           const struct limits *limits, const struct transport *transport,
                           void *socket);

/** @return @p client. @thread Any. */
toni_client *client_ref(toni_client *client);

/** Drops one reference. @param client  NULL is fine. @thread Any. */
void client_unref(toni_client *client);

/* --- From any thread */

/** @return The client of this namespace with a new reference, or NULL. */
toni_client *client_find(const struct space *space, toni_client_id id);

/** See toni_join_room. @param room  A valid name. */
int32_t client_join(toni_client *client, toni_str room);

/** See toni_join_room_since. @param room  A valid name. @param comeback  What came of it is set if
 * the result is TONI_OK. @return As toni_join_room. */
int32_t client_come_back(toni_client *client, toni_str room, struct comeback *comeback);

/** The engine is about to be asked: notes that the client will be in the room.
 * @param coming  With the room's name; the caller's, until client_end_coming(), and it keeps the
 *                client.
 * @return TONI_OK; as toni_join_room, as far as that can be said now; TONI_ERR_BUSY: the client is
 * coming to COMING_MOST rooms already. */
int32_t client_begin_coming(toni_client *client, struct coming *coming);

/** Has it join, if it may, and was not told to leave.
 * @param comeback  With the engine's answer; NULL: it does not join.
 * @return As toni_join_room; TONI_ERR_CLOSING: it has left. */
int32_t client_end_coming(toni_client *client, struct coming *coming, struct comeback *comeback);

/** See toni_client_may_publish.
 * @param name  Of the room. @param room  It; NULL: there is none. @return Whether it may. */
bool client_may_publish(toni_client *client, toni_str name, const struct room *room);

/** See toni_leave_room. @param room  A valid name. */
int32_t client_leave(toni_client *client, toni_str room);

/** @return Its membership in a room, or NULL. Under the client's lock. */
struct membership *client_membership(toni_client *client, const struct room *room);

/** See toni_send_to_client. */
int32_t client_send(toni_client *client, const toni_message *message);

/** Closes the client once what was accepted before has gone out. Of one that is being closed it
 * asks nothing more. Needs no memory: without any the client is told the code alone.
 * @param code    Valid to send.
 * @param reason  Valid to send.
 * @return TONI_OK, TONI_ERR_NOT_FOUND (gone). */
int32_t client_close(toni_client *client, uint16_t code, toni_str reason);

/** Closes the client as client_close() does, with 4001 `revoked`.
 * @return Whether nobody was closing it yet. */
bool client_revoke(toni_client *client);

/** @return Whether client_revoke() was what closed it. */
bool client_was_revoked(toni_client *client);

/** See toni_get_client_rooms. */
int32_t client_rooms(toni_client *client, toni_room_names **rooms);

/** See toni_client_set_data. By the thread that runs a callback of the client, or has ended it. */
void client_set_data(toni_client *client, void *data);

/** See toni_get_client. */
int32_t client_info(toni_client *client, toni_client_info **info);

/* --- The lane's worker only */

/** See receiver_close_now. */
void client_close_now(toni_client *client, uint16_t code, toni_str reason);

/** Says who the client is; what was read of the identity before is gone.
 * @param identity  The client's from now on. */
void client_identify(toni_client *client, struct identity *identity);

/** Gives the client other limits, from now on; a lower `deflate_above` holds in its rooms, too.
 * @param limits  Borrowed, as with client_create. */
void client_set_limits(toni_client *client, const struct limits *limits);

/** Makes the client no target any more; the first thing to do when its connection is lost. */
void client_untarget(toni_client *client);

/** Has the client listed by none of its rooms any more, though it stays a member of them: its
 * `on_disconnect` is about to tell them that it has gone. */
static inline void client_begin_leaving(toni_client *client)
{
    atomic_store_explicit(&client->is_leaving, true, memory_order_release);
}

/** Drops what waits for the client, and counts it: its connection takes nothing any more. */
static inline void client_discard(toni_client *client)
{
    receiver_discard(&client->receiver);
}

/** Takes the client out of its rooms and the table, so that nobody finds it any more. What was
 * accepted for it, and its close, still go out. */
void client_retire(toni_client *client);

/** Ends the client: its connection is gone. Retires it, and drops what waits for it. References may
 * remain. */
void client_finish(toni_client *client);

/** See receiver_flush. */
static inline void client_flush(toni_client *client)
{
    receiver_flush(&client->receiver);
}

/** The socket has taken something of what was written before. */
static inline void client_moved(toni_client *client)
{
    backlog_moved(&client->receiver.backlog, client->receiver.lane);
}

/** See receiver_send_control. */
static inline int client_send_control(toni_client *client, enum frame_opcode opcode,
                                      const void *payload, size_t size)
{
    return receiver_send_control(&client->receiver, opcode, payload, size);
}

/** See receiver_has_all_controls. */
static inline bool client_has_all_controls(const toni_client *client)
{
    return receiver_has_all_controls(&client->receiver);
}

/** See direct_may_pause. */
static inline bool client_may_pause(const toni_client *client)
{
    return direct_may_pause(&client->receiver);
}

/** @return Whether the client is neither being closed nor gone. @thread Any. */
static inline bool client_is_open(toni_client *client)
{
    return atomic_load_explicit(&client->state, memory_order_acquire) == CLIENT_OPEN;
}

/** @return Whose receiver it is. */
toni_client *client_of_receiver(const struct receiver *receiver);

/* --- The log; client_log.c. From any thread, but not under the client's lock */

/** The fields by which each line about a client says which one: by the name that plugins know, by
 * the address that it came from, and by its subject, which is empty if nobody has said who it is.
 *
 *     char subject[IDENTITY_SUBJECT_MAX];
 *     log_limited(LOG_LEVEL_WARN, "client closed: …", LOG_CLIENT(client, subject)); */
#define LOG_CLIENT(client, subject)                                                                \
    client_log_name(client), client_log_address(client), client_log_subject(client, subject)

struct log_field client_log_name(const toni_client *client);
struct log_field client_log_address(const toni_client *client);

/** @param text  Set to the subject; must live as long as the field. */
struct log_field client_log_subject(toni_client *client, char text[IDENTITY_SUBJECT_MAX]);

/** Says for what a receiver is about to be closed. The lane's worker only. */
void client_log_fault(struct receiver *receiver, enum receiver_fault fault);

#endif
