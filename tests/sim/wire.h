/* What goes over a connection: commands of a node, answers and messages of the server, as
 * structures instead of bytes. Rooms are numbers here; their keys are made where a node is asked or
 * told. */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "cluster/node.h"
#include "list.h"
#include "network.h"
#include "redis_model.h"

enum wire_form {
    WIRE_COMMAND, /* of `kind`; and so on */
    WIRE_LOAD,    /* SCRIPT LOAD */
    WIRE_REPLY,   /* to `kind` */
    WIRE_FAILED,  /* likewise: `answer` */
    WIRE_SUBSCRIBED,
    WIRE_UNSUBSCRIBED,
    WIRE_MESSAGE, /* publish.id at `at` in rooms[0] */
    WIRE_ECHO     /* of the probe `request` */
};

struct wire {
    struct packet packet; /* first */
    enum wire_form form;
    enum output_kind kind;
    uint64_t request;
    uint64_t written; /* WIRE_COMMAND: the step */
    enum engine_answer answer;
    uint32_t rooms[REDIS_ROOMS_MOST];
    uint32_t room_count;
    struct position at;
    union {
        uint64_t proposed;
        uint64_t incarnation;
        struct redis_publish publish;
        struct {
            struct position since;
            uint32_t limit;
            bool is_last;
        } history;
        struct redis_lease_command lease;
        struct hello_reply hello_reply;
        struct publish_reply publish_reply;
        struct position tops[REDIS_ROOMS_MOST];
        struct redis_history history_reply;
        struct {
            struct node_identity identity;
            uint64_t id_key;
            struct lease_entry entries[REDIS_LEASES_MOST];
            char names[REDIS_LEASES_MOST][8];
            uint32_t count;
        } lease_reply;
    };
};

enum { WIRE_OVERHEAD = 90 }; /* bytes, beside a message's own */

/** @return One that is empty; owned by the caller until it is sent. */
static inline struct wire *wire_create(enum wire_form form, enum output_kind kind, uint64_t request)
{
    struct wire *wire = must_have(calloc(1, sizeof *wire));

    wire->packet.bytes = WIRE_OVERHEAD;
    wire->form = form;
    wire->kind = kind;
    wire->request = request;
    return wire;
}

#endif
