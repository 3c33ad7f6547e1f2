/* Whom a message is for, where that is not simply all members of the room that it is published in:
 * what goes in front of its bytes, from one host to the others. Pure bytes; what comes in may be
 * anything, and is bounded. */
#ifndef CLUSTER_ENVELOPE_H
#define CLUSTER_ENVELOPE_H

#include "cluster/terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the kind of a payload: it begins with an envelope. The lowest bits are the message's own kind,
 * as toni/message.h has it. */
#define PAYLOAD_HAS_ENVELOPE 0x100u

/* Of each list, at most. More are refused by whoever sends. */
#define ENVELOPE_NAMES_MOST 1024
#define ENVELOPE_IDS_MOST 4096

/* The longest name, in bytes. */
#define ENVELOPE_NAME_SIZE_MOST 255

/** 1 to ENVELOPE_NAME_SIZE_MOST bytes, of any kind. */
struct envelope_name {
    const char *bytes;
    size_t size;
};

/** Whom a message is for. All is borrowed. */
struct envelope {
    bool is_all;                       /* the whole namespace: no others are named then */
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
    uint32_t position_at; /* where in the message of a room its position is to be written, see
                             toni/message.h; 0: nowhere */
    uint32_t lost;        /* it is no message, but a notice: so many reached the members of one host
                             alone; UINT32_MAX: as many or more. 0: it is a message */
    uint64_t lost_node;   /* of a notice: that host, by the incarnation of its node */
};

/* As bytes, numbers with the lowest byte first:
 *
 *     1   the version, 1
 *     1   1: the whole namespace; 2: there is a receipt; 4: a position is written; 8: it is a
 *         notice. Their sum
 *     8   how many rooms, gateways, clients, and clients less these: 2 each
 *     20  receipt, receipt_slot, receipt_boot: 8, 4, 8; only if there is one
 *     4   position_at; only if one is written
 *     12  lost, lost_node: 4, 8; only of a notice
 *     …   the names of rooms, then of gateways: 1 for the size, and the bytes
 *     …   the clients, then those that are left out: 8 each
 *
 * Behind them the message begins. An envelope has one such form, and no other is read. */

/** @return Whether no list is too long, and no others are named beside `is_all`: by the counts
 * alone. */
bool envelope_is_allowed(const struct envelope *envelope);

/** @return How many bytes envelope_write() fills; 0: a list or a name is too long, or a name empty,
 * or others are named beside `is_all`. */
size_t envelope_size(const struct envelope *envelope);

/** Writes an envelope. @param bytes  As many as envelope_size() says, which is not 0. */
void envelope_write(const struct envelope *envelope, uint8_t *bytes);

/** Fills in the receipt of an envelope that was written with one. @param bytes  Where it begins. */
void envelope_set_receipt(uint8_t *bytes, uint64_t receipt, uint32_t slot, uint64_t boot);

/** Reads the envelope that a payload begins with. What it takes is bounded by the lists' bounds.
 * @param bytes     Anything; the names point there.
 * @param envelope  Set to it: to be freed by free(). Left alone if this fails.
 * @param size_read Set to how many bytes it takes: the message is behind them.
 * @return CLUSTER_DONE; CLUSTER_INVALID: there is none; CLUSTER_NO_MEMORY. */
int envelope_read(const void *bytes, size_t size, struct envelope **envelope, size_t *size_read);

#endif
