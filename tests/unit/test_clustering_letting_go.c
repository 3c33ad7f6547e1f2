/* An engine is let go of in peace: what was sent has its result, and has come back. The engine is
 * played; its server answers at once, but for publishes. */
#include "clustering/clustering_private.h"
#include "rooms/shared.h"
#include "runner.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <toni/engine.h>

/* The engine is let go of within the first half, come what may; the node looks around by itself
 * only later. */
#define PAUSE_MS 100

/* So the next one is far. */
#define LATE_MS 500

/* What the engine has been asked for; all but the counts are the cluster's thread's. */
static struct played {
    toni_engine *engine;
    uint64_t connection;
    uint64_t number; /* of the publish that has no answer yet */
    uint64_t probed_ms;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t probes, late_probes, publishes; /* late: long after the one before */
} played = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct clustering *clustering;

static void note(uint32_t *count)
{
    pthread_mutex_lock(&played.lock);
    ++*count;
    pthread_cond_broadcast(&played.changed);
    pthread_mutex_unlock(&played.lock);
}

/* The test's time is bounded by its runner. */
static void wait_for(const uint32_t *count, uint32_t wanted)
{
    pthread_mutex_lock(&played.lock);
    while (*count < wanted)
        pthread_cond_wait(&played.changed, &played.lock);
    pthread_mutex_unlock(&played.lock);
}

static uint32_t count(const uint32_t *of)
{
    pthread_mutex_lock(&played.lock);
    const uint32_t now = *of;
    pthread_mutex_unlock(&played.lock);
    return now;
}

static int32_t attach(void *self, toni_engine *engine, const toni_str **servers,
                      uint32_t *server_count)
{
    static const toni_str server = {"server", 6};
    (void)self;
    played.engine = engine;
    *servers = &server;
    *server_count = 1;
    return TONI_OK;
}

static void detach(void *self)
{
    (void)self;
}

static void open_connection(void *self, uint32_t server, uint64_t connection)
{
    (void)self;
    played.connection = connection;
    played.engine->host->connected(played.engine, server, connection);
}

static void close_connection(void *self, uint32_t server, uint64_t connection)
{
    (void)self, (void)server, (void)connection;
}

static void hello(void *self, uint32_t server, uint64_t request, const toni_engine_hello *hello)
{
    (void)self, (void)hello;
    played.engine->host->hello_reply(played.engine, server, played.connection, request, 1, 1);
}

static void publish(void *self, uint32_t server, const toni_engine_publish *publish)
{
    (void)self, (void)server;
    played.number = publish->number;
    note(&played.publishes);
}

static void tell_subscribed(uint32_t server, const toni_str *rooms, uint32_t count, uint32_t is)
{
    for (uint32_t i = 0; i < count; i++)
        played.engine->host->subscribed(played.engine, server, played.connection, rooms[i], is);
}

static void subscribe(void *self, uint32_t server, const toni_str *rooms, uint32_t count)
{
    (void)self;
    tell_subscribed(server, rooms, count, 1);
}

static void unsubscribe(void *self, uint32_t server, const toni_str *rooms, uint32_t count)
{
    (void)self;
    tell_subscribed(server, rooms, count, 0);
}

static void tops(void *self, uint32_t server, uint64_t request, const toni_str *rooms,
                 uint32_t count)
{
    static const toni_position none[TONI_ENGINE_KEYS_MOST];
    (void)self, (void)rooms;
    played.engine->host->tops_reply(played.engine, server, played.connection, request, none, count);
}

static void history(void *self, uint32_t server, uint64_t request,
                    const toni_engine_history *history)
{
    (void)self, (void)history;
    played.engine->host->request_failed(played.engine, server, played.connection, request,
                                        TONI_ENGINE_ERROR);
}

static void probe(void *self, uint32_t server, uint64_t request, uint64_t incarnation)
{
    const uint64_t now = clock_now_ms();
    const bool is_late = now - played.probed_ms > LATE_MS;
    (void)self, (void)incarnation;
    played.probed_ms = now;
    played.engine->host->probe_reply(played.engine, server, played.connection, request,
                                     TONI_ENGINE_APPLIED);
    played.engine->host->probe_echo(played.engine, server, played.connection, request);
    note(&played.probes);
    if (is_late)
        note(&played.late_probes);
}

static void lease(void *self, uint32_t server, uint64_t request, const toni_engine_lease *lease)
{
    (void)self, (void)lease;
    played.engine->host->lease_reply(played.engine, server, played.connection, request, 0, 0, 0,
                                     NULL, 0);
}

static void flush(void *self)
{
    (void)self;
}

static const struct toni_engine_table table = {
    .struct_size = sizeof table,
    .attach = attach,
    .detach = detach,
    .open = open_connection,
    .close = close_connection,
    .hello = hello,
    .publish = publish,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
    .tops = tops,
    .history = history,
    .probe = probe,
    .lease = lease,
    .flush = flush,
};

static const toni_interface interface = {.name = {"toni_engine", 11}, .table = &table};

/* Once the engine is to be let go of. */
static void answer(void *data)
{
    const toni_engine_published published = {
        .struct_size = sizeof published, .answer = TONI_ENGINE_APPLIED, .at = {7, played.number}};
    if (clustering->let_go_until_ms == 0) {
        ck_assert_int_eq(played.engine->host->post(played.engine, answer, data), TONI_OK);
        return;
    }
    played.engine->host->published(played.engine, 0, played.connection, played.number, &published);
}

static void *let_go(void *data)
{
    (void)clustering_pause(clustering, PAUSE_MS);
    return data;
}

/* @return Whether the engine was asked to show that all has come back before it was let go of. */
static bool exchange(struct space *space)
{
    const toni_message message = {.struct_size = sizeof message, .kind = TONI_TEXT};
    const struct remote_publish out = {
        .space = space, .room = TONI_LIT("room"), .message = &message};
    const uint32_t publishes = count(&played.publishes);
    pthread_t thread;
    wait_for(&played.late_probes, count(&played.late_probes) + 1);
    const uint32_t probes = count(&played.probes);
    ck_assert_int_eq(space->remote->publish(space->remote, &out), TONI_OK);
    wait_for(&played.publishes, publishes + 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, let_go, NULL), 0);
    ck_assert_int_eq(played.engine->host->post(played.engine, answer, NULL), TONI_OK);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    const bool was_asked = count(&played.probes) > probes;
    clustering_go_on(clustering);
    return was_asked;
}

START_TEST(once_all_have_results_it_is_shown_at_once_that_they_have_come_back)
{
    static struct slots slots;
    static struct plugin plugin = {.path = "/lib/sham.so"};
    static struct instance instance;
    struct space space = {.name = (char[]){"tea"}};
    struct arrival arrival;
    ck_assert_int_eq(slots_init(&slots), 0);
    struct slot *slot = slots_make(&slots, TONI_SERVICE, "engine");
    plugin.descriptor.provides = &interface;
    instance.descriptor = &plugin.descriptor;
    instance.setup = (struct instance_setup){.plugin = &plugin, .module = "engine"};
    instance.figures = &slot->figures;
    instance.callback_limit_ns = UINT64_MAX;
    ck_assert_int_eq(arrival_init(&arrival, &instance), 0);
    slot_settle(slot, &arrival);
    arrival_finish(&arrival);
    clustering = clustering_create(
        &(struct clustering_settings){.engine = "engine", .node = "node", .receipt_ms = 1000}, NULL,
        &slots);
    ck_assert_ptr_nonnull(clustering);
    ck_assert_int_eq(clustering_open_door(clustering, &space, false), 0);
    ck_assert_int_eq(clustering_start(clustering), 0);
    wait_for(&played.late_probes, 1);
    /* If the machine stands still in the meantime, that is too late: so once is enough. */
    bool was_asked = false;
    for (int i = 0; i < 3 && !was_asked; i++)
        was_asked = exchange(&space);
    ck_assert(was_asked);
    clustering_stop(clustering);
    clustering_destroy(clustering);
    slots_finish(&slots);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clustering_letting_go");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, once_all_have_results_it_is_shown_at_once_that_they_have_come_back);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
