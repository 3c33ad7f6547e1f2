/* Events from several threads at a time: each call is answered once, by whichever thread has it.
 * The host is a table of what the events need of one. */
#include "runner.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <toni/events.h>

enum { THREADS = 4, CALLS = 2000 };

/* --- The host: its timers never run, but for one that a test runs itself */

struct timer {
    toni_run_fn run;
    void *data;
    toni_release_fn release;
};

static bool is_alone; /* no other thread calls */
static struct timer *latest, *running;

static atomic_uint sent[THREADS + 1]; /* by client */

static int64_t after(toni_context *context, uint64_t ms, toni_run_fn run, void *data,
                     toni_release_fn release)
{
    (void)context, (void)ms;
    struct timer *timer = malloc(sizeof *timer);
    if (!timer)
        return TONI_ERR_NO_MEMORY;
    *timer = (struct timer){run, data, release};
    if (is_alone)
        latest = timer;
    return (int64_t)(intptr_t)timer;
}

static int32_t cancel_timer(toni_context *context, int64_t id)
{
    struct timer *timer = (struct timer *)(intptr_t)id;
    (void)context;
    if (timer == running)
        return TONI_ERR_NOT_FOUND;
    timer->release(timer->data);
    free(timer);
    return TONI_OK;
}

static int32_t send_to_client(toni_connections *connections, toni_client_id client,
                              const toni_message *message)
{
    (void)connections, (void)message;
    sent[client]++;
    return TONI_OK;
}

struct handle {
    const toni_host *host;
    toni_client_id id;
};

static toni_client_id client_id(const toni_client *client)
{
    return ((const struct handle *)client)->id;
}

static void *inject(toni_context *context, toni_str interface_name)
{
    (void)interface_name;
    return context;
}

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
static struct handle handle = {.host = &table};

/* --- The plugin: a call waits until another takes its place, and is answered then, at times twice
 */

static toni_events *events;
static _Atomic uint64_t waiting[8];
static atomic_uint answered;

static void answer(uint64_t id)
{
    if (id == 0)
        return;
    const toni_call call = {events, id};
    (void)toni_call_part(call, json_true());
    answered += toni_call_answer(call, json_true()) == TONI_OK;
    ck_assert_int_eq(toni_call_complete(call), TONI_ERR_NOT_FOUND);
}

static int32_t keep(void *self, const toni_event *event)
{
    (void)self;
    answer(atomic_exchange(&waiting[event->call.id % 8], event->call.id));
    return TONI_LATER;
}

static const toni_event_handler handlers[] = {{.name = "keep", .handle = keep}, {0}};

static void *call_and_cancel(void *data)
{
    struct handle client = {.host = &table, .id = (toni_client_id)(uintptr_t)data};
    char text[64];
    for (int i = 0; i < CALLS; i++) {
        const int length = snprintf(text, sizeof text, "{\"event\":\"%s\",\"id\":%d}",
                                    i % 5 == 4 ? "cancel" : "keep", i % 5 == 4 ? i - 1 : i);
        const toni_message message = toni_text(toni_str_make(text, (size_t)length));
        ck_assert_int_eq(toni_events_dispatch(events, (toni_client *)&client, &message), TONI_OK);
    }
    return NULL;
}

START_TEST(each_call_is_answered_once)
{
    pthread_t threads[THREADS];
    const toni_events_setup setup = {.handlers = handlers};
    unsigned all = 0;
    ck_assert_int_eq(toni_events_create((toni_context *)&handle, NULL, &setup, &events), TONI_OK);
    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_and_cancel, (void *)(i + 1)), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < 8; i++)
        answer(waiting[i]);
    for (size_t i = 1; i <= THREADS; i++)
        all += sent[i];
    const toni_events_figures figures = toni_events_figures_of(events);
    ck_assert_uint_eq(figures.calls, answered);
    ck_assert_uint_eq(figures.in_flight, 0);
    ck_assert_uint_eq(all, 2 * answered + (unsigned)figures.refused);
    for (toni_client_id i = 1; i <= THREADS; i++)
        toni_events_gone(events, i);
    toni_events_destroy(events);
}
END_TEST

START_TEST(a_timer_that_has_begun_ends_no_call_whose_time_begins_anew)
{
    const toni_message message = toni_text(TONI_LIT("{\"event\":\"keep\",\"id\":1}"));
    const toni_events_setup setup = {.handlers = handlers};
    struct handle client = {.host = &table, .id = 1};
    is_alone = true;
    ck_assert_int_eq(toni_events_create((toni_context *)&handle, NULL, &setup, &events), TONI_OK);
    ck_assert_int_eq(toni_events_dispatch(events, (toni_client *)&client, &message), TONI_OK);
    const toni_call call = {events, waiting[1]};
    running = latest;
    ck_assert_int_eq(toni_call_part(call, json_true()), TONI_OK);
    ck_assert_ptr_ne(latest, running);
    running->run(NULL, running->data);
    running->release(running->data);
    free(running);
    running = NULL;
    ck_assert_uint_eq(toni_events_figures_of(events).timeouts, 0);
    latest->run(NULL, latest->data);
    latest->release(latest->data);
    free(latest);
    ck_assert_uint_eq(toni_events_figures_of(events).timeouts, 1);
    ck_assert_int_eq(toni_call_complete(call), TONI_ERR_NOT_FOUND);
    toni_events_destroy(events);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("events");
    TCase *cases = tcase_create("threads");

    tcase_add_test(cases, each_call_is_answered_once);
    tcase_add_test(cases, a_timer_that_has_begun_ends_no_call_whose_time_begins_anew);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
