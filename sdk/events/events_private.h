/* What the files of the events share. */
#ifndef TONI_EVENTS_PRIVATE_H
#define TONI_EVENTS_PRIVATE_H

#include <toni/events.h>

#include <pthread.h>
#include <stdbool.h>

#define NO_PLACE UINT32_MAX

/* A question to a room, whose answers are gathered. */
struct gathering {
    toni_acks_fn done;
    void *data;
    size_t waiting;
    toni_acks acks;
    toni_client_id *lists[3]; /* answered, failed, gone: `acks` points to them */
};

/* A call of a client's, or a request to one, that is not answered. */
struct entry {
    uint64_t id;   /* of its handle; 0: the place is free */
    uint32_t next; /* in its bucket, or of the free ones; NO_PLACE: the last */
    bool is_request, is_cancelled;
    toni_client_id client;
    int64_t timer;     /* 0: none */
    uint32_t renewals; /* of its time */

    json_t *wire_id; /* of a call: the client's own */
    const toni_event_handler *handler;

    uint64_t number; /* of a request: on the wire */
    toni_reply_fn reply;
    void *data;
    struct gathering *gathering; /* NULL: it is a single request */
};

struct toni_events {
    toni_context *context;
    toni_connections *connections;
    void *self;
    const toni_event_handler **handlers; /* sorted by name */
    size_t handler_count;
    size_t max_inflight;
    uint32_t timeout_ms;
    const char *field;

    pthread_mutex_t lock; /* guards what follows; nothing of the plugin is called under it */
    struct entry *entries;
    uint32_t capacity, used; /* places; `buckets` has as many */
    uint32_t *buckets;       /* first place by the hash of the client */
    uint32_t free_place;
    uint32_t generation;
    uint64_t last_number;
    toni_events_figures figures;

    toni_figure *calls, *refused, *timeouts, *in_flight; /* the same, in /metrics; may be NULL */
};

/* --- entries.c: all under the lock */

/* @return TONI_ERR_NO_MEMORY, TONI_ERR_LIMIT. *entry is filled in but for what it is. */
int32_t entry_add(toni_events *events, toni_client_id client, struct entry **entry);
struct entry *entry_find(toni_events *events, uint64_t id);
struct entry *entry_of_call(toni_events *events, toni_client_id client, const json_t *wire_id);
struct entry *entry_of_request(toni_events *events, toni_client_id client, uint64_t number);
/* @return Any entry of the client; NULL: it has none. */
struct entry *entry_of_client(toni_events *events, toni_client_id client);
size_t entry_count(toni_events *events, toni_client_id client, bool is_request);
/* Takes it out; what it holds is the caller's. */
struct entry entry_take(toni_events *events, struct entry *entry);

/* --- text.c */

/* A text that is put together; grows. */
struct text {
    size_t size, capacity;
    char *bytes; /* `small`, or allocated */
    bool has_failed;
    char small[1024];
};

void text_init(struct text *text);
void text_add(struct text *text, const char *bytes, size_t size);
void text_add_json(struct text *text, const json_t *json);
void text_add_string(struct text *text, const char *bytes, size_t size);
void text_finish(struct text *text);

/* --- wire.c */

/* `{"id":…,"data":…}`; all are sent to the client, whose id it is. @param id  NULL is null.
 * @param data  NULL is null. */
int32_t send_data(toni_events *events, toni_client_id client, const json_t *id, const json_t *data);
int32_t send_complete(toni_events *events, toni_client_id client, const json_t *id);
int32_t send_error(toni_events *events, toni_client_id client, const json_t *id,
                   toni_event_kind kind, toni_str message, const json_t *details);
/* `{"event":…,"id":…,"data":…}`. @param number  0: none. */
void text_event(struct text *text, const toni_events *events, const char *name, uint64_t number,
                const json_t *data);
/* An event to a room. @param room  That it names, with a place for its position; NULL: neither.
 * @return Where that place is; 0: nowhere. */
size_t text_room_event(struct text *text, const toni_events *events, const char *name,
                       const toni_str *room, const json_t *data);
/* @return TONI_ERR_NO_MEMORY, if putting it together has failed. */
int32_t text_send(const struct text *text, toni_events *events, toni_client_id client);

/* --- schema.c */

/* @return What is wrong, an array of {path, message}; NULL: nothing. */
json_t *schema_check(const toni_event_member *members, const json_t *data);

/* --- calls.c */

toni_event_kind kind_of(int32_t error);
/* Begins the time of an entry. Under the lock. @return As toni_after. */
int32_t entry_begin_time(toni_events *events, struct entry *entry, uint32_t ms);

/* --- requests.c */

/* Tells what became of a request that was taken out; without the lock. */
void request_tell(toni_events *events, const struct entry *entry, uint32_t outcome,
                  const json_t *data);
/* A client's answer. @return Whether it was one. */
bool request_answered(toni_events *events, toni_client_id client, const json_t *message);

#endif
