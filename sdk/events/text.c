/* Texts that are put together, and JSON in them. */
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

static void add_byte(struct text *text, char byte)
{
    text_add(text, &byte, 1);
}

/* --- JSON. What is plain is written here, at a fraction of what jansson's writer takes, which
 * looks for circles in each object; escapes and numbers with a point are left to it. The bytes are
 * the same. */

static int add_dumped(const char *bytes, size_t size, void *data)
{
    text_add(data, bytes, size);
    return 0;
}

static void dump(struct text *text, const json_t *json)
{
    if (json_dump_callback(json, add_dumped, text, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        text->has_failed = true;
}

static bool is_plain(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        if (byte < 0x20 || byte == '"' || byte == '\\')
            return false;
    }
    return true;
}

static void add_quoted(struct text *text, const char *bytes, size_t size)
{
    add_byte(text, '"');
    text_add(text, bytes, size);
    add_byte(text, '"');
}

void text_add_string(struct text *text, const char *bytes, size_t size)
{
    if (is_plain(bytes, size)) {
        add_quoted(text, bytes, size);
        return;
    }
    json_t *string = json_stringn(bytes, size);
    if (string)
        dump(text, string);
    else
        text->has_failed = true;
    json_decref(string);
}

static void add_integer(struct text *text, json_int_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        digits[--at] = '-';
    text_add(text, digits + at, sizeof digits - at);
}

static void add_value(struct text *text, const json_t *json, unsigned depth);

static void add_object(struct text *text, const json_t *object, unsigned depth)
{
    json_t *whole = (json_t *)object; /* jansson's iterators take it so; it is only read */
    const char *before = "{";
    for (void *at = json_object_iter(whole); at; at = json_object_iter_next(whole, at)) {
        const char *key = json_object_iter_key(at);
        text_add(text, before, 1);
        text_add_string(text, key, strlen(key));
        add_byte(text, ':');
        add_value(text, json_object_iter_value(at), depth);
        before = ",";
    }
    if (before[0] == '{')
        add_byte(text, '{');
    add_byte(text, '}');
}

static void add_array(struct text *text, const json_t *array, unsigned depth)
{
    add_byte(text, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            add_byte(text, ',');
        add_value(text, json_array_get(array, i), depth);
    }
    add_byte(text, ']');
}

/* @param depth  How deep it may go: what is deeper may be a circle, which jansson finds. */
static void add_value(struct text *text, const json_t *json, unsigned depth)
{
    switch (depth > 0 ? json_typeof(json) : JSON_REAL) {
    case JSON_OBJECT:
        add_object(text, json, depth - 1);
        break;
    case JSON_ARRAY:
        add_array(text, json, depth - 1);
        break;
    case JSON_STRING:
        text_add_string(text, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        add_integer(text, json_integer_value(json));
        break;
    case JSON_TRUE:
        text_add(text, "true", 4);
        break;
    case JSON_FALSE:
        text_add(text, "false", 5);
        break;
    case JSON_NULL:
        text_add(text, "null", 4);
        break;
    default:
        dump(text, json);
        break;
    }
}

void text_add_json(struct text *text, const json_t *json)
{
    if (json)
        add_value(text, json, DEPTH_MOST);
    else
        text_add(text, "null", 4);
}
