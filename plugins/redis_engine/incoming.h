/* Replies as they come from a server, taken apart by hiredis's reader, and bounded: in bytes and in
 * elements, before any of that is allocated. Knows no socket. */
#ifndef REDIS_ENGINE_INCOMING_H
#define REDIS_ENGINE_INCOMING_H

#include <hiredis/hiredis.h>
#include <stddef.h>

/** Most elements of a reply that is an array. None of them is one. */
#define INCOMING_ELEMENTS_MOST ((size_t)1024 * 1024)

/** Most bytes of a line: a status, an error, a number, the size of what follows. */
#define INCOMING_LINE_MOST ((size_t)64 * 1024)

/** Stays where it is from incoming_init to incoming_finish. */
struct incoming {
    struct redisReader *reader;
    const char *refusal; /* what came that no reply may have; static. NULL: nothing */
    size_t most;         /* bytes of one reply */
    size_t waiting;      /* that were fed since the last reply was complete */
};

/** @param most  Bytes that one reply may have. @return 0, or -1: no memory. */
int incoming_init(struct incoming *incoming, size_t most);

void incoming_finish(struct incoming *incoming);

/** Takes bytes in. @return NULL, or what is wrong. */
const char *incoming_feed(struct incoming *incoming, const char *bytes, size_t size);

/** @param reply  Set to the next reply, to be freed by incoming_free; NULL: none is complete.
 * @return NULL, or what is wrong; valid until the next call. */
const char *incoming_next(struct incoming *incoming, redisReply **reply);

/** Frees a reply, with its elements; hiredis's own function can't. NULL is no error. */
void incoming_free(void *reply);

#endif
