/** @file
 * The handles and plain values that the host table speaks of.
 */
#ifndef TONI_TYPES_H
#define TONI_TYPES_H

#include <toni/abi.h>
#include <toni/error.h>
#include <toni/message.h>
#include <toni/str.h>

typedef struct toni_host toni_host; /* host.h */

/* Opaque handles. Their first member is a `const toni_host *`, for ever; the wrappers reach the
 * host through it. */
typedef struct toni_connections
    toni_connections;                     /**< clients and rooms: the docs' ConnectionManager */
typedef struct toni_client toni_client;   /**< one WebSocket connection, while a callback has it */
typedef struct toni_request toni_request; /**< what a client asked for when it connected */
typedef struct toni_exchange toni_exchange; /**< an HTTP request and its answer */
typedef struct toni_context toni_context;   /**< what the host gives to one instance */
typedef struct toni_target
    toni_target; /**< whom a broadcast goes to, while it is being put together */

typedef struct toni_state_writer toni_state_writer; /**< takes what an instance exports */

/** What an instance exported, for its successor: state.h. Borrowed for the length of the call.
 * @since ABI 1.0 */
typedef struct toni_state {
    uint32_t struct_size; /**< of what the host filled in */
    uint32_t version;     /**< `state_version` of who exported it */
    toni_str bytes;       /**< as they were written, one after the other; any bytes */
} toni_state;

typedef struct toni_guard_ticket toni_guard_ticket; /**< a guard's, that decides later: guard.h */

/** Who a client is, see identity.h. @since ABI 1.0 */
typedef struct toni_identity {
    uint32_t struct_size; /**< set by whoever makes or reads it */
    uint32_t reserved;
    toni_str subject;  /**< UTF-8 without control characters */
    int64_t issued_s;  /**< when its token was issued, in seconds since 1970-01-01T00:00:00Z; 0: not
                          known. What lies ahead counts as now */
    int64_t expires_s; /**< when its token ends, likewise; 0: never */
} toni_identity;

/** The size of an identity in ABI 1.0: none is smaller. Later minors keep this number. */
#define TONI_IDENTITY_SIZE_1_0 (offsetof(toni_identity, expires_s) + sizeof(int64_t))

typedef struct toni_figure
    toni_figure; /**< a counter, gauge or histogram of a plugin's: figures.h */

/** A client's id: never 0, never reused while the host runs, another one after a restart and on
 * another node. */
typedef uint64_t toni_client_id;

/** An HTTP exchange that is answered later (http.h): never 0, never reused while the host runs. */
typedef uint64_t toni_exchange_id;

/* What a stream tells. */
#define TONI_STREAM_DRAINED 1u /**< it was above half of what may wait, and is below a quarter */
#define TONI_STREAM_ENDED 2u   /**< whoever ended it; nothing is told after that */

/** Tells an instance of a stream, see toni_exchange_begin. @param data  As it was given.
 * @param what  TONI_STREAM_DRAINED or TONI_STREAM_ENDED. */
typedef void (*toni_stream_fn)(void *self, void *data, toni_exchange_id stream, uint32_t what);

/** A place in the order of a room's messages. */
typedef struct toni_position {
    uint64_t epoch;  /**< one life of the room's numbers; 0: none is known */
    uint64_t offset; /**< the number of the last message; 0: none yet in this epoch */
} toni_position;

/** Since when a client that comes back misses messages, see toni_join_room_since:
 * toni_since_position and toni_since_last make one. @since ABI 1.0 */
typedef struct toni_since {
    uint32_t struct_size;
    uint32_t last; /**< of a client that was never there: how many of the last messages it gets,
                      fewer if the room keeps fewer */
    toni_position position; /**< the last that it got; epoch 0: it was never there */
    uint32_t limit;         /**< how many it may miss at most; 0: as many as the room keeps */
    uint32_t reserved;
} toni_since;

/** The size of toni_since in ABI 1.0: none is smaller. Later minors keep this number. */
#define TONI_SINCE_SIZE_1_0 (offsetof(toni_since, reserved) + sizeof(uint32_t))

/** What came of toni_join_room_since. Borrowed for the length of the call. @since ABI 1.0 */
typedef struct toni_joined {
    uint32_t struct_size; /**< of what the host filled in */
    int32_t status;       /**< TONI_OK: it is in the room; or as toni_join_room, and it is not */
    toni_client_id client;
    toni_str room;
    uint32_t is_recovered; /**< 1: it got each message that came since `position`; there may have
                              been none. 0: it got none of them, or `last` was asked for */
    uint32_t messages;     /**< how many it got in front of the live ones */
    toni_position at;      /**< where the room was when it came in; zeros: it keeps no history */
    toni_str
        why; /**< why it did not get them: `epoch` (the room's numbers began anew: it had ended,
                or the host was started anew), `ahead` (a position that was never given out),
                `trimmed` (not kept any more), `too_much` (more than `limit`), `no_history`,
                `outbox` (they don't fit into it), `member` (it is one already), `away` (a
                cluster's server is), `no_memory`. Empty: it got what was asked for */
} toni_joined;

/** Tells an instance what came of toni_join_room_since. @param data  As it was given. */
typedef void (*toni_joined_fn)(void *self, void *data, const toni_joined *joined);

/** Bytes that a client's name needs, the NUL included. */
#define TONI_CLIENT_NAME_SIZE 17

/** A snapshot of client ids, in no particular order. The caller owns it: toni_client_ids_destroy.
 */
typedef struct toni_client_ids {
    const toni_host *host;
    size_t count;
    const toni_client_id *ids;
} toni_client_ids;

/** A snapshot of room names, in no particular order. The caller owns it: toni_room_names_destroy.
 */
typedef struct toni_room_names {
    const toni_host *host;
    size_t count;
    const toni_str *names; /**< with a NUL behind each */
} toni_room_names;

/** How many entries a page may have. */
#define TONI_PAGE_MOST 1000u

/** Which page of a list is wanted, see toni_list_clients: TONI_PAGE_INIT and what is to be
 * otherwise.
 */
typedef struct toni_page {
    uint32_t struct_size;
    uint32_t most;    /**< entries: 1 to TONI_PAGE_MOST; 0: 100 */
    uint64_t cursor;  /**< where it begins: 0, then what the call before has set */
    toni_str gateway; /**< of clients: only of the gateway of this name; empty: of all */
    toni_str room;    /**< of clients: only members of this room; empty: all */
} toni_page;

/** The first page of everything. */
#define TONI_PAGE_INIT                                                                             \
    {                                                                                              \
        sizeof(toni_page), 0, 0, {NULL, 0},                                                        \
        {                                                                                          \
            NULL, 0                                                                                \
        }                                                                                          \
    }

/** What is known of a client at one moment. The caller owns it: toni_client_info_destroy. */
typedef struct toni_client_info {
    const toni_host *host;
    uint32_t struct_size; /**< of what the host filled in */
    uint32_t room_count;  /**< how many rooms it is in */
    toni_client_id id;
    toni_str path;            /**< that it connected to, without the query */
    toni_str address;         /**< its IP address; empty on a Unix socket */
    int64_t connected_since;  /**< milliseconds since 1970-01-01T00:00:00Z */
    uint64_t outbox_messages; /**< accepted for it and not yet handed to the kernel; broadcasts as
                                 of the last turn */
    uint64_t outbox_bytes;
    uint64_t dropped_messages; /**< accepted for it and never sent: by the policy of its outbox, or
                                  since it is being closed */
} toni_client_info;

/** What is known of a room at one moment. The caller owns it: toni_room_info_destroy.
 *
 * The counts begin when the room is made, and are gone with it. A message that a policy drops
 * counts once for each client that doesn't get it; one that was for several rooms at once, or for
 * everyone, counts in no room. @since ABI 1.0 */
typedef struct toni_room_info {
    const toni_host *host;
    uint32_t struct_size; /**< of what the host filled in */
    uint32_t members;     /**< those that are being closed included, until their `on_disconnect` has
                             returned: at times more than toni_get_room_members lists */
    uint32_t targets;     /**< whom a broadcast would go to */
    uint32_t reserved;
    uint64_t epoch;    /**< tells a room from others, and from an earlier one of its name, while the
                          host runs. In a cluster: the engine's, the same on all hosts; 0: no
                          message has come yet since the room has members here */
    uint64_t sequence; /**< number of the last message to it, its first being 1; 0: none yet. In a
                          cluster: of the last that came, within that epoch */
    uint64_t pending_bytes; /**< of messages that some worker has not put into outboxes yet */
    uint64_t dropped_slow_consumer; /**< waited when `close` closed their client */
    uint64_t dropped_oldest;        /**< by `drop_oldest`, or `latest` at its limits */
    uint64_t dropped_newest;        /**< by `drop_newest` */
    uint64_t dropped_not_latest;    /**< by `latest` */
} toni_room_info;

/** The certificate that a client has shown; see certificate.h. Valid as long as what else is read
 * from the request. @since ABI 1.0 */
typedef struct toni_certificate {
    uint32_t struct_size;  /**< set by whoever reads it */
    uint32_t name_count;   /**< of names */
    toni_str subject;      /**< its distinguished name (RFC 2253), as `CN=alice,O=Example`, UTF-8 */
    toni_str fingerprint;  /**< SHA-256 of the certificate: 64 hexadecimal digits in lower case */
    const toni_str *names; /**< the subject's alternative names, each with its kind before it:
                              `DNS:`, `email:`, `URI:` or `IP:` */
} toni_certificate;

/* Why a connection ended. */
#define TONI_CLOSED_BY_CLIENT 1u      /**< it sent a close frame: code and text are its own */
#define TONI_CLOSED_BY_SERVER 2u      /**< by a plugin or a limit: code is what the client got */
#define TONI_CLOSED_PROTOCOL_ERROR 3u /**< it broke RFC 6455: code is what it got */
#define TONI_CLOSED_TIMEOUT 4u        /**< it was idle for longer than `idle_ms` */
#define TONI_CLOSED_DRAIN 5u          /**< the host stops */
#define TONI_CLOSED_LOST 6u           /**< without a close frame, or it stopped answering pings */

/** How a connection ended. Borrowed for the length of `on_disconnect`. */
typedef struct toni_disconnect_info {
    uint32_t struct_size; /**< of what the host filled in */
    uint32_t reason;      /**< one of TONI_CLOSED_… */
    uint32_t code; /**< RFC 6455, section 7.4; 1005: the close frame held none; 0: no close frame,
                      or one that could not be read */
    uint32_t reserved;
    toni_str text; /**< of the close frame; UTF-8; mostly empty */
} toni_disconnect_info;

/** A task of an instance, see task.h. @param self  What `create` made. @param data  As it was
 * given. */
typedef void (*toni_run_fn)(void *self, void *data);

/* What a descriptor is ready for, see toni_watch. */
#define TONI_READABLE 1u /**< reading it won't block: there is something, its end, or an error */
#define TONI_WRITABLE 2u /**< writing it won't block, or finds an error */

/** Tells an instance that a descriptor is ready, see toni_watch. @param self  What `create` made.
 * @param data    As it was given.
 * @param events  Of TONI_READABLE and TONI_WRITABLE. */
typedef void (*toni_watch_fn)(void *self, void *data, uint32_t events);

/** A job beside the callbacks, see toni_work. @param data  As it was given. @return For
 * toni_done_fn; mostly TONI_OK or an error. */
typedef int32_t (*toni_job_fn)(void *data);

/** Tells an instance that its job has ended. @param result  What the job returned. */
typedef void (*toni_done_fn)(void *self, void *data, int32_t result);

/** Releases what a task was given, once the task is over. @param data  As it was given. */
typedef void (*toni_release_fn)(void *data);

/** In toni_receipt.nodes_missing: nobody knows how many hosts got the message. */
#define TONI_NODES_UNKNOWN UINT32_MAX

/** What became of a message that was sent with a receipt, when the last worker has dealt with it;
 * in a cluster, the sum of what the hosts that got it say, see task.h. `targeted` is `queued`,
 * `dropped` and `closed` together. Borrowed for the length of the call. Grows at its end. */
typedef struct toni_receipt {
    uint32_t struct_size; /**< of what the host filled in */
    uint32_t targeted;    /**< clients. Of a host that is alone, as the send returned it */
    uint32_t queued;      /**< of these: whose outboxes took it. What a policy drops later is in the
                             metrics */
    uint32_t dropped;     /**< for whom there was no memory; they are closed with 1011 */
    uint32_t closed;      /**< that were being closed, or were gone */
    int32_t status;       /**< TONI_OK: the counts are of all who got it. TONI_ERR_BUSY, _NO_MEMORY:
                             nobody got it. TONI_ERR_TIMEOUT: hosts are missing. TONI_ERR_CLOSING: this
                             host ends */
    uint32_t nodes;       /**< hosts that the counts are of; 1 if this one is alone */
    uint32_t nodes_missing;  /**< hosts that got it too, as the engine says, and did not answer
                                within `receipt_ms`; or TONI_NODES_UNKNOWN */
    const toni_str *missing; /**< the names of hosts that did not answer. More than are missing:
                                not all of them got it. Fewer: of some nobody knows the name */
    size_t missing_count;
} toni_receipt;

/** Tells an instance what became of a message. @param data  As it was given. */
typedef void (*toni_receipt_fn)(void *self, void *data, const toni_receipt *receipt);

/** What hosts are asked for; see cluster.h. */
typedef enum toni_cluster_kind {
    TONI_CLUSTER_SEND = 1,  /**< `client`, `message` */
    TONI_CLUSTER_CLOSE = 2, /**< `client`, `code`, `text` is the reason */
    TONI_CLUSTER_JOIN = 3,  /**< `client`, `text` is the room */
    TONI_CLUSTER_LEAVE = 4, /**< `client`, `text` is the room */
    TONI_CLUSTER_ROOM = 5,  /**< `text` is the room, `after`, `limit` */
    TONI_CLUSTER_NODES = 6
} toni_cluster_kind;

/** A request to whichever host it concerns; see cluster.h. All is borrowed for the call, and zero
 * where its kind does not name it. */
typedef struct toni_cluster_request {
    uint32_t struct_size;
    uint32_t kind; /**< of toni_cluster_kind */
    toni_client_id client;
    toni_client_id after; /**< members with ids above this */
    toni_str text;
    const toni_message *message;
    uint32_t code;
    uint32_t limit; /**< of members; up to 1,000 */
} toni_cluster_request;

/** What came of a request. Borrowed for the length of the call that brings it. */
typedef struct toni_cluster_answer {
    uint32_t struct_size;
    int32_t status;                /**< of the host that carried it out; or see cluster.h */
    uint64_t count;                /**< of a room: its members on all hosts that answered */
    const toni_client_id *members; /**< of a room: a page of them, in ascending order */
    size_t member_count;
    const toni_str *nodes; /**< the names of hosts that did not answer; of toni_cluster_nodes: of
                                all that there are */
    size_t node_count;
} toni_cluster_answer;

/** Tells an instance what came of its request. @param data  As it was given. */
typedef void (*toni_cluster_fn)(void *self, void *data, const toni_cluster_answer *answer);

/** Instead of the index of an item: the option itself, see option.h. */
#define TONI_OPTION_ITSELF SIZE_MAX

/** An option, or an item of one, as it is read; see option.h. */
typedef struct toni_option_value {
    uint32_t struct_size; /**< set by whoever reads it */
    uint32_t reserved;
    int64_t integer; /**< of a bool (0 or 1), an int, a duration (milliseconds) or a size (bytes) */
    double real;     /**< of a double */
    toni_str text;   /**< of a text or path; a NUL stands behind it */
    toni_str key;    /**< of an item of a map */
    size_t count;    /**< of a list or map: its items */
} toni_option_value;

/* Levels of log lines. */
#define TONI_LOG_DEBUG 0u
#define TONI_LOG_INFO 1u
#define TONI_LOG_WARN 2u
#define TONI_LOG_ERROR 3u

/** A key and its value, for one log line. */
typedef struct toni_log_field {
    toni_str key; /**< letters, digits, `_` and `.` */
    toni_str value;
} toni_log_field;

/* Parts of the request that opened a connection, for toni_host.request_part. */
#define TONI_REQUEST_PATH 1u /**< percent-decoded, without the query */
#define TONI_REQUEST_QUERY                                                                         \
    2u /**< percent-decoded `name=value`, joined with `&`; empty if there is none */
#define TONI_REQUEST_ORIGIN 3u      /**< the header, or empty */
#define TONI_REQUEST_USER_AGENT 4u  /**< the header, or empty */
#define TONI_REQUEST_ADDRESS 5u     /**< the client's IP address; empty on a Unix socket */
#define TONI_REQUEST_SUBPROTOCOL 6u /**< the one that was agreed on, or empty */

#endif
