/* Receipts: from a message to a room to a task of the instance that asked. With real threads for
 * the tasks; the client's lane turns when the test says so, and its socket takes everything. */
#include "tasks_fixture.h"

#include "rooms/api.h"
#include "rooms/client.h"
#include "rooms/connections.h"
#include "runner.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

static struct fixture fixture;
static toni_connections *connections;
static struct limits limits;
static toni_client *client;
static _Atomic unsigned released;

static bool is_busy(void *socket)
{
    (void)socket;
    return false;
}

static ssize_t write_nowhere(void *socket, const uint8_t *bytes, size_t size)
{
    (void)socket, (void)bytes;
    return (ssize_t)size;
}

static void ignore(void *socket)
{
    (void)socket;
}

static void ignore_pause(void *socket, bool pause)
{
    (void)socket, (void)pause;
}

static const struct transport transport = {
    .busy = is_busy,
    .want_flush = ignore,
    .write = write_nowhere,
    .pause = ignore_pause,
    .close_begun = ignore,
    .close_written = ignore,
};

static void wake_nobody(void *data)
{
    (void)data;
}

static void set_up(void)
{
    const struct request_parts parts = {.path = toni_str_of("/")};

    fixture_init(&fixture);
    api_fill_table(&fixture.table);
    limits = limits_default();
    connections = connections_create(&fixture.table, &limits, 1);
    ck_assert_ptr_nonnull(connections);
    ck_assert_int_eq(connections_init_lane(connections, 0, wake_nobody, NULL), 0);
    client = client_create(&connections->common, &connections->lanes[0],
                           request_create(&fixture.table, &parts), &limits, &transport, NULL);
    ck_assert_ptr_nonnull(client);
    ck_assert_int_eq(toni_join_room(connections, client->receiver.id, toni_str_of("r")), TONI_OK);
    released = 0;
}

static void turn(void)
{
    lane_turn(&connections->lanes[0]);
}

static void tear_down(void)
{
    client_untarget(client);
    client_finish(client);
    client_unref(client);
    turn();
    connections_destroy(connections);
    fixture_finish(&fixture);
}

static void say(void *self, void *data, const toni_receipt *receipt)
{
    char text[64];

    ck_assert_ptr_nonnull(self);
    ck_assert_uint_eq(receipt->struct_size, sizeof *receipt);
    (void)snprintf(text, sizeof text, "%s:%u,%u,%u,%u", (const char *)data, receipt->targeted,
                   receipt->queued, receipt->dropped, receipt->closed);
    note(text);
}

static void let_go(void *data)
{
    (void)data;
    atomic_fetch_add(&released, 1);
}

static int32_t send_to(struct instance *instance, const char *room, const char *word)
{
    const toni_message message = toni_text(toni_str_of("hello"));

    return toni_broadcast_to_room_with_receipt(connections, toni_str_of(room), &message,
                                               instance_context(instance), say, (void *)word,
                                               let_go);
}

/* A fence has run when it is known; that it is over is counted a moment later. */
static void await_pending(const struct instance *instance, uint64_t count)
{
    while (counter_read(&instance->figures->tasks_pending) != count)
        sched_yield();
}

START_TEST(it_comes_once_all_workers_have_delivered)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_eq(send_to(instance, "r", "a"), 1);
    ck_assert_int_eq(send_to(instance, "r", "b"), 1);
    fixture_fence(instance);
    expect_record("");
    await_pending(instance, 2);
    turn();
    fixture_fence(instance);
    expect_record("a:1,1,0,0 b:1,1,0,0 ");
    ck_assert_uint_eq(released, 2);
    await_pending(instance, 0);
    ck_assert_uint_eq(counter_read(&instance->figures->timers_active), 0);
    instance_destroy(instance);
}
END_TEST

START_TEST(nobody_is_a_receipt_too)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_eq(send_to(instance, "empty", "a"), 0);
    fixture_fence(instance);
    expect_record("a:0,0,0,0 ");
    ck_assert_uint_eq(released, 1);
    instance_destroy(instance);
}
END_TEST

START_TEST(who_is_closed_meanwhile_is_counted_as_that)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_eq(send_to(instance, "r", "a"), 1);
    client_close_now(client, 1000, toni_str_of(""));
    turn();
    fixture_fence(instance);
    expect_record("a:1,0,0,1 ");
    instance_destroy(instance);
}
END_TEST

START_TEST(an_instance_that_ends_is_not_told)
{
    struct instance *instance = fixture_make(&fixture), *other = fixture_make(&fixture);

    ck_assert_int_eq(send_to(instance, "r", "a"), 1);
    ck_assert_int_eq(send_to(other, "r", "b"), 1);
    instance_destroy(instance);
    ck_assert_uint_eq(released, 1);
    turn(); /* nobody is there any more to be told of the first */
    fixture_fence(other);
    expect_record("b:1,1,0,0 ");
    ck_assert_uint_eq(released, 2);
    instance_destroy(other);
}
END_TEST

/* Messages that the host's end finds on their way. */
START_TEST(what_is_never_delivered_ends_all_the_same)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_eq(send_to(instance, "r", "a"), 1);
    lane_finish(&connections->lanes[0]);
    fixture_fence(instance);
    expect_record("a:1,0,0,1 ");
    ck_assert_int_eq(connections_init_lane(connections, 0, wake_nobody, NULL), 0);
    instance_destroy(instance);
}
END_TEST

START_TEST(what_fails_tells_and_releases_nothing)
{
    struct instance *instance = fixture_make(&fixture);
    const toni_message message = toni_text(toni_str_of("hello"));

    ck_assert_int_eq(send_to(instance, "bad\x01name", "a"), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_target_send_with_receipt(NULL, &message, instance_context(instance), say,
                                                   NULL, let_go),
                     TONI_ERR_NO_MEMORY);
    ck_assert_int_eq(toni_broadcast_to_room_with_receipt(connections, toni_str_of("r"), &message,
                                                         instance_context(instance), NULL, NULL,
                                                         let_go),
                     TONI_ERR_INVALID);
    ck_assert_uint_eq(counter_read(&instance->figures->tasks_pending), 0);
    tasks_cancel(instance);
    ck_assert_int_eq(send_to(instance, "r", "a"), TONI_ERR_CLOSING);
    ck_assert_uint_eq(released, 0);
    expect_record("");
    turn();
    instance_destroy(instance);
}
END_TEST

START_TEST(it_is_no_timer)
{
    struct instance *instance = fixture_make(&fixture);

    ck_assert_int_eq(send_to(instance, "r", "a"), 1);
    for (int64_t id = 0; id < 10; id++)
        ck_assert_int_eq(toni_cancel_timer(instance_context(instance), id), TONI_ERR_NOT_FOUND);
    turn();
    fixture_fence(instance);
    expect_record("a:1,1,0,0 ");
    instance_destroy(instance);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instance_receipts");
    TCase *cases = tcase_create("receipts");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, it_comes_once_all_workers_have_delivered);
    tcase_add_test(cases, nobody_is_a_receipt_too);
    tcase_add_test(cases, who_is_closed_meanwhile_is_counted_as_that);
    tcase_add_test(cases, an_instance_that_ends_is_not_told);
    tcase_add_test(cases, what_is_never_delivered_ends_all_the_same);
    tcase_add_test(cases, what_fails_tells_and_releases_nothing);
    tcase_add_test(cases, it_is_no_timer);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
