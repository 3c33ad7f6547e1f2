/* Whom a message is for, where that is not simply all members of the room that it is published in:
 * what goes in front of its bytes, from one host to the others. Pure bytes; what comes in may be
 * anything, and is bounded. */
#ifndef CLUSTER_ENVELOPE_H
#define CLUSTER_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the kind of a payload: it begins with an envelope. The lowest bits are the message's own kind,
 * as toni/message.h has it. */
#define PAYLOAD_HAS_ENVELOPE 0x100u

/* Of each list, at most. More are refused by whoever sends. */
#define ENVELOPE_NAMES_MOST 1024
#define ENVELOPE_IDS_MOST 4096

struct envelope_name {
    const char *bytes;
    size_t size;
};

/** Whom a message is for. All is borrowed. */
struct envelope {
    bool is_all;                       /* the whole namespace */
    const struct envelope_name *rooms; /* their members, each once; in a message of a room: none */
    uint32_t room_count;
    const struct envelope_name *gateways; /* their clients */
    uint32_t gateway_count;
    const uint64_t *clients; /* these */
    uint32_t client_count;
    const uint64_t *except; /* less these */
    uint32_t except_count;
    uint64_t receipt;      /* whoever sends it wants one: its number; 0: no */
    uint32_t receipt_slot; /* of the node that is to get it */
    uint64_t receipt_boot;
};

#endif
