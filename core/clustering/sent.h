/* A publish of this host, from the call of it to its result: first in the inbox, then maybe behind
 * others that wait until their room is heard, then in the node's hands, as its cookie. */
#ifndef CLUSTERING_SENT_H
#define CLUSTERING_SENT_H

#include "cluster/envelope.h"
#include "cluster/output.h"
#include "rooms/receipt.h"

#include <stddef.h>
#include <stdint.h>

struct sent {
    struct sent *next;
    uint64_t hash;           /* of the key */
    struct payload *payload; /* one reference */
    struct receipt *receipt; /* NULL: none is wanted */
    uint64_t receipt_number; /* as the envelope has it; 0: it isn't begun, see receipts.h */
    uint64_t asked_ms;
    struct keeping keeping;
    bool is_notice;  /* of what this host said alone: it is kept until it can be told */
    uint32_t flags;  /* ROOM_LOCAL_ONLY */
    uint32_t server; /* that it is charged to */
    size_t charged;  /* bytes */
    size_t key_size;
    char key[];
};

/** @param envelope  Goes in front of the body; NULL: none.
 * @param kind       Of the message, as toni/message.h has it.
 * @return A copy of it all; NULL on no memory. */
struct sent *sent_create(struct room_key key, const struct envelope *envelope, const void *body,
                         size_t size, uint32_t kind);

/** Frees it, but not its receipt. @param sent  NULL is fine. */
void sent_destroy(struct sent *sent);

static inline struct room_key sent_key(const struct sent *sent)
{
    return (struct room_key){sent->key, sent->key_size};
}

/** Publishes in order. Zero is none. */
struct sent_list {
    struct sent *first;
    struct sent *last;
};

static inline void sent_append(struct sent_list *list, struct sent *sent)
{
    sent->next = NULL;
    if (list->last)
        list->last->next = sent;
    else
        list->first = sent;
    list->last = sent;
}

static inline struct sent *sent_take(struct sent_list *list)
{
    struct sent *sent = list->first;
    if (sent) {
        list->first = sent->next;
        if (!list->first)
            list->last = NULL;
        sent->next = NULL;
    }
    return sent;
}

#endif
