/* Replies: see incoming.h. */
#include "incoming.h"

/* hiredis 1.0 has its own bound, and counts in size_t; before that a header alone made the reader
 * allocate whatever it said. */
#if HIREDIS_MAJOR >= 1
static void bound_elements(struct redisReader *reader)
{
    reader->maxelements = (long long)INCOMING_ELEMENTS_MOST;
}
#else
static redisReplyObjectFunctions bounded;
static void *(*create_array)(const redisReadTask *, int);

static void *create_bounded_array(const redisReadTask *task, int count)
{
    return count >= 0 && (size_t)count <= INCOMING_ELEMENTS_MOST ? create_array(task, count) : NULL;
}

static void bound_elements(struct redisReader *reader)
{
    if (!create_array) {
        bounded = *reader->fn;
        create_array = bounded.createArray;
        bounded.createArray = create_bounded_array;
    }
    reader->fn = &bounded;
}
#endif

int incoming_init(struct incoming *incoming, size_t most)
{
    *incoming = (struct incoming){.reader = redisReaderCreate(), .most = most};
    if (!incoming->reader)
        return -1;
    bound_elements(incoming->reader);
    return 0;
}

void incoming_finish(struct incoming *incoming)
{
    if (incoming->reader)
        redisReaderFree(incoming->reader);
    *incoming = (struct incoming){0};
}

const char *incoming_feed(struct incoming *incoming, const char *bytes, size_t size)
{
    if (size > incoming->most - incoming->waiting)
        return "one reply is larger than `reply_size`";
    if (redisReaderFeed(incoming->reader, bytes, size) != REDIS_OK)
        return incoming->reader->errstr;
    incoming->waiting += size;
    return NULL;
}

const char *incoming_next(struct incoming *incoming, redisReply **reply)
{
    void *found = NULL;
    *reply = NULL;
    if (redisReaderGetReply(incoming->reader, &found) != REDIS_OK)
        return incoming->reader->errstr;
    *reply = found;
    if (found)
        incoming->waiting = incoming->reader->len - incoming->reader->pos;
    return NULL;
}
