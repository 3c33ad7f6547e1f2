/* Chat: messages to channels, for other plugins (toni-plugins/chat.h) and over HTTP:
 * `POST /chat/CHANNEL` with {"sender": "...", "message": "..."} answers 202 and {"targeted": N}.
 * Option `max_length`: the longest message, in bytes. Nothing changes after `create`: concurrent.
 *
 * Whoever reaches it may post under any name that is not a client's: it asks nobody who they are.
 */
#include <toni-plugins/chat.h>
#include <toni/toni.h>

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SENDER_MAX 255 /* bytes */

struct chat {
    toni_connections *connections;
    int64_t max_length;
};

static int32_t create(toni_context *context, void **self)
{
    struct chat *chat = calloc(1, sizeof *chat);
    if (!chat)
        return TONI_ERR_NO_MEMORY;
    chat->connections = toni_context_connections(context);
    chat->max_length = toni_option_int(context, TONI_LIT("max_length"));
    *self = chat;
    return TONI_OK;
}

static void destroy(void *self)
{
    free(self);
}

/* --- The interface */

static int32_t send_to_channel(void *self, toni_str channel, toni_str sender, toni_str message)
{
    const struct chat *chat = self;
    if (message.size > (uint64_t)chat->max_length)
        return TONI_ERR_TOO_BIG;
    return toni_broadcast_to_room_parts(
        chat->connections, channel,
        TONI_PARTS(TONI_LIT("["), channel, TONI_LIT("] "), sender, TONI_LIT(": "), message));
}

static const struct chat_table table = {
    .struct_size = sizeof table,
    .send_to_channel = send_to_channel,
};

/* --- HTTP */

/* @param answer  Taken over; NULL: no memory. */
static int32_t answer_json(toni_exchange *exchange, uint32_t status, json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    if (!text)
        return TONI_ERR_NO_MEMORY;
    int32_t result =
        toni_exchange_answer(exchange, status, TONI_LIT("application/json"), toni_str_of(text));
    free(text);
    return result;
}

static int32_t refuse(toni_exchange *exchange, uint32_t status, const char *error)
{
    return answer_json(exchange, status, json_pack("{s:s}", "error", error));
}

static int32_t refuse_method(toni_exchange *exchange)
{
    int32_t result = toni_exchange_add_header(exchange, TONI_LIT("Allow"), TONI_LIT("POST"));
    return result == TONI_OK ? refuse(exchange, 405, "only POST is allowed here") : result;
}

static int is_json(const toni_exchange *exchange)
{
    static const char json[] = "application/json";
    const size_t size = sizeof json - 1;
    toni_str type;
    return toni_exchange_header(exchange, TONI_LIT("Content-Type"), &type) == TONI_OK &&
           type.size >= size && strncasecmp(type.data, json, size) == 0 &&
           (type.size == size || strchr("; \t", type.data[size]));
}

/* jansson quotes what is near the fault, at times a character only in part; that is left out. */
static json_t *describe(const json_error_t *error)
{
    json_t *text = json_sprintf("malformed JSON: %s", error->text);
    const char *near = strstr(error->text, " near ");
    if (text || !near)
        return text;
    return json_sprintf("malformed JSON: %.*s", (int)(near - error->text), error->text);
}

/* @return The body as JSON; NULL: it is none, and that is answered. */
static json_t *parse(toni_exchange *exchange, int32_t *result)
{
    toni_str body = toni_exchange_body(exchange);
    json_error_t error;
    json_t *json = json_loadb(body.size > 0 ? body.data : "", body.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json) {
        *result = answer_json(exchange, 400,
                              json_pack("{s:o, s:i, s:i}", "error", describe(&error), "line",
                                        error.line, "column", error.column));
    }
    return json;
}

static toni_str member(const json_t *json, const char *name)
{
    const json_t *value = json_object_get(json, name);
    return toni_str_make(json_string_value(value), json_string_length(value));
}

static bool is_control(const char *text, size_t left)
{
    const unsigned char byte = (unsigned char)text[0];
    return byte < 0x20 || byte == 0x7f || /* U+0080 to U+009F: */
           (byte == 0xc2 && left > 1 && (unsigned char)text[1] < 0xa0);
}

/* What the rooms gateway writes before a message of a client: its name, which is 16 hexadecimal
 * digits, and a colon. */
static bool reads_as_client(toni_str sender)
{
    size_t digits = 0;
    while (digits < sender.size && isxdigit((unsigned char)sender.data[digits]))
        digits++;
    return digits == TONI_CLIENT_NAME_SIZE - 1 &&
           (sender.size == digits || sender.data[digits] == ':');
}

/* Of who posts; a plugin knows for whom it sends. @return NULL: nothing is wrong. */
static const char *sender_problem(toni_str sender)
{
    if (sender.size == 0 || sender.size > SENDER_MAX)
        return "`sender` is not 1 to 255 bytes long";
    for (size_t i = 0; i < sender.size; i++) {
        if (is_control(sender.data + i, sender.size - i))
            return "`sender` has a control character";
    }
    return reads_as_client(sender) ? "`sender` reads as the name of a client" : NULL;
}

static int32_t answer_sent(const struct chat *chat, toni_exchange *exchange, int32_t targeted)
{
    char text[96];
    switch (targeted) {
    case TONI_ERR_TOO_BIG:
        (void)snprintf(text, sizeof text, "`message` is longer than %lld bytes",
                       (long long)chat->max_length);
        return refuse(exchange, 400, text);
    case TONI_ERR_INVALID: /* what JSON gives is UTF-8, so it was not the text */
        return refuse(exchange, 400,
                      "the channel's name is not 1 to 255 bytes of UTF-8 without control "
                      "characters");
    case TONI_ERR_BUSY:
        return refuse(exchange, 503, "too much is waiting to be sent: try again later");
    default:
        if (targeted < 0)
            return targeted;
        return answer_json(exchange, 202, json_pack("{s:i}", "targeted", (int)targeted));
    }
}

static int32_t on_request(void *self, toni_exchange *exchange)
{
    toni_str channel;
    int32_t result = TONI_OK;
    if (!toni_str_strip_prefix(toni_exchange_subpath(exchange), TONI_LIT("/"), &channel) ||
        !channel.size)
        return refuse(exchange, 404, "no channel is named: POST to /CHANNEL below this path");
    if (!toni_str_equal(toni_exchange_method(exchange), TONI_LIT("POST")))
        return refuse_method(exchange);
    if (!is_json(exchange))
        return refuse(exchange, 415, "Content-Type is not application/json");
    json_t *json = parse(exchange, &result);
    if (!json)
        return result;
    toni_str sender = member(json, "sender"), message = member(json, "message");
    const char *problem = sender.data ? sender_problem(sender) : NULL;
    if (!json_is_object(json))
        result = refuse(exchange, 400, "the body is no JSON object");
    else if (!sender.data)
        result = refuse(exchange, 400, "`sender` is missing or no string");
    else if (!message.data)
        result = refuse(exchange, 400, "`message` is missing or no string");
    else if (problem)
        result = refuse(exchange, 400, problem);
    else
        result = answer_sent(self, exchange, send_to_channel(self, channel, sender, message));
    json_decref(json);
    return result;
}

TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("chat"), .path = TONI_LIT("/chat"),
            .flags = TONI_CONCURRENT, .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .provides = TONI_OFFERS(chat, &table),
            .options = TONI_OPTIONS(TONI_OPTION_INT("max_length", 1, 1000000, 2000,
                                                    "longest message, in bytes")),
            .create = create, .destroy = destroy, .on_request = on_request);
