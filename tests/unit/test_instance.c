/* One instance and the calls into it: locks, measures, counts, and what its context answers. The
 * plugins are made of functions of this file. */
#include "base/clock.h"
#include "base/log.h"
#include "instance/context.h"
#include "instance/failure.h"
#include "instance/instance.h"
#include "rooms/client.h"
#include "temporary_folder.h"

#include <math.h>
#include <sched.h>
#include <toni/toni.h>

static toni_host table;
static struct plugin plugin;
static struct value *options;
static struct slots slots;
static struct instance_setup setup;
static char log_lines[16384];

static toni_request opened = {.address = TONI_LIT_INIT("192.0.2.1")};
static struct identity identity = {.subject = TONI_LIT_INIT("ann")};
static toni_client client = {.name = "cafe", .request = &opened, .identity = &identity};

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    ck_assert_uint_lt(strlen(log_lines) + length, sizeof log_lines);
    strncat(log_lines, line, length);
}

/* Finds a text in the log since the last call. */
static void check_log(const char *const *words)
{
    for (; *words != NULL; words++)
        ck_assert_msg(strstr(log_lines, *words) != NULL, "`%s` lacks `%s`", log_lines, *words);
    log_lines[0] = '\0';
}

/* --- The plugin. What its callbacks do is decided by the tests. */

static struct {
    int32_t result;
    uint64_t busy_ms;        /* how long a callback takes */
    _Atomic int inside;      /* how many callbacks run now */
    _Atomic int most_inside; /* and at most */
    _Atomic int wait_for;    /* a callback waits until that many were inside together */
    int calls;
    void *last;
} behaviour;

/* Spins, so that no test depends on when a sleeper is woken. */
static void be_busy(void)
{
    const uint64_t end = clock_now_ns() + behaviour.busy_ms * 1000000;

    while (clock_now_ns() < end)
        sched_yield();
}

static int32_t enter(void)
{
    const int inside = atomic_fetch_add(&behaviour.inside, 1) + 1;
    int most = atomic_load(&behaviour.most_inside);

    while (inside > most && !atomic_compare_exchange_weak(&behaviour.most_inside, &most, inside))
        ;
    while (atomic_load(&behaviour.most_inside) < atomic_load(&behaviour.wait_for))
        sched_yield();
    if (behaviour.busy_ms > 0)
        be_busy();
    atomic_fetch_sub(&behaviour.inside, 1);
    return behaviour.result;
}

static int32_t create(toni_context *context, void **self)
{
    *self = context;
    return enter();
}

static int32_t start(void *self)
{
    behaviour.last = self;
    return enter();
}

static int32_t ready(void *self)
{
    behaviour.last = self;
    return enter();
}

static void stopping(void *self, uint32_t why)
{
    behaviour.last = self;
    ck_assert_uint_eq(why, TONI_STOPPING_REMOVED);
    enter();
}

static void destroy(void *self)
{
    behaviour.last = self;
    behaviour.calls++;
    enter();
}

static int32_t guard(void *self, const toni_request *request)
{
    (void)self, (void)request;
    return enter();
}

static int32_t on_connect(void *self, toni_client *handle)
{
    (void)self, (void)handle;
    return enter();
}

static int32_t on_message(void *self, toni_client *handle, const toni_message *message)
{
    (void)self, (void)handle, (void)message;
    return enter();
}

static void on_disconnect(void *self, toni_client *handle, const toni_disconnect_info *info)
{
    (void)self, (void)handle, (void)info;
    enter();
}

static void client_free(void *self, void *data)
{
    (void)self;
    behaviour.last = data;
    enter();
}

static const toni_plugin full = {
    .kind = TONI_GATEWAY,
    .create = create,
    .start = start,
    .ready = ready,
    .stopping = stopping,
    .destroy = destroy,
    .guard = guard,
    .on_connect = on_connect,
    .on_message = on_message,
    .on_disconnect = on_disconnect,
    .client_free = client_free,
};

static void set_up(void)
{
    testing_setup();
    memset(&behaviour, 0, sizeof behaviour);
    memset(log_lines, 0, sizeof log_lines);
    log_set_sink(keep_line, NULL);
    table = (toni_host){.struct_size = sizeof table};
    context_fill_table(&table);
    client.host = &table;
    options = value_group_create((struct value_place){.file = "x.conf", .line = 1});
    plugin = (struct plugin){.descriptor = full, .path = "/x.so", .references = 1};
    ck_assert_int_eq(slots_init(&slots), 0);
    setup = (struct instance_setup){.slot = slots_make(&slots, TONI_GATEWAY, "inst"),
                                    .plugin = &plugin,
                                    .name = "inst",
                                    .module = "mod",
                                    .path = TONI_LIT_INIT("/x"),
                                    .options = options,
                                    .limits = limits_default()};
}

static void tear_down(void)
{
    ck_assert_uint_eq(plugin.references, 1); /* each instance gave its own back */
    value_destroy(options);
    slots_finish(&slots);
    log_set_sink(NULL, NULL);
    testing_teardown();
}

static struct instance *make(void)
{
    struct instance *instance;

    ck_assert_int_eq(instance_create(&setup, &table, NULL, &instance), TONI_OK);
    ck_assert_ptr_nonnull(instance);
    return instance;
}

static toni_client *handle(void)
{
    return &client;
}

static uint16_t send_message(struct instance *instance)
{
    const toni_message message = toni_text(toni_str_of("x"));

    return instance_on_message(instance, handle(), &message);
}

/* --- Life */

START_TEST(lives)
{
    struct instance *instance = make();

    ck_assert_uint_eq(plugin.references, 2);
    ck_assert_ptr_eq(instance->self, instance_context(instance));
    ck_assert_ptr_eq(toni_host_of(instance_context(instance)), &table);
    ck_assert_int_eq(instance_start(instance), TONI_OK);
    ck_assert_ptr_eq(behaviour.last, instance->self);
    ck_assert_int_eq(instance_ready(instance), TONI_OK);
    instance_stopping(instance, TONI_STOPPING_REMOVED);
    void *self = instance->self;
    instance_destroy(instance);
    ck_assert_ptr_eq(behaviour.last, self);
    ck_assert_int_eq(behaviour.calls, 1);
    ck_assert_str_eq(log_lines, "");
    instance_destroy(NULL);
}
END_TEST

START_TEST(a_failed_create_is_not_destroyed)
{
    struct instance *instance;

    behaviour.result = TONI_ERR_LIMIT;
    ck_assert_int_eq(instance_create(&setup, &table, NULL, &instance), TONI_ERR_LIMIT);
    ck_assert_ptr_null(instance);
    ck_assert_int_eq(behaviour.calls, 0);
}
END_TEST

static int32_t create_says_why(toni_context *context, void **self)
{
    (void)self;
    (void)toni_fail(context, TONI_ERR_FAILED, "%0*d", 600, 7);
    ck_assert_uint_eq(strlen(failure_text()), FAILURE_SIZE - 1); /* the rest was cut */
    return toni_fail(context, TONI_ERR_INVALID, "no file\n`%s`\xc2\x9b\xc3\x9b", "x");
}

START_TEST(a_hook_says_why_it_fails)
{
    struct instance *instance;

    plugin.descriptor.create = create_says_why;
    ck_assert_int_eq(instance_create(&setup, &table, NULL, &instance), TONI_ERR_INVALID);
    ck_assert_str_eq(failure_text(), "no file?`x`?\xc3\x9b"); /* one line, whatever it says */
    ck_assert_str_eq(log_lines, "");

    plugin.descriptor.create = create; /* the next one says nothing */
    instance = make();
    ck_assert_str_eq(failure_text(), "");
    ck_assert_int_eq(toni_fail(instance_context(instance), TONI_ERR_BUSY, "too late"),
                     TONI_ERR_BUSY);
    ck_assert_str_eq(failure_text(), "");
    check_log(WORDS("outside of a hook", "instance=inst", "reason=\"too late\""));
    instance_destroy(instance);
}
END_TEST

START_TEST(the_level_of_the_log_can_be_asked_for)
{
    struct instance *instance = make();
    toni_context *context = instance_context(instance);

    log_set_level(LOG_LEVEL_WARN);
    ck_assert(!toni_log_enabled(context, TONI_LOG_INFO));
    ck_assert(toni_log_enabled(context, TONI_LOG_WARN));
    log_set_level(LOG_LEVEL_DEBUG);
    ck_assert(toni_log_enabled(context, TONI_LOG_DEBUG));
    instance_destroy(instance);
}
END_TEST

static int32_t create_forgets_needs(toni_context *context, void **self)
{
    ck_assert_ptr_null(toni_context_inject(context, TONI_LIT("chat")));
    return create(context, self);
}

/* It would crash at its first use of what it got, and the host with it. */
START_TEST(one_that_asks_in_create_for_what_it_does_not_need_is_not_made)
{
    struct instance *instance;

    plugin.descriptor.create = create_forgets_needs;
    ck_assert_int_eq(instance_create(&setup, &table, NULL, &instance), TONI_ERR_NOT_FOUND);
    ck_assert_ptr_null(instance);
    ck_assert_int_eq(behaviour.calls, 1); /* of its `destroy` */
    check_log(WORDS("does not list in .needs", "interface=chat"));
}
END_TEST

START_TEST(failed_hooks_are_told)
{
    struct instance *instance = make();

    behaviour.result = TONI_ERR_FAILED;
    ck_assert_int_eq(instance_start(instance), TONI_ERR_FAILED);
    ck_assert_int_eq(instance_ready(instance), TONI_ERR_FAILED);
    instance_destroy(instance);
}
END_TEST

START_TEST(most_callbacks_may_be_left_out)
{
    plugin.descriptor = (toni_plugin){.create = create, .on_message = on_message};
    struct instance *instance = make();

    behaviour.result = TONI_ERR_FAILED;
    ck_assert_int_eq(instance_start(instance), TONI_OK);
    ck_assert_int_eq(instance_ready(instance), TONI_OK);
    ck_assert_int_eq(instance_guard(instance, NULL), TONI_OK);
    ck_assert_int_eq(instance_on_connect(instance, handle()), TONI_OK);
    instance_on_disconnect(instance, handle(), NULL);
    instance_client_free(instance, &client);
    instance_stopping(instance, TONI_STOPPING_REMOVED);
    instance_destroy(instance);
}
END_TEST

/* --- Results */

START_TEST(results_go_through)
{
    struct instance *instance = make();

    behaviour.result = TONI_ERR_UNAUTHORIZED;
    ck_assert_int_eq(instance_guard(instance, NULL), TONI_ERR_UNAUTHORIZED);
    ck_assert_int_eq(instance_on_connect(instance, handle()), TONI_ERR_UNAUTHORIZED);
    ck_assert_uint_eq(counter_read(&instance->figures->callback_failures),
                      0); /* that may be intended */
    ck_assert_str_eq(log_lines, "");

    behaviour.result = 5; /* a count is a success, but to a guard that lets in only for 0 */
    ck_assert_int_eq(instance_guard(instance, NULL), 5);
    ck_assert_int_eq(instance_on_connect(instance, handle()), TONI_OK);
    ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
    ck_assert_int_eq(instance_start(instance), TONI_OK);
    instance_destroy(instance);
}
END_TEST

START_TEST(a_failed_message_is_logged_and_counted)
{
    struct instance *instance = make();

    behaviour.result = TONI_ERR_FAILED;
    ck_assert_uint_eq(send_message(instance), 1011);
    ck_assert_uint_eq(counter_read(&instance->figures->callback_failures), 1);
    check_log(WORDS("level=warn", "instance=inst", "callback=on_message", "client=cafe",
                    "address=192.0.2.1", "subject=ann", "error=TONI_ERR_FAILED"));
    instance_destroy(instance);
}
END_TEST

/* What a gateway hands on of the host's functions says that a call was refused, not that it has
 * failed itself. */
START_TEST(a_refused_call_that_is_handed_on_costs_the_client_nothing)
{
    static const int32_t refusals[] = {
        TONI_ERR_INVALID,      TONI_ERR_NOT_FOUND, TONI_ERR_TOO_BIG,        TONI_ERR_LIMIT,
        TONI_ERR_CLOSING,      TONI_ERR_FULL,      TONI_ERR_BUSY,           TONI_ERR_TYPE,
        TONI_ERR_UNAUTHORIZED, TONI_ERR_FORBIDDEN, TONI_ERR_MAY_NOT_PUBLISH};
    static const int32_t failures[] = {TONI_ERR_NO_MEMORY, TONI_ERR_FAILED, TONI_ERR_TIMEOUT,
                                       -4711};
    struct instance *instance = make();

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        behaviour.result = refusals[i];
        ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
        ck_assert_uint_eq(counter_read(&instance->figures->callback_failures), i + 1);
        ck_assert_uint_eq(counter_read(&instance->figures->callback_failures_kept), i + 1);
    }
    check_log(WORDS("level=warn", "its client stays", "instance=inst", "callback=on_message",
                    "client=cafe", "address=192.0.2.1", "subject=ann", "error=TONI_ERR_INVALID"));
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        behaviour.result = failures[i];
        ck_assert_uint_eq(send_message(instance), 1011);
    }
    ck_assert_uint_eq(counter_read(&instance->figures->callback_failures), 11 + 4);
    ck_assert_uint_eq(counter_read(&instance->figures->callback_failures_kept), 11);
    instance_destroy(instance);
}
END_TEST

static struct {
    int32_t answer, error;
    uint32_t where;
    int calls;
} on_error_saw;

static int32_t on_error(void *self, toni_client *handle_of, uint32_t where, int32_t error)
{
    (void)self;
    ck_assert_ptr_eq(handle_of, &client);
    on_error_saw.where = where;
    on_error_saw.error = error;
    on_error_saw.calls++;
    return on_error_saw.answer;
}

START_TEST(on_error_decides_what_a_failure_costs)
{
    static const struct {
        int32_t answer;
        uint16_t code;
    } rows[] = {{0, 0},        {1000, 1000},  {4999, 4999},     {1008, 1008}, {1, 1011},
                {-1, 1011},    {1005, 1011},  {5000, 1011},     {999, 1011},  {1015, 1011},
                {65536, 1011}, {66536, 1011}, {INT32_MIN, 1011}};
    plugin.descriptor.on_error = on_error;
    struct instance *instance = make();

    on_error_saw.calls = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        behaviour.result = i % 2 ? TONI_ERR_INVALID : TONI_ERR_FAILED; /* it is asked about both */
        on_error_saw.answer = rows[i].answer;
        ck_assert_uint_eq(send_message(instance), rows[i].code);
        ck_assert_int_eq(on_error_saw.error, behaviour.result);
        ck_assert_uint_eq(on_error_saw.where, TONI_IN_MESSAGE);
        ck_assert_int_eq(on_error_saw.calls, (int)i + 1);
    }
    ck_assert_uint_eq(counter_read(&instance->figures->callback_failures_kept), 1);
    behaviour.result = 3;
    ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
    ck_assert_int_eq(on_error_saw.calls, (int)(sizeof rows / sizeof rows[0]));
    instance_destroy(instance);
}
END_TEST

START_TEST(client_data_is_freed_once_there_is_some)
{
    struct instance *instance = make();

    instance_client_free(instance, NULL);
    ck_assert_ptr_null(behaviour.last);
    instance_client_free(instance, &client);
    ck_assert_ptr_eq(behaviour.last, &client);
    instance_destroy(instance);
}
END_TEST

/* --- Measures */

START_TEST(slow_callbacks_are_logged_and_counted)
{
    setup.limits.callback_ms = 1;
    struct instance *instance = make();

    ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
    log_lines[0] = '\0'; /* a busy machine may have made it slow */
    const uint64_t before = counter_read(&instance->figures->slow_callbacks);
    behaviour.busy_ms = 3;
    ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
    ck_assert_uint_eq(counter_read(&instance->figures->slow_callbacks), before + 1);
    check_log(
        WORDS("level=warn", "instance=inst", "callback=on_message", "took_ms=", "limit_ms=1"));

    instance_guard(instance, NULL);
    check_log(WORDS("callback=guard"));
    instance_on_connect(instance, handle());
    check_log(WORDS("callback=on_connect"));
    instance_on_disconnect(instance, handle(), NULL);
    check_log(WORDS("callback=on_disconnect"));
    instance_client_free(instance, &client);
    check_log(WORDS("callback=client_free"));
    ck_assert_uint_eq(counter_read(&instance->figures->slow_callbacks), before + 5);
    behaviour.busy_ms = 0;
    instance_destroy(instance);
}
END_TEST

START_TEST(the_times_of_callbacks_are_counted)
{
    struct histogram_figures times = {0};
    uint64_t count = 0;
    struct instance *instance = make();

    behaviour.busy_ms = 6;
    ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
    behaviour.busy_ms = 0;
    for (int i = 0; i < 9; i++)
        ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
    striped_histogram_read(&instance->figures->callback_times, &times);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += times.buckets[i];
    ck_assert_uint_eq(count, 10); /* hooks don't count */
    ck_assert_uint_ge(times.sum_ns, 6000000);
    ck_assert_uint_lt(times.buckets[0], 10);
    instance_destroy(instance);
}
END_TEST

START_TEST(slow_hooks_are_logged_and_counted)
{
    setup.limits.hook_ms = 1;
    behaviour.busy_ms = 3;
    struct instance *instance = make();

    check_log(WORDS("level=warn", "instance=inst", "hook=create", "took_ms=", "limit_ms=1"));
    instance_start(instance);
    check_log(WORDS("hook=start"));
    instance_ready(instance);
    check_log(WORDS("hook=ready"));
    instance_stopping(instance, TONI_STOPPING_REMOVED);
    check_log(WORDS("hook=stopping"));
    ck_assert_uint_eq(counter_read(&instance->figures->slow_hooks), 4);
    ck_assert_uint_eq(counter_read(&instance->figures->slow_callbacks), 0);
    instance_destroy(instance);
    check_log(WORDS("hook=destroy"));
}
END_TEST

/* --- Threads */

#define THREADS 4
#define ROUNDS 200

static void *send_many(void *data)
{
    for (int i = 0; i < ROUNDS; i++)
        ck_assert_uint_eq(send_message(data), INSTANCE_STAYS);
    return NULL;
}

static void send_from_threads(struct instance *instance)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_many, instance), 0);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(serialised_callbacks_run_one_at_a_time)
{
    struct instance *instance = make();

    send_from_threads(instance);
    ck_assert_int_eq(behaviour.most_inside, 1);
    instance_destroy(instance);
}
END_TEST

START_TEST(concurrent_callbacks_run_together)
{
    plugin.descriptor.flags = TONI_CONCURRENT;
    struct instance *instance = make();

    behaviour.wait_for = 2; /* or forever, if they did not */
    send_from_threads(instance);
    ck_assert_int_ge(behaviour.most_inside, 2);
    ck_assert_uint_eq(counter_read(&instance->figures->lock_wait_ns), 0);
    instance_destroy(instance);
}
END_TEST

static _Atomic bool is_holding;

static void *hold_lock(void *data)
{
    struct instance *instance = data;

    lock_take(&instance->lock);
    atomic_store(&is_holding, true);
    behaviour.busy_ms = 2;
    be_busy();
    behaviour.busy_ms = 0;
    lock_give(&instance->lock);
    return NULL;
}

START_TEST(waiting_for_the_lock_is_measured)
{
    struct instance *instance = make();
    pthread_t holder;

    ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
    ck_assert_uint_eq(counter_read(&instance->figures->lock_wait_ns), 0);
    while (counter_read(&instance->figures->lock_wait_ns) ==
           0) { /* on a busy machine the lock may be free again */
        atomic_store(&is_holding, false);
        ck_assert_int_eq(pthread_create(&holder, NULL, hold_lock, instance), 0);
        while (!atomic_load(&is_holding))
            sched_yield();
        ck_assert_uint_eq(send_message(instance), INSTANCE_STAYS);
        ck_assert_int_eq(pthread_join(holder, NULL), 0);
    }
    instance_destroy(instance);
}
END_TEST

/* --- Context */

START_TEST(options_are_read)
{
    const struct value_place place = {.file = NULL, .line = 2};

    plugin.descriptor.options = TONI_OPTIONS(
        TONI_OPTION_BOOL("on", 0, ""), TONI_OPTION_INT("number", 0, INT64_MAX, 1, ""),
        TONI_OPTION_DOUBLE("half", 0, 1, 0, ""), TONI_OPTION_STR("text", "", ""),
        TONI_OPTION_DURATION("pause", "0s", "1h", "30s", ""),
        TONI_OPTION_SIZE("size", "0B", "1GiB", "2KiB", ""), TONI_OPTION_PATH("file", "here", ""),
        TONI_OPTION_LIST("names", TONI_TYPE_STR, ""),
        TONI_OPTION_MAP("by_name", TONI_TYPE_INT, ""));
    value_add_bool(options, "on", place, true);
    value_add_int(options, "number", place, 5000000000);
    value_add_double(options, "half", place, 0.5);
    value_add_string(options, "text", place, "hello");
    value_add_string(value_add_list(options, "names", place), NULL, place, "zero");
    value_add_int(value_add_group(options, "by_name", place), "one", place, 1);
    struct instance *instance = make();
    toni_context *context = instance_context(instance);

    ck_assert_int_eq(toni_option_bool(context, TONI_LIT("on")), 1);
    ck_assert_int_eq(toni_option_int(context, TONI_LIT("number")), 5000000000);
    ck_assert(fabs(toni_option_double(context, TONI_LIT("half")) - 0.5) < 1e-9);
    ck_assert_str_eq(toni_option_str(context, TONI_LIT("text")).data, "hello");
    ck_assert_int_eq(toni_option_duration(context, TONI_LIT("pause")), 30000);
    ck_assert_int_eq(toni_option_size(context, TONI_LIT("size")), 2048);
    ck_assert_str_eq(toni_option_path(context, TONI_LIT("file")).data, "here");
    ck_assert_uint_eq(toni_option_list_count(context, TONI_LIT("names")), 1);
    ck_assert_str_eq(toni_option_item(context, TONI_LIT("names"), TONI_TYPE_STR, 0).text.data,
                     "zero");
    ck_assert_uint_eq(toni_option_map_count(context, TONI_LIT("by_name")), 1);
    const toni_option_value one = toni_option_item(context, TONI_LIT("by_name"), TONI_TYPE_INT, 0);
    ck_assert_str_eq(one.key.data, "one");
    ck_assert_int_eq(one.integer, 1);
    ck_assert_str_eq(log_lines, "");
    instance_destroy(instance);
}
END_TEST

static const toni_option *const *const with_users =
    TONI_OPTIONS(TONI_OPTION_MAP_OF_GROUPS("users", "", TONI_OPTION_STR("name", "nobody", ""),
                                           TONI_OPTION_INT("level", 0, 9, 1, "")),
                 TONI_OPTION_STR("text", "", ""));

START_TEST(members_of_groups_are_read)
{
    const struct value_place place = {.line = 2};
    const toni_str list = TONI_LIT("users"), name = TONI_LIT("name");
    plugin.descriptor.options = with_users;
    struct value *map = value_add_group(options, "users", place);
    (void)value_add_group(map, "first", place);
    value_add_string(value_add_group(map, "second", place), "name", place, "ann");
    struct instance *instance = make();
    toni_context *context = instance_context(instance);

    ck_assert_uint_eq(toni_option_map_count(context, list), 2);
    ck_assert_str_eq(toni_option_member(context, list, 0, name, TONI_TYPE_STR).text.data, "nobody");
    const toni_option_value ann = toni_option_member(context, list, 1, name, TONI_TYPE_STR);
    ck_assert_str_eq(ann.text.data, "ann");
    ck_assert_str_eq(ann.key.data, "second");
    ck_assert_int_eq(toni_option_member(context, list, 1, TONI_LIT("level"), TONI_TYPE_INT).integer,
                     1);
    ck_assert_str_eq(log_lines, "");

    ck_assert_ptr_null(toni_option_member(context, list, 2, name, TONI_TYPE_STR).text.data);
    check_log(WORDS("more items", "option=users"));
    ck_assert_int_eq(toni_option_member(context, list, 0, name, TONI_TYPE_INT).integer, 0);
    check_log(WORDS("as another type", "option=name"));
    (void)toni_option_member(context, list, 0, TONI_LIT("nmae"), TONI_TYPE_STR);
    check_log(WORDS("does not declare", "option=nmae"));
    (void)toni_option_member(context, TONI_LIT("text"), 0, name, TONI_TYPE_STR);
    check_log(WORDS("as another type", "option=text"));
    (void)toni_option_item(context, list, TONI_TYPE_GROUP, 0);
    check_log(WORDS("as another type", "option=users"));
    instance_destroy(instance);
}
END_TEST

/* A mistake of the plugin's: each told once, and it gets zero. */
START_TEST(options_that_are_not_declared_are_zero)
{
    const toni_str most = TONI_LIT("most");
    plugin.descriptor.options = TONI_OPTIONS(TONI_OPTION_INT("most", 0, 9, 7, ""),
                                             TONI_OPTION_LIST("names", TONI_TYPE_STR, ""));
    struct instance *instance = make();
    toni_context *context = instance_context(instance);

    ck_assert_int_eq(toni_option_int(context, TONI_LIT("least")), 0);
    check_log(
        WORDS("level=error", "does not declare", "instance=inst", "option=least", ".options"));
    ck_assert_int_eq(toni_option_int(context, TONI_LIT("least")), 0);
    ck_assert_str_eq(log_lines, "");
    ck_assert_uint_eq(toni_option_str(context, most).size, 0);
    check_log(WORDS("as another type", "option=most"));
    ck_assert_ptr_null(toni_option_item(context, TONI_LIT("names"), TONI_TYPE_STR, 0).text.data);
    check_log(WORDS("more items", "option=names"));
    ck_assert_uint_eq(toni_option_str(context, most).size, 0);
    ck_assert_str_eq(log_lines, "");

    /* One that makes up names does not fill the log. */
    for (int i = 0; i < 40; i++) {
        char name[16];
        const int size = snprintf(name, sizeof name, "made_up_%d", i);
        (void)toni_option_int(context, toni_str_make(name, (size_t)size));
        if (i >= OPTIONS_MISSED_MOST - 3)
            ck_assert_str_eq(log_lines, "");
        else
            check_log(WORDS("does not declare", name));
    }
    ck_assert_int_eq(toni_option_int(context, most), 7);
    instance_destroy(instance);
}
END_TEST

/* Of a plugin whose headers knew less of it. */
START_TEST(a_shorter_value_is_filled_as_far_as_it_goes)
{
    plugin.descriptor.options = TONI_OPTIONS(TONI_OPTION_INT("most", 0, 9, 7, ""));
    struct instance *instance = make();
    toni_option_value value = {.struct_size = offsetof(toni_option_value, real), .real = 5};

    ck_assert_int_eq(table.option_get(instance_context(instance), TONI_LIT("most"), TONI_TYPE_INT,
                                      TONI_OPTION_ITSELF, &value),
                     TONI_OK);
    ck_assert_int_eq(value.integer, 7);
    ck_assert(fabs(value.real - 5) < 1e-9);
    instance_destroy(instance);
}
END_TEST

static const toni_dependency chat = {sizeof chat, 1, TONI_LIT_INIT("chat"), 0, 0};
static const toni_dependency *const *const two_needs = TONI_NEEDS(&chat, TONI_REQUIRES_CONNECTIONS);

START_TEST(a_context_has_a_name_and_what_was_injected)
{
    void *const injected[] = {&client, &table};
    struct instance *instance;

    plugin.descriptor.needs = two_needs;
    ck_assert_int_eq(instance_create(&setup, &table, injected, &instance), TONI_OK);
    toni_context *context = instance_context(instance);
    ck_assert(toni_str_equal(toni_context_name(context), toni_str_of("inst")));
    ck_assert_ptr_eq(toni_context_connections(context), (toni_connections *)&table);
    ck_assert_ptr_eq(toni_context_inject(context, TONI_LIT("chat")), &client);
    ck_assert_ptr_null(toni_context_inject(context, TONI_LIT("other")));
    instance_destroy(instance);
}
END_TEST

START_TEST(a_context_logs_with_the_instances_name)
{
    struct instance *instance = make();
    toni_context *context = instance_context(instance);
    const toni_log_field fields[] = {{TONI_LIT_INIT("good.key_1"), TONI_LIT_INIT("a b")},
                                     {TONI_LIT_INIT("bad key="), TONI_LIT_INIT("x")},
                                     {TONI_LIT_INIT(""), {NULL, 0}}};
    toni_log_field many[40];

    toni_log(context, TONI_LOG_WARN, "%s happened", "it");
    check_log(WORDS("level=warn", "msg=\"it happened\"", "instance=inst"));
    toni_log_fields(context, TONI_LOG_ERROR, TONI_LIT("fields"), fields, 3);
    check_log(WORDS("level=error", "good.key_1=\"a b\"", " bad_key_=x", " _=\"\""));
    toni_log(context, TONI_LOG_DEBUG, "hidden");
    ck_assert_str_eq(log_lines, "");
    toni_log(context, 99, "loud");
    check_log(WORDS("level=error"));
    toni_log(context, TONI_LOG_INFO, "%05000d", 1); /* longer than a line */
    check_log(WORDS("level=info", "…"));

    for (size_t i = 0; i < 40; i++)
        many[i] = fields[0];
    toni_log_fields(context, TONI_LOG_INFO, TONI_LIT("many"), many, 40);
    check_log(WORDS("fields_left_out=16"));
    table.context_log(context, TONI_LOG_INFO, toni_str_make(NULL, 0), NULL, 0);
    check_log(WORDS("msg=\"\""));
    instance_destroy(instance);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instance");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, lives);
    tcase_add_test(cases, a_failed_create_is_not_destroyed);
    tcase_add_test(cases, a_hook_says_why_it_fails);
    tcase_add_test(cases, the_level_of_the_log_can_be_asked_for);
    tcase_add_test(cases, one_that_asks_in_create_for_what_it_does_not_need_is_not_made);
    tcase_add_test(cases, failed_hooks_are_told);
    tcase_add_test(cases, most_callbacks_may_be_left_out);
    tcase_add_test(cases, results_go_through);
    tcase_add_test(cases, a_failed_message_is_logged_and_counted);
    tcase_add_test(cases, a_refused_call_that_is_handed_on_costs_the_client_nothing);
    tcase_add_test(cases, on_error_decides_what_a_failure_costs);
    tcase_add_test(cases, client_data_is_freed_once_there_is_some);
    tcase_add_test(cases, slow_callbacks_are_logged_and_counted);
    tcase_add_test(cases, the_times_of_callbacks_are_counted);
    tcase_add_test(cases, slow_hooks_are_logged_and_counted);
    tcase_add_test(cases, serialised_callbacks_run_one_at_a_time);
    tcase_add_test(cases, concurrent_callbacks_run_together);
    tcase_add_test(cases, waiting_for_the_lock_is_measured);
    tcase_add_test(cases, options_are_read);
    tcase_add_test(cases, members_of_groups_are_read);
    tcase_add_test(cases, options_that_are_not_declared_are_zero);
    tcase_add_test(cases, a_shorter_value_is_filled_as_far_as_it_goes);
    tcase_add_test(cases, a_context_has_a_name_and_what_was_injected);
    tcase_add_test(cases, a_context_logs_with_the_instances_name);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
