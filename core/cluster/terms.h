/* The terms that the cluster's parts share: keys, positions, reasons. Plain values; nothing here is
 * allocated.
 *
 * A node is one machine's host. An engine keeps the order of the rooms (Redis, Valkey); it may be
 * several servers, each with rooms of its own. An incarnation is one life of a server's data: a
 * server that came back with other data, older data, or as somebody else's replica has another.
 * The epoch of a room is one life of its numbers: within one, each message has the number of the
 * one before plus one, and the first has 1. */
#ifndef CLUSTER_TERMS_H
#define CLUSTER_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A room's key: its namespace and its name, as the host puts them together. */
#define ROOM_KEY_MAX 512

/** Any bytes; 1 to ROOM_KEY_MAX of them. Borrowed for the call wherever it is a parameter. */
struct room_key {
    const char *bytes;
    size_t size;
};

/** A place in the order of a room. */
struct position {
    uint64_t epoch;  /* 0: none is known */
    uint64_t offset; /* the number of the last message; 0: none yet in this epoch */
};

/** What a call of the cluster's node returns. Below 0 nothing has changed. */
enum cluster_status {
    CLUSTER_DONE = 0,
    CLUSTER_NO_MEMORY = -1,
    CLUSTER_BUSY = -2,    /* the room's server is away, or too much waits for it */
    CLUSTER_INVALID = -3, /* a key or a size that is none */
    CLUSTER_TOO_MANY = -4 /* a bound of the settings is reached */
};

/** What became of a publish. */
enum publish_result {
    PUBLISH_OK,       /* it has its place in the room's order, once */
    PUBLISH_REJECTED, /* it was certainly not applied, and won't be */
    PUBLISH_UNKNOWN   /* it was sent, and nobody said what became of it */
};

/* The engine has found out a repeat: to whom it was sent the first time it does not know. */
#define RECEIVERS_UNKNOWN UINT32_MAX

enum server_state {
    SERVER_DOWN,     /* no connection, or none that has said hello */
    SERVER_DEGRADED, /* it takes publishes; subscriptions or rooms are still being caught up with */
    SERVER_UP
};

/** Why something was lost, refused or ended. cluster_why_text() says it. */
enum cluster_why {
    WHY_NONE,
    /* of a connection, a state, a result */
    WHY_START,           /* nothing has been tried yet */
    WHY_CONNECTING,      /* the connection is being made */
    WHY_CONNECTED,       /* it is there; rooms are caught up with */
    WHY_CAUGHT_UP,       /* all is as it should be */
    WHY_CLOSED,          /* the connection ended, or couldn't be made */
    WHY_NO_REPLY,        /* a request had no answer in time */
    WHY_NO_ECHO,         /* a probe was answered, but did not come back as a message */
    WHY_READ_ONLY,       /* the server is a replica, and takes no writes */
    WHY_INCARNATION,     /* the server's data are others than when the connection was made */
    WHY_OTHER_ENGINE,    /* the data belong to another engine than before: a wrong server? */
    WHY_REQUEST_REFUSED, /* the server answered a request with an error */
    WHY_TOO_OLD,         /* it waited for longer than publishes may */
    WHY_ORDER,           /* a later message of the room was applied before it */
    /* of a gap, a recovery that is none */
    WHY_EPOCH,      /* the room's numbers began anew: what the engine knew of it is lost */
    WHY_NO_HISTORY, /* the room keeps no history */
    WHY_TRIMMED,    /* the history no longer goes back that far */
    WHY_HOLDING,    /* too much, or for too long, was held back while the history was asked */
    WHY_LOCAL,      /* what a node published while its server was away reached nobody else */
    WHY_AHEAD,      /* the position is none that the engine has given out */
    WHY_TOO_MUCH,   /* more is missing than may be asked for */
    WHY_AWAY,       /* the server was away */
    WHY_PENDING,    /* this host had no room for it: `pending_bytes`, `pending_bytes_per_room` */
    WHY_NO_MEMORY,
    /* of a lease */
    WHY_LEASE_OVER,  /* it ended by this node's clock */
    WHY_LEASE_TAKEN, /* the engine gave the node another identity */
    WHY_LEASE_FULL,  /* other nodes have all slots of the engine */
    WHY_LEASE_KEY,   /* the engine lost the cluster's key, and has another now */
    WHY_LEFT,        /* the host stops, and gives its lease back */
    WHY_GONE,        /* the engine no longer lists the node */
    WHY_SAME_NAME,   /* another node, or this one, has the same name */
    WHY_COUNT
};

/** @return A few words for people; static. */
const char *cluster_why_text(enum cluster_why why);

/* A node's name for people: UTF-8 without control characters. */
#define NODE_NAME_MAX 64

/** Who a node is for the others; no two are the same, ever. A node that has lost its lease gets
 * the same one again, if its slot is still free. */
struct node_identity {
    uint32_t slot; /* 1 to the engine's most; free again when the lease is over. 0: none */
    uint64_t boot; /* never given out twice */
};

static inline bool node_identity_equal(struct node_identity a, struct node_identity b)
{
    return a.slot == b.slot && a.boot == b.boot;
}

#endif
