/* Replies; see replies.h. */
#include "client/replies.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct replies *replies_create(struct tally *tally, bool by_id)
{
    struct replies *replies = calloc(1, sizeof *replies);
    if (replies)
        *replies = (struct replies){.tally = tally, .by_id = by_id};
    return replies;
}

void replies_destroy(struct replies *replies)
{
    if (!replies)
        return;
    pending_finish(&replies->pending);
    free(replies->text);
    free(replies);
}

static bool make_room(struct replies *replies, size_t size)
{
    size_t capacity = replies->capacity ? replies->capacity : 256;
    if (size > REPLY_SIZE_MAX)
        return false;
    while (capacity < size)
        capacity *= 2;
    if (capacity == replies->capacity)
        return true;
    uint8_t *larger = realloc(replies->text, capacity);
    if (!larger)
        return false;
    replies->text = larger;
    replies->capacity = capacity;
    return true;
}

void replies_read(struct replies *replies, const uint8_t *bytes, size_t size)
{
    if (!replies->by_id || replies->is_lost || size == 0)
        return;
    if (!make_room(replies, replies->size + size)) {
        replies->is_lost = true;
        return;
    }
    memcpy(replies->text + replies->size, bytes, size);
    replies->size += size;
}

/* @return Whether it waited for one. */
static bool enter_number(struct replies *replies, uint32_t number)
{
    struct tally *tally = replies->tally;
    const uint64_t sent_ns = pending_take(&replies->pending, number);
    if (sent_ns == 0) {
        tally->repeated++;
        return false;
    }
    tally->delivered++;
    percentiles_add(&tally->latencies, tally->now_ns - sent_ns);
    return true;
}

/* `{"id":7,…}` answers, `{"event":…}` tells something. (An answer that is streamed is one in many
 * parts: not what is measured here.) */
static void enter_event(struct replies *replies)
{
    struct tally *tally = replies->tally;
    json_t *event = replies->is_lost ? NULL
                                     : json_loadb((const char *)replies->text, replies->size,
                                                  JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    const json_t *id = json_object_get(event, "id");
    if (!json_is_object(event))
        tally->damaged++;
    else if (json_object_get(event, "event"))
        ; /* it is told to all, and answers nobody */
    else if (!json_is_integer(id) || json_integer_value(id) < 0 ||
             json_integer_value(id) > UINT32_MAX)
        tally->strayed++;
    else if (enter_number(replies, (uint32_t)json_integer_value(id)) &&
             json_object_get(event, "error"))
        tally->errors++;
    json_decref(event);
    replies->size = 0;
    replies->is_lost = false;
}

void replies_enter(struct replies *replies)
{
    if (!replies->counts)
        replies->size = 0;
    else if (replies->by_id)
        enter_event(replies);
    else
        (void)enter_number(replies, pending_oldest(&replies->pending));
}
