/* Calls of clients, by their handles: answered once, or timed out. */
#include "events_private.h"

#include <stdlib.h>

/* --- Time */

/* What a timer finds its entry with. */
struct waiting {
    toni_events *events;
    uint64_t id;
    uint32_t renewals; /* if the entry has others, its time was begun anew while the timer ran */
};

static void time_is_over(void *self, void *data)
{
    const struct waiting *waiting = data;
    toni_events *events = waiting->events;
    (void)self;
    pthread_mutex_lock(&events->lock);
    struct entry *entry = entry_find(events, waiting->id);
    const bool is_over = entry && entry->renewals == waiting->renewals;
    const struct entry taken = is_over ? entry_take(events, entry) : (struct entry){0};
    events->figures.timeouts += taken.id != 0;
    pthread_mutex_unlock(&events->lock);
    toni_count(events->timeouts, taken.id != 0);
    if (taken.id == 0)
        return;
    if (taken.is_request) {
        request_tell(events, &taken, TONI_REPLY_TIMEOUT, NULL);
        return;
    }
    (void)send_error(events, taken.client, taken.wire_id, TONI_EVENT_TIMEOUT,
                     TONI_LIT("it took too long"), NULL);
    json_decref(taken.wire_id);
    if (taken.handler->cancelled)
        taken.handler->cancelled(events->self, (toni_call){events, taken.id});
}

int32_t entry_begin_time(toni_events *events, struct entry *entry, uint32_t ms)
{
    struct waiting *waiting = malloc(sizeof *waiting);
    if (!waiting)
        return TONI_ERR_NO_MEMORY;
    *waiting = (struct waiting){.events = events, .id = entry->id, .renewals = entry->renewals + 1};
    const int64_t timer = toni_after(events->context, ms, time_is_over, waiting, free);
    if (timer < 0) {
        free(waiting);
        return (int32_t)timer;
    }
    if (entry->timer > 0)
        (void)toni_cancel_timer(events->context, entry->timer);
    entry->timer = timer;
    entry->renewals++;
    return TONI_OK;
}

/* --- Answers */

toni_event_kind kind_of(int32_t error)
{
    switch (error) {
    case TONI_ERR_INVALID:
    case TONI_ERR_TYPE:
    case TONI_ERR_TOO_BIG:
        return TONI_EVENT_BAD_REQUEST;
    case TONI_ERR_NOT_FOUND:
        return TONI_EVENT_NOT_FOUND;
    case TONI_ERR_LIMIT:
        return TONI_EVENT_TOO_MANY_REQUESTS;
    case TONI_ERR_UNAUTHORIZED:
        return TONI_EVENT_UNAUTHORIZED;
    case TONI_ERR_FORBIDDEN:
    case TONI_ERR_MAY_NOT_PUBLISH:
        return TONI_EVENT_FORBIDDEN;
    case TONI_ERR_TIMEOUT:
        return TONI_EVENT_TIMEOUT;
    case TONI_ERR_BUSY:
    case TONI_ERR_CLOSING:
    case TONI_ERR_FULL:
        return TONI_EVENT_UNAVAILABLE;
    default:
        return TONI_EVENT_INTERNAL;
    }
}

/* Whoever takes a call answers it: nobody else will. @return Its entry; the id is 0: it is over. */
static struct entry take_call(toni_call call)
{
    struct entry taken = {0};
    if (call.id == 0)
        return taken;
    pthread_mutex_lock(&call.events->lock);
    struct entry *entry = entry_find(call.events, call.id);
    if (entry && !entry->is_request)
        taken = entry_take(call.events, entry);
    pthread_mutex_unlock(&call.events->lock);
    if (taken.timer > 0)
        (void)toni_cancel_timer(call.events->context, taken.timer);
    return taken;
}

static int32_t result_of_nothing(toni_call call)
{
    return call.id == 0 ? TONI_OK : TONI_ERR_NOT_FOUND;
}

int32_t toni_call_answer(toni_call call, json_t *data)
{
    const struct entry taken = take_call(call);
    const int32_t result = taken.id != 0 ? send_data(call.events, taken.client, taken.wire_id, data)
                                         : result_of_nothing(call);
    json_decref(taken.wire_id);
    json_decref(data);
    return result;
}

int32_t toni_call_complete(toni_call call)
{
    const struct entry taken = take_call(call);
    const int32_t result = taken.id != 0 ? send_complete(call.events, taken.client, taken.wire_id)
                                         : result_of_nothing(call);
    json_decref(taken.wire_id);
    return result;
}

int32_t toni_call_fail_with(toni_call call, toni_event_kind kind, toni_str message, json_t *details)
{
    const struct entry taken = take_call(call);
    const int32_t result =
        taken.id != 0 ? send_error(call.events, taken.client, taken.wire_id, kind, message, details)
                      : result_of_nothing(call);
    json_decref(taken.wire_id);
    json_decref(details);
    return result;
}

int32_t toni_call_fail(toni_call call, toni_event_kind kind, const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    result = toni_call_fail_with(call, kind, result == TONI_OK ? buffer.text : toni_str_of(format),
                                 NULL);
    toni_text_buffer_finish(&buffer);
    return result;
}

/* Sent under the lock: so the end, which another thread may send, is behind it. */
int32_t toni_call_part(toni_call call, json_t *data)
{
    toni_events *events = call.events;
    int32_t result = result_of_nothing(call);
    if (call.id != 0) {
        pthread_mutex_lock(&events->lock);
        struct entry *entry = entry_find(events, call.id);
        if (entry && !entry->is_request) {
            const uint32_t own = entry->handler->timeout_ms;
            result = send_data(events, entry->client, entry->wire_id, data);
            if (entry->timer > 0)
                (void)entry_begin_time(events, entry, own > 0 ? own : events->timeout_ms);
        }
        pthread_mutex_unlock(&events->lock);
    }
    json_decref(data);
    return result;
}

toni_client_id toni_call_client(toni_call call)
{
    pthread_mutex_lock(&call.events->lock);
    const struct entry *entry = entry_find(call.events, call.id);
    const toni_client_id client = entry ? entry->client : 0;
    pthread_mutex_unlock(&call.events->lock);
    return client;
}

int toni_call_is_cancelled(toni_call call)
{
    pthread_mutex_lock(&call.events->lock);
    const struct entry *entry = entry_find(call.events, call.id);
    const int is_cancelled = call.id != 0 && (!entry || entry->is_cancelled);
    pthread_mutex_unlock(&call.events->lock);
    return is_cancelled;
}
