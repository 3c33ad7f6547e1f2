/* The words on the wire: texts that are sent. */
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

#define ADD(text, literal) text_add(text, literal, sizeof(literal) - 1)

static int add_dumped(const char *bytes, size_t size, void *data)
{
    text_add(data, bytes, size);
    return 0;
}

void text_add_json(struct text *text, const json_t *json)
{
    if (!json)
        ADD(text, "null");
    else if (json_dump_callback(json, add_dumped, text, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        text->has_failed = true;
}

static void add_string(struct text *text, const char *bytes, size_t size)
{
    json_t *string = json_stringn(bytes, size);
    if (string)
        text_add_json(text, string);
    else
        text->has_failed = true;
    json_decref(string);
}

int32_t text_send(const struct text *text, toni_events *events, toni_client_id client)
{
    if (text->has_failed)
        return TONI_ERR_NO_MEMORY;
    return toni_send_to_client_text(events->connections, client,
                                    toni_str_make(text->bytes, text->size));
}

static void begin_answer(struct text *text, const json_t *id)
{
    text_init(text);
    ADD(text, "{\"id\":");
    text_add_json(text, id);
}

static int32_t end_answer(struct text *text, toni_events *events, toni_client_id client)
{
    ADD(text, "}");
    const int32_t result = text_send(text, events, client);
    text_finish(text);
    return result;
}

int32_t send_data(toni_events *events, toni_client_id client, const json_t *id, const json_t *data)
{
    struct text text;
    begin_answer(&text, id);
    ADD(&text, ",\"data\":");
    text_add_json(&text, data);
    return end_answer(&text, events, client);
}

int32_t send_complete(toni_events *events, toni_client_id client, const json_t *id)
{
    struct text text;
    begin_answer(&text, id);
    ADD(&text, ",\"complete\":true");
    return end_answer(&text, events, client);
}

int32_t send_error(toni_events *events, toni_client_id client, const json_t *id,
                   toni_event_kind kind, toni_str message, const json_t *details)
{
    static const char *const words[] = {
#define KIND_WORD(name, word) word,
        TONI_EVENT_KINDS(KIND_WORD)
#undef KIND_WORD
    };
    struct text text;
    begin_answer(&text, id);
    ADD(&text, ",\"error\":{\"kind\":\"");
    text_add(&text, words[kind], strlen(words[kind]));
    ADD(&text, "\",\"message\":");
    add_string(&text, message.data, message.size);
    if (details) {
        ADD(&text, ",\"details\":");
        text_add_json(&text, details);
    }
    ADD(&text, "}");
    return end_answer(&text, events, client);
}

void text_event(struct text *text, const toni_events *events, const char *name, uint64_t number,
                const json_t *data)
{
    char digits[32];
    text_init(text);
    ADD(text, "{");
    add_string(text, events->field, strlen(events->field));
    ADD(text, ":");
    add_string(text, name, strlen(name));
    if (number > 0) {
        const int length =
            snprintf(digits, sizeof digits, ",\"id\":%llu", (unsigned long long)number);
        text_add(text, digits, (size_t)length);
    }
    ADD(text, ",\"data\":");
    text_add_json(text, data);
    ADD(text, "}");
}
