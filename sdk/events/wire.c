/* The words on the wire: texts that are sent. */
#include "events_private.h"

#include <stdio.h>
#include <string.h>

#define ADD(text, literal) text_add(text, literal, sizeof(literal) - 1)

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
    text_add_string(&text, message.data, message.size);
    if (details) {
        ADD(&text, ",\"details\":");
        text_add_json(&text, details);
    }
    ADD(&text, "}");
    return end_answer(&text, events, client);
}

static void begin_event(struct text *text, const toni_events *events, const char *name)
{
    text_init(text);
    ADD(text, "{");
    text_add_string(text, events->field, strlen(events->field));
    ADD(text, ":");
    text_add_string(text, name, strlen(name));
}

static void end_event(struct text *text, const json_t *data)
{
    ADD(text, ",\"data\":");
    text_add_json(text, data);
    ADD(text, "}");
}

void text_event(struct text *text, const toni_events *events, const char *name, uint64_t number,
                const json_t *data)
{
    char digits[32];
    begin_event(text, events, name);
    if (number > 0) {
        const int length =
            snprintf(digits, sizeof digits, ",\"id\":%llu", (unsigned long long)number);
        text_add(text, digits, (size_t)length);
    }
    end_event(text, data);
}

size_t text_room_event(struct text *text, const toni_events *events, const char *name,
                       const toni_str *room, const json_t *data)
{
    size_t position_at = 0;
    begin_event(text, events, name);
    if (room) {
        ADD(text, ",\"room\":");
        text_add_string(text, room->data, room->size);
        ADD(text, ",\"at\":\"");
        position_at = text->size;
        ADD(text, TONI_POSITION_NONE "\"");
    }
    end_event(text, data);
    return position_at;
}
