/* What the cluster's thread consists of, and what its files do for each other. For this folder
 * alone: door.c is what other threads call, attachment.c the engine, answers.c what an engine
 * tells, commands.c and events.c what the node says, thread.c the loop, turn.c one turn of it;
 * asking.c, counting.c (receipts) and recoveries.c are what waits for answers, notices.c tells
 * other hosts what this one said alone, control_channel.c how other nodes are asked and answered,
 * telling.c and report.c what gateways and people are told.
 *
 * All is the thread's own, but for what is said to be others' as well. */
#ifndef CLUSTERING_CLUSTERING_PRIVATE_H
#define CLUSTERING_CLUSTERING_PRIVATE_H

#include "clustering/clustering.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log_limit.h"
#include "clustering/asks.h"
#include "clustering/inbox.h"
#include "clustering/receipts.h"
#include "clustering/sent.h"
#include "instance/instance.h"
#include "net/loop_wake.h"

#include <toni/engine.h>

#include <stdatomic.h>
#include <uv.h>

/* Publishes without a result, of each server, in bytes; and how long they wait for one. */
#define WAITING_BYTES_MOST (8u << 20)
#define WAITING_MS 1000

/* A message that an engine brings; publishes are smaller. */
#define MESSAGE_BYTES_MOST ((size_t)2 * WAITING_BYTES_MOST)

/* Publishes may be made before it is known which servers there are: these are charged here. */
#define SERVER_UNKNOWN NODE_SERVERS_MAX

/* What there was no memory for is tried again after that; and how old the report may be. */
#define SHORT_MS 10
#define REPORT_MS 100

/* So many notices wait for their servers; of rooms beyond that only this host knows. */
#define NOTICES_MOST 1024

/* How often an engine that refuses to be attached is asked again. */
#define ATTACH_AGAIN_MS 1000

/* The longest name of a server. */
#define SERVER_NAME_MOST 255

struct attachment;
struct tell;

/* The door of one namespace; what rooms have of it is its first member. */
struct door {
    struct remote remote; /* first */
    struct clustering *clustering;
    struct space *space;
    uint32_t flags; /* ROOM_LOCAL_ONLY or 0 */
    struct door *_Atomic next;
};

/* Of one server, for those that publish. Any thread. */
struct server_view {
    _Atomic uint32_t state; /* enum server_state */
    atomic_uint_fast64_t waiting_bytes;
    struct counter refused;
    struct counter lost;
    uint8_t padding[COUNTER_PADDING];
};

/* Of one server, for the thread. */
struct server_link {
    uint64_t generation;  /* of the connection that the engine was asked for; 0: none */
    uint64_t open_wanted; /* the generation that is to be opened, once there is an engine; or 0 */
    uint64_t last_probe;  /* before the engine is let go of; 0: none */
    uint64_t lost_untold; /* publishes, since gateways were last told */
    uint64_t resubscriptions;
    enum server_state state;
    enum cluster_why state_why;
    enum server_state shown; /* to publishers and gateways; see turn.c */
    struct log_limit state_lines;
    char why[CLUSTERING_WHY_SIZE]; /* of the end of the last connection, in the engine's words */
};

/* Other nodes that are known at a time. */
#define NODES_MOST 1024

/* How other nodes are asked, and ask: the table is shared by requests (asks.h) and receipts
 * (receipts.h). */
struct control_channel {
    struct control_table *table;
    uint32_t own_slot;   /* this node's; 0: it has no lease */
    uint32_t heard_slot; /* whose channel is subscribed; 0: none */
    bool is_closed;
    bool must_announce; /* this node has an identity, and the others were not told */

    /* By slot: the low bits of a live node's boot number, and 1; 0: nobody. Any thread reads. */
    _Atomic uint32_t live[CLIENT_ID_SLOT_MOST + 1];
};

struct clustering {
    char *engine_name;
    char *node_name;
    uint32_t receipt_ms;
    uint64_t incarnation;
    toni_connections *connections;
    struct slots *slots;

    struct inbox inbox;       /* any thread */
    struct asks asks;         /* the same */
    struct receipts receipts; /* the same */
    struct control_channel control;
    struct door *_Atomic doors; /* any thread reads */
    struct server_view views[NODE_SERVERS_MAX + 1];
    atomic_bool is_held;  /* the thread, in a call of the engine: broadcasts are refused */
    atomic_bool is_known; /* which servers there are: the next two are constant */
    uint32_t server_count;
    char *names[NODE_SERVERS_MAX];
    struct slot *_Atomic slot; /* of the engine */

    pthread_mutex_t lock; /* a leaf; guards what follows up to `report` */
    pthread_cond_t changed;
    const char *refusal; /* see struct clustering_report */
    bool wants_engine;
    bool has_engine; /* or is about to attach to one */
    bool is_asked_to_stop;
    uint32_t let_go_ms; /* it may take so long to let go of an engine in peace */
    bool has_ended;
    bool has_tried; /* to attach for the first time; `wants_engine` is false if that failed */
    struct node_identity identity;
    struct clustering_report report;
    struct clustering_findings *findings[NODE_SERVERS_MAX]; /* NULL: not told of that server */

    pthread_t thread;
    bool has_thread;
    bool is_lost;    /* the thread: it is in a call that does not end */
    bool only_looks; /* see struct clustering_settings */
    struct plugin_call_board board;
    uv_loop_t loop;
    struct loop_wake wake;
    uv_timer_t due;
    uv_prepare_t turn;

    struct cluster_node *node;
    struct server_link links[NODE_SERVERS_MAX];
    struct attachment *engine;      /* NULL: none is attached */
    struct attachment *attachments; /* all that ever were: an engine may keep what it was given */
    uint64_t attach_at_ms;          /* not before */
    uint64_t refusals;              /* of engines to be attached, in succession */
    uint64_t let_go_until_ms; /* what is on its way is waited for, since the engine is to be let go
                                 of; 0: it is not */
    uint64_t held_until_ms; /* publishes wait in the inbox, since the engine is exchanged; 0: no */
    uint64_t outstanding;   /* publishes that were taken and have no result */
    struct sent_list notices; /* of what this host said alone, until their servers are up */
    uint32_t notice_count;
    uint64_t notices_at_ms;    /* they are looked at; 0: not, or when a server is up */
    struct wanted *waiting;    /* rooms that publishes wait for */
    struct recovering *flying; /* clients that come back and that the node has an answer for */
    struct recovering *ahead;  /* that are ahead of their rooms */
    uint32_t flying_count;
    bool has_more_recovering; /* that were not taken, as too many fly */
    uint64_t nonsense;
    uint32_t nodes_seen;
    uint64_t tell_at_ms;  /* gateways are told of what was lost; 0: nothing */
    uint64_t reported_ms; /* when the report was last made */
    struct tell *first_tell, *last_tell;
    uint32_t tell_count;
    bool is_report_old;
    bool is_short;    /* of memory for a room, or a channel, that is wanted */
    bool is_stopping; /* nothing is waited for any more but results */
};

static inline uint64_t now_ms(void)
{
    return clock_now_ms();
}

/** @param name  Of a node, as the node hands it out; NULL: it has none. */
static inline toni_str node_name_str(const struct payload *name)
{
    return name ? (toni_str){(const char *)name->bytes, name->size} : (toni_str){0};
}

/* --- door.c */

/** @return The namespace of that name that has a door; NULL: there is none. @thread Any. */
struct space *door_find_space(const struct clustering *clustering, toni_str namespace);

/* --- attachment.c: the engine */

/** Attaches to the instance in the engine's slot. @return 0; -1, which is logged. */
int engine_attach(struct clustering *clustering);

/** Detaches, if anything is attached. */
void engine_detach(struct clustering *clustering);

/** Begins a call of the engine. @param name  Of the function, for people.
 * @return Whether there is one; engine_leave() must follow then. */
bool engine_enter(struct clustering *clustering, const char *name, struct plugin_call *call);
void engine_leave(struct clustering *clustering, const struct plugin_call *call);

/** Calls what engines have posted. */
void engine_run_posts(struct clustering *clustering);

/** Opens the connections that the node asked for while there was no engine. */
void engine_open_all(struct clustering *clustering);

/** Frees all attachments. */
void attachments_finish(struct clustering *clustering);

const struct toni_engine_table *engine_table(const struct clustering *clustering, void **self);

/** Calls a function of the engine's table, if an engine is attached.
 * @param arguments  In parentheses, `engine_self` first. */
#define ENGINE_CALL(clustering, function, arguments)                                               \
    do {                                                                                           \
        PLUGIN_CALL(engine_call);                                                                  \
        if (engine_enter((clustering), #function, &engine_call)) {                                 \
            void *engine_self;                                                                     \
            const struct toni_engine_table *engine_functions =                                     \
                engine_table((clustering), &engine_self);                                          \
            engine_functions->function arguments;                                                  \
            engine_leave((clustering), &engine_call);                                              \
        }                                                                                          \
    } while (0)

/* --- answers.c: what engines tell */

extern const struct toni_engine_host engine_host;

/* --- checking.c: what an engine finds out, for one that only looks */

/** Has the engine look at a server. @return Whether it can: else it is tried by a hello. */
bool check_begin(struct clustering *clustering, const struct output *output,
                 const toni_engine_hello *hello);

/** Keeps what it has found out; of several times the first. @return 0, or -1: no memory. */
int check_take(struct clustering *clustering, uint32_t server, const toni_engine_finding *findings,
               uint32_t count);

void checks_finish(struct clustering *clustering);

/* --- commands.c, events.c: what the node says */

/** The connection that the engine was asked for is no more. */
void connection_ended(struct clustering *clustering, uint32_t server);

/** Carries out a command for the engine. */
void command_carry_out(struct clustering *clustering, const struct output *output);

/** Carries out all else. */
void event_carry_out(struct clustering *clustering, struct output *output);

/** What became of a publish; frees it. @param receivers  As control_receipt_sent() has them. */
void sent_finish(struct clustering *clustering, struct sent *sent, enum publish_result result,
                 enum cluster_why why, uint32_t receivers);

/** The engine said that a room's messages come, or that they don't. */
void room_heard(struct clustering *clustering, struct room_key key, bool is_heard);

/* --- notices.c: what this host said alone */

/** Tells other hosts that so many of its messages are in the room for nobody else.
 * @param room  Empty: of the namespace's channel. */
void notice_send(struct clustering *clustering, struct space *space, toni_str room,
                 struct room_key key, uint64_t count);

/** @param sent  With its result. @return Whether it is a notice that is sent again; then it is no
 * longer the caller's. */
bool notice_put_off(struct clustering *clustering, struct sent *sent, enum publish_result result);

/** Sends those again whose servers are up. */
void notices_run(struct clustering *clustering);

/** @return When notices_run() has something to do; UINT64_MAX: never. */
uint64_t notices_due(const struct clustering *clustering);

/** Frees those that wait, at the end: they count as lost, and are logged. */
void notices_drop(struct clustering *clustering);

/* --- turn.c */

/** Takes all that there is to do, and does it. */
void turn_run(struct clustering *clustering);

/** @return When there has to be a turn at the latest; UINT64_MAX: never. */
uint64_t turn_due(const struct clustering *clustering);

/** Publishes what the cluster itself has to say. @param sent  Its key, payload and keeping are set;
 *                the node's from now on. */
void turn_publish(struct clustering *clustering, struct sent *sent);

/** Hands the publishes that wait for a room to the node. */
void turn_release(struct clustering *clustering, struct wanted *wanted);

/* --- recoveries.c: clients that come back */

/** Asks the node for those who have come since. */
void recoveries_run(struct clustering *clustering);

/** @return When recoveries_run() has something to do; UINT64_MAX: never. */
uint64_t recoveries_due(const struct clustering *clustering);

/** The node's answer. */
void recoveries_answer(struct clustering *clustering, const struct output *output);

/** A message of a room is about to be delivered, or a gap told: who has all before it, and not
 * this, is let in.
 * @param at  Its place; of a gap: of its end. */
void recoveries_before(struct clustering *clustering, struct room_key key, struct position at);

/** It was: who was ahead of the room up to this is let in. */
void recoveries_after(struct clustering *clustering, struct room_key key, struct position at);

/** All have an answer from now on; the inbox is closed. */
void recoveries_close(struct clustering *clustering);

void recoveries_finish(struct clustering *clustering);

/* --- control_channel.c: the host's side of cluster/control.h. Who else is there, what is published
 * on the control channels of others, and what comes on this node's, be it an answer or a request
 * that this host carries out */

/** @param nameless  As control_settings has it. @return 0, or -1 on no memory. */
int control_channel_init(struct control_channel *channel, uint64_t nameless);

/** After control_channel_close(). @param channel  Zeroes are fine. */
void control_channel_finish(struct control_channel *channel);

/** Hears what nodes say to all. @return 0, or -1 on no memory. */
int control_channel_listen(struct clustering *clustering);

/** @return Whether the client's id is of another node that is seen. @thread Any. */
bool control_channel_reaches(struct clustering *clustering, toni_client_id client);

/** This node has an identity, or has it no longer; another one is seen, or gone. */
void control_channel_identity(struct clustering *clustering, const struct output *output);

/** Ends what has waited for too long, tries again to hear this node's channel, announces this node
 * if that is due, and settles. */
void control_channel_run(struct clustering *clustering);

/** @return When control_channel_run() has something to do; UINT64_MAX: never. */
uint64_t control_channel_due(const struct control_channel *channel);

/** Publishes what is to be sent, and tells what is done: after each call of the table. */
void control_channel_settle(struct clustering *clustering);

/** @return Whether a publish was one of a control channel; then what came of it is dealt with. */
bool control_channel_result(struct clustering *clustering, const struct output *output);

/** @return Whether a message came on a control channel; then it is dealt with. */
bool control_channel_message(struct clustering *clustering, const struct output *output);

/** @return Whether messages of a control channel are lost; then that is dealt with. */
bool control_channel_gap(struct clustering *clustering, struct room_key key);

/** All that is under way is done, without an answer. */
void control_channel_close(struct clustering *clustering);

/** Names the nodes that did not answer.
 * @param names  Room for as many as there are targets; they borrow from @p done.
 * @return How many. */
uint32_t control_channel_name_missing(const struct control_ask *done, toni_str *names);

/* --- thread.c */

/** Begins to use an engine, or lets go of it, as others have asked for. */
void thread_look_at_engine(struct clustering *clustering);

/* --- report.c */

/** Makes the report anew, if the last one is old. */
void report_make(struct clustering *clustering);

/* --- telling.c */

/** Tells gateways of a server's state, or of what was lost. */
void tell_degraded(struct clustering *clustering, uint32_t server, enum server_state state,
                   enum cluster_why why, uint64_t lost);

/** Tells those who have not been told yet. */
void telling_run(struct clustering *clustering);

/** @return When telling_run() has to be called; UINT64_MAX: never. */
uint64_t telling_due(const struct clustering *clustering);

void telling_finish(struct clustering *clustering);

/** Tells gateways that another node is gone. */
void tell_node_lost(struct clustering *clustering, toni_str name);

#endif
