/* Messages in any bytes, one a line, to a table of event handlers: whatever a client sends, what it
 * gets is JSON, and it has no more calls in flight than it may. */
#include "fuzz_file.h"

#include <string.h>
#include <toni/events.h>

/* --- A host with one client, 1, whose every handle is a pointer to this table */

static int32_t cancel_timer(toni_context *context, int64_t timer);
static int64_t after(toni_context *context, uint64_t ms, toni_run_fn run, void *data,
                     toni_release_fn release);
static int32_t send_to_client(toni_connections *connections, toni_client_id client,
                              const toni_message *message);
static void *inject(toni_context *context, toni_str interface_name);
static toni_client_id client_id(const toni_client *client);

static toni_figure *figure_get(toni_context *context, uint32_t type, toni_str name, toni_str help,
                               const double *bounds, size_t count)
{
    (void)context, (void)type, (void)name, (void)help, (void)bounds, (void)count;
    return NULL;
}

static const toni_host table = {.struct_size = sizeof table,
                                .send_to_client = send_to_client,
                                .client_id = client_id,
                                .context_inject = inject,
                                .figure_get = figure_get,
                                .context_after = after,
                                .context_cancel_timer = cancel_timer};
static const toni_host *handle = &table;

struct timer {
    toni_run_fn run;
    void *data;
    toni_release_fn release;
};

static struct timer timers[256];

static int64_t after(toni_context *context, uint64_t ms, toni_run_fn run, void *data,
                     toni_release_fn release)
{
    (void)context, (void)ms;
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        if (timers[i].run)
            continue;
        timers[i] = (struct timer){run, data, release};
        return (int64_t)i + 1;
    }
    return TONI_ERR_LIMIT;
}

static void end_timer(struct timer *timer)
{
    timer->release(timer->data);
    *timer = (struct timer){0};
}

static int32_t cancel_timer(toni_context *context, int64_t timer)
{
    (void)context;
    FUZZ_REQUIRE(timer > 0 && timers[timer - 1].run);
    end_timer(&timers[timer - 1]);
    return TONI_OK;
}

static void run_timers(void)
{
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        if (!timers[i].run)
            continue;
        timers[i].run(NULL, timers[i].data);
        end_timer(&timers[i]);
    }
}

static void *inject(toni_context *context, toni_str interface_name)
{
    (void)context, (void)interface_name;
    return &handle;
}

static toni_client_id client_id(const toni_client *client)
{
    (void)client;
    return 1;
}

/* What comes is JSON, in UTF-8, and an object. */
static int32_t send_to_client(toni_connections *connections, toni_client_id client,
                              const toni_message *message)
{
    (void)connections;
    json_t *json = json_loadb(message->body.data, message->body.size, JSON_REJECT_DUPLICATES, NULL);
    FUZZ_REQUIRE(client == 1 && message->kind == TONI_TEXT && json_is_object(json));
    json_decref(json);
    return TONI_OK;
}

/* --- A plugin */

static toni_events *events;
static toni_call last;

static int32_t echo(void *self, const toni_event *event)
{
    (void)self;
    FUZZ_REQUIRE(toni_call_part(event->call, json_incref((json_t *)event->data)) == TONI_OK);
    return toni_call_answer(event->call, json_incref((json_t *)event->data));
}

static int32_t keep(void *self, const toni_event *event)
{
    (void)self;
    last = event->call;
    return TONI_LATER;
}

static int32_t end_last(void *self, const toni_event *event)
{
    (void)self, (void)event;
    if (last.events)
        (void)toni_call_answer(last, json_true());
    return TONI_ERR_NOT_FOUND;
}

static void cancelled(void *self, toni_call call)
{
    (void)self;
    (void)toni_call_complete(call);
}

static void reply(void *self, void *data, const toni_reply *answer)
{
    (void)self, (void)data;
    FUZZ_REQUIRE(answer->client == 1);
}

static int32_t ask(void *self, const toni_event *event)
{
    (void)self, (void)event;
    (void)toni_events_request(events, 1, "asked", NULL, 1000, reply, NULL);
    return TONI_OK;
}

static const toni_event_member inner[] = {{"x", TONI_EVENT_NUMBER, 1, -10, 10, NULL}, {0}};
static const toni_event_member members[] = {{"name", TONI_EVENT_STRING, 1, 1, 5, NULL},
                                            {"size", TONI_EVENT_INTEGER, 0, 1, 100, NULL},
                                            {"at", TONI_EVENT_OBJECT, 0, 0, 0, inner},
                                            {"list", TONI_EVENT_ARRAY, 0, 0, 3, inner},
                                            {0}};
static const toni_event_handler handlers[] = {{.name = "e", .handle = echo},
                                              {.name = "k", .handle = keep, .cancelled = cancelled},
                                              {.name = "l", .handle = end_last},
                                              {.name = "a", .handle = ask},
                                              {.name = "m", .handle = echo, .members = members},
                                              {0}};

static void say(const char *text, size_t size)
{
    const toni_message message = toni_text(toni_str_make(text, size));
    FUZZ_REQUIRE(toni_events_dispatch(events, (toni_client *)&handle, &message) == TONI_OK);
    FUZZ_REQUIRE(toni_events_figures_of(events).in_flight <= 64); /* calls and requests */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const toni_events_setup setup = {.handlers = handlers};
    const char *text = (const char *)data;
    if (size > 2048)
        return 0;
    last = (toni_call){0};
    FUZZ_REQUIRE(toni_events_create((toni_context *)&handle, NULL, &setup, &events) == TONI_OK);
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        const size_t length = end ? (size_t)(end - text) : size;
        /* A copy, so that a byte before or behind it is found. */
        char *copy = malloc(length > 0 ? length : 1);
        FUZZ_REQUIRE(copy != NULL);
        memcpy(copy, text, length);
        say(copy, length);
        free(copy);
        text += length + (end != NULL);
        size -= length + (end != NULL);
    }
    run_timers();
    FUZZ_REQUIRE(toni_events_figures_of(events).in_flight == 0);
    toni_events_gone(events, 1);
    toni_events_destroy(events);
    return 0;
}
