/* The engine suite: its nodes, and the steps that its cases share. */
#include "engine_private.h"

const toni_engine_subject *engine_subject;
toni_fake_node engine_left, engine_right;

const uint64_t engine_large[ENGINE_LARGE_COUNT] = {
    1,        (UINT64_C(1) << 53) - 1, UINT64_C(1) << 53, (UINT64_C(1) << 53) + 1, INT64_MAX - 1,
    INT64_MAX};

/* --- Fixtures */

void engine_begin_node(toni_fake_node *node, uint64_t incarnation)
{
    toni_fake_node_init(node, incarnation);
    if (engine_subject->patience_ms > 0)
        node->patience_ms = engine_subject->patience_ms;
    engine_subject->load(&node->host);
    toni_fake_node_start(node);
    if (engine_subject->wrap)
        engine_subject->wrap(node);
    toni_fake_node_attach(node);
}

void engine_attach(void)
{
    if (engine_subject->set_up)
        engine_subject->set_up();
    engine_begin_node(LEFT, 0x1ef7);
    engine_begin_node(RIGHT, 0x4167);
}

void engine_connect(void)
{
    engine_attach();
    toni_fake_node_connect(LEFT);
    toni_fake_node_connect(RIGHT);
}

void engine_connect_anew(toni_fake_node *node)
{
    toni_fake_node_wait(node, 0);
    if (node->links[node->server].is_open)
        toni_fake_node_close(node);
    toni_fake_node_connect(node);
}

void engine_finish(void)
{
    toni_fake_node_detach(LEFT);
    toni_fake_node_detach(RIGHT);
    if (engine_subject->tear_down)
        engine_subject->tear_down();
}

TCase *engine_case(const char *name)
{
    TCase *made = tcase_create(name);
    tcase_add_checked_fixture(made, engine_connect, engine_finish);
    tcase_set_timeout(made, 120);
    return made;
}

Suite *toni_engine_suite(const toni_engine_subject *subject)
{
    Suite *suite = suite_create(subject->name);
    engine_subject = subject;
    suite_add_tcase(suite, engine_hello_case());
    suite_add_tcase(suite, engine_connections_case());
    suite_add_tcase(suite, engine_failures_case());
    suite_add_tcase(suite, engine_publishes_case());
    suite_add_tcase(suite, engine_subscriptions_case());
    suite_add_tcase(suite, engine_history_case());
    suite_add_tcase(suite, engine_leases_case());
    suite_add_tcase(suite, engine_random_case());
    return suite;
}

/* --- Steps */

const toni_told *engine_answer(toni_fake_node *node, const toni_engine_publish *publish)
{
    toni_fake_node_publish(node, publish);
    const toni_told *told = toni_fake_node_next(node, TONI_TOLD_PUBLISHED);
    ck_assert_uint_eq(told->request, publish->number);
    return told;
}

static toni_position apply(toni_fake_node *node, const toni_engine_publish *publish)
{
    const toni_told *told = engine_answer(node, publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
    return told->at;
}

toni_position engine_publish(toni_fake_node *node, toni_str room, toni_str body)
{
    const toni_engine_publish publish = toni_fake_node_message(node, room, body);
    return apply(node, &publish);
}

toni_position engine_keep(toni_fake_node *node, toni_str room, toni_str body, uint32_t messages,
                          uint32_t seconds)
{
    toni_engine_publish publish = toni_fake_node_message(node, room, body);
    publish.keep_messages = messages;
    publish.keep_seconds = seconds;
    return apply(node, &publish);
}

toni_position engine_top(toni_fake_node *node, toni_str room)
{
    const uint64_t request = toni_fake_node_tops(node, &room, 1);
    const toni_told *told = toni_fake_node_next(node, TONI_TOLD_TOPS);
    ck_assert_uint_eq(told->request, request);
    ck_assert_uint_eq(told->count, 1);
    return told->tops[0];
}

const toni_told *engine_last(toni_fake_node *node, toni_str room, uint32_t limit)
{
    const uint64_t request = toni_fake_node_history_last(node, room, limit);
    const toni_told *told = toni_fake_node_next(node, TONI_TOLD_HISTORY);
    ck_assert_uint_eq(told->request, request);
    return told;
}

static void expect_subscribed(toni_fake_node *node, toni_str room, uint32_t is_subscribed)
{
    const toni_told *told = toni_fake_node_next(node, TONI_TOLD_SUBSCRIBED);
    ck_assert_uint_eq(told->is_subscribed, is_subscribed);
    engine_check_bytes(told->room, room);
}

void engine_subscribe(toni_fake_node *node, toni_str room)
{
    toni_fake_node_subscribe(node, &room, 1);
    expect_subscribed(node, room, 1);
}

void engine_unsubscribe(toni_fake_node *node, toni_str room)
{
    toni_fake_node_unsubscribe(node, &room, 1);
    expect_subscribed(node, room, 0);
}

void engine_expect_message(toni_fake_node *node, toni_str room, toni_position at, toni_str body)
{
    const toni_told *told = toni_fake_node_next(node, TONI_TOLD_MESSAGE);
    engine_check_bytes(told->room, room);
    engine_check_at(told->at, at.epoch, at.offset);
    engine_check_bytes(told->body, body);
}

void engine_expect_silence(toni_fake_node *node)
{
    const uint64_t request = toni_fake_node_probe(node, node->server_incarnation);
    const toni_told *reply = toni_fake_node_next(node, TONI_TOLD_PROBE);
    ck_assert_uint_eq(reply->request, request);
    ck_assert_int_eq(reply->answer, TONI_ENGINE_APPLIED);
    ck_assert_uint_eq(toni_fake_node_next(node, TONI_TOLD_ECHO)->request, request);
}
