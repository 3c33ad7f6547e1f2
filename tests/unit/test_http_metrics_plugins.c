/* Figures of plugins: which names there may be, whose they are, and what is written of them. */
#include "http/metrics.h"
#include "instance/context.h"
#include "instance/instance.h"
#include "temporary_folder.h"
#include "toni_testkit_rules.h"

#include <math.h>
#include <toni/figures.h>

static toni_host table;
static struct plugin plugin;
static struct slots slots;
static char log_lines[65536];

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level, (void)length;
    strncat(log_lines, line, sizeof log_lines - strlen(log_lines) - 1);
}

static int32_t create(toni_context *context, void **self)
{
    *self = context;
    return TONI_OK;
}

static void set_up(void)
{
    testing_setup();
    log_lines[0] = '\0';
    log_set_sink(keep_line, NULL);
    table = (toni_host){.struct_size = sizeof table};
    context_fill_table(&table);
    plugin_figures_fill_table(&table);
    plugin = (struct plugin){
        .descriptor = {.kind = TONI_GATEWAY, .create = create}, .path = "/x.so", .references = 1};
    ck_assert_int_eq(slots_init(&slots), 0);
}

static void tear_down(void)
{
    ck_assert_ptr_null(slots.plugin_figures.first);
    slots_finish(&slots);
    log_set_sink(NULL, NULL);
    testing_teardown();
}

static struct instance *make(const char *name)
{
    const struct instance_setup setup = {.slot = slots_make(&slots, TONI_GATEWAY, name),
                                         .plugin = &plugin,
                                         .name = name,
                                         .module = "mod",
                                         .path = TONI_LIT("/x"),
                                         .limits = limits_default()};
    struct instance *instance;
    struct arrival arrival;
    ck_assert_int_eq(instance_create(&setup, &table, NULL, &instance), TONI_OK);
    ck_assert_int_eq(arrival_init(&arrival, instance), 0);
    slot_settle(setup.slot, &arrival);
    arrival_finish(&arrival);
    return instance;
}

static toni_figure *counter(struct instance *instance, const char *name)
{
    return toni_counter(instance_context(instance), toni_str_of(name), TONI_LIT("Help."));
}

static toni_figure *gauge(struct instance *instance, const char *name)
{
    return toni_gauge(instance_context(instance), toni_str_of(name), TONI_LIT("Help."));
}

static void check_written(const char *expected)
{
    struct exposition exposition;
    exposition_init(&exposition);
    metrics_write_plugins(&exposition, &slots);
    ck_assert(!exposition.failed);
    ck_assert_int_eq(buffer_append(&exposition.text, "", 1), 0);
    ck_assert_str_eq(exposition.text.bytes, expected);
    exposition_finish(&exposition);
}

/* --- Names */

START_TEST(names)
{
    static const struct {
        const char *name;
        uint32_t type;
        bool is_good;
    } rows[] = {
        {"votes_total", TONI_COUNTER, true},
        {"_v9_total", TONI_COUNTER, true},
        {"votes", TONI_COUNTER, false},
        {"votes", TONI_GAUGE, true},
        {"Votes_seconds", TONI_HISTOGRAM, true},
        {"votes_total", TONI_GAUGE, false},
        {"votes_total", TONI_HISTOGRAM, false},
        {"", TONI_GAUGE, false},
        {"9votes", TONI_GAUGE, false},
        {"votes cast", TONI_GAUGE, false},
        {"votes-cast", TONI_GAUGE, false},
        {"votes:cast", TONI_GAUGE, false},
        {"v\xc3\xb6tes", TONI_GAUGE, false},
        {"votes\n", TONI_GAUGE, false},
        {"toni_votes", TONI_GAUGE, false},
        {"process_votes", TONI_GAUGE, false},
        {"tonic", TONI_GAUGE, true},
        {"votes_bucket", TONI_GAUGE, false},
        {"votes_sum", TONI_GAUGE, false},
        {"votes_count", TONI_HISTOGRAM, false},
        {"votes_info", TONI_GAUGE, false},
        {"a2345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
         "012345678901234567890123456789012345678",
         TONI_GAUGE, true},
        {"a2345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789",
         TONI_GAUGE, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const toni_str name = toni_str_of(rows[i].name);
        ck_assert_msg(!figure_name_problem(rows[i].type, name) == rows[i].is_good, "`%s`",
                      rows[i].name);
        ck_assert_msg((toni_fake_is_figure(rows[i].type, name) != 0) == rows[i].is_good,
                      "the test kit: `%s`", rows[i].name);
    }
}
END_TEST

START_TEST(what_can_not_be_is_refused_and_logged)
{
    static const double bad[][2] = {{1, 1}, {2, 1}, {1, INFINITY}, {NAN, 1}};
    struct instance *instance = make("a");
    toni_context *context = instance_context(instance);
    const toni_str name = TONI_LIT("sizes"), help = TONI_LIT("Help.");

    ck_assert_ptr_null(counter(instance, "votes"));
    ck_assert_ptr_nonnull(strstr(log_lines, "reason=\"ends with `_total` though"));
    ck_assert_ptr_nonnull(strstr(log_lines, "instance=a"));
    ck_assert_ptr_null(toni_gauge(context, name, TONI_LIT("")));
    ck_assert_ptr_null(toni_gauge(context, name, TONI_LIT("a\nb")));
    ck_assert_ptr_null(toni_gauge(context, name, TONI_LIT("\xff")));
    ck_assert_ptr_null(toni_histogram(context, name, help, NULL, 0));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_ptr_null(toni_histogram(context, name, help, bad[i], 2));
    ck_assert_ptr_null(table.figure_get(context, 4, name, help, NULL, 0));
    toni_count(NULL, 1); /* who gets none need not look */
    toni_gauge_set(NULL, 1);
    toni_gauge_add(NULL, 1);
    toni_observe(NULL, 1);
    check_written("");
    instance_destroy(instance);
}
END_TEST

START_TEST(a_name_has_one_type_in_the_host)
{
    struct instance *one = make("one"), *two = make("two");
    static const double bounds[] = {1};

    ck_assert_ptr_nonnull(gauge(one, "size"));
    ck_assert_ptr_null(
        toni_histogram(instance_context(one), TONI_LIT("size"), TONI_LIT("Help."), bounds, 1));
    ck_assert_ptr_null(
        toni_histogram(instance_context(two), TONI_LIT("size"), TONI_LIT("Help."), bounds, 1));
    ck_assert_ptr_nonnull(strstr(log_lines, "another type already"));
    ck_assert_ptr_nonnull(gauge(two, "size"));
    ck_assert_ptr_ne(gauge(one, "size"), gauge(two, "size"));
    ck_assert_ptr_eq(gauge(one, "size"), gauge(one, "size"));
    instance_destroy(one);
    instance_destroy(two);
}
END_TEST

START_TEST(an_instance_may_have_so_many)
{
    struct instance *instance = make("a"), *other = make("b");
    char name[16];
    for (int i = 0; i < TONI_FIGURES_MOST; i++) {
        (void)snprintf(name, sizeof name, "g%d", i);
        ck_assert_ptr_nonnull(gauge(instance, name));
    }
    ck_assert_ptr_null(gauge(instance, "one_more"));
    ck_assert_ptr_nonnull(strstr(log_lines, "64 figures"));
    ck_assert_ptr_nonnull(gauge(instance, "g0"));
    ck_assert_ptr_nonnull(gauge(other, "one_more"));
    instance_destroy(instance);
    instance_destroy(other);
}
END_TEST

/* --- Values */

START_TEST(all_types_are_written)
{
    static const double bounds[] = {0.1, 2.5, 1e9};
    struct instance *a = make("a"), *b = make("b");
    toni_figure *votes = counter(a, "votes_total"), *size = gauge(a, "size");
    toni_figure *times = toni_histogram(instance_context(a), TONI_LIT("times_seconds"),
                                        TONI_LIT("How \\ long."), bounds, 3);
    toni_count(votes, 2);
    toni_count(votes, UINT64_C(1) << 60);
    toni_count(counter(b, "votes_total"), 7);
    toni_gauge_set(size, 1.5);
    toni_gauge_add(size, -3.25);
    static const double values[] = {0.1, 0.2, 2.5, 5e9, NAN, INFINITY, -1};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        toni_observe(times, values[i]);
    toni_count(size, 1); /* of another type: nothing */
    toni_gauge_set(votes, 1);
    toni_gauge_add(times, 1);
    toni_observe(votes, 1);
    check_written("# HELP votes_total Help.\n# TYPE votes_total counter\n"
                  "votes_total{instance=\"a\"} 1152921504606846978\n"
                  "votes_total{instance=\"b\"} 7\n"
                  "# HELP size Help.\n# TYPE size gauge\nsize{instance=\"a\"} -1.75\n"
                  "# HELP times_seconds How \\\\ long.\n# TYPE times_seconds histogram\n"
                  "times_seconds_bucket{instance=\"a\",le=\"0.1\"} 2\n"
                  "times_seconds_bucket{instance=\"a\",le=\"2.5\"} 4\n"
                  "times_seconds_bucket{instance=\"a\",le=\"1000000000\"} 4\n"
                  "times_seconds_bucket{instance=\"a\",le=\"+Inf\"} 5\n"
                  "times_seconds_sum{instance=\"a\"} 5000000001.8\n"
                  "times_seconds_count{instance=\"a\"} 5\n");
    toni_gauge_set(size, NAN);
    ck_assert_double_nan(atomic_load(&size->value));
    instance_destroy(a);
    instance_destroy(b);
    check_written("");
}
END_TEST

START_TEST(a_figure_survives_a_swap)
{
    static const double few[] = {1}, many[] = {1, 2};
    struct instance *before = make("a");
    toni_figure *votes = counter(before, "votes_total");
    toni_figure *sizes =
        toni_histogram(instance_context(before), TONI_LIT("sizes"), TONI_LIT("Help."), few, 1);
    ck_assert_ptr_nonnull(gauge(before, "old_only"));
    toni_count(votes, 5);
    struct instance *after = make("a");
    ck_assert_ptr_eq(counter(after, "votes_total"), votes);
    ck_assert_ptr_eq(
        toni_histogram(instance_context(after), TONI_LIT("sizes"), TONI_LIT("Other."), many, 2),
        sizes); /* with the bounds that it had */
    instance_destroy(before);
    toni_count(votes, 1);
    check_written("# HELP votes_total Help.\n# TYPE votes_total counter\n"
                  "votes_total{instance=\"a\"} 6\n"
                  "# HELP sizes Help.\n# TYPE sizes histogram\n"
                  "sizes_bucket{instance=\"a\",le=\"1\"} 0\n"
                  "sizes_bucket{instance=\"a\",le=\"+Inf\"} 0\n"
                  "sizes_sum{instance=\"a\"} 0\nsizes_count{instance=\"a\"} 0\n");
    instance_destroy(after);
    check_written("");
    struct instance *again = make("a");
    toni_count(counter(again, "votes_total"), 1);
    check_written("# HELP votes_total Help.\n# TYPE votes_total counter\n"
                  "votes_total{instance=\"a\"} 1\n");
    instance_destroy(again);
}
END_TEST

START_TEST(a_removed_instance_is_not_shown)
{
    struct instance *instance = make("a");
    ck_assert_ptr_nonnull(gauge(instance, "size"));
    slot_vacate(instance->setup.slot); /* it is in a call that does not end, and is kept */
    check_written("");
    instance_destroy(instance);
}
END_TEST

#define THREADS 4
#define ROUNDS 20000

static void *add_many(void *data)
{
    struct instance *instance = data;
    static const double bounds[] = {1, 2};
    for (int i = 0; i < ROUNDS; i++) {
        toni_count(counter(instance, "votes_total"), 1);
        toni_gauge_add(gauge(instance, "size"), i % 2 ? 1 : -1);
        toni_observe(toni_histogram(instance_context(instance), TONI_LIT("sizes"),
                                    TONI_LIT("Help."), bounds, 2),
                     i % 3);
    }
    return NULL;
}

START_TEST(threads_add_and_lose_nothing)
{
    struct instance *instance = make("a");
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, instance), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const struct toni_figure *votes = counter(instance, "votes_total");
    ck_assert_uint_eq(counter_read(&votes->count), THREADS * ROUNDS);
    ck_assert_double_eq(atomic_load(&gauge(instance, "size")->value), 0);
    instance_destroy(instance);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/metrics_plugins");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, names);
    tcase_add_test(cases, what_can_not_be_is_refused_and_logged);
    tcase_add_test(cases, a_name_has_one_type_in_the_host);
    tcase_add_test(cases, an_instance_may_have_so_many);
    tcase_add_test(cases, all_types_are_written);
    tcase_add_test(cases, a_figure_survives_a_swap);
    tcase_add_test(cases, a_removed_instance_is_not_shown);
    tcase_add_test(cases, threads_add_and_lose_nothing);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
