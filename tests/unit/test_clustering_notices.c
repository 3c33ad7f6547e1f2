/* What this host said alone is told to all others, until that is known to have its place. No thread
 * runs; the server is played. */
#include <stdlib.h>

#include "clustering/clustering_private.h"
#include "runner.h"

static struct clustering clustering;
static const struct room_key tea = {"tea", 3};

/* What the server does. */
static struct played {
    uint64_t incarnation;
    bool is_silent;            /* to publishes */
    enum engine_answer answer; /* to others */
    uint64_t generation;
    uint32_t publishes;
    uint32_t lost; /* as the last of them says */
} played;

static void answer_publish(const struct output *output)
{
    const struct publish_reply reply = {.answer = played.answer, .at = {9, 1}, .receivers = 1};
    struct envelope *envelope = NULL;
    size_t head;
    ck_assert_int_eq(envelope_read(output->payload->bytes, output->payload->size, &envelope, &head),
                     CLUSTER_DONE);
    ck_assert_uint_eq(envelope->lost_node, clustering.incarnation);
    played.lost = envelope->lost;
    played.publishes++;
    free(envelope);
    if (!played.is_silent)
        node_publish_reply(clustering.node, 0, output->generation, output->request, &reply,
                           now_ms());
}

static void carry_out(struct output *output)
{
    struct cluster_node *node = clustering.node;
    const struct hello_reply hello = {.incarnation = played.incarnation, .engine_id = 8};
    switch (output->kind) {
    case OUTPUT_OPEN:
        played.generation = output->generation;
        node_connected(node, 0, output->generation, now_ms());
        break;
    case OUTPUT_HELLO:
        node_hello_reply(node, 0, output->generation, output->request, &hello, now_ms());
        break;
    case OUTPUT_PROBE:
        node_probe_reply(node, 0, output->generation, output->request, ENGINE_APPLIED, now_ms());
        node_probe_echo(node, 0, output->generation, output->request, now_ms());
        break;
    case OUTPUT_PUBLISH:
        answer_publish(output);
        break;
    default:
        if (output->kind >= OUTPUT_RESULT)
            event_carry_out(&clustering, output);
        break;
    }
}

static void turn(void)
{
    struct output output;
    notices_run(&clustering);
    node_tick(clustering.node, now_ms());
    while (node_take(clustering.node, &output)) {
        carry_out(&output);
        output_finish(&output);
    }
}

static void turn_until_up(void)
{
    while (clustering.links[0].state != SERVER_UP)
        turn();
}

static void setup(void)
{
    static const char *const servers[] = {"server"};
    static char name[] = "server";
    struct node_settings settings = {
        .servers = servers, .server_count = 1, .incarnation = 77, .seed = 1, .id_key = 1};
    node_settings_defaults(&settings);
    settings.takes_no_lease = true;
    settings.backoff_ms = settings.backoff_max_ms = 1;
    clustering = (struct clustering){
        .server_count = 1, .incarnation = settings.incarnation, .names = {name}};
    clustering.node = node_create(&settings, now_ms());
    ck_assert_ptr_nonnull(clustering.node);
    played = (struct played){.incarnation = 500};
    turn_until_up();
}

static void teardown(void)
{
    struct sent *sent;
    while ((sent = sent_take(&clustering.notices)))
        sent_destroy(sent);
    node_destroy(clustering.node);
}

static void send_notice(uint64_t count)
{
    notice_send(&clustering, NULL, (toni_str){0}, tea, count);
    turn();
}

static void expect_told(uint32_t times, uint32_t lost)
{
    ck_assert_uint_eq(played.publishes, times);
    ck_assert_uint_eq(played.lost, lost);
}

START_TEST(it_is_told_once)
{
    send_notice(5);
    turn();
    expect_told(1, 5);
    ck_assert_uint_eq(clustering.notice_count, 0);
    ck_assert_uint_eq(clustering.outstanding, 0);
}
END_TEST

START_TEST(one_that_a_server_does_not_take_is_sent_again_after_a_while)
{
    played.answer = ENGINE_ERROR;
    send_notice(5);
    turn();
    expect_told(1, 5);
    ck_assert_uint_gt(notices_due(&clustering), now_ms());
    ck_assert_uint_ne(notices_due(&clustering), UINT64_MAX);
    played.answer = ENGINE_APPLIED;
    clustering.notices_at_ms = now_ms();
    turn();
    expect_told(2, 5);
    ck_assert_uint_eq(clustering.notice_count, 0);
    ck_assert_uint_eq(notices_due(&clustering), UINT64_MAX);
}
END_TEST

START_TEST(one_while_the_server_is_away_waits_until_it_is_up)
{
    node_closed(clustering.node, 0, played.generation, now_ms());
    notice_send(&clustering, NULL, (toni_str){0}, tea, 5);
    expect_told(0, 0);
    turn();
    turn_until_up();
    turn();
    expect_told(1, 5);
    ck_assert_uint_eq(clustering.notice_count, 0);
}
END_TEST

/* It may have its place, or not: others are told of it once more, without a sum that may be wrong.
 */
START_TEST(one_that_nobody_has_answered_is_told_without_a_count)
{
    played.is_silent = true;
    send_notice(5);
    expect_told(1, 5);
    played.is_silent = false;
    played.incarnation++; /* what was sent before is known no more */
    node_closed(clustering.node, 0, played.generation, now_ms());
    turn();
    turn_until_up();
    turn();
    expect_told(2, UINT32_MAX);
    ck_assert_uint_eq(clustering.notice_count, 0);
    ck_assert_uint_eq(clustering.outstanding, 0);
    ck_assert_uint_eq(atomic_load(&clustering.views[0].waiting_bytes), 0);
}
END_TEST

START_TEST(so_many_wait_and_what_is_more_counts_as_lost)
{
    played.answer = ENGINE_ERROR;
    for (int i = 0; i < NOTICES_MOST + 10; i++)
        notice_send(&clustering, NULL, (toni_str){0}, tea, 1);
    turn();
    ck_assert_uint_eq(clustering.notice_count, NOTICES_MOST);
    ck_assert_uint_eq(counter_read(&clustering.views[0].lost), 10);
    ck_assert_uint_eq(clustering.outstanding, 0);
}
END_TEST

START_TEST(a_host_that_stops_waits_for_none)
{
    clustering.is_stopping = true;
    played.answer = ENGINE_ERROR;
    send_notice(5);
    turn();
    ck_assert_uint_eq(clustering.notice_count, 0);
    ck_assert_uint_eq(counter_read(&clustering.views[0].lost), 1);
}
END_TEST

START_TEST(what_still_waits_at_the_end_counts_as_lost)
{
    played.answer = ENGINE_ERROR;
    send_notice(5);
    turn();
    ck_assert_uint_eq(clustering.notice_count, 1);
    notices_drop(&clustering);
    ck_assert_uint_eq(clustering.notice_count, 0);
    ck_assert_ptr_null(sent_take(&clustering.notices));
    ck_assert_uint_eq(counter_read(&clustering.views[0].lost), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clustering_notices");
    TCase *tests = tcase_create("notices");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, it_is_told_once);
    tcase_add_test(tests, one_that_a_server_does_not_take_is_sent_again_after_a_while);
    tcase_add_test(tests, one_while_the_server_is_away_waits_until_it_is_up);
    tcase_add_test(tests, one_that_nobody_has_answered_is_told_without_a_count);
    tcase_add_test(tests, so_many_wait_and_what_is_more_counts_as_lost);
    tcase_add_test(tests, a_host_that_stops_waits_for_none);
    tcase_add_test(tests, what_still_waits_at_the_end_counts_as_lost);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
