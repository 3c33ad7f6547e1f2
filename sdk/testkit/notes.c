/* What a guard leaves beside its decision: values, header fields, the subprotocol. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <strings.h>

static toni_fake_client *client_of_request(const toni_request *request)
{
    return (toni_fake_client *)((char *)(uintptr_t)request - offsetof(toni_fake_client, request));
}

static int takes_notes(const toni_fake_client *client)
{
    return client->in_guard || client->ticket;
}

/* RFC 9110, section 5.6.2. */
static int is_token(toni_str text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.size; i++) {
        const char byte = text.data[i];
        const int is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        const int is_digit = byte >= '0' && byte <= '9';
        if (!is_letter && !is_digit && !memchr(others, byte, sizeof others - 1))
            return 0;
    }
    return text.size > 0;
}

static int is_own_field(toni_str name)
{
    static const char *const names[] = {"Connection", "Content-Length",    "Content-Type", "Date",
                                        "Trailer",    "Transfer-Encoding", "Upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (fake_equal_in_any_case(name, toni_str_of(names[i])))
            return 1;
    }
    return name.size >= 14 && strncasecmp(name.data, "Sec-WebSocket-", 14) == 0;
}

/* @param at  Set to where its text is, or where the next one's will be.
 * @return Its number; note_count if there is none. */
static size_t find_note(const toni_fake_client *client, toni_str name, size_t *at)
{
    *at = 0;
    for (size_t i = 0; i < client->note_count; i++) {
        const toni_fake_note *note = &client->notes[i];
        if (toni_str_equal(toni_str_make(client->note_text + *at, note->name_size), name))
            return i;
        *at += note->name_size + note->value_size;
    }
    return client->note_count;
}

static size_t note_bytes(const toni_fake_client *client)
{
    size_t bytes = 0;
    for (size_t i = 0; i < client->note_count; i++)
        bytes += client->notes[i].name_size + client->notes[i].value_size;
    return bytes;
}

static int32_t check_value(const toni_fake_client *client, toni_str name, toni_str value)
{
    size_t at;
    const size_t found = find_note(client, name, &at);
    size_t bytes = note_bytes(client) + name.size + value.size;
    if (!takes_notes(client) || !is_token(name))
        return TONI_ERR_INVALID;
    if (found < client->note_count)
        bytes -= client->notes[found].name_size + client->notes[found].value_size;
    if (bytes > sizeof client->note_text)
        return TONI_ERR_TOO_BIG;
    return found == TONI_FAKE_MAX_NOTES ? TONI_ERR_LIMIT : TONI_OK;
}

static void remove_note(toni_fake_client *client, size_t number, size_t at)
{
    const size_t size = client->notes[number].name_size + client->notes[number].value_size;
    memmove(client->note_text + at, client->note_text + at + size, note_bytes(client) - at - size);
    memmove(&client->notes[number], &client->notes[number + 1],
            (client->note_count - number - 1) * sizeof client->notes[0]);
    client->note_count--;
}

static void keep_note(toni_fake_client *client, toni_str name, toni_str value)
{
    size_t at;
    const size_t found = find_note(client, name, &at);
    if (found < client->note_count)
        remove_note(client, found, at);
    char *text = client->note_text + note_bytes(client);
    memcpy(text, name.data, name.size);
    if (value.size > 0)
        memcpy(text + name.size, value.data, value.size);
    client->notes[client->note_count++] = (toni_fake_note){name.size, value.size};
}

static int32_t guard_leave_value(const toni_request *request, toni_str name, toni_str value)
{
    toni_fake_host *host = host_of(request);
    toni_fake_client *client = client_of_request(request);
    fake_record(host, "guard_value %.*s: %.*s\n", TONI_STR_ARG(name),
                value.size <= sizeof host->calls / 4 ? (int)value.size : 0,
                value.data ? value.data : "");
    const int32_t result = fake_answer(host, "guard_value", check_value(client, name, value));
    if (result >= 0)
        keep_note(client, name, value);
    return result;
}

static int32_t request_value(const toni_request *request, toni_str name, toni_str *value)
{
    const toni_fake_client *client = client_of_request(request);
    size_t at;
    const size_t found = find_note(client, name, &at);
    if (found == client->note_count || !(takes_notes(client) || client->in_on_connect))
        return TONI_ERR_NOT_FOUND;
    *value = toni_str_make(client->note_text + at + client->notes[found].name_size,
                           client->notes[found].value_size);
    return TONI_OK;
}

static int32_t guard_add_header(const toni_request *request, toni_str name, toni_str value)
{
    toni_fake_host *host = host_of(request);
    const int may_be = takes_notes(client_of_request(request)) && is_token(name) &&
                       !is_own_field(name) && toni_fake_is_field_value(value);
    fake_record(host, "guard_header %.*s: %.*s\n", TONI_STR_ARG(name),
                value.size <= sizeof host->calls / 4 ? (int)value.size : 0,
                value.data ? value.data : "");
    return fake_answer(host, "guard_header", may_be ? TONI_OK : TONI_ERR_INVALID);
}

static int is_offered(const toni_request *request, toni_str name)
{
    toni_str offers, offer;
    if (toni_request_header(request, TONI_LIT("Sec-WebSocket-Protocol"), &offers) != TONI_OK)
        return 0;
    while (offers.size > 0) {
        offer = offers;
        if (!toni_str_split_once(offers, ',', &offer, &offers))
            offers.size = 0;
        while (offer.size > 0 && offer.data[0] == ' ')
            offer = toni_str_make(offer.data + 1, offer.size - 1);
        while (offer.size > 0 && offer.data[offer.size - 1] == ' ')
            offer.size--;
        if (offer.size > 0 && toni_str_equal(offer, name))
            return 1;
    }
    return 0;
}

static int32_t guard_choose_subprotocol(const toni_request *request, toni_str name)
{
    toni_fake_host *host = host_of(request);
    toni_fake_client *client = client_of_request(request);
    const int may_be = takes_notes(client) && name.size < sizeof client->subprotocol &&
                       (name.size == 0 || is_offered(request, name));
    fake_record(host, "guard_subprotocol %.*s\n", TONI_STR_ARG(name));
    const int32_t result =
        fake_answer(host, "guard_subprotocol", may_be ? TONI_OK : TONI_ERR_INVALID);
    if (result < 0)
        return result;
    if (name.size > 0)
        memcpy(client->subprotocol, name.data, name.size);
    client->request.parts[TONI_REQUEST_SUBPROTOCOL] = toni_str_make(client->subprotocol, name.size);
    return result;
}

static int may_refuse_with(uint32_t status)
{
    static const uint16_t statuses[] = {400, 401, 402, 403, 404, 409, 410,
                                        423, 429, 451, 500, 502, 503, 504};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i] == status)
            return 1;
    }
    return 0;
}

static int32_t guard_refuse(const toni_request *request, uint32_t status, toni_str text)
{
    toni_fake_host *host = host_of(request);
    const int is_too_big = text.size > 256;
    fake_record(host, "guard_refuse %" PRIu32 " %.*s\n", status, is_too_big ? 0 : (int)text.size,
                text.data ? text.data : "");
    if (!takes_notes(client_of_request(request)) || !may_refuse_with(status) || text.size == 0 ||
        !text.data || !toni_fake_is_utf8(text) || toni_fake_has_control(text))
        return TONI_ERR_INVALID;
    return is_too_big ? TONI_ERR_TOO_BIG : fake_answer(host, "guard_refuse", TONI_ERR_FORBIDDEN);
}

/* @return How many there were. */
static int32_t drop_parameter(toni_fake_request *request, toni_str name)
{
    size_t kept = 0;
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (!toni_str_equal(request->parameters[i].name, name))
            request->parameters[kept++] = request->parameters[i];
    }
    const size_t dropped = request->parameter_count - kept;
    request->parameter_count = kept;
    return (int32_t)dropped;
}

static int32_t guard_drop_parameter(const toni_request *request, toni_str name)
{
    toni_fake_client *client = client_of_request(request);
    fake_record(host_of(request), "guard_drop_parameter %.*s\n", TONI_STR_ARG(name));
    const int32_t result = fake_answer(host_of(request), "guard_drop_parameter",
                                       takes_notes(client) ? TONI_OK : TONI_ERR_INVALID);
    return result < 0 ? result : drop_parameter(&client->request, name);
}

void fake_notes_fill(toni_host *table)
{
    table->request_value = request_value;
    table->guard_leave_value = guard_leave_value;
    table->guard_add_header = guard_add_header;
    table->guard_choose_subprotocol = guard_choose_subprotocol;
    table->guard_refuse = guard_refuse;
    table->guard_drop_parameter = guard_drop_parameter;
}
