/* The engine suite: the server ends, loses its data or older ones come back, takes no writes. Needs
 * the hooks of the subject; without one of them there is nothing to test. */
#include "engine_private.h"

static const toni_str room = TONI_LIT_INIT("/room");

static void expect_answer(const toni_engine_publish *publish, int32_t answer)
{
    ck_assert_int_eq(engine_answer(LEFT, publish)->answer, answer);
}

static void check_repeats_are_lost(toni_position at)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    publish.is_repeat = 1;
    publish.epoch = at.epoch;
    expect_answer(&publish, TONI_ENGINE_LOST);
    publish.epoch = 0;
    expect_answer(&publish, TONI_ENGINE_LOST);
    engine_check_at(engine_top(LEFT, room), 0, 0);
}

/* No numbers of nodes are left of the epoch before, and no history. */
static void check_room_begins_anew(void)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("anew"));
    publish.number = 1;
    publish.keep_messages = 10;
    publish.keep_seconds = 60;
    const toni_told *told = engine_answer(LEFT, &publish);
    ck_assert_int_eq(told->answer, TONI_ENGINE_APPLIED);
    engine_check_at(told->at, publish.proposed, 1);
    told = engine_last(RIGHT, room, 10);
    ck_assert_uint_eq(told->count, 1);
    engine_check_bytes(told->entries[0].body, TONI_LIT("anew"));
}

/* Nothing that was said under the old incarnation is true any more. */
static void check_another_life(uint64_t before, toni_position at)
{
    toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    ck_assert_uint_ne(LEFT->server_incarnation, before);
    ck_assert_uint_eq(LEFT->server_incarnation, RIGHT->server_incarnation);
    engine_check_at(engine_top(LEFT, room), 0, 0);
    const toni_told *told = engine_last(LEFT, room, 10);
    engine_check_at(told->at, 0, 0);
    ck_assert_uint_eq(told->count, 0);
    publish.incarnation = before;
    expect_answer(&publish, TONI_ENGINE_OTHER_INCARNATION);
    check_repeats_are_lost(at);
    check_room_begins_anew();
}

static toni_position publish_some(void)
{
    (void)engine_keep(RIGHT, room, TONI_LIT("r"), 10, 60);
    (void)engine_keep(LEFT, room, TONI_LIT("l"), 10, 60);
    return engine_keep(LEFT, room, TONI_LIT("m"), 10, 60);
}

START_TEST(a_server_that_restarts_has_another_incarnation)
{
    const uint64_t before = LEFT->server_incarnation, engine_id = LEFT->engine_id;
    const toni_position at = publish_some();
    engine_subject->restart(LEFT);
    engine_connect_anew(LEFT);
    engine_connect_anew(RIGHT);
    check_another_life(before, at);
    ck_assert_uint_eq(LEFT->engine_id, engine_id);
}
END_TEST

START_TEST(the_end_of_a_connection_is_told)
{
    engine_subject->restart(LEFT);
    (void)toni_fake_node_next(RIGHT, TONI_TOLD_CLOSED);
    toni_fake_node_connect(RIGHT);
    engine_expect_silence(RIGHT);
}
END_TEST

START_TEST(commands_on_a_connection_that_has_ended_are_for_nothing)
{
    const toni_engine_publish publish = toni_fake_node_message(RIGHT, room, TONI_LIT("x"));
    engine_subject->restart(LEFT);
    toni_fake_node_publish(RIGHT, &publish);
    (void)toni_fake_node_probe(RIGHT, RIGHT->server_incarnation);
    (void)toni_fake_node_next(RIGHT, TONI_TOLD_CLOSED);
    (void)toni_fake_node_probe(RIGHT, RIGHT->server_incarnation);
    toni_fake_node_wait(RIGHT, 10);
    ck_assert_ptr_null(toni_fake_node_peek(RIGHT, TONI_TOLD_PROBE));
}
END_TEST

START_TEST(a_server_that_lost_its_data_is_another_engine)
{
    const uint64_t before = LEFT->server_incarnation, engine_id = LEFT->engine_id;
    const toni_position at = publish_some();
    engine_subject->wipe(LEFT);
    engine_connect_anew(LEFT);
    engine_connect_anew(RIGHT);
    check_another_life(before, at);
    ck_assert_uint_ne(LEFT->engine_id, engine_id);
    ck_assert_uint_eq(LEFT->engine_id, RIGHT->engine_id);
}
END_TEST

START_TEST(a_server_with_older_data_has_another_incarnation)
{
    const uint64_t before = LEFT->server_incarnation, engine_id = LEFT->engine_id;
    (void)engine_keep(LEFT, room, TONI_LIT("saved"), 10, 60);
    engine_subject->save(LEFT);
    const toni_position at = publish_some();
    engine_subject->fall_back(LEFT);
    engine_connect_anew(LEFT);
    engine_connect_anew(RIGHT);
    check_another_life(before, at);
    ck_assert_uint_eq(LEFT->engine_id, engine_id);
}
END_TEST

START_TEST(a_lease_is_restored_after_the_data_were_lost)
{
    toni_engine_lease lease = {.struct_size = sizeof lease,
                               .ttl_ms = 60000,
                               .incarnation = LEFT->server_incarnation,
                               .node = LEFT->incarnation,
                               .boot_step = 10,
                               .id_key = 7,
                               .name = TONI_LIT("left")};
    (void)toni_fake_node_lease(LEFT, &lease);
    const toni_told *told = toni_fake_node_next(LEFT, TONI_TOLD_LEASE);
    lease.slot = told->slot;
    lease.boot = told->boot;
    engine_subject->wipe(LEFT);
    engine_connect_anew(LEFT);
    lease.incarnation = LEFT->server_incarnation;
    lease.may_restore = 1;
    (void)toni_fake_node_lease(LEFT, &lease);
    told = toni_fake_node_next(LEFT, TONI_TOLD_LEASE);
    ck_assert_uint_eq(told->slot, lease.slot);
    ck_assert_uint_eq(told->boot, lease.boot);
    ck_assert_uint_eq(told->id_key, 7);
    ck_assert_uint_eq(told->count, 1);
}
END_TEST

START_TEST(a_server_that_takes_no_writes_says_so)
{
    const toni_position at = publish_some();
    const toni_engine_publish publish = toni_fake_node_message(LEFT, room, TONI_LIT("x"));
    engine_subscribe(LEFT, room);
    engine_subject->make_read_only(LEFT);
    ck_assert_int_eq(engine_answer(LEFT, &publish)->answer, TONI_ENGINE_READ_ONLY);
    const uint64_t request = toni_fake_node_probe(LEFT, LEFT->server_incarnation);
    const toni_told *told = toni_fake_node_next(LEFT, TONI_TOLD_PROBE);
    ck_assert_uint_eq(told->request, request);
    ck_assert_int_eq(told->answer, TONI_ENGINE_READ_ONLY);
    engine_check_at(engine_top(LEFT, room), at.epoch, at.offset);
    ck_assert_ptr_null(toni_fake_node_peek(LEFT, TONI_TOLD_ECHO));
}
END_TEST

TCase *engine_failures_case(void)
{
    TCase *made = engine_case("failures");
    if (engine_subject->restart) {
        tcase_add_test(made, a_server_that_restarts_has_another_incarnation);
        tcase_add_test(made, the_end_of_a_connection_is_told);
        tcase_add_test(made, commands_on_a_connection_that_has_ended_are_for_nothing);
    }
    if (engine_subject->wipe) {
        tcase_add_test(made, a_server_that_lost_its_data_is_another_engine);
        tcase_add_test(made, a_lease_is_restored_after_the_data_were_lost);
    }
    if (engine_subject->save && engine_subject->fall_back)
        tcase_add_test(made, a_server_with_older_data_has_another_incarnation);
    if (engine_subject->make_read_only)
        tcase_add_test(made, a_server_that_takes_no_writes_says_so);
    return made;
}
