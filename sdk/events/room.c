/* The built-in events by which clients come into rooms, and leave them. */
#include "events_private.h"

#include <stdlib.h>
#include <toni/history.h>

const toni_event_member toni_events_join_members[] = {
    {"room", TONI_EVENT_STRING, 1, 1, 255, NULL},
    {"since", TONI_EVENT_STRING, 0, TONI_POSITION_TEXT, TONI_POSITION_TEXT, NULL},
    {"last", TONI_EVENT_INTEGER, 0, 0, 10000, NULL},
    {0}};

const toni_event_member toni_events_leave_members[] = {{"room", TONI_EVENT_STRING, 1, 1, 255, NULL},
                                                       {0}};

static toni_str text_of(const toni_event *event, const char *name)
{
    const json_t *text = json_object_get(event->data, name);
    return toni_str_make(json_string_value(text), json_string_length(text));
}

/* @return What the client is told. */
static json_t *describe(const toni_joined *joined)
{
    json_t *answer = json_pack("{s:b,s:i}", "recovered", (int)joined->is_recovered, "messages",
                               (int)joined->messages);
    if (answer && joined->why.size > 0)
        json_object_set_new(answer, "why", json_stringn(joined->why.data, joined->why.size));
    if (answer && joined->at.epoch != 0) {
        char text[TONI_POSITION_TEXT + 1];
        toni_position_text(joined->at, text);
        json_object_set_new(answer, "at", json_string(text));
    }
    return answer;
}

/* @return What the client is told of a join that has failed. */
static const char *why_not_joined(int32_t error)
{
    return error == TONI_ERR_FORBIDDEN ? "this client may not join this room"
                                       : toni_strerror(error);
}

static void on_joined(void *self, void *data, const toni_joined *joined)
{
    const toni_call call = *(const toni_call *)data;
    (void)self;
    if (joined->status == TONI_OK)
        (void)toni_call_answer(call, describe(joined));
    else
        (void)toni_call_fail(call, kind_of(joined->status), "%s", why_not_joined(joined->status));
}

static int32_t read_since(const toni_event *event, toni_since *since)
{
    const toni_str shown = text_of(event, "since");
    *since = toni_since_last((uint32_t)json_integer_value(json_object_get(event->data, "last")));
    return shown.size > 0 ? toni_position_parse(shown, &since->position) : TONI_OK;
}

int32_t toni_events_join(void *self, const toni_event *event)
{
    toni_since since;
    (void)self;
    if (read_since(event, &since) != TONI_OK)
        return toni_call_fail(event->call, TONI_EVENT_BAD_REQUEST,
                              "`since` is no position of a room");
    toni_call *call = malloc(sizeof *call);
    if (!call)
        return TONI_ERR_NO_MEMORY;
    *call = event->call;
    const toni_events *events = call->events;
    const int32_t result = toni_join_room_since(
        events->connections, toni_client_id_of(event->client), text_of(event, "room"), &since,
        events->context, on_joined, call, free);
    if (result == TONI_OK)
        return TONI_LATER;
    free(call);
    return toni_call_fail(event->call, kind_of(result), "%s", why_not_joined(result));
}

int32_t toni_events_leave(void *self, const toni_event *event)
{
    (void)self;
    return toni_leave_room(event->call.events->connections, toni_client_id_of(event->client),
                           text_of(event, "room"));
}
