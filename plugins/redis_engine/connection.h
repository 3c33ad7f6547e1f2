/* The connection to one server: two sockets that begin and end together. On one go commands, on the
 * other subscriptions. How it is made is here; what is asked over it, request.h; what comes of it,
 * reply.h. */
#ifndef REDIS_ENGINE_CONNECTION_H
#define REDIS_ENGINE_CONNECTION_H

#include "batch.h"
#include "find.h"
#include "rights.h"
#include "server_list.h"
#include "waiting.h"
#include "warnings.h"

/* Kinds of keys and channels: PREFIX:KIND:NAME. */
#define KEY_SERVER 's' /* a hash: incarnation, identity, engine id; no name */
#define KEY_LEASES 'l' /* a hash: one for each slot; no name */
#define KEY_LISTS 'd'  /* a hash: what servers hosts name; no name */
#define KEY_NODE 'n'   /* a text: a node's clients */
#define KEY_ROOM 'r'   /* a hash: a room's numbers; and the channel of its messages */
#define KEY_STREAM 'h' /* a stream: a room's history */
#define KEY_PROBE 'p'  /* the channel of a connection's probes */
#define KEY_TRIAL 't'  /* what a connection tries commands with, and then a room for the script */

#define COMMON_DIGEST 40 /* bytes: SHA-1, in hexadecimal */

/** Bytes of a node's name; see toni_engine_lease. */
#define COMMON_NAME_MOST 64

/** What all connections of an instance share. */
struct common {
    toni_context *context;
    struct settings *settings;
    toni_engine *engine;        /* NULL: none is attached */
    struct command command;     /* the one that is put together */
    char digest[COMMON_DIGEST]; /* of the script for publishes: what it is called by */
    struct server_list list;
    char node_name[COMMON_NAME_MOST]; /* as the last lease had it */
    size_t node_name_size;
    struct warnings warnings; /* of what is so with several servers */
};

struct check;

struct connection {
    struct common *common;
    const struct server_place *server;
    uint32_t index;  /* of the server */
    uint64_t number; /* as `open` got it; 0: it is closed */
    bool is_connected;
    bool is_loading; /* the script is on its way to the server */
    struct find find;
    struct places places;
    size_t place; /* the next that is tried */
    char host[ADDRESS_HOST_MOST + 1];
    struct link commands, pushes;
    bool has_asked_pushes; /* what comes there is no reply to AUTH any more */
    struct batch batch;    /* publishes of this turn that were not written yet */
    struct waiting_list waiting;
    struct rights rights; /* as the last hello found them */
    char refusal[320];    /* of whatever is published; empty: none */
    uint64_t client;      /* id of the commands' socket */
    uint64_t node;        /* by the last hello */
    char probe_name[16];
    /* A hello, until all of it is done. */
    uint64_t hello_request, incarnation, engine_id;
    /* That of the last hello which the host was told of, also if that was another connection, and
     * another server that the name led to; 0: none. */
    uint64_t told_incarnation;
    struct check *check; /* that the connection is for; NULL: none */
    struct warnings warnings;
};

/** Begins to connect: toni_engine_connected or toni_engine_closed. */
void connection_open(struct connection *connection, uint64_t number);

/** Ends it; nothing is told. */
void connection_close(struct connection *connection);

/** Ends it, and tells why. One that is closed is no error. @param why  Copied. */
void connection_fail(struct connection *connection, const char *why);

/** The server takes nothing that is published: it ends by connection_end_refused, once what is read
 * of answers was told. @param why  Copied. */
void connection_refuse(struct connection *connection, const char *why);
void connection_end_refused(struct connection *connection);

/** The commands are there: opens the other socket. */
void connection_open_pushes(struct connection *connection);

/** Notes that a reply will come. Ends the connection if it can't. @return 0 or -1. */
int connection_expect(struct connection *connection, struct waiting one);

/** Logs what is wrong with a server, unless warnings.h has it that there is enough of that. */
void connection_warn(struct connection *connection, const char *text);

/** The same of what comes up with several servers alike: it is logged for all of them. */
void connection_warn_of_all(struct connection *connection, const char *text);

#endif
