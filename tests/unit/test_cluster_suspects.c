/* Numbers that the engine never gave out: whoever may publish on its channels can say any, as often
 * as he wants. What follows is missed by nobody without a word, and a room is asked about no more
 * than once a second for it, while honest holes are healed at once. */
#include "cluster_fixture.h"
#include "runner.h"

enum { SECONDS = 10, A_SECOND = 815 };

static const struct room_key a = {"a", 1};

static uint64_t gaps;

static void count(const struct output *output)
{
    gaps += output->kind == OUTPUT_GAP;
}

static void begin_with_five(void (*change)(struct node_settings *))
{
    world_begin_up(change);
    world_subscribe("a");
    for (int i = 0; i < 5; i++)
        world_others_publish("a", (const char *[]){"1", "2", "3", "4", "5"}[i]);
    world_forget();
}

static void forge(uint64_t epoch, uint64_t offset)
{
    const struct position at = {epoch, offset};

    (void)node_message(world.node, 0, world.generation, a, at, "forged", 6, 1, world.now_ms);
    world_run();
}

static void lose(const char *text)
{
    world.loses_messages = true;
    world_others_publish("a", text);
    world.loses_messages = false;
}

/* What each is: of the room's epoch, always further; of an epoch of its own; by turns; the first of
 * an epoch, which leaves no hole, and by turns one of the room's that leaves one behind it. */
static struct position forged_number(int kind, uint64_t i)
{
    if (kind == 3)
        return i % 2 == 0 ? (struct position){5000 + i, 1} : (struct position){101, 2};
    if (kind == 0 || (kind == 2 && i % 2 == 0))
        return (struct position){101, 1000 + 10 * i};
    return (struct position){5000 + i, 7};
}

START_TEST(however_many_come_a_room_is_asked_about_once_a_second)
{
    struct node_figures figures;

    begin_with_five(NULL);
    const uint64_t begin_ms = world.now_ms;
    world.on_event = count;
    gaps = 0;
    for (uint64_t i = 0; i < (uint64_t)SECONDS * A_SECOND; i++) {
        const struct position at = forged_number(_i, i);
        forge(at.epoch, at.offset);
        world_pass((uint32_t)(begin_ms + (i + 1) * 1000 / A_SECOND - world.now_ms));
    }
    ck_assert_uint_gt(gaps, SECONDS);
    ck_assert_uint_le(world.commands[OUTPUT_TOPS], SECONDS + 1);
    ck_assert_uint_le(world.commands[OUTPUT_HISTORY], 3 * (SECONDS + 1));
    ck_assert_uint_le(world.commands[OUTPUT_PROBE], 2 * (SECONDS + 1));
    node_figures(world.node, 0, &figures);
    ck_assert_uint_ge(figures.suspects, SECONDS);

    world_pass(2500); /* it is over, and the engine's own go on */
    world.on_event = NULL;
    world_others_publish("a", "6");
    world_expect("deliver a 6 6");
    ck_assert_int_eq(node_recover(world.node, a, (struct position){101, 4}, 10, 1, world.now_ms),
                     CLUSTER_DONE);
    world_run();
    world_expect("recovered 1 at 6 5:5 6:6");
    world_end();
}
END_TEST

START_TEST(one_alone_is_looked_into_at_once)
{
    begin_with_five(NULL);
    forge(101, 1000);
    world_expect("gap a 6..999 no-history", "deliver a 1000 forged", "gap a 1001..0 epoch");
    world_others_publish("a", "6");
    world_expect("deliver a 6 6");
    world_end();
}
END_TEST

START_TEST(the_next_within_a_second_waits_for_that)
{
    begin_with_five(NULL);
    forge(101, 1000);
    world_pass(100);
    world_forget();
    forge(101, 2000);
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 0);
    ck_assert_uint_eq(world_count("gap a 6..1999"), 1);
    world_pass(999);
    ck_assert_uint_eq(world_count("gap a 2001..0 epoch"), 0);
    world_pass(1);
    ck_assert_uint_eq(world_count("gap a 2001..0 epoch"), 1);
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 1);
    world_forget();
    world_others_publish("a", "6");
    world_expect("deliver a 6 6");
    world_end();
}
END_TEST

/* The answer is of where the room was before. */
START_TEST(one_that_comes_while_the_room_is_asked_about_is_looked_into_afterwards)
{
    begin_with_five(NULL);
    world.stops_tops = true;
    while (world.commands[OUTPUT_TOPS] == 0)
        world_pass(100); /* up to its turn among the samples */
    forge(101, 1000);
    world.stops_tops = false;
    world_run();
    ck_assert_uint_eq(world_count("gap a 6..999"), 1);
    world_pass(1500);
    ck_assert_uint_eq(world_count("gap a 1001..0 epoch"), 1);
    world_forget();
    world_others_publish("a", "6");
    world_expect("deliver a 6 6");
    world_end();
}
END_TEST

START_TEST(what_the_engine_has_given_out_is_not_suspect)
{
    enum { HOLES = 20 };
    struct node_figures figures;

    begin_with_five(NULL);
    world_room("a")->keeps = false;
    for (uint32_t i = 1; i <= HOLES; i++) {
        lose("lost");
        world_others_publish("a", "m");
        ck_assert_uint_eq(world_count("gap a"), i);
        ck_assert_uint_eq(world_count("deliver a"), i);
    }
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 0);
    node_figures(world.node, 0, &figures);
    ck_assert_uint_eq(figures.suspects, 0);
    world_end();
}
END_TEST

static void hold_few(struct node_settings *settings)
{
    settings->held_messages = 2;
}

/* Too much is held, again and again: nobody knows whether these numbers are the engine's. */
START_TEST(a_hole_behind_one_that_was_given_up_is_healed_at_once)
{
    begin_with_five(hold_few);
    for (uint32_t i = 1; i <= 3; i++) {
        lose("lost");
        world.is_stopped = true;
        for (int held = 0; held < 3; held++)
            world_others_publish("a", "m");
        ck_assert_uint_eq(world_count("gap a"), i);
        world.is_stopped = false;
        world_run();
        world_pass(10);
    }
    ck_assert_uint_le(world.commands[OUTPUT_TOPS], 1);
    world_forget();
    lose("late");
    world_others_publish("a", "next");
    world_expect("deliver a 18 late", "deliver a 19 next");
    world_end();
}
END_TEST

START_TEST(a_connection_that_ends_ends_the_suspicion)
{
    begin_with_five(NULL);
    forge(101, 1000);
    forge(101, 2000);
    world_break();
    world_forget();
    world_pass(150);
    ck_assert_uint_eq(world_count("gap a 2001..0 epoch"), 1);
    ck_assert_uint_eq(world_count("state up caught-up"), 1);
    world_pass(5000);
    ck_assert_uint_eq(world.commands[OUTPUT_TOPS], 1);
    node_unsubscribe(world.node, a, world.now_ms); /* one that is put off ends with its room */
    forge(101, 3000);
    forge(101, 4000);
    world_pass(5000);
    world_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_suspects");
    TCase *tcase = tcase_create("suspects");

    tcase_add_loop_test(tcase, however_many_come_a_room_is_asked_about_once_a_second, 0, 4);
    tcase_add_test(tcase, one_alone_is_looked_into_at_once);
    tcase_add_test(tcase, the_next_within_a_second_waits_for_that);
    tcase_add_test(tcase, one_that_comes_while_the_room_is_asked_about_is_looked_into_afterwards);
    tcase_add_test(tcase, what_the_engine_has_given_out_is_not_suspect);
    tcase_add_test(tcase, a_hole_behind_one_that_was_given_up_is_healed_at_once);
    tcase_add_test(tcase, a_connection_that_ends_ends_the_suspicion);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
