/** @file
 * Events by name: JSON messages that a table of handlers answers. A plugin calls
 * toni_events_dispatch in `on_message`, and is linked with toni::events (libtoni-events), which
 * brings jansson.
 *
 * The client sends
 *
 *     {"event":"chat.send","id":7,"data":{…}}    `id`: any scalar, up to 256 bytes; none: nothing
 *                                                is answered
 *     {"event":"cancel","id":7}                  reserved; the handler hears of it
 *
 * and the server
 *
 *     {"id":7,"data":{…}}                        one answer
 *     {"id":7,"data":…} … {"id":7,"complete":true}
 *                                                a streamed one; `complete` alone: nothing
 *     {"id":7,"error":{"kind":"forbidden","message":"…","details":[…]}}
 *     {"event":"chat.said","data":{…}}           to a client, a room or a target
 *     {"event":"game.ready","id":3,"data":{…}}   a request; the client answers as above
 *
 * What can't be read is answered with `"id":null` and an error of kind bad_request.
 *
 * A call is a handle by value. It is answered exactly once: by the handler, later from any thread,
 * or by the library, with `timeout`, when its time is over. All functions may be called from any
 * thread, and none calls back into the plugin but toni_events_dispatch, toni_events_gone and
 * toni_events_destroy. `json_t` that a function takes over is released whatever happens; NULL is
 * `null`, and what an allocation that failed gives, too.
 */
#ifndef TONI_EVENTS_H
#define TONI_EVENTS_H

#include <toni/toni.h>

#include <jansson.h>
#include <stddef.h>

/** Why a call fails: X(name, word on the wire). */
#define TONI_EVENT_KINDS(X)                                                                        \
    X(BAD_REQUEST, "bad_request")                                                                  \
    X(UNAUTHORIZED, "unauthorized")                                                                \
    X(FORBIDDEN, "forbidden")                                                                      \
    X(NOT_FOUND, "not_found")                                                                      \
    X(CONFLICT, "conflict")                                                                        \
    X(UNPROCESSABLE, "unprocessable")                                                              \
    X(TOO_MANY_REQUESTS, "too_many_requests")                                                      \
    X(TIMEOUT, "timeout")                                                                          \
    X(UNAVAILABLE, "unavailable")                                                                  \
    X(UNIMPLEMENTED, "unimplemented")                                                              \
    X(INTERNAL, "internal")

/** TONI_EVENT_BAD_REQUEST and so on. */
typedef enum toni_event_kind {
#define TONI_EVENT_KIND_ENUM(name, word) TONI_EVENT_##name,
    TONI_EVENT_KINDS(TONI_EVENT_KIND_ENUM)
#undef TONI_EVENT_KIND_ENUM
} toni_event_kind;

/** The events of one instance: its handlers, and the calls that are not answered yet. */
typedef struct toni_events toni_events;

/** A call that waits for its answer, by value: may be kept, handed to other threads, and used when
 * it is over, which is an error and nothing else. */
typedef struct toni_call {
    toni_events *events;
    uint64_t id; /**< 0: the client wants no answer; those are accepted and dropped */
} toni_call;

/** What a handler gets; borrowed for the length of the call, but for `call`. */
typedef struct toni_event {
    toni_call call;
    toni_client *client;
    toni_str name;
    const json_t *data; /**< as the handler's schema says; NULL: the message has none */
} toni_event;

/* --- What `data` may be: see toni_event_member in toni/event_list.h */

/** An event that the plugin handles. */
typedef struct toni_event_handler {
    const char *name; /**< such as "chat.send"; not "cancel" */

    /** @return TONI_OK: if the call was not answered, it is complete. TONI_LATER: it will be. An
     * error fails the call, if it was not answered: TONI_ERR_INVALID as bad_request, and so on;
     * what has no kind of its own as internal. */
    int32_t (*handle)(void *self, const toni_event *event);

    /** The client has cancelled a call that was not answered yet, or is gone: in that case the call
     * is over. NULL: of no interest. */
    void (*cancelled)(void *self, toni_call call);

    const toni_event_member *members; /**< of `data`; NULL: anything, also none */
    uint32_t timeout_ms;              /**< for an answer later; 0: that of the setup */
} toni_event_handler;

/** For the list of handlers: the client has another token (identity.h). `{"event":"token","id":8,
 * "data":{"token":"…"}}` hands it to toni_client_refresh, and is answered with `{"id":8,"data":
 * {"expires":SECONDS}}`, the new end as a Unix time; null: never. An error fails the call, and the
 * token before is still good. */
#define TONI_EVENT_TOKEN                                                                           \
    {                                                                                              \
        "token", toni_events_token, NULL, toni_events_token_members, 0                             \
    }

/** For the list of handlers: clients come into rooms by themselves, as far as `rooms` of
 * gateways.conf lets them. `{"event":"room.join","id":9,"data":{"room":"news","since":"…"}}` joins,
 * and is answered, once the client is in the room and has got what it missed, with
 * `{"id":9,"data":{"recovered":true,"messages":3,"at":"…"}}`; see toni_join_room_since. `since` is
 * the last `at` that it got, of an event of the room or of this answer; instead `last` asks for so
 * many of the last events. Without both it gets those that come. `why` says why it did not get what
 * it missed. `room.leave` leaves, and is complete. */
#define TONI_EVENTS_ROOM                                                                           \
    {"room.join", toni_events_join, NULL, toni_events_join_members, 0},                            \
    {                                                                                              \
        "room.leave", toni_events_leave, NULL, toni_events_leave_members, 0                        \
    }

/** The handlers for the descriptor, so that `toni describe` and the page of the host show them:
 * `.events = TONI_EVENTS(handlers)`. TONI_EVENTS_BY is for a `field` of another name. In C++:
 * `static constexpr toni_event_list events = toni_events_list(handlers);` and its address. */
#ifndef __cplusplus
#define TONI_EVENTS(handlers) TONI_EVENTS_BY(handlers, NULL)
#define TONI_EVENTS_BY(handlers, event_field)                                                      \
    (&(const toni_event_list){.struct_size = (uint32_t)sizeof(toni_event_list),                    \
                              .entry_size = (uint32_t)sizeof(toni_event_handler),                  \
                              .name_at = (uint32_t)offsetof(toni_event_handler, name),             \
                              .members_at = (uint32_t)offsetof(toni_event_handler, members),       \
                              .member_size = (uint32_t)sizeof(toni_event_member),                  \
                              .entries = (handlers),                                               \
                              .field = (event_field)})
#else
constexpr toni_event_list toni_events_list(const toni_event_handler *handlers,
                                           const char *field = nullptr)
{
    toni_event_list list{};
    list.struct_size = static_cast<uint32_t>(sizeof(toni_event_list));
    list.entry_size = static_cast<uint32_t>(sizeof(toni_event_handler));
    list.name_at = static_cast<uint32_t>(offsetof(toni_event_handler, name));
    list.members_at = static_cast<uint32_t>(offsetof(toni_event_handler, members));
    list.member_size = static_cast<uint32_t>(sizeof(toni_event_member));
    list.entries = handlers;
    list.field = field;
    return list;
}
#endif

/** How events are to be; zero is the default of each but `handlers`. */
typedef struct toni_events_setup {
    const toni_event_handler *handlers; /**< ends with one whose name is NULL; must outlive all */
    size_t max_inflight;                /**< calls of a client that are not answered: 32 */
    uint32_t timeout_ms;                /**< until an answer that comes later: 30,000 */
    const char *field;                  /**< the name of the event's field: "event" */
} toni_events_setup;

/** What the library has counted since it was created. In `/metrics` these are the instance's
 * `events_calls_total`, `events_refused_total`, `events_timeouts_total` and `events_in_flight`. */
typedef struct toni_events_figures {
    uint64_t calls;     /**< that reached a handler */
    uint64_t refused;   /**< messages that did not */
    uint64_t timeouts;  /**< calls and requests whose time was over */
    uint64_t in_flight; /**< calls and requests that are not answered now */
} toni_events_figures;

TONI_BEGIN_DECLS

/** Makes the events of an instance, in its `create`. The descriptor's `needs` has
 * TONI_REQUIRES_CONNECTIONS.
 * @param self    What handlers get.
 * @param setup   Its strings and handlers are borrowed, and must outlive the events.
 * @param events  Set to what toni_events_destroy takes; NULL on an error.
 * @return TONI_OK; TONI_ERR_INVALID, with its text for toni_fail: no connections, two handlers of
 * one name, one without a name or function, or of the name "cancel"; TONI_ERR_NO_MEMORY. */
int32_t toni_events_create(toni_context *context, void *self, const toni_events_setup *setup,
                           toni_events **events);

/** What TONI_EVENT_TOKEN consists of. */
int32_t toni_events_token(void *self, const toni_event *event);
extern const toni_event_member toni_events_token_members[];

/** What TONI_EVENTS_ROOM consists of. */
int32_t toni_events_join(void *self, const toni_event *event);
int32_t toni_events_leave(void *self, const toni_event *event);
extern const toni_event_member toni_events_join_members[];
extern const toni_event_member toni_events_leave_members[];

/** Ends them, in the instance's `destroy`. Requests that wait are told TONI_REPLY_ENDED.
 * @param events  NULL is fine. */
void toni_events_destroy(toni_events *events);

/** Handles a message: in `on_message`. What is wrong with it the client is told.
 * @return TONI_OK, also if it was no event; TONI_ERR_NO_MEMORY. */
int32_t toni_events_dispatch(toni_events *events, toni_client *client, const toni_message *message);

/** Both as callbacks of the descriptor, for an instance whose `self` begins with the pointer that
 * toni_events_create has set: `.on_message = toni_events_on_message`. */
int32_t toni_events_on_message(void *self, toni_client *client, const toni_message *message);
void toni_events_on_disconnect(void *self, toni_client *client, const toni_disconnect_info *info);

/** Forgets a client, in `on_disconnect`: its calls are over and cancelled, its requests are told
 * TONI_REPLY_GONE. */
void toni_events_gone(toni_events *events, toni_client_id client);

/** @return What has been counted. */
toni_events_figures toni_events_figures_of(toni_events *events);

/* --- Answers. Each of them returns TONI_OK, also if the client wants none; TONI_ERR_NOT_FOUND: the
 * call is over (answered, timed out, or its client is gone), and nothing was sent;
 * TONI_ERR_NO_MEMORY; or what toni_send_to_client returns. After an error of sending the call is
 * over all the same. */

/** Answers with data. @param data  Taken over. */
int32_t toni_call_answer(toni_call call, json_t *data);

/** Sends one part of a streamed answer; toni_call_complete or toni_call_fail ends it. The time
 * until the next begins anew. @param data  Taken over. */
int32_t toni_call_part(toni_call call, json_t *data);

/** Answers that there is nothing (more). */
int32_t toni_call_complete(toni_call call);

/** Fails the call. @param format  Of printf: what the client is told. */
TONI_PRINTF(3, 4)
int32_t toni_call_fail(toni_call call, toni_event_kind kind, const char *format, ...);

/** Fails the call, and says where. @param details  An array; taken over. */
int32_t toni_call_fail_with(toni_call call, toni_event_kind kind, toni_str message,
                            json_t *details);

/** @return Whose call it is; 0: it is over, or no answer is wanted. */
toni_client_id toni_call_client(toni_call call);

/** @return 1 if the client has cancelled it, or it is over; else 0. */
int toni_call_is_cancelled(toni_call call);

/* --- From the server. @param data  Taken over. */

/** Sends an event to a client. @return As toni_send_to_client. */
int32_t toni_events_send(toni_events *events, toni_client_id client, const char *name,
                         json_t *data);

/** Sends an event to a room. In one that keeps a history (history.h) the event says which room it
 * is of, and where it stands in its order: `{"event":"news","room":"R","at":"…","data":…}`.
 * @return As toni_broadcast_to_room. */
int32_t toni_events_send_to_room(toni_events *events, toni_str room, const char *name,
                                 json_t *data);

/** toni_events_send_to_room with a receipt: what became of the event, in a cluster on all hosts.
 * What a client has sent goes out this way only if toni_client_may_publish says so.
 * @param notify   Called once, as a task of the instance; see toni_receipt.
 * @param user     Handed to @p notify and @p release; may be NULL.
 * @param release  Called once when the task is over; NULL: there is nothing to release.
 * @return As toni_broadcast_to_room_with_receipt: after an error neither is called. */
int32_t toni_events_send_to_room_with_receipt(toni_events *events, toni_str room, const char *name,
                                              json_t *data, toni_receipt_fn notify, void *user,
                                              toni_release_fn release);

/** Sends an event to a room for a client of the running callback, which has asked for that, if it
 * may: see toni_client_may_publish. @return As toni_broadcast_from. */
int32_t toni_events_send_from(toni_events *events, toni_client *client, toni_str room,
                              const char *name, json_t *data);

/** Sends an event to a target, which ends. @return As toni_target_send. */
int32_t toni_events_send_to_target(toni_events *events, toni_target *target, const char *name,
                                   json_t *data);

/* What became of a request. */
#define TONI_REPLY_DATA 1u  /**< the client has answered */
#define TONI_REPLY_ERROR 2u /**< the client has answered with an error */
#define TONI_REPLY_TIMEOUT 3u
#define TONI_REPLY_GONE 4u  /**< the client is gone */
#define TONI_REPLY_ENDED 5u /**< toni_events_destroy */

/** A client's answer; borrowed for the length of the call. */
typedef struct toni_reply {
    toni_client_id client;
    uint32_t outcome;   /**< one of TONI_REPLY_… */
    const json_t *data; /**< of TONI_REPLY_DATA what it has sent, NULL: nothing; of TONI_REPLY_ERROR
                           the error */
} toni_reply;

/** Tells what became of a request; called exactly once for each. */
typedef void (*toni_reply_fn)(void *self, void *data, const toni_reply *reply);

/** Asks a client.
 * @param question    Taken over. @param timeout_ms  Above 0.
 * @param reply       A callback of the instance. @param data  Handed to it.
 * @return TONI_OK; TONI_ERR_LIMIT (it owes `max_inflight` answers), TONI_ERR_NO_MEMORY, or what
 * toni_send_to_client and toni_after return. After an error @p reply is not called. */
int32_t toni_events_request(toni_events *events, toni_client_id client, const char *name,
                            json_t *question, uint32_t timeout_ms, toni_reply_fn reply, void *data);

/** What became of a question to a room: who answered, who failed (with an error, or not in time),
 * and who is gone. Borrowed for the length of the call. */
typedef struct toni_acks {
    size_t answered_count, failed_count, gone_count;
    const toni_client_id *answered, *failed, *gone;
} toni_acks;

/** Tells what became of a question to a room; called exactly once. */
typedef void (*toni_acks_fn)(void *self, void *data, const toni_acks *acks);

/** Asks all members of a room; see toni_events_request. Those that owe too many answers already
 * have failed.
 * @return How many were asked; with 0 @p done is not called. Or an error: neither then. */
int32_t toni_events_request_room(toni_events *events, toni_str room, const char *name,
                                 json_t *question, uint32_t timeout_ms, toni_acks_fn done,
                                 void *data);

TONI_END_DECLS

#endif
