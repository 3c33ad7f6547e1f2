/* The cluster's logic of one node: what a host decides so that a room has one order on all
 * machines, and every loss is told. Pure: no socket, no thread, no clock. What happens is put in by
 * the functions below, with the time; what has to be done comes out of node_take():
 *
 *     node_message(node, server, generation, key, at, bytes, size, kind, now_ms);
 *     while (node_take(node, &output)) {
 *         carry_out(&output);
 *         output_finish(&output);
 *     }
 *     wake_me_at(node_due(node));     and then call node_tick()
 *
 * The same calls with the same arguments give the same outputs, always.
 *
 * Time is milliseconds of a monotonic clock of this machine; it never goes back from call to call,
 * and is not the time of others. Randomness comes from `seed` alone.
 *
 * Memory: a call that returns CLUSTER_NO_MEMORY has changed nothing. What then is lost (a message,
 * a reply) is found and mended as if the network had lost it. Calls that return nothing put off
 * what they have no memory for until a later node_tick().
 *
 * # What the I/O has to do
 *
 * For each server there are two sockets: one for commands, one for subscriptions. Together they are
 * one connection, with a `generation`; if one ends, both do. Each socket keeps its order, and there
 * is none between the two. Inputs of a generation that isn't the present one are ignored.
 *
 *   OPEN         make the connection. Answer: node_connected() or node_closed()
 *   CLOSE        end both sockets at once and forget the generation. No answer
 *   The following are written to the command socket in the order in which they come out; replies
 *   come back in that order:
 *   HELLO        `request`, hello.proposed. Answer: node_hello_reply()
 *   PUBLISH      `request` is the number of the key. Answer: node_publish_reply()
 *   TOPS         `request`, `keys`. Answer: node_tops_reply() with a position for each
 *   HISTORY      `request`, `keys` (one), history. Answer: node_history_reply()
 *   PROBE        `request`, probe.incarnation. Answer: node_probe_reply(); and the message itself
 *                comes back on the subscription socket: node_probe_echo()
 *   LEASE        `request`, lease. Answer: node_lease_reply()
 *   Instead of any answer but those of PUBLISH and PROBE: node_request_failed().
 *   The following are written to the subscription socket:
 *   SUBSCRIBE    `keys`. Answer: node_subscribed(…, true) for each of them
 *   UNSUBSCRIBE  `keys`. Answer: node_subscribed(…, false) for each of them
 *   Messages of subscribed rooms come in by node_message().
 *
 * # What the engine (one server) has to do
 *
 * It keeps an incarnation, an engine id, a clock, highest boot number, leases; for each room an
 * epoch, an offset, the incarnation under which the epoch was made, each node's last number, and
 * if it keeps a history that of the epoch, the latest entries. All of that may vanish, as a whole
 * or for one room, or fall back to what it was; then the incarnation differs at the next HELLO.
 *
 *   HELLO    if the server's identity (run_id with master_replid) is another than the stored one,
 *            or there is none: store it, and the proposed number as incarnation. No engine id: the
 *            proposed number becomes that, too. Ends the command sockets that this node had before
 *            this one (CLIENT KILL ID): what it has sent over them and was not run yet must never
 *            be, however long it was on its way. Replies incarnation and engine id
 *   PUBLISH  1. publish.incarnation isn't the stored one: ENGINE_OTHER_INCARNATION, nothing done.
 *            2. The room is missing, or was made under another incarnation: if `is_repeat`:
 *            ENGINE_LOST. Else the room begins anew: the proposed number as
 *            epoch, offset 0, no numbers, no history.
 *            3. `is_repeat`, and publish.epoch is not the room's, or is 0 while the room has no
 *            number of publish.node: ENGINE_LOST.
 *            4. `request` is not above the last number of publish.node in this room: ENGINE_REPEAT,
 *            nothing done.
 *            5. `after` is above that number, or is not 0 and there is none (as in a room that is
 *            missing): ENGINE_NOT_RUN, nothing done.
 *            6. The number is noted, offset + 1, kept in the history, published to who subscribes
 *            to the room: ENGINE_APPLIED with epoch, offset, receivers.
 *            All in one step that nothing gets between.
 *   TOPS     for each room its epoch and offset; {0, 0} if it is missing or of another incarnation
 *   HISTORY  the room's epoch and offset as for TOPS; if history.since.epoch is the epoch (or
 *            is_last): the entries that it has with offsets above since.offset, at most `limit`,
 *            the oldest first (is_last: the last `limit`). Fewer are fine, but no holes; they begin
 *            with the oldest of these that it has (is_last: they end with the offset)
 *   PROBE    as PUBLISH with regard to the incarnation: ENGINE_APPLIED and sent to the subscription
 *            socket of this connection, behind all that was published before; or
 *            ENGINE_OTHER_INCARNATION
 *   LEASE    lease.incarnation is not the stored one: ENGINE_OTHER_INCARNATION by
 *            node_request_failed(). Else of lease.identity {slot, boot}: a lease that is not over:
 *            it begins anew for ttl_ms. There is none for this slot, and may_restore: it is given
 *            again, as it was. Else a new one: a free slot; a boot number boot_step above the
 *            highest of all given out, boot_floor, and its clock in ms. A lease that ends later
 *            than in ttl_ms was given by another clock: it ends in ttl_ms. lease.id_key is stored
 *            if there is none. A lease has its node's name. Replies the identity, the stored
 *            id_key, and all leases that are not over (its own included) with their names and how
 *            long each still is. No slot is free: replies slot 0, and the node asks again in
 *            renew_ms. ttl_ms is 0: the node's lease of lease.identity ends, if it has that; no
 *            other changes, and none is given: replies slot 0
 *
 * A server that is a replica answers PUBLISH and PROBE with ENGINE_READ_ONLY. The script is not
 * there (NOSCRIPT): load it, answer ENGINE_NOT_RUN, which sends it again in order. Any other error
 * (no memory, not allowed): ENGINE_ERROR; of a PROBE it ends the connection, so a PROBE must need
 * no memory. In these three cases nothing was applied, and by `after` nothing behind it in its room
 * is until its answer has come: whoever else loads the script meanwhile, none overtakes another,
 * and one that is ENGINE_REPEAT when it is sent again was applied. What is ENGINE_NOT_RUN behind
 * one that was ENGINE_ERROR is not sent again, but rejected as that was: such would be refused one
 * in each round trip.
 *
 * # What the host gets
 *
 *   RESULT       of a publish: exactly one for each node_publish() that returned CLUSTER_DONE
 *   DELIVER      a message of a subscribed room: in order, each offset once, none left out but
 *                behind a GAP
 *   GAP          what is lost, before the first message behind it. `to` 0: the epoch is over, and
 *                nobody knows whether there was anything in it from `from` on. `from` 0: nobody
 *                knows since when. A room without numbers when the connection ended goes on from
 *                there, if the server has the same incarnation afterwards: that it had some
 *                meanwhile and they were thrown away is then not seen
 *   RECOVERED    of a node_recover(): exactly one for each that returned CLUSTER_DONE. All or
 *                nothing: is_complete says that `entries` are all that came since, and the client
 *                is where the room's DELIVERs are (or ahead: it then takes only what is above `at`)
 *   STATE        of a server, whenever it changes
 *   LEASE_HELD, LEASE_LOST   this node has an identity; it has it no longer. It may get the same
 *                            one again, but for WHY_LEFT
 *   NODE_SEEN, NODE_LOST     another one; never without LEASE_HELD before
 *
 * One thread at a time. */
#ifndef CLUSTER_NODE_H
#define CLUSTER_NODE_H

#include "cluster/lease.h"
#include "cluster/output.h"
#include "cluster/terms.h"

struct cluster_node;

/** What a node is made with. Times are in ms. node_settings_defaults() has the usual ones. */
struct node_settings {
    const char *const *servers; /* their names, the same on all nodes, in any order; copied */
    uint32_t server_count;      /* 1 to NODE_SERVERS_MAX */
    uint64_t incarnation;       /* of this node: random, not 0; another for each life */
    uint64_t seed;              /* random; of jitter and proposed numbers */
    uint64_t id_key;            /* random, unknown to clients; the cluster's, if it has none yet */
    const char *name;           /* for people; up to NODE_NAME_MAX bytes; NULL: none; copied */

    uint64_t pending_bytes;  /* publishes without a result, of each server */
    uint32_t pending_ms;     /* after that they have one */
    uint64_t held_bytes;     /* messages behind a hole, of each server */
    uint32_t held_messages;  /* the same of one room */
    uint32_t held_ms;        /* after that a hole is a gap */
    uint32_t rooms_max;      /* subscribed at a time */
    uint32_t recoveries_max; /* under way at a time, of each server */

    uint32_t reply_ms;        /* a request without an answer for so long ends the connection */
    uint32_t probe_ms;        /* between two probes */
    uint32_t backoff_ms;      /* the first wait before a connection is tried again is up to this */
    uint32_t backoff_max_ms;  /* the longest */
    uint32_t linger_ms;       /* between the last node_unsubscribe() and the command */
    uint32_t flight_commands; /* SUBSCRIBEs and UNSUBSCRIBEs without an answer at a time */
    uint32_t history_limit;   /* entries of one HISTORY */
    uint32_t history_flight;  /* of these at a time, of each server */
    uint32_t sample_ms;       /* within that each room's top is looked at once */
    uint32_t lease_ms;        /* how long a lease is */
    uint32_t renew_ms;        /* how often it is renewed */
    uint32_t nodes_max;       /* others that are known at a time */
    bool takes_no_lease;      /* it looks whether the servers are there, and is nobody's node */
};

#define NODE_SERVERS_MAX 64

/** Fills in all but servers, incarnation, seed, id_key and name. */
void node_settings_defaults(struct node_settings *settings);

/** @return A node that wants to open all connections; NULL on no memory or settings that are none.
 */
struct cluster_node *node_create(const struct node_settings *settings, uint64_t now_ms);

/** Frees it with all that waits in it. @param node  NULL is fine. */
void node_destroy(struct cluster_node *node);

/** Takes the next thing to do. @param output  Filled in; end it by output_finish().
 * @return Whether there was one. */
bool node_take(struct cluster_node *node, struct output *output);

/** Does what is due. May be called at any time, and must be at node_due(). */
void node_tick(struct cluster_node *node, uint64_t now_ms);

/** @return When node_tick() has to be called next. May be in the past. Ask anew after each input.
 */
uint64_t node_due(const struct cluster_node *node);

/* # What the host asks for */

#define ROOM_LOCAL_ONLY 1u /* goes on alone while its server is away */

/** Another node may have a lease that this one does not see yet: its own is renewed within 4 ms,
 * and 4 more for each node that is seen, since all are told at once; but not twice within a second.
 */
void node_renew_early(struct cluster_node *node, uint64_t now_ms);

/** Gives the lease back: the host stops. None is asked for any more; all else goes on. */
void node_leave(struct cluster_node *node, uint64_t now_ms);

/** @return Whether that is over: the engine has answered, or is not there to. */
bool node_has_left(const struct cluster_node *node);

/** A message for all members of a room on all nodes. It comes back by DELIVER where the room is
 * subscribed, this node included.
 * @param cookie   Comes back with the RESULT. @param keeping  Of the room's history.
 * @param flags    ROOM_LOCAL_ONLY: while the server is away it reaches this node's members, if the
 *                 room was subscribed with that, too. Or 0.
 * @param payload  Takes a reference of its own.
 * @return CLUSTER_DONE: there will be a RESULT, within pending_ms. CLUSTER_BUSY: the server is
 * down, or pending_bytes wait. CLUSTER_INVALID, CLUSTER_NO_MEMORY. */
int node_publish(struct cluster_node *node, struct room_key key, struct payload *payload,
                 struct keeping keeping, uint32_t flags, uint64_t cookie, uint64_t now_ms);

/** Wants a room's messages; counted. The first call has a TOPS ask where the room is; what the
 * engine orders after that is delivered or told as a GAP, also what comes before the SUBSCRIBE.
 * What this node publishes afterwards is sent behind that TOPS. While the server is away, or if the
 * connection ends before the answer, a GAP with `from` 0 is told, once the engine is there and has
 * numbers for the room.
 * @param flags  ROOM_LOCAL_ONLY or 0; the first call's count.
 * @return CLUSTER_DONE, CLUSTER_INVALID, CLUSTER_NO_MEMORY, CLUSTER_TOO_MANY. */
int node_subscribe(struct cluster_node *node, struct room_key key, uint32_t flags, uint64_t now_ms);

/** Takes one node_subscribe() back. After the last one messages still come for up to linger_ms.
 * @return CLUSTER_DONE; CLUSTER_INVALID: the room is not subscribed. */
int node_unsubscribe(struct cluster_node *node, struct room_key key, uint64_t now_ms);

/** Asks what a client missed in a room that this node subscribes to; see RECOVERED.
 * @param since  Where the client is. @param limit  Of messages; more is WHY_TOO_MUCH.
 * @return CLUSTER_DONE: there will be a RECOVERED. CLUSTER_INVALID: the room isn't subscribed.
 *         CLUSTER_TOO_MANY, CLUSTER_NO_MEMORY. */
int node_recover(struct cluster_node *node, struct room_key key, struct position since,
                 uint32_t limit, uint64_t cookie, uint64_t now_ms);

/** The same for one that was never there: the last messages, up to @p limit of them, fewer if the
 * history has fewer. */
int node_recover_last(struct cluster_node *node, struct room_key key, uint32_t limit,
                      uint64_t cookie, uint64_t now_ms);

/** Has a server's probe sent at once: when it is back, all that was published before has come.
 * @return To be asked for by node_is_probing(); 0: the server is not there, or there is no room. */
uint64_t node_probe(struct cluster_node *node, uint32_t server, uint64_t now_ms);

/** @return Whether a probe is still on its way; one is not that was lost with its connection. */
bool node_is_probing(const struct cluster_node *node, uint32_t server, uint64_t probe);

/** @return Which server a room is at. */
uint32_t node_server_of(const struct cluster_node *node, struct room_key key);

/** @return This node's identity; slot 0: it has none, as nobody may rely on it at @p now_ms. */
struct node_identity node_identity(const struct cluster_node *node, uint64_t now_ms);

/* # What the I/O tells. Of another generation: ignored. */

/** Both sockets are there. */
void node_connected(struct cluster_node *node, uint32_t server, uint64_t generation,
                    uint64_t now_ms);

/** The connection could not be made, or has ended. */
void node_closed(struct cluster_node *node, uint32_t server, uint64_t generation, uint64_t now_ms);

struct hello_reply {
    uint64_t incarnation; /* not 0 */
    uint64_t engine_id;   /* not 0 */
    bool is_read_only;    /* the server is a replica: the connection ends */
};

void node_hello_reply(struct cluster_node *node, uint32_t server, uint64_t generation,
                      uint64_t request, const struct hello_reply *reply, uint64_t now_ms);

enum engine_answer {
    ENGINE_APPLIED,
    ENGINE_REPEAT,            /* of something that was applied before */
    ENGINE_LOST,              /* nobody knows any more whether it was */
    ENGINE_OTHER_INCARNATION, /* not applied, as all that follow */
    ENGINE_READ_ONLY,
    ENGINE_NOT_RUN,
    ENGINE_ERROR
};

struct publish_reply {
    enum engine_answer answer;
    struct position at; /* APPLIED. REPEAT: the epoch; the offset too, if it is known (of the last
                           number it is), else 0: then nobody knows whether it was applied */
    uint32_t receivers; /* APPLIED */
};

/** @param number  The `request` of the PUBLISH. @return CLUSTER_DONE or CLUSTER_NO_MEMORY. */
int node_publish_reply(struct cluster_node *node, uint32_t server, uint64_t generation,
                       uint64_t number, const struct publish_reply *reply, uint64_t now_ms);

/** One room of a SUBSCRIBE or UNSUBSCRIBE was answered. */
void node_subscribed(struct cluster_node *node, uint32_t server, uint64_t generation,
                     struct room_key key, bool is_subscribed, uint64_t now_ms);

/** A message came on the subscription socket.
 * @param bytes  Copied. @param kind  As payload->kind.
 * @return CLUSTER_DONE, or CLUSTER_NO_MEMORY: it is lost, as if the network had lost it. */
int node_message(struct cluster_node *node, uint32_t server, uint64_t generation,
                 struct room_key key, struct position at, const void *bytes, size_t size,
                 uint32_t kind, uint64_t now_ms);

/** @param answer  ENGINE_APPLIED, or why not. */
void node_probe_reply(struct cluster_node *node, uint32_t server, uint64_t generation,
                      uint64_t request, enum engine_answer answer, uint64_t now_ms);

/** A probe came back on the subscription socket. @param request  As in the PROBE. */
void node_probe_echo(struct cluster_node *node, uint32_t server, uint64_t generation,
                     uint64_t request, uint64_t now_ms);

/** @param tops  As many as the TOPS had keys, in that order. Borrowed. */
void node_tops_reply(struct cluster_node *node, uint32_t server, uint64_t generation,
                     uint64_t request, const struct position *tops, uint32_t count,
                     uint64_t now_ms);

/** One message of a history; borrowed. */
struct history_entry {
    uint64_t offset;
    const void *bytes;
    size_t size;
    uint32_t kind;
};

/** @param top  As TOPS has it. @param entries  In ascending order. Borrowed.
 * @return CLUSTER_DONE, or CLUSTER_NO_MEMORY: the reply is lost then; if it isn't given again, the
 *         connection ends after reply_ms. */
int node_history_reply(struct cluster_node *node, uint32_t server, uint64_t generation,
                       uint64_t request, struct position top, const struct history_entry *entries,
                       uint32_t count, uint64_t now_ms);

/** @param reply  Borrowed, with all that it leads to. */
void node_lease_reply(struct cluster_node *node, uint32_t server, uint64_t generation,
                      uint64_t request, const struct lease_reply *reply, uint64_t now_ms);

/** A request was answered with an error: the connection ends, and is made anew.
 * @param answer  What it was: ENGINE_OTHER_INCARNATION, ENGINE_READ_ONLY, ENGINE_ERROR. */
void node_request_failed(struct cluster_node *node, uint32_t server, uint64_t generation,
                         uint64_t request, enum engine_answer answer, uint64_t now_ms);

/* # What it counts, for `toni status` and metrics */

struct node_figures {
    enum server_state state;
    enum cluster_why why;
    uint64_t incarnation;
    uint64_t pending; /* publishes without a result */
    uint64_t pending_bytes;
    uint64_t held_bytes;
    uint64_t rooms;                                   /* known at this server */
    uint64_t subscribed;                              /* acknowledged on this connection */
    uint64_t connections;                             /* made, ever */
    uint64_t other_data;                              /* of these: with data that are others */
    uint64_t ok, rejected, unknown, busy;             /* publishes */
    uint64_t repeats;                                 /* OK that had been applied before */
    uint64_t delivered, older, held, gaps, histories; /* messages; gaps told; HISTORYs asked */
    uint64_t suspects; /* times that a room may have been where the engine never was */
    uint64_t late;     /* replies to publishes that had their result already */
    uint32_t probe_ms; /* how long the last probe took, there and back */
};

void node_figures(const struct cluster_node *node, uint32_t server, struct node_figures *figures);

#endif
