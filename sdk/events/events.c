/* Events by name: the table of handlers, and the way of a message from the client to its handler.
 */
#include "events_private.h"

#include <stdlib.h>
#include <string.h>

#define INFLIGHT 32
#define TIMEOUT_MS 30000
/* Of JSON: far more than data of a plugin has, far less than a stack bears. */
#define DEPTH_MOST 64

#define SHOWN 64    /* bytes of what a client sent that an answer repeats */
#define ID_MOST 256 /* bytes: a call that waits for its answer keeps its id */

/* --- Life */

static int by_name(const void *a, const void *b)
{
    const toni_event_handler *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static int32_t take_handlers(toni_events *events, const toni_event_handler *handlers)
{
    size_t count = 0;
    while (handlers[count].name)
        count++;
    events->handlers = calloc(count + 1, sizeof(void *));
    if (!events->handlers)
        return TONI_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        events->handlers[i] = &handlers[i];
    events->handler_count = count;
    qsort(events->handlers, count, sizeof(void *), by_name);
    for (size_t i = 0; i < count; i++) {
        const char *name = events->handlers[i]->name;
        if (!name[0] || !events->handlers[i]->handle)
            return toni_fail(events->context, TONI_ERR_INVALID,
                             "an event handler has no name or no function: \"%s\"", name);
        if (strcmp(name, "cancel") == 0)
            return toni_fail(events->context, TONI_ERR_INVALID,
                             "the event \"cancel\" is reserved: give its handler another name");
        if (i > 0 && strcmp(name, events->handlers[i - 1]->name) == 0)
            return toni_fail(events->context, TONI_ERR_INVALID,
                             "the event \"%s\" has two handlers: leave one out", name);
    }
    return TONI_OK;
}

int32_t toni_events_create(toni_context *context, void *self, const toni_events_setup *setup,
                           toni_events **events)
{
    *events = NULL;
    toni_events *made = calloc(1, sizeof *made);
    if (!made)
        return TONI_ERR_NO_MEMORY;
    made->context = context;
    made->connections = toni_context_connections(context);
    made->self = self;
    made->max_inflight = setup->max_inflight > 0 ? setup->max_inflight : INFLIGHT;
    made->timeout_ms = setup->timeout_ms > 0 ? setup->timeout_ms : TIMEOUT_MS;
    made->field = setup->field ? setup->field : "event";
    made->free_place = NO_PLACE;
    made->calls = toni_counter(context, TONI_LIT("events_calls_total"),
                               TONI_LIT("Events of clients that reached their handler."));
    made->refused = toni_counter(context, TONI_LIT("events_refused_total"),
                                 TONI_LIT("Messages of clients that were no event to handle."));
    made->timeouts = toni_counter(context, TONI_LIT("events_timeouts_total"),
                                  TONI_LIT("Calls and requests whose time was over."));
    made->in_flight = toni_gauge(context, TONI_LIT("events_in_flight"),
                                 TONI_LIT("Calls and requests that are not answered."));
    pthread_mutex_init(&made->lock, NULL);
    int32_t result =
        made->connections
            ? take_handlers(made, setup->handlers)
            : toni_fail(context, TONI_ERR_INVALID,
                        "events need the connections: list TONI_REQUIRES_CONNECTIONS in .needs");
    if (result == TONI_OK)
        *events = made;
    else
        toni_events_destroy(made);
    return result;
}

static void end_entry(toni_events *events, const struct entry *entry, uint32_t outcome)
{
    if (entry->timer > 0)
        (void)toni_cancel_timer(events->context, entry->timer);
    json_decref(entry->wire_id);
    if (entry->is_request)
        request_tell(events, entry, outcome, NULL);
}

void toni_events_destroy(toni_events *events)
{
    if (!events)
        return;
    for (uint32_t place = 0; place < events->capacity; place++) {
        if (events->entries[place].id == 0)
            continue;
        const struct entry taken = entry_take(events, &events->entries[place]);
        end_entry(events, &taken, TONI_REPLY_ENDED);
    }
    free(events->entries);
    free(events->buckets);
    free(events->handlers);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

void toni_events_gone(toni_events *events, toni_client_id client)
{
    for (;;) {
        pthread_mutex_lock(&events->lock);
        struct entry *entry = entry_of_client(events, client);
        const struct entry taken = entry ? entry_take(events, entry) : (struct entry){0};
        pthread_mutex_unlock(&events->lock);
        if (taken.id == 0)
            return;
        end_entry(events, &taken, TONI_REPLY_GONE);
        if (!taken.is_request && taken.handler->cancelled)
            taken.handler->cancelled(events->self, (toni_call){events, taken.id});
    }
}

toni_events_figures toni_events_figures_of(toni_events *events)
{
    pthread_mutex_lock(&events->lock);
    const toni_events_figures figures = events->figures;
    pthread_mutex_unlock(&events->lock);
    return figures;
}

/* --- Dispatch */

/* What has come of a client, while it is looked at. */
struct arrival {
    toni_events *events;
    toni_client *client;
    const json_t *message; /* an object */
    const json_t *id;      /* NULL: it wants no answer */
};

static toni_client_id client_of(const struct arrival *arrival)
{
    return toni_client_id_of(arrival->client);
}

static void count_refused(toni_events *events)
{
    pthread_mutex_lock(&events->lock);
    events->figures.refused++;
    pthread_mutex_unlock(&events->lock);
    toni_count(events->refused, 1);
}

/* Tells the client, if it wants an answer. Sends go unchecked: a client that can't be answered is
 * full or closing, the host's to handle. */
TONI_PRINTF(3, 4)
static void refuse(const struct arrival *arrival, toni_event_kind kind, const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    count_refused(arrival->events);
    va_start(arguments, format);
    const int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    if (arrival->id && result == TONI_OK)
        (void)send_error(arrival->events, client_of(arrival), arrival->id, kind, buffer.text, NULL);
    toni_text_buffer_finish(&buffer);
}

/* What has no id that could be read is answered with none. */
static void refuse_unread(toni_events *events, toni_client *client, toni_str why)
{
    count_refused(events);
    (void)send_error(events, toni_client_id_of(client), NULL, TONI_EVENT_BAD_REQUEST, why, NULL);
}

/* How deep the brackets go, outside of strings: before anything recurses. */
static bool is_too_deep(toni_str text)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        const char byte = text.data[i];
        if (in_string) {
            i += byte == '\\';
            in_string = byte != '"';
        } else if (byte == '"') {
            in_string = true;
        } else if (byte == '{' || byte == '[') {
            if (++depth > DEPTH_MOST)
                return true;
        } else if ((byte == '}' || byte == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* @return The message as an object; NULL: it is none, and the client was told. */
static json_t *parse(toni_events *events, toni_client *client, const toni_message *message)
{
    json_error_t error;
    toni_str text;
    char why[JSON_ERROR_TEXT_LENGTH + 32];
    if (!toni_message_as_text(message, &text)) {
        refuse_unread(events, client, TONI_LIT("a binary message is no event"));
        return NULL;
    }
    if (is_too_deep(text)) {
        refuse_unread(events, client, TONI_LIT("malformed JSON: nested too deeply"));
        return NULL;
    }
    json_t *json =
        json_loadb(text.size > 0 ? text.data : "", text.size, JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        const char *near =
            strstr(error.text, " near "); /* what follows may be cut in a character */
        const int length = near ? (int)(near - error.text) : (int)strlen(error.text);
        (void)snprintf(why, sizeof why, "malformed JSON: %.*s", length, error.text);
        refuse_unread(events, client, toni_str_of(why));
    } else if (!json_is_object(json)) {
        refuse_unread(events, client, TONI_LIT("the message is no JSON object"));
        json_decref(json);
        json = NULL;
    }
    return json;
}

static const toni_event_handler *find_handler(const toni_events *events, const char *name)
{
    const toni_event_handler wanted = {.name = name}, *key = &wanted;
    const toni_event_handler *const *found =
        events->handler_count > 0
            ? bsearch(&key, events->handlers, events->handler_count, sizeof(void *), by_name)
            : NULL;
    return found ? *found : NULL;
}

/* Under the lock. The id is a copy: whoever answers may do so on another thread, while this one
 * lets go of its own. */
static int32_t add_call(toni_events *events, const struct arrival *arrival, struct entry **entry)
{
    json_t *wire_id = json_copy((json_t *)arrival->id);
    const int32_t result =
        wire_id ? entry_add(events, client_of(arrival), entry) : TONI_ERR_NO_MEMORY;
    if (result == TONI_OK)
        (*entry)->wire_id = wire_id;
    else
        json_decref(wire_id);
    return result;
}

/* @return TONI_OK and the handle, whose id is 0 if no answer is wanted; or it was refused. */
static int32_t begin_call(const struct arrival *arrival, const toni_event_handler *handler,
                          toni_call *call)
{
    toni_events *events = arrival->events;
    struct entry *entry = NULL;
    int32_t result = TONI_OK;
    bool is_twice = false;
    *call = (toni_call){.events = events};
    pthread_mutex_lock(&events->lock);
    if (arrival->id) {
        is_twice = entry_of_call(events, client_of(arrival), arrival->id) != NULL;
        if (is_twice || entry_count(events, client_of(arrival), false) >= events->max_inflight)
            result = TONI_ERR_LIMIT;
        else
            result = add_call(events, arrival, &entry);
    }
    if (entry) {
        entry->handler = handler;
        call->id = entry->id;
    }
    events->figures.calls += result == TONI_OK;
    pthread_mutex_unlock(&events->lock);
    toni_count(events->calls, result == TONI_OK);
    if (is_twice) {
        refuse(arrival, TONI_EVENT_CONFLICT, "a call of this id is not answered yet");
    } else if (result == TONI_ERR_LIMIT) {
        refuse(arrival, TONI_EVENT_TOO_MANY_REQUESTS,
               "too many calls wait for their answers: at most %zu may", events->max_inflight);
    } else if (result != TONI_OK) {
        refuse(arrival, TONI_EVENT_UNAVAILABLE, "%s", toni_strerror(result));
    }
    return result;
}

/* After the handler has returned. */
static void end_handling(toni_call call, const toni_event_handler *handler, int32_t result)
{
    toni_events *events = call.events;
    if (call.id == 0)
        return;
    if (result < 0) {
        (void)toni_call_fail(call, kind_of(result), "%s", toni_strerror(result));
    } else if (result != TONI_LATER) {
        (void)toni_call_complete(call);
    } else {
        const uint32_t ms = handler->timeout_ms > 0 ? handler->timeout_ms : events->timeout_ms;
        pthread_mutex_lock(&events->lock);
        struct entry *entry = entry_find(events, call.id); /* NULL: answered meanwhile */
        const int32_t begun = entry ? entry_begin_time(events, entry, ms) : TONI_OK;
        pthread_mutex_unlock(&events->lock);
        if (begun != TONI_OK)
            (void)toni_call_fail(call, TONI_EVENT_UNAVAILABLE, "%s", toni_strerror(begun));
    }
}

static void handle(const struct arrival *arrival, const toni_event_handler *handler)
{
    const json_t *data = json_object_get(arrival->message, "data");
    json_t *details = schema_check(handler->members, data);
    if (details) {
        count_refused(arrival->events);
        if (arrival->id) {
            (void)send_error(arrival->events, client_of(arrival), arrival->id,
                             TONI_EVENT_UNPROCESSABLE, TONI_LIT("`data` is not as expected"),
                             json_is_array(details) ? details : NULL);
        }
        json_decref(details);
        return;
    }
    toni_event event = {
        .client = arrival->client, .name = toni_str_of(handler->name), .data = data};
    if (begin_call(arrival, handler, &event.call) == TONI_OK)
        end_handling(event.call, handler, handler->handle(arrival->events->self, &event));
}

static void cancel(const struct arrival *arrival)
{
    toni_events *events = arrival->events;
    toni_call call = {.events = events};
    const toni_event_handler *handler = NULL;
    pthread_mutex_lock(&events->lock);
    struct entry *entry =
        arrival->id ? entry_of_call(events, client_of(arrival), arrival->id) : NULL;
    if (entry && !entry->is_cancelled) {
        entry->is_cancelled = true;
        call.id = entry->id;
        handler = entry->handler;
    }
    pthread_mutex_unlock(&events->lock);
    if (handler && handler->cancelled)
        handler->cancelled(events->self, call);
}

static void dispatch(struct arrival *arrival)
{
    toni_events *events = arrival->events;
    const json_t *name = json_object_get(arrival->message, events->field);
    const json_t *id = json_object_get(arrival->message, "id");
    if (json_is_object(id) || json_is_array(id)) {
        refuse_unread(events, arrival->client,
                      TONI_LIT("`id` is no string, number, boolean or null"));
        return;
    }
    if (json_string_length(id) > ID_MOST) {
        refuse_unread(events, arrival->client, TONI_LIT("`id` is longer than 256 bytes"));
        return;
    }
    if (!name && request_answered(events, client_of(arrival), arrival->message))
        return;
    arrival->id = id;
    if (!json_is_string(name)) {
        refuse(arrival, TONI_EVENT_BAD_REQUEST, "`%s` is missing or no string", events->field);
        return;
    }
    if (strcmp(json_string_value(name), "cancel") == 0) {
        cancel(arrival);
        return;
    }
    const toni_event_handler *handler = find_handler(events, json_string_value(name));
    if (handler)
        handle(arrival, handler);
    else if (json_string_length(name) <= SHOWN)
        refuse(arrival, TONI_EVENT_NOT_FOUND, "there is no event \"%s\"", json_string_value(name));
    else
        refuse(arrival, TONI_EVENT_NOT_FOUND, "there is no event of that name");
}

int32_t toni_events_dispatch(toni_events *events, toni_client *client, const toni_message *message)
{
    json_t *json = parse(events, client, message);
    struct arrival arrival = {.events = events, .client = client, .message = json};
    if (json)
        dispatch(&arrival);
    json_decref(json);
    return TONI_OK;
}

int32_t toni_events_on_message(void *self, toni_client *client, const toni_message *message)
{
    return toni_events_dispatch(*(toni_events **)self, client, message);
}

void toni_events_on_disconnect(void *self, toni_client *client, const toni_disconnect_info *info)
{
    (void)info;
    toni_events_gone(*(toni_events **)self, toni_client_id_of(client));
}
