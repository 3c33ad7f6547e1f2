/* What a node is made of, and what its files say to each other:
 *
 *   node_life       made, ended, ticked; what is taken out
 *   node_servers    connections: opened, lost, ready; probes and checks; what is sent next
 *   node_patience   how long answers are waited for, also by a node that stood still
 *   node_publishes  publishes and their results
 *   node_rooms      subscriptions
 *   node_messages   messages, holes and gaps
 *   node_joins      where rooms begin on this node
 *   node_tops       tops compared
 *   node_history    the histories that are asked and come back
 *   node_recovery   clients that missed something
 *   node_leases     the lease
 *
 * One rule holds in all of them: first room is made for what will be said, then something is
 * changed, then it is said. */
#ifndef CLUSTER_NODE_PRIVATE_H
#define CLUSTER_NODE_PRIVATE_H

#include "cluster/chance.h"
#include "cluster/checks.h"
#include "cluster/lease.h"
#include "cluster/node.h"
#include "cluster/publishes.h"
#include "cluster/room_state.h"
#include "cluster/server_state.h"

/* HISTORYs on their way to one server, at most. */
#define FLIGHTS_MAX 64

/* An answer is waited for anew after so many standstills. */
#define PATIENCE_MOST 3

/* The index of no server. */
#define SERVER_NONE UINT32_MAX

/** How far a node is with giving its lease back. */
enum leaving {
    LEAVING_NOT,
    LEAVING_ASKED, /* it asks for no lease any more */
    LEAVING_SENT,  /* it has given it back */
    LEAVING_DONE   /* that was answered, or there is nobody to answer it */
};

/** A HISTORY on its way. */
struct flight {
    uint64_t request; /* 0: the place is free */
    uint64_t sent_ms;
    struct room_keys *key; /* a reference: the room may be gone when the answer comes */
    bool is_recovery;
};

struct server {
    uint32_t index;
    struct server_life life;
    uint64_t incarnation;      /* 0: none known */
    uint64_t engine_id;        /* 0: none known */
    uint64_t hello;            /* request */
    enum cluster_why why;      /* of its state */
    enum cluster_why must_end; /* the connection, when there is memory to say so; WHY_NONE */
    bool is_up;
    bool has_proof; /* a probe came back on this connection */
    enum server_state told;
    enum cluster_why told_why;
    struct publishes publishes;
    struct subscriptions subs;
    struct list rooms;
    uint64_t room_count;
    uint64_t behind; /* rooms that it is degraded for */
    struct checks checks;
    uint64_t sample_ms; /* when rooms were last chosen for a look at their tops */
    struct list joining, unchecked, asking, holding, recovering, recoveries, refused, local;
    struct list suspects; /* rooms that are suspect since the last pump */
    struct list put_off;  /* that were asked about just before: by when that is done again */
    struct list joins;    /* TOPS on their way for rooms that were in `joining` */
    uint32_t join_count;
    uint64_t held_bytes;
    uint32_t recovery_count;
    struct flight flights[FLIGHTS_MAX];
    uint32_t flight_count;
    struct node_figures figures;
};

struct cluster_node {
    struct node_settings settings;
    const char **names; /* of the servers; in one piece with their bytes */
    struct outputs outputs;
    struct chance chance;
    struct room_states rooms;
    struct lease lease;
    uint32_t lease_server; /* SERVER_NONE: it takes no lease */
    enum leaving leaving;
    uint64_t number;                  /* the last that a publish got */
    uint64_t request;                 /* the last */
    bool is_short;                    /* something was put off for want of memory */
    uint64_t short_ms;                /* until then */
    uint64_t looked_ms;               /* when it was last asked to do something */
    uint64_t patient_ms;              /* it stood still before: until then nothing is given up */
    uint64_t still_ms[PATIENCE_MOST]; /* when it was found to have stood still, the last times */
    uint32_t still_next;              /* the place of the next; it has the oldest of them */
    struct server *servers;
};

/* node_servers */

/** @return Whether it is connected, and takes commands. */
static inline bool server_is_ready(const struct server *server)
{
    return server->life.phase == PHASE_READY && server->must_end == WHY_NONE;
}

/** @return The server if this generation is its connection's, else NULL. */
struct server *server_of(struct cluster_node *node, uint32_t index, uint64_t generation);

/** The connection has to end. What waits for it is done by server_pump(). */
void server_end(struct server *server, enum cluster_why why);

/** Opens, sends, asks and says all that is due and possible. The end of every input. */
void server_pump(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** Ends what has waited for too long. */
void server_expire(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** @return When server_expire() and server_pump() are due. */
uint64_t server_due(const struct cluster_node *node, const struct server *server);

/* node_patience */

/** Every input begins with it, before something is given up. */
void node_look(struct cluster_node *node, uint64_t now_ms);

/** @return Whether what was waited for so long that it is due at @p due_ms is to be given up: also
 * if the node has stood still PATIENCE_MOST times since. */
bool node_is_over(const struct cluster_node *node, uint64_t due_ms, uint64_t now_ms);

/** @param over_ms  When the first of what is waited for would be given up; UINT64_MAX: nothing is
 * waited for.
 * @return When the node has to be ticked for it. */
uint64_t node_patience_due(const struct cluster_node *node, uint64_t over_ms);

/* node_publishes */

/** Sends what may be sent. */
void publishes_pump(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** @return When it has waited for too long. */
uint64_t publish_over(const struct cluster_node *node, const struct publish *publish);

/** Ends those that waited for too long, and those that another incarnation can't be asked about. */
void publishes_expire(struct cluster_node *node, struct server *server, uint64_t now_ms);

/* node_rooms */

/** The room changed: puts it into the lists of its server that it belongs into. */
void room_watch(struct server *server, struct room_state *room, uint64_t now_ms);

/** Ends a room that nobody needs, with all that is asked about it. */
void room_end(struct cluster_node *node, struct server *server, struct room_state *room);

/** Writes the SUBSCRIBEs and UNSUBSCRIBEs that may be. */
void rooms_pump(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** Says of rooms that went on alone that they no longer do. */
void rooms_heal(struct cluster_node *node, struct server *server);

/** @return When the messages that this room holds wait for what is missing no longer. */
uint64_t holding_over(const struct cluster_node *node, const struct room_state *room);

/** Ends what lingers, and gives up what is held for too long. */
void rooms_expire(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** The connection has ended. */
void rooms_restart(struct cluster_node *node, struct server *server);

/** The server has other data than on the connection before: of a room that has no numbers there
 * nobody knows any more whether it had some. */
void rooms_doubt(struct server *server);

/* node_messages */

/** How many outputs a message, a new epoch, or the end of all holes of a room takes at most. */
size_t room_outputs(const struct room_state *room);

/* Of the following: room for that was made. */

/** Delivers, and is there. Takes the reference. */
void room_deliver(struct cluster_node *node, struct server *server, struct room_state *room,
                  struct position at, struct payload *payload);

/** Delivers what is held and has no hole before it any more. */
void room_drain(struct cluster_node *node, struct server *server, struct room_state *room);

/** Says that what is missing up to @p to is lost; delivers what is held up to there, and what
 * follows it. */
void room_gap(struct cluster_node *node, struct server *server, struct room_state *room,
              uint64_t to, enum cluster_why why);

/** Gives up all holes before what is held, and delivers that. A room that has not begun yet begins
 * with it. */
void room_give_up(struct cluster_node *node, struct server *server, struct room_state *room,
                  enum cluster_why why);

/** It is known from where on its messages are this node's. What is in doubt before that is told.
 */
void room_begin(struct cluster_node *node, struct server *server, struct room_state *room,
                struct position at, enum cluster_why why);

/** The engine's numbers of this room began anew; epoch 0: it has none. They are at @p at. */
void room_new_epoch(struct cluster_node *node, struct server *server, struct room_state *room,
                    struct position at);

/** The room goes on alone no longer. */
void room_heal(struct cluster_node *node, struct server *server, struct room_state *room);

/* node_joins */

/** The room is to begin at its top, if it has not begun and nobody has asked for that. */
void joins_add(struct server *server, struct room_state *room);

/** Asks for the tops at which rooms are to begin. */
void joins_pump(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** A publish to this room is about to be sent: what the room begins at is asked before.
 * @return 0; -1: there is no memory for that. */
int join_first(struct cluster_node *node, struct server *server, struct room_state *room,
               uint64_t now_ms);

/** @return Whether these tops were asked for here; then they were dealt with. */
bool joins_take(struct cluster_node *node, struct server *server, uint64_t request,
                const struct position *tops, uint32_t count, uint64_t now_ms);

/** @return When the oldest question without an answer was sent; UINT64_MAX: there is none. */
uint64_t joins_oldest_ms(const struct server *server);

/** The connection has ended: there are no answers any more. */
void joins_restart(struct server *server);

/* node_tops */

/** Asks for tops that are to be compared, and sends a probe if one is due. */
void tops_pump(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** A room's top is to be compared; not before it has begun and is heard. */
void room_check(struct server *server, struct room_state *room);

/** A room may be where the engine never was: its top is compared for that, the first time at once,
 * and then no more than once a second, since whoever may publish on the engine can say any number,
 * as often as he wants. */
void room_suspect(struct server *server, struct room_state *room);

/** The same where the engine has said so, or its epochs end too often. */
void room_astray(struct server *server, struct room_state *room);

/** There is no reason for that any more. */
static inline void room_unsuspect(struct room_state *room)
{
    list_remove(&room->suspect);
    room->is_astray = false;
}

/** @return When the first room that was put off is asked about; UINT64_MAX: there is none. */
uint64_t suspects_due(const struct server *server);

/** It is among those that the server is degraded for no longer. */
void room_caught_up(struct server *server, struct room_state *room);

/* node_history */

/** Asks for the histories that are wanted. */
void history_pump(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** The connection has ended. */
void history_restart(struct server *server);

/* node_recovery */

/** @return How much the HISTORY for those who wait in this room has to bring; 0: nobody waits. */
uint32_t recovery_limit(const struct room_state *room);

/** The HISTORY for them was sent. */
void recovery_sent(struct room_state *room, uint64_t request);

/** It came. */
void recovery_take(struct cluster_node *node, struct server *server, struct room_state *room,
                   struct position top, const struct history_entry *entries, uint32_t count);

/** It won't come: they wait for another. */
void recovery_restart(struct server *server, struct room_state *room);

/** Puts the room where its waiting recoveries can be asked for, if they can. */
void recovery_watch(struct server *server, struct room_state *room);

/** One gets nothing but the reason, when there is memory to say so. */
void recovery_refuse(struct server *server, struct recovery *recovery, enum cluster_why why);

/** Tells those that were refused. */
void recovery_pump(struct cluster_node *node, struct server *server);

/** Refuses those that waited for too long. */
void recovery_expire(const struct cluster_node *node, struct server *server, uint64_t now_ms);

/* node_leases */

/** Asks for the lease if that is due, and this is the server for it; or gives it back. */
void lease_pump(struct cluster_node *node, struct server *server, uint64_t now_ms);

/** The connection has ended. */
void leases_restart(struct cluster_node *node, const struct server *server);

/** @return When the request that has no answer yet was sent; UINT64_MAX: there is none. */
uint64_t lease_sent_ms(const struct cluster_node *node, const struct server *server);

/** @return When the server has to be asked again; UINT64_MAX: not, or it is being asked. */
uint64_t lease_asks_ms(const struct cluster_node *node, const struct server *server);

#endif
