/** @file
 * The interface of engines: a service that offers it carries rooms from one host to the others, and
 * keeps their order. The host does what is hard: repeats, gaps, what came late, leases, when to try
 * again. An engine keeps one promise for each command below, and says what came of it.
 *
 * gateways.conf names one:
 *
 *     cluster = { engine = "redis"; };
 *
 * An engine has one server or several; the host spreads rooms over them by their names. For each
 * server there is one *connection* at a time, which has a number. It has two directions that keep
 * their order, each by itself: commands with their replies, and subscriptions with what comes of
 * them. (For Redis these are two sockets; if one ends, both do.) What an engine tells of a
 * connection that isn't the present one is ignored.
 *
 * Threads: the host calls all functions of the table on one thread, the cluster's, one at a time,
 * and so it calls what is watched and posted. The functions of toni_engine_host may be called there
 * alone, also from within a function of the table; toni_engine_post may be called by any thread. A
 * function must not block: all nodes' messages wait for it.
 *
 * A function of the table returns nothing. Without memory for what it was asked to do, and for a
 * request that it can't carry out, an engine closes the connection and tells toni_engine_closed;
 * the host then opens it again and asks for what is missing.
 *
 * What an engine tells is checked. What makes no sense is counted and logged, and otherwise
 * ignored; a reply to a request that makes none ends the connection.
 *
 * @since ABI 1.0
 */
#ifndef TONI_ENGINE_H
#define TONI_ENGINE_H

#include <toni/service.h>
#include <toni/types.h>

/** What an engine talks to: the host's cluster. Lives from `attach` to `detach`. */
typedef struct toni_engine toni_engine;

/** Most bytes of a room's key, as an engine gets it: any bytes, 1 to so many. */
#define TONI_ENGINE_KEY_MOST 512

/** Most keys of one command. */
#define TONI_ENGINE_KEYS_MOST 512

/* --- What an engine is asked for. All is borrowed for the length of the call. */

/** The first command of a connection. See toni_engine_table.hello. */
typedef struct toni_engine_hello {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t proposed; /**< becomes the incarnation, if the server needs another; not 0 */
    uint64_t node;     /**< this node's incarnation: one life of a host; not 0 */
} toni_engine_hello;

/** A message for a room. See toni_engine_table.publish. */
typedef struct toni_engine_publish {
    uint32_t struct_size;
    uint32_t kind;        /**< of the message: comes back with it */
    uint64_t number;      /**< with `node` and `room` the key of the message; rises within a node */
    uint64_t incarnation; /**< the server has to have this one */
    uint64_t node;
    uint64_t proposed;      /**< the epoch that a room gets which begins anew; not 0 */
    uint64_t after;         /**< `number` of the one before it of `node` in this room, which was
                                 asked for and not answered yet; 0: there is none */
    uint64_t epoch;         /**< if `is_repeat`: the room's when it was first sent; 0: unknown */
    uint32_t is_repeat;     /**< 1: it was sent before, and had no answer */
    uint32_t keep_messages; /**< the room's history; 0: it keeps none */
    uint32_t keep_seconds;
    uint32_t reserved;
    toni_str room;
    toni_str body; /**< any bytes */
} toni_engine_publish;

/** A question for what came since. See toni_engine_table.history. */
typedef struct toni_engine_history {
    uint32_t struct_size;
    uint32_t limit; /**< of entries */
    toni_position since;
    uint32_t is_last; /**< 1: the last `limit` entries, and `since` means nothing */
    uint32_t reserved;
    toni_str room;
} toni_engine_history;

/** A lease, asked for, renewed or given back. See toni_engine_table.lease. */
typedef struct toni_engine_lease {
    uint32_t struct_size;
    uint32_t ttl_ms;      /**< 0: it is given back */
    uint64_t incarnation; /**< the server has to have this one */
    uint64_t node;
    uint32_t slot; /**< that the node has; 0: none */
    uint32_t may_restore;
    uint64_t boot;
    uint64_t boot_floor; /**< a new boot number has to be above it */
    uint32_t boot_step;  /**< and so much above all that were given out */
    uint32_t reserved;
    uint64_t id_key; /**< kept for the cluster, if it has none yet */
    toni_str name;   /**< of the node, for people; up to 64 bytes of UTF-8 */
} toni_engine_lease;

/* --- What an engine answers */

/** What became of a publish, a probe or a request. */
typedef enum toni_engine_answer {
    TONI_ENGINE_APPLIED = 0,
    TONI_ENGINE_REPEAT = 1,            /**< it was applied before */
    TONI_ENGINE_LOST = 2,              /**< nobody knows any more whether it was */
    TONI_ENGINE_OTHER_INCARNATION = 3, /**< not applied, as all that follow */
    TONI_ENGINE_READ_ONLY = 4,         /**< the server takes no writes; not applied */
    TONI_ENGINE_NOT_RUN = 5, /**< not applied; the host sends it, and what follows, again, but not
                                  behind one of its room that is ERROR: that is refused as well */
    TONI_ENGINE_ERROR = 6    /**< not applied: no memory, not allowed, and all else */
} toni_engine_answer;

/** Of a publish. */
typedef struct toni_engine_published {
    uint32_t struct_size;
    int32_t answer;     /**< of toni_engine_answer */
    toni_position at;   /**< APPLIED. REPEAT: the epoch; the offset, if it is known, else 0 */
    uint32_t receivers; /**< APPLIED: how many nodes it was sent to */
    uint32_t reserved;
} toni_engine_published;

/** One message of a history. */
typedef struct toni_engine_entry {
    uint64_t offset;
    toni_str body;
    uint32_t kind;
    uint32_t reserved;
} toni_engine_entry;

/** One lease that is not over. */
typedef struct toni_engine_leased {
    uint64_t node;
    uint64_t boot;
    uint32_t slot;
    uint32_t left_ms; /**< it still has, by the server's clock */
    toni_str name;
} toni_engine_leased;

/** Something that toni_engine_table.check has found out. */
typedef struct toni_engine_finding {
    uint32_t struct_size;
    uint32_t is_warning; /**< 1: hosts can work with the server, and what it is will hurt later */
    toni_str text;       /**< what was found, and what mends it; one line of UTF-8 */
} toni_engine_finding;

/** Most findings of one check. */
#define TONI_ENGINE_FINDINGS_MOST 32

/* --- What the host offers to an engine. Call it by the functions below. */

/** Called when a watched descriptor is ready, and for what was posted. */
typedef void (*toni_engine_ready_fn)(void *data, uint32_t events);
typedef void (*toni_engine_posted_fn)(void *data);

struct toni_engine_host {
    uint32_t struct_size;
    uint32_t reserved;
    void (*connected)(toni_engine *, uint32_t server, uint64_t connection);
    void (*closed)(toni_engine *, uint32_t server, uint64_t connection, toni_str why);
    void (*hello_reply)(toni_engine *, uint32_t server, uint64_t connection, uint64_t request,
                        uint64_t incarnation, uint64_t engine_id);
    void (*published)(toni_engine *, uint32_t server, uint64_t connection, uint64_t number,
                      const toni_engine_published *);
    void (*subscribed)(toni_engine *, uint32_t server, uint64_t connection, toni_str room,
                       uint32_t is_subscribed);
    void (*message)(toni_engine *, uint32_t server, uint64_t connection, toni_str room,
                    toni_position at, uint32_t kind, toni_str body);
    void (*probe_reply)(toni_engine *, uint32_t server, uint64_t connection, uint64_t request,
                        int32_t answer);
    void (*probe_echo)(toni_engine *, uint32_t server, uint64_t connection, uint64_t request);
    void (*tops_reply)(toni_engine *, uint32_t server, uint64_t connection, uint64_t request,
                       const toni_position *tops, uint32_t count);
    void (*history_reply)(toni_engine *, uint32_t server, uint64_t connection, uint64_t request,
                          toni_position top, const toni_engine_entry *entries, uint32_t count);
    void (*lease_reply)(toni_engine *, uint32_t server, uint64_t connection, uint64_t request,
                        uint32_t slot, uint64_t boot, uint64_t id_key,
                        const toni_engine_leased *leases, uint32_t count);
    void (*request_failed)(toni_engine *, uint32_t server, uint64_t connection, uint64_t request,
                           int32_t answer);
    int64_t (*watch)(toni_engine *, int32_t fd, uint32_t events, toni_engine_ready_fn ready,
                     void *data);
    int32_t (*rewatch)(toni_engine *, int64_t watch, uint32_t events);
    void (*unwatch)(toni_engine *, int64_t watch);
    int32_t (*post)(toni_engine *, toni_engine_posted_fn run, void *data);
    void (*checked)(toni_engine *, uint32_t server, uint64_t connection, uint64_t request,
                    const toni_engine_finding *findings, uint32_t count);
};

/** Made by the host. Read nothing but `host`. */
struct toni_engine {
    const struct toni_engine_host *host; /* first, for ever */
};

/* --- The interface */

/** What an engine offers. `self` is the service's. */
struct toni_engine_table {
    uint32_t struct_size;
    uint32_t reserved;

    /** The first call: the host begins to use the engine.
     * @param engine   To be kept until `detach`.
     * @param servers  Set to the servers' names, the same on all nodes; borrowed until `detach`.
     * @param count    Set to how many these are: 1 to 64.
     * @return TONI_OK, or an error: there will be no other call. */
    int32_t (*attach)(void *self, toni_engine *engine, const toni_str **servers, uint32_t *count);

    /** The last call: all connections are to be closed at once, all watches ended, and nothing is
     * told any more. Another instance may be attached afterwards. */
    void (*detach)(void *self);

    /** Makes the connection to a server. Tell toni_engine_connected, or toni_engine_closed. The
     * host closes it, if that takes too long. */
    void (*open)(void *self, uint32_t server, uint64_t connection);

    /** Ends it at once: nothing of it is told any more. */
    void (*close)(void *self, uint32_t server, uint64_t connection);

    /** If the server's identity is another than that which is stored (it came back with other data,
     * or older ones, or has become somebody else's replica), or none is stored: stores it, and
     * `proposed` as the incarnation. If there is no engine id: `proposed` becomes that, too. Ends
     * the connections that this node had before: what it sent over them and what was not run yet
     * must never be. Tell toni_engine_hello_reply, or toni_engine_request_failed. */
    void (*hello)(void *self, uint32_t server, uint64_t request, const toni_engine_hello *hello);

    /** In one step that nothing gets between:
     * 1. `incarnation` isn't the stored one: OTHER_INCARNATION, and nothing is done.
     * 2. The room is missing, or was made under another incarnation: LOST, if `is_repeat`.
     *    NOT_RUN, if `after` is not 0. Else it begins anew: `proposed` as epoch, offset 0, no
     *    numbers of nodes, no history.
     * 3. `is_repeat`, and `epoch` is not the room's, or is 0 while the room has no number of
     *    `node`: LOST.
     * 4. `number` is not above the last of `node` in this room: REPEAT, and nothing is done.
     * 5. `after` is above that last number, or is not 0 and there is none: NOT_RUN, and nothing is
     *    done. So what was not applied is never overtaken by what was sent behind it.
     * 6. The number is noted, the offset rises by 1, the message is kept in the history if there is
     *    one, and sent to all who subscribe to the room: APPLIED.
     * Tell toni_engine_published_reply. */
    void (*publish)(void *self, uint32_t server, const toni_engine_publish *publish);

    /** Tell toni_engine_subscribed of each room. From then on its messages are told by
     * toni_engine_message. */
    void (*subscribe)(void *self, uint32_t server, const toni_str *rooms, uint32_t count);

    /** Tell toni_engine_subscribed of each room. */
    void (*unsubscribe)(void *self, uint32_t server, const toni_str *rooms, uint32_t count);

    /** Tell toni_engine_tops_reply: for each room its epoch and offset; {0, 0} for one that is
     * missing, or of another incarnation. */
    void (*tops)(void *self, uint32_t server, uint64_t request, const toni_str *rooms,
                 uint32_t count);

    /** Tell toni_engine_history_reply: the room's epoch and offset as for tops; if `since.epoch` is
     * that epoch, or `is_last`: the entries above `since.offset`, at most `limit`, the oldest first
     * (`is_last`: the last `limit` of them). Fewer are fine, but no holes: they begin with the
     * oldest of these that are there (`is_last`: they end with the offset). */
    void (*history)(void *self, uint32_t server, uint64_t request,
                    const toni_engine_history *history);

    /** As a publish with regard to the incarnation: tell toni_engine_probe_reply; and if it was
     * APPLIED, send it to the subscriptions of this connection, behind all that was published
     * before: tell toni_engine_probe_echo. Must need no memory of the server. */
    void (*probe)(void *self, uint32_t server, uint64_t request, uint64_t incarnation);

    /** `incarnation` isn't the stored one: toni_engine_request_failed. Else, of {slot, boot}: a
     * lease that is not over begins anew for `ttl_ms`. If there is none for this slot, and
     * `may_restore`: it is given again, as it was. Else a new one is given: a free slot of 1 to
     * 1,023; a boot number below 2^63 that is `boot_step` above the highest of all given out, of
     * `boot_floor`, and of the server's clock in ms. A lease that ends later than in `ttl_ms` was
     * given by another clock: it is cut. `id_key` is stored, if none is. Tell
     * toni_engine_lease_reply: what the node has, and all leases that are not over, its own
     * included. If no slot is free, tell it with slot 0: that is no fault of the server, so the
     * host keeps the connection, and asks again some seconds later.
     *
     * `ttl_ms` is 0, as the host stops: the lease of {slot, boot} ends at once, if it is that of
     * `node`. No other one changes, and none is given: tell toni_engine_lease_reply with slot 0. */
    void (*lease)(void *self, uint32_t server, uint64_t request, const toni_engine_lease *lease);

    /** The end of a turn: what was asked since the last one may go out together. */
    void (*flush)(void *self);

    /** For `toni check`, instead of the hello, and the only command of a connection: finds out all
     * that keeps hosts from working with the server, or will hurt them later. Nothing is changed
     * for anybody, no lease is taken, and what is needed for it is gone afterwards. Tell
     * toni_engine_checked, or toni_engine_closed. NULL: the host says hello, and sends a probe. */
    void (*check)(void *self, uint32_t server, uint64_t request, const toni_engine_hello *hello);
};

TONI_DECLARE_INTERFACE(toni_engine, 1);

/* --- For engines: what they tell and use. `connection` is as `open` got it. */

/** The connection is there, in both directions. */
static inline void toni_engine_connected(toni_engine *engine, uint32_t server, uint64_t connection)
{
    engine->host->connected(engine, server, connection);
}

/** The connection could not be made, or has ended: all of it.
 * @param why  A few words for the log and `toni status`, of which 255 bytes are shown; borrowed. */
static inline void toni_engine_closed(toni_engine *engine, uint32_t server, uint64_t connection,
                                      toni_str why)
{
    engine->host->closed(engine, server, connection, why);
}

/** @param incarnation, engine_id  Not 0. */
static inline void toni_engine_hello_reply(toni_engine *engine, uint32_t server,
                                           uint64_t connection, uint64_t request,
                                           uint64_t incarnation, uint64_t engine_id)
{
    engine->host->hello_reply(engine, server, connection, request, incarnation, engine_id);
}

/** In the order in which the publishes were asked for. */
static inline void toni_engine_published_reply(toni_engine *engine, uint32_t server,
                                               uint64_t connection, uint64_t number,
                                               const toni_engine_published *reply)
{
    engine->host->published(engine, server, connection, number, reply);
}

/** One room of a subscribe (1) or an unsubscribe (0) was answered. */
static inline void toni_engine_subscribed(toni_engine *engine, uint32_t server, uint64_t connection,
                                          toni_str room, uint32_t is_subscribed)
{
    engine->host->subscribed(engine, server, connection, room, is_subscribed);
}

/** A message of a room. @param room, body  Copied; a body has 16 MiB at most. */
static inline void toni_engine_message(toni_engine *engine, uint32_t server, uint64_t connection,
                                       toni_str room, toni_position at, uint32_t kind,
                                       toni_str body)
{
    engine->host->message(engine, server, connection, room, at, kind, body);
}

/** @param answer  Of toni_engine_answer. An ERROR ends the connection. */
static inline void toni_engine_probe_reply(toni_engine *engine, uint32_t server,
                                           uint64_t connection, uint64_t request, int32_t answer)
{
    engine->host->probe_reply(engine, server, connection, request, answer);
}

/** A probe came back among the subscriptions. */
static inline void toni_engine_probe_echo(toni_engine *engine, uint32_t server, uint64_t connection,
                                          uint64_t request)
{
    engine->host->probe_echo(engine, server, connection, request);
}

/** @param tops  As many as the command had rooms, in that order. */
static inline void toni_engine_tops_reply(toni_engine *engine, uint32_t server, uint64_t connection,
                                          uint64_t request, const toni_position *tops,
                                          uint32_t count)
{
    engine->host->tops_reply(engine, server, connection, request, tops, count);
}

/** @param entries  In ascending order, 4,096 at most; copied. */
static inline void toni_engine_history_reply(toni_engine *engine, uint32_t server,
                                             uint64_t connection, uint64_t request,
                                             toni_position top, const toni_engine_entry *entries,
                                             uint32_t count)
{
    engine->host->history_reply(engine, server, connection, request, top, entries, count);
}

/** @param slot, boot  What the node has now; slot 0: none, and all else is ignored.
 * @param id_key  As stored, not 0. @param leases  Up to 4,096; copied. */
/* NOLINTNEXTLINE(readability-function-size): as many parameters as the host's table has */
static inline void toni_engine_lease_reply(toni_engine *engine, uint32_t server,
                                           uint64_t connection, uint64_t request, uint32_t slot,
                                           uint64_t boot, uint64_t id_key,
                                           const toni_engine_leased *leases, uint32_t count)
{
    engine->host->lease_reply(engine, server, connection, request, slot, boot, id_key, leases,
                              count);
}

/** Instead of an answer, but those of publishes and probes: the host ends the connection, and tries
 * again. Where people have something to mend, toni_engine_closed does the same, and has words for
 * it. @param answer  Of toni_engine_answer: READ_ONLY, OTHER_INCARNATION or ERROR. */
static inline void toni_engine_request_failed(toni_engine *engine, uint32_t server,
                                              uint64_t connection, uint64_t request, int32_t answer)
{
    engine->host->request_failed(engine, server, connection, request, answer);
}

/** A check is over. @param findings  Borrowed. @param count  Up to TONI_ENGINE_FINDINGS_MOST; 0:
 * the server will do. */
static inline void toni_engine_checked(toni_engine *engine, uint32_t server, uint64_t connection,
                                       uint64_t request, const toni_engine_finding *findings,
                                       uint32_t count)
{
    engine->host->checked(engine, server, connection, request, findings, count);
}

/** Has the cluster's thread watch a descriptor that does not block; its kinds, and what `ready`
 * gets, are those of toni_watch. Level-triggered. The descriptor stays the engine's, which ends the
 * watch before it closes it.
 * @param events  TONI_READABLE, TONI_WRITABLE, both, or 0: nothing yet.
 * @param ready   Called on the cluster's thread, until toni_engine_unwatch or `detach`.
 * @param data    Handed to @p ready; stays the engine's.
 * @return The watch, above 0; TONI_ERR_INVALID: the descriptor can't be watched, or something else
 * is wrong; TONI_ERR_LIMIT: the engine has 256 watches, or the process all its descriptors;
 * TONI_ERR_NO_MEMORY. */
static inline int64_t toni_engine_watch(toni_engine *engine, int32_t fd, uint32_t events,
                                        toni_engine_ready_fn ready, void *data)
{
    return engine->host->watch(engine, fd, events, ready, data);
}

/** Waits for something else from now on; 0: for nothing.
 * @return TONI_OK; TONI_ERR_NOT_FOUND: there is no such watch; TONI_ERR_INVALID. */
static inline int32_t toni_engine_rewatch(toni_engine *engine, int64_t watch, uint32_t events)
{
    return engine->host->rewatch(engine, watch, events);
}

/** From now on `ready` is not called. One that is not there is no error. */
static inline void toni_engine_unwatch(toni_engine *engine, int64_t watch)
{
    engine->host->unwatch(engine, watch);
}

/** Has the cluster's thread call a function, once; not if `detach` begins before. For engines with
 * threads of their own.
 * @param data  Handed to @p run; stays the engine's.
 * @return TONI_OK; TONI_ERR_CLOSING: `detach` has begun; TONI_ERR_NO_MEMORY: there is none, or
 * 65,536 wait. @thread Any, between `attach` and the return of `detach`. */
static inline int32_t toni_engine_post(toni_engine *engine, toni_engine_posted_fn run, void *data)
{
    return engine->host->post(engine, run, data);
}

#endif
