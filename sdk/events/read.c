/* JSON as clients mostly write it, read into jansson's values at a quarter of what jansson's own
 * parser takes: objects, arrays, strings without escapes, whole numbers of up to 18 digits, true,
 * false, null. What else there may be, and all that is wrong, is left to jansson: so there is one
 * judge of what is JSON, and one place where messages about it are made. */
#include "events_private.h"

#include <string.h>

#define KEY_MOST 64 /* bytes; a longer key is left to jansson */
#define DIGITS_MOST 18

struct reader {
    const char *at, *end;
    unsigned depth;
};

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

/* @return Whether that byte comes next, and was taken. */
static bool take(struct reader *reader, char byte)
{
    if (reader->at >= reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

/* A string, from behind its first quote on.
 * @param is_ascii  Set.
 * @return Whether it has an end, and no byte that JSON or this file escapes. */
static bool take_string(struct reader *reader, toni_str *string, bool *is_ascii)
{
    const char *from = reader->at;
    unsigned char all = 0;
    for (const char *at = from; at < reader->end; at++) {
        const unsigned char byte = (unsigned char)*at;
        if (byte == '"') {
            *string = toni_str_make(from, (size_t)(at - from));
            *is_ascii = all < 0x80;
            reader->at = at + 1;
            return true;
        }
        if (byte < 0x20 || byte == '\\')
            return false;
        all |= byte;
    }
    return false;
}

static json_t *read_string(struct reader *reader)
{
    toni_str string;
    bool is_ascii;
    if (!take_string(reader, &string, &is_ascii))
        return NULL;
    return is_ascii ? json_stringn_nocheck(string.data, string.size)
                    : json_stringn(string.data, string.size);
}

static json_t *read_number(struct reader *reader)
{
    const bool is_negative = take(reader, '-');
    const char *from = reader->at;
    json_int_t number = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' &&
           reader->at - from < DIGITS_MOST)
        number = 10 * number + (*reader->at++ - '0');
    /* None, one that begins with 0, and what goes on with a point or more digits fails here, or at
     * what should come next. */
    if (reader->at == from || (*from == '0' && (reader->at - from > 1 || is_negative)))
        return NULL;
    return json_integer(is_negative ? -number : number);
}

static json_t *read_word(struct reader *reader, const char *word, json_t *value)
{
    const size_t size = strlen(word);
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0)
        return NULL;
    reader->at += size;
    return value;
}

static json_t *read_value(struct reader *reader);

/* @return Whether a key and its value were added to the object. One that it has already adds
 * nothing, and is a fault. */
static bool read_member(struct reader *reader, json_t *object)
{
    char key[KEY_MOST + 1];
    toni_str name;
    bool is_ascii;
    const size_t before = json_object_size(object);
    if (!take(reader, '"') || !take_string(reader, &name, &is_ascii) || !is_ascii ||
        name.size > KEY_MOST)
        return false;
    memcpy(key, name.data, name.size);
    key[name.size] = '\0';
    skip_blanks(reader);
    if (!take(reader, ':'))
        return false;
    json_t *value = read_value(reader);
    return value && json_object_set_new_nocheck(object, key, value) == 0 &&
           json_object_size(object) > before;
}

static bool read_element(struct reader *reader, json_t *array)
{
    json_t *value = read_value(reader);
    return value && json_array_append_new(array, value) == 0;
}

/* An object or array, from behind its first bracket on. @param into  Empty; released on a fault. */
static json_t *read_inside(struct reader *reader, json_t *into, char end,
                           bool (*read_one)(struct reader *, json_t *))
{
    bool is_good = into && ++reader->depth <= DEPTH_MOST;
    skip_blanks(reader);
    if (is_good && !take(reader, end)) {
        do {
            skip_blanks(reader);
            is_good = read_one(reader, into);
            skip_blanks(reader);
        } while (is_good && take(reader, ','));
        is_good = is_good && take(reader, end);
    }
    reader->depth--;
    if (is_good)
        return into;
    json_decref(into);
    return NULL;
}

static json_t *read_value(struct reader *reader)
{
    skip_blanks(reader);
    if (reader->at == reader->end)
        return NULL;
    switch (*reader->at) {
    case '{':
        reader->at++;
        return read_inside(reader, json_object(), '}', read_member);
    case '[':
        reader->at++;
        return read_inside(reader, json_array(), ']', read_element);
    case '"':
        reader->at++;
        return read_string(reader);
    case 't':
        return read_word(reader, "true", json_true());
    case 'f':
        return read_word(reader, "false", json_false());
    case 'n':
        return read_word(reader, "null", json_null());
    default:
        return read_number(reader);
    }
}

json_t *read_plain(toni_str text)
{
    struct reader reader = {.at = text.data, .end = text.data + text.size};
    if (text.size == 0)
        return NULL;
    json_t *value = read_value(&reader);
    skip_blanks(&reader);
    if (reader.at == reader.end && json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}
