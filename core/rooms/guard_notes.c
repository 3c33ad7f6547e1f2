/* What guards leave; see guard_notes.h. */
#include "rooms/guard_notes.h"

#include "base/utf8.h"
#include "ws/field.h"
#include "ws/handshake.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <toni/error.h>

static void clear(struct guard_note_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((char *)(uintptr_t)list->notes[i].name.data);
}

void guard_notes_destroy(struct guard_notes *notes)
{
    if (!notes)
        return;
    clear(&notes->values);
    clear(&notes->fields);
    clear(&notes->dropped);
    free(notes->subprotocol);
    free(notes->identity);
    free(notes);
}

/* @return Where the notes of the running guard, or of its ticket, are; NULL: nobody takes any. */
static struct guard_notes **place_of(const toni_request *request)
{
    const struct request_source *source = request->source;
    return source && source->notes ? source->notes(request->source_context) : NULL;
}

static struct guard_notes *make_notes(struct guard_notes **place, int32_t *error)
{
    *error = TONI_ERR_NO_MEMORY;
    if (!*place)
        *place = calloc(1, sizeof **place);
    return *place;
}

/* @return The notes, made if need be. On an error NULL, and it is set. */
static struct guard_notes *open_notes(const toni_request *request, int32_t *error)
{
    struct guard_notes **place = place_of(request);
    *error = TONI_ERR_INVALID;
    if (!place || !request->source->takes_notes)
        return NULL;
    return make_notes(place, error);
}

static struct request_field *find(struct guard_note_list *list, toni_str name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (toni_str_equal(list->notes[i].name, name))
            return &list->notes[i];
    }
    return NULL;
}

/* @param cost      What it counts for. @param most  That all together may count for.
 * @param replaced  One that gives way, or NULL. */
static int32_t add(struct guard_note_list *list, const struct request_field *note,
                   struct request_field *replaced, size_t most)
{
    const size_t before = replaced ? replaced->name.size + replaced->value.size : 0;
    const size_t cost = note->name.size + note->value.size;
    if (list->bytes - before + cost > most)
        return TONI_ERR_TOO_BIG;
    if (!replaced && list->count == GUARD_NOTES_MAX)
        return TONI_ERR_LIMIT;
    char *text = malloc(cost + 2);
    if (!text)
        return TONI_ERR_NO_MEMORY;
    if (replaced)
        free((char *)(uintptr_t)replaced->name.data);
    struct request_field *place = replaced ? replaced : &list->notes[list->count++];
    place->name = str_copy(&text, note->name);
    place->value = str_copy(&text, note->value);
    list->bytes += cost - before;
    return TONI_OK;
}

/* --- Values */

static int32_t guard_leave_value(const toni_request *request, toni_str name, toni_str value)
{
    int32_t error;
    if (!token_valid(name) || (value.size > 0 && !value.data))
        return TONI_ERR_INVALID;
    struct guard_notes *notes = open_notes(request, &error);
    if (!notes)
        return error;
    return add(&notes->values, &(struct request_field){name, value}, find(&notes->values, name),
               GUARD_NOTES_BYTES);
}

static int32_t request_value(const toni_request *request, toni_str name, toni_str *value)
{
    struct guard_notes **place = place_of(request);
    const struct request_field *found = place && *place ? find(&(*place)->values, name) : NULL;
    if (!found)
        return TONI_ERR_NOT_FOUND;
    *value = found->value;
    return TONI_OK;
}

/* --- Header fields. Each counts for two bytes at both of its ends, as it is sent. */

#define FIELD_EXTRA 4

/* What the handshake's answer has of its own. */
static bool is_own(toni_str name)
{
    static const char websocket[] = "Sec-WebSocket-";
    const size_t size = sizeof websocket - 1;
    return field_is_managed(name) ||
           (name.size >= size && strncasecmp(name.data, websocket, size) == 0);
}

static int32_t guard_add_header(const toni_request *request, toni_str name, toni_str value)
{
    int32_t error;
    if (!token_valid(name) || is_own(name) || !field_value_valid(value))
        return TONI_ERR_INVALID;
    struct guard_notes *notes = open_notes(request, &error);
    if (!notes)
        return error;
    return add(&notes->fields, &(struct request_field){name, value}, NULL,
               GUARD_FIELDS_BYTES - (size_t)GUARD_NOTES_MAX * FIELD_EXTRA);
}

static char *put(char *to, toni_str text)
{
    memcpy(to, text.data, text.size);
    return to + text.size;
}

size_t guard_notes_put_fields(const struct guard_notes *notes, char *answer, size_t size)
{
    if (!notes || notes->fields.count == 0)
        return size;
    const struct guard_note_list *fields = &notes->fields;
    char *at = memchr(answer, '\n', size);
    if (!at++)
        return size;
    const size_t more = fields->bytes + fields->count * FIELD_EXTRA;
    memmove(at + more, at, size - (size_t)(at - answer));
    for (size_t i = 0; i < fields->count; i++) {
        at = put(put(at, fields->notes[i].name), toni_str_make(": ", 2));
        at = put(put(at, fields->notes[i].value), toni_str_make("\r\n", 2));
    }
    return size + more;
}

bool guard_notes_have_field(const struct guard_notes *notes, const char *name)
{
    for (size_t i = 0; notes && i < notes->fields.count; i++) {
        if (strcasecmp(notes->fields.notes[i].name.data, name) == 0)
            return true;
    }
    return false;
}

/* --- Parameters that are taken out. The guard's own request may be a copy: that of its ticket. */

static int32_t guard_drop_parameter(const toni_request *request, toni_str name)
{
    int32_t error;
    struct guard_notes *notes = open_notes(request, &error);
    if (!notes)
        return error;
    if (!find(&notes->dropped, name)) {
        error =
            add(&notes->dropped, &(struct request_field){name, {"", 0}}, NULL, GUARD_NOTES_BYTES);
        if (error != TONI_OK)
            return error;
    }
    return (int32_t)request_drop_parameter((toni_request *)(uintptr_t)request, name);
}

void guard_notes_drop_parameters(const struct guard_notes *notes, toni_request *request)
{
    for (size_t i = 0; notes && i < notes->dropped.count; i++)
        request_drop_parameter(request, notes->dropped.notes[i].name);
}

/* --- The subprotocol */

static bool is_offered(const toni_request *request, toni_str name)
{
    toni_str offers, offer;
    if (toni_host_of(request)->request_header(request, TONI_LIT("Sec-WebSocket-Protocol"),
                                              &offers) != TONI_OK)
        return false;
    while (list_next(&offers, &offer)) {
        if (toni_str_equal(offer, name))
            return true;
    }
    return false;
}

static int32_t guard_choose_subprotocol(const toni_request *request, toni_str name)
{
    int32_t error;
    if (name.size > 0 && !is_offered(request, name))
        return TONI_ERR_INVALID;
    struct guard_notes *notes = open_notes(request, &error);
    char *copy = notes ? strndup(name.size > 0 ? name.data : "", name.size) : NULL;
    if (!copy)
        return notes ? TONI_ERR_NO_MEMORY : error;
    free(notes->subprotocol);
    notes->subprotocol = copy;
    return TONI_OK;
}

/* --- A refusal */

static int32_t guard_refuse(const toni_request *request, uint32_t status, toni_str text)
{
    int32_t error;
    if (!handshake_status_phrase(status) || text.size == 0 || !text.data)
        return TONI_ERR_INVALID;
    if (text.size > GUARD_TEXT_MAX)
        return TONI_ERR_TOO_BIG;
    if (!utf8_valid(text.data, text.size) || utf8_has_control(text.data, text.size))
        return TONI_ERR_INVALID;
    struct guard_notes *notes = open_notes(request, &error);
    if (!notes)
        return error;
    notes->status = status;
    memcpy(notes->text, text.data, text.size);
    notes->text[text.size] = '\0';
    return TONI_ERR_FORBIDDEN;
}

/* --- Who the client is */

static int32_t guard_identify(const toni_request *request, const toni_identity *identity)
{
    int32_t error = TONI_ERR_INVALID;
    struct guard_notes **place = place_of(request);
    if (!place || !request->source->takes_identity || !make_notes(place, &error))
        return error;
    return identity_draft_begin(&(*place)->identity, identity);
}

static int32_t guard_add_claim(const toni_request *request, toni_str name, toni_str value)
{
    struct guard_notes **place = place_of(request);
    if (!place || !request->source->takes_identity || !*place)
        return TONI_ERR_INVALID;
    return identity_draft_add((*place)->identity, name, value);
}

void guard_notes_asked(struct guard_notes *notes, struct slot *guard)
{
    if (notes && notes->identity && !notes->identity->guard)
        notes->identity->guard = guard;
}

void guard_notes_fill_table(toni_host *table)
{
    table->request_value = request_value;
    table->guard_leave_value = guard_leave_value;
    table->guard_add_header = guard_add_header;
    table->guard_choose_subprotocol = guard_choose_subprotocol;
    table->guard_refuse = guard_refuse;
    table->guard_drop_parameter = guard_drop_parameter;
    table->guard_identify = guard_identify;
    table->guard_add_claim = guard_add_claim;
}
