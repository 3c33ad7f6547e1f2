/* Texts that are put together, and JSON in them, as jansson writes it. */
#include "events_private.h"

#include <stdlib.h>
#include <string.h>

void text_init(struct text *text)
{
    text->size = 0;
    text->capacity = sizeof text->small;
    text->bytes = text->small;
    text->has_failed = false;
}

void text_finish(struct text *text)
{
    if (text->bytes != text->small)
        free(text->bytes);
}

static bool make_room(struct text *text, size_t size)
{
    if (size <= text->capacity - text->size)
        return true;
    size_t capacity = text->capacity;
    while (capacity - text->size < size)
        capacity *= 2;
    char *bytes = realloc(text->bytes == text->small ? NULL : text->bytes, capacity);
    if (!bytes) {
        text->has_failed = true;
        return false;
    }
    if (text->bytes == text->small)
        memcpy(bytes, text->small, text->size);
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void text_add(struct text *text, const char *bytes, size_t size)
{
    if (!make_room(text, size))
        return;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static int add_dumped(const char *bytes, size_t size, void *data)
{
    text_add(data, bytes, size);
    return 0;
}

void text_add_json(struct text *text, const json_t *json)
{
    if (!json)
        text_add(text, "null", 4);
    else if (json_dump_callback(json, add_dumped, text, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        text->has_failed = true;
}

void text_add_string(struct text *text, const char *bytes, size_t size)
{
    json_t *string = json_stringn(bytes, size);
    if (string)
        text_add_json(text, string);
    else
        text->has_failed = true;
    json_decref(string);
}
