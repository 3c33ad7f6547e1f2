/* What an engine tells, as it is taken: nonsense is counted, and want of memory is none of it. No
 * thread runs, and the server is away: the node has asked for nothing. */
#include <stdlib.h>

#include "base/log.h"
#include "clustering/attachment.h"
#include "no_memory.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

static struct clustering clustering;
static struct attachment attachment;
static char engine_name[] = "sham", node_name[] = "node";
static char logged[1024]; /* the last line */

static void hear(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    (void)snprintf(logged, sizeof logged, "%.*s", (int)length, line);
}

static void setup(void)
{
    static const char *const servers[] = {"server"};
    struct node_settings settings = {
        .servers = servers, .server_count = 1, .incarnation = 1, .seed = 1, .id_key = 1};
    node_settings_defaults(&settings);
    clustering = (struct clustering){.engine_name = engine_name, .server_count = 1};
    clustering.node_name = node_name;
    clustering.node = node_create(&settings, now_ms());
    ck_assert_ptr_nonnull(clustering.node);
    attachment = (struct attachment){
        .handle = {&engine_host}, .clustering = &clustering, .thread = pthread_self()};
    clustering.engine = &attachment;
    log_set_sink(hear, NULL);
    logged[0] = '\0';
}

static void teardown(void)
{
    log_set_sink(NULL, NULL);
    node_destroy(clustering.node);
}

static void tell_history(toni_str body, uint32_t count)
{
    const toni_engine_entry entry = {.offset = 1, .body = body, .kind = 1};
    const toni_position top = {1, 1};
    engine_host.history_reply(&attachment.handle, 0, 1, 1, top, count > 0 ? &entry : NULL, count);
}

static void tell_lease(uint64_t boot)
{
    const toni_engine_leased lease = {.node = 1, .boot = boot, .slot = 1, .left_ms = 10000};
    engine_host.lease_reply(&attachment.handle, 0, 1, 1, 1, boot, 1, &lease, 1);
}

START_TEST(what_makes_sense_is_not_counted)
{
    tell_history(TONI_LIT("hello"), 1);
    tell_history(TONI_LIT(""), 0);
    tell_lease(1);
    ck_assert_uint_eq(clustering.nonsense, 0);
    ck_assert_str_eq(logged, "");
}
END_TEST

START_TEST(what_makes_no_sense_is_counted_and_logged)
{
    tell_history((toni_str){NULL, 1}, 1);
    ck_assert_uint_eq(clustering.nonsense, 1);
    ck_assert_ptr_nonnull(strstr(logged, "makes no sense"));
    ck_assert_ptr_nonnull(strstr(logged, "history_reply"));
    tell_lease(0);
    ck_assert_uint_eq(clustering.nonsense, 2);
    tell_lease((uint64_t)INT64_MAX + 1);
    ck_assert_uint_eq(clustering.nonsense, 3);
    ck_assert_ptr_nonnull(strstr(logged, "lease_reply"));
}
END_TEST

/* The engine is not to blame for it. */
START_TEST(without_memory_that_is_said)
{
    WITH_ALLOCATIONS(0, tell_history(TONI_LIT("hello"), 1));
    ck_assert_uint_eq(clustering.nonsense, 0);
    ck_assert_ptr_nonnull(strstr(logged, "no memory"));
    ck_assert_ptr_nonnull(strstr(logged, "history_reply"));
    WITH_ALLOCATIONS(0, tell_lease(1));
    ck_assert_uint_eq(clustering.nonsense, 0);
    ck_assert_ptr_nonnull(strstr(logged, "no memory"));
    ck_assert_ptr_nonnull(strstr(logged, "lease_reply"));
}
END_TEST

static void tell_no_lease(void)
{
    engine_host.lease_reply(&attachment.handle, 0, 1, 1, 0, 0, 0, NULL, 0);
}

START_TEST(that_all_slots_are_taken_is_said)
{
    tell_no_lease();
    ck_assert_uint_eq(clustering.nonsense, 0);
    ck_assert_ptr_nonnull(strstr(logged, "other nodes have all slots"));
}
END_TEST

/* It is the answer to a lease that is given back. */
START_TEST(a_host_that_stops_misses_no_slot)
{
    clustering.is_stopping = true;
    tell_no_lease();
    ck_assert_uint_eq(clustering.nonsense, 0);
    ck_assert_str_eq(logged, "");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("clustering_answers");
    TCase *tests = tcase_create("answers");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_makes_sense_is_not_counted);
    tcase_add_test(tests, what_makes_no_sense_is_counted_and_logged);
    tcase_add_test(tests, without_memory_that_is_said);
    tcase_add_test(tests, that_all_slots_are_taken_is_said);
    tcase_add_test(tests, a_host_that_stops_misses_no_slot);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return no_memory_works() ? run_suite(make_suite()) : NO_MEMORY_SKIPPED;
}
