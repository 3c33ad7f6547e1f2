/* Replies: see incoming.h. */
#include "incoming.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* --- Replies: one allocation each, by malloc. hiredis's own take two, by calloc, which goes past
 * glibc's cache of each thread. And a header alone made it allocate whatever it said. */

/* @param more  Bytes behind it. @return NULL on no memory. */
static redisReply *create(const redisReadTask *task, size_t more)
{
    redisReply *reply = malloc(sizeof *reply + more);
    if (!reply)
        return NULL;
    *reply = (redisReply){.type = task->type};
    if (task->parent)
        ((redisReply *)task->parent->obj)->element[task->idx] = reply;
    return reply;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t size)
{
    redisReply *reply = create(task, size + 1);
    if (!reply)
        return NULL;
    reply->str = (char *)(reply + 1);
    reply->len = size;
    memcpy(reply->str, bytes, size);
    reply->str[size] = '\0';
    return reply;
}

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count; /* not negative */
#endif

/* For hiredis there is one reason to get no object, which is that there is no memory. */
static void *refuse(const redisReadTask *task, const char *why)
{
    ((struct incoming *)task->privdata)->refusal = why;
    return NULL;
}

/* No reply that is asked for has arrays in it: millions of them would take twenty times the memory
 * that their bytes have. */
static void *create_array(const redisReadTask *task, element_count elements)
{
    const size_t count = (size_t)elements, size = count * sizeof(redisReply *);
    if (task->parent)
        return refuse(task, "an array within an array, which nothing that is asked for has");
    if (count > INCOMING_ELEMENTS_MOST)
        return refuse(task, "an array of more than 1,048,576 elements");
    redisReply *reply = create(task, size);
    if (!reply)
        return NULL;
    reply->element = (redisReply **)(reply + 1);
    reply->elements = count;
    memset(reply->element, 0, size);
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = create(task, 0);
    if (reply)
        reply->integer = value;
    return reply;
}

/* One of RESP2 is a string or an array that is not there. */
static void *create_nil(const redisReadTask *task)
{
    redisReply *reply = create(task, 0);
    if (reply)
        reply->type = REDIS_REPLY_NIL;
    return reply;
}

void incoming_free(void *object)
{
    redisReply *reply = object;
    for (size_t i = 0; reply && i < reply->elements; i++)
        incoming_free(reply->element[i]);
    free(reply);
}

#if HIREDIS_MAJOR >= 1
#define IS_RESP3 "a type of RESP3, which nobody has asked for"

static void *refuse_double(const redisReadTask *task, double value, char *text, size_t size)
{
    (void)value;
    (void)text;
    (void)size;
    return refuse(task, IS_RESP3);
}

static void *refuse_bool(const redisReadTask *task, int value)
{
    (void)value;
    return refuse(task, IS_RESP3);
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = refuse_double,
    .createBool = refuse_bool,
#endif
    .freeObject = incoming_free,
};

/* --- The reader */

int incoming_init(struct incoming *incoming, size_t most)
{
    *incoming = (struct incoming){.reader = redisReaderCreate(), .most = most};
    if (!incoming->reader)
        return -1;
    incoming->reader->fn = &functions;
    incoming->reader->privdata = incoming;
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

/* While it waits for the end of a line, hiredis's reader looks through all of it for each piece
 * that is fed. What a string has is behind a line with its size. */
static bool is_endless(const redisReader *reader)
{
    const size_t left = reader->len - reader->pos;
    return left > INCOMING_LINE_MOST &&
           !memchr(reader->buf + reader->pos, '\n', INCOMING_LINE_MOST);
}

const char *incoming_next(struct incoming *incoming, redisReply **reply)
{
    void *found = NULL;
    *reply = NULL;
    if (redisReaderGetReply(incoming->reader, &found) != REDIS_OK)
        return incoming->refusal ? incoming->refusal : incoming->reader->errstr;
    if (!found && is_endless(incoming->reader))
        return "a line does not end";
    *reply = found;
    if (found)
        incoming->waiting = incoming->reader->len - incoming->reader->pos;
    return NULL;
}
