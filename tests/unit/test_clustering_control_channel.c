/* The channel on which other nodes ask this one. No thread runs, and the server is away. */
#include <stdlib.h>

#include "clustering/clustering_private.h"
#include "clustering/keys.h"
#include "no_memory.h"
#include "runner.h"

static toni_connections connections;
static struct clustering clustering;

static void setup(void)
{
    static const char *const servers[] = {"server"};
    struct node_settings settings = {
        .servers = servers, .server_count = 1, .incarnation = 1, .seed = 1, .id_key = 1};
    node_settings_defaults(&settings);
    clustering = (struct clustering){.connections = &connections, .server_count = 1};
    clustering.node = node_create(&settings, now_ms());
    ck_assert_ptr_nonnull(clustering.node);
    ck_assert_int_eq(control_channel_init(&clustering.control, 1), 0);
}

static void teardown(void)
{
    control_channel_close(&clustering);
    control_channel_finish(&clustering.control);
    node_destroy(clustering.node);
}

static void tell_lease(enum output_kind kind, uint32_t slot)
{
    const struct output output = {.kind = kind,
                                  .node = {.identity = {.slot = slot, .boot = 7}, .id_key = 1}};
    control_channel_identity(&clustering, &output);
}

/* Takes the subscription back, so once. */
static bool was_heard(uint32_t slot)
{
    char bytes[ROOM_KEY_MAX];
    return node_unsubscribe(clustering.node, key_of_control(slot, bytes), now_ms()) == CLUSTER_DONE;
}

START_TEST(it_is_that_of_the_slot)
{
    tell_lease(OUTPUT_LEASE_HELD, 3);
    tell_lease(OUTPUT_LEASE_LOST, 3);
    tell_lease(OUTPUT_LEASE_HELD, 4);
    ck_assert(!was_heard(3));
    ck_assert(was_heard(4));
}
END_TEST

START_TEST(without_memory_it_is_tried_again_soon)
{
    WITH_ALLOCATIONS(0, tell_lease(OUTPUT_LEASE_HELD, 3));
    ck_assert(clustering.is_short);
    WITH_ALLOCATIONS(0, control_channel_run(&clustering));
    ck_assert(!was_heard(3));
    control_channel_run(&clustering);
    control_channel_run(&clustering);
    ck_assert(was_heard(3));
    ck_assert(!was_heard(3));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("clustering_control_channel");
    TCase *tests = tcase_create("control_channel");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, it_is_that_of_the_slot);
    tcase_add_test(tests, without_memory_it_is_tried_again_soon);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return no_memory_works() ? run_suite(make_suite()) : NO_MEMORY_SKIPPED;
}
