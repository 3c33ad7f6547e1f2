/* From the server: events, and requests that clients answer. */
#include "events_private.h"

#include <stdlib.h>
#include <toni/history.h>

int32_t toni_events_send(toni_events *events, toni_client_id client, const char *name, json_t *data)
{
    struct text text;
    text_event(&text, events, name, 0, data);
    const int32_t result = text_send(&text, events, client);
    text_finish(&text);
    json_decref(data);
    return result;
}

/* Ends the target. */
static int32_t send_to_target(const struct text *text, toni_target *target)
{
    if (!text->has_failed)
        return toni_target_send_text(target, toni_str_make(text->bytes, text->size));
    toni_target_destroy(target);
    return TONI_ERR_NO_MEMORY;
}

int32_t toni_events_send_to_target(toni_events *events, toni_target *target, const char *name,
                                   json_t *data)
{
    struct text text;
    text_event(&text, events, name, 0, data);
    const int32_t result = send_to_target(&text, target);
    text_finish(&text);
    json_decref(data);
    return result;
}

/* Whom to tell what became of an event; NULL: nobody. */
struct told {
    toni_receipt_fn notify;
    void *data;
    toni_release_fn release;
};

static int32_t broadcast(toni_events *events, toni_str room, const toni_message *message,
                         const struct told *told)
{
    if (!told)
        return toni_broadcast_to_room(events->connections, room, message);
    return toni_broadcast_to_room_with_receipt(events->connections, room, message, events->context,
                                               told->notify, told->data, told->release);
}

static int32_t send_to_room(toni_events *events, toni_str room, const char *name, json_t *data,
                            const struct told *told)
{
    struct text text;
    toni_position position;
    const int32_t asked = toni_room_position(events->connections, room, &position);
    const bool is_kept = asked == TONI_ERR_BUSY || (asked == TONI_OK && position.epoch != 0);
    const size_t position_at = text_room_event(&text, events, name, is_kept ? &room : NULL, data);
    const toni_message message =
        toni_message_with_position(toni_text(toni_str_make(text.bytes, text.size)), position_at);
    const int32_t result =
        text.has_failed ? TONI_ERR_NO_MEMORY : broadcast(events, room, &message, told);
    text_finish(&text);
    json_decref(data);
    return result;
}

int32_t toni_events_send_to_room(toni_events *events, toni_str room, const char *name, json_t *data)
{
    return send_to_room(events, room, name, data, NULL);
}

/* NOLINTNEXTLINE(readability-function-size): what is sent, and three of whom to tell */
int32_t toni_events_send_to_room_with_receipt(toni_events *events, toni_str room, const char *name,
                                              json_t *data, toni_receipt_fn notify, void *user,
                                              toni_release_fn release)
{
    const struct told told = {notify, user, release};
    return send_to_room(events, room, name, data, &told);
}

int32_t toni_events_send_from(toni_events *events, toni_client *client, toni_str room,
                              const char *name, json_t *data)
{
    int32_t result = toni_client_may_publish(client, room);
    if (result == TONI_OK)
        return toni_events_send_to_room(events, room, name, data);
    json_decref(data);
    return result;
}

/* --- Requests */

static void gather(toni_events *events, const struct entry *entry, uint32_t outcome)
{
    struct gathering *gathering = entry->gathering;
    pthread_mutex_lock(&events->lock);
    if (outcome == TONI_REPLY_DATA)
        gathering->lists[0][gathering->acks.answered_count++] = entry->client;
    else if (outcome == TONI_REPLY_GONE)
        gathering->lists[2][gathering->acks.gone_count++] = entry->client;
    else
        gathering->lists[1][gathering->acks.failed_count++] = entry->client;
    const bool is_last = --gathering->waiting == 0;
    pthread_mutex_unlock(&events->lock);
    if (!is_last)
        return;
    gathering->done(events->self, gathering->data, &gathering->acks);
    free(gathering);
}

void request_tell(toni_events *events, const struct entry *entry, uint32_t outcome,
                  const json_t *data)
{
    const toni_reply reply = {.client = entry->client, .outcome = outcome, .data = data};
    if (entry->gathering)
        gather(events, entry, outcome);
    else
        entry->reply(events->self, entry->data, &reply);
}

bool request_answered(toni_events *events, toni_client_id client, const json_t *message)
{
    const json_t *id = json_object_get(message, "id");
    const json_t *error = json_object_get(message, "error");
    const json_t *data = json_object_get(message, "data");
    if (!json_is_integer(id) || (!error && !data && !json_object_get(message, "complete")))
        return false;
    pthread_mutex_lock(&events->lock);
    struct entry *entry = entry_of_request(events, client, (uint64_t)json_integer_value(id));
    const struct entry taken = entry ? entry_take(events, entry) : (struct entry){0};
    pthread_mutex_unlock(&events->lock);
    if (taken.id == 0)
        return true; /* it comes too late, or twice */
    if (taken.timer > 0)
        (void)toni_cancel_timer(events->context, taken.timer);
    request_tell(events, &taken, error ? TONI_REPLY_ERROR : TONI_REPLY_DATA, error ? error : data);
    return true;
}

/* Under the lock. @return TONI_OK, and the entry has its time. */
static int32_t add_request(toni_events *events, toni_client_id client, uint64_t number,
                           uint32_t timeout_ms, struct entry **entry)
{
    if (entry_count(events, client, true) >= events->max_inflight)
        return TONI_ERR_LIMIT;
    int32_t result = entry_add(events, client, entry);
    if (result != TONI_OK)
        return result;
    (*entry)->is_request = true;
    (*entry)->number = number;
    result = entry_begin_time(events, *entry, timeout_ms);
    if (result != TONI_OK)
        (void)entry_take(events, *entry);
    return result;
}

int32_t toni_events_request(toni_events *events, toni_client_id client, const char *name,
                            json_t *question, uint32_t timeout_ms, toni_reply_fn reply, void *data)
{
    struct text text;
    struct entry *entry = NULL;
    pthread_mutex_lock(&events->lock);
    const uint64_t number = ++events->last_number;
    int32_t result = add_request(events, client, number, timeout_ms, &entry);
    if (result == TONI_OK) {
        entry->reply = reply;
        entry->data = data;
        text_event(&text, events, name, number, question);
        result = text_send(&text, events, client);
        text_finish(&text);
        if (result < 0) {
            const struct entry taken = entry_take(events, entry);
            (void)toni_cancel_timer(events->context, taken.timer);
        }
    }
    pthread_mutex_unlock(&events->lock);
    json_decref(question);
    return result;
}

/* --- A question to a room */

static struct gathering *make_gathering(const toni_client_ids *ids, toni_acks_fn done, void *data)
{
    struct gathering *gathering =
        malloc(sizeof *gathering + 3 * ids->count * sizeof(toni_client_id));
    if (!gathering)
        return NULL;
    *gathering = (struct gathering){.done = done, .data = data, .waiting = ids->count};
    for (size_t i = 0; i < 3; i++)
        gathering->lists[i] = (toni_client_id *)(gathering + 1) + i * ids->count;
    gathering->acks.answered = gathering->lists[0];
    gathering->acks.failed = gathering->lists[1];
    gathering->acks.gone = gathering->lists[2];
    return gathering;
}

/* Under the lock: nobody answers before all are asked. @return How many are, and the target. */
static size_t ask_all(toni_events *events, const toni_client_ids *ids, uint64_t number,
                      uint32_t timeout_ms, struct gathering *gathering, toni_target **target)
{
    size_t asked = 0;
    for (size_t i = 0; i < ids->count; i++) {
        struct entry *entry;
        if (add_request(events, ids->ids[i], number, timeout_ms, &entry) != TONI_OK) {
            gathering->lists[1][gathering->acks.failed_count++] = ids->ids[i];
            gathering->waiting--;
            continue;
        }
        entry->gathering = gathering;
        if (asked++ == 0)
            *target = toni_to_client(events->connections, ids->ids[i]);
        else
            toni_target_to_client(*target, ids->ids[i]);
    }
    return asked;
}

/* Under the lock: what was asked for in vain. */
static void forget_all(toni_events *events, const toni_client_ids *ids, uint64_t number)
{
    for (size_t i = 0; i < ids->count; i++) {
        struct entry *entry = entry_of_request(events, ids->ids[i], number);
        if (!entry)
            continue;
        const struct entry taken = entry_take(events, entry);
        (void)toni_cancel_timer(events->context, taken.timer);
    }
}

static int32_t ask_members(toni_events *events, const toni_client_ids *ids, const char *name,
                           const json_t *question, uint32_t timeout_ms, struct gathering *gathering)
{
    struct text text;
    toni_target *target = NULL;
    pthread_mutex_lock(&events->lock);
    const uint64_t number = ++events->last_number;
    const size_t asked = ask_all(events, ids, number, timeout_ms, gathering, &target);
    text_event(&text, events, name, number, question);
    const int32_t sent = asked > 0 ? send_to_target(&text, target) : TONI_ERR_LIMIT;
    text_finish(&text);
    if (sent < 0)
        forget_all(events, ids, number);
    pthread_mutex_unlock(&events->lock);
    return sent < 0 ? sent : (int32_t)ids->count;
}

int32_t toni_events_request_room(toni_events *events, toni_str room, const char *name,
                                 json_t *question, uint32_t timeout_ms, toni_acks_fn done,
                                 void *data)
{
    toni_client_ids *ids = NULL;
    int32_t result = toni_get_room_members(events->connections, room, &ids);
    if (result == TONI_OK && ids->count > 0) {
        struct gathering *gathering = make_gathering(ids, done, data);
        result = gathering ? ask_members(events, ids, name, question, timeout_ms, gathering)
                           : TONI_ERR_NO_MEMORY;
        if (result < 0)
            free(gathering);
    }
    toni_client_ids_destroy(ids);
    json_decref(question);
    return result;
}
