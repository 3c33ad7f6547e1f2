/* A lane alone: its queue, its list of those to flush, and how its worker is woken. */
#include "rooms/lane.h"
#include "runner.h"

#include <check.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 2 };

static struct lane lanes[LANES];
static struct budget budgets[BUDGET_KINDS];
static unsigned wakes[LANES];
static char seen[256]; /* what happened, in order */

static void note(char what)
{
    const size_t length = strlen(seen);
    ck_assert_uint_lt(length + 1, sizeof seen);
    seen[length] = what;
    seen[length + 1] = '\0';
}

struct word {
    struct command command; /* first */
    char letter;
    unsigned count;
};

static void deliver(struct command *command, struct lane *lane)
{
    struct word *word = (struct word *)command;
    ck_assert(lane == &lanes[0] || lane == &lanes[1]);
    for (unsigned i = 0; i < word->count; i++)
        note(word->letter);
    free(word);
}

static void drop(struct command *command)
{
    note('-');
    free(command);
}

static const struct command_type word_type = {deliver, drop};

static struct command *word(char letter)
{
    struct word *made = malloc(sizeof *made);
    ck_assert_ptr_nonnull(made);
    *made = (struct word){.command.type = &word_type, .letter = letter, .count = 1};
    return &made->command;
}

static void post(struct lane *lane, char letter)
{
    lane_post(lane, word(letter));
}

struct named {
    struct lane_node node; /* first */
    char name;
};

static void flush(struct lane_node *node)
{
    note(((struct named *)node)->name);
}

static void forget(struct lane_node *node)
{
    (void)node;
    note('~');
}

static void relieve(struct lane *lane)
{
    (void)lane;
    note('!');
}

static void note_alarm(void *data)
{
    (void)data;
}

static void count_wake(void *data)
{
    ++*(unsigned *)data;
}

static void begin(void)
{
    static const struct lane_work work = {flush, forget, relieve};
    memset(wakes, 0, sizeof wakes);
    seen[0] = '\0';
    for (unsigned kind = 0; kind < BUDGET_KINDS; kind++)
        budget_init(&budgets[kind], (enum budget_kind)kind, 100, LANES, note_alarm, NULL);
    for (uint32_t i = 0; i < LANES; i++)
        ck_assert_int_eq(lane_init(&lanes[i], i, &work, budgets, count_wake, &wakes[i]), 0);
}

static void end(void)
{
    for (uint32_t i = 0; i < LANES; i++)
        lane_finish(&lanes[i]);
}

static void run_note(void *data)
{
    note(*(const char *)data);
}

START_TEST(commands_are_delivered_in_the_order_of_posting)
{
    begin();
    post(&lanes[0], 'a');
    post(&lanes[1], 'x');
    post(&lanes[0], 'b');
    lane_turn(&lanes[0]);
    ck_assert_str_eq(seen, "ab");
    lane_turn(&lanes[0]); /* each once */
    lane_turn(&lanes[1]);
    ck_assert_str_eq(seen, "abx");
    end();
}
END_TEST

START_TEST(the_last_command_may_be_lengthened_until_it_is_taken)
{
    begin();
    ck_assert_ptr_null(lane_begin_post(&lanes[0]));
    lane_end_post(&lanes[0], word('a'));
    ((struct word *)lane_begin_post(&lanes[0]))->count++;
    lane_end_post(&lanes[0], NULL);
    lane_flush(&lanes[0]);
    ck_assert_str_eq(seen, "aa");
    ck_assert_ptr_null(lane_begin_post(&lanes[0]));
    lane_end_post(&lanes[0], NULL);
    end();
}
END_TEST

START_TEST(calls_come_first_then_commands_then_flushes)
{
    struct named one = {.name = '1'}, two = {.name = '2'};
    begin();
    lane_touch(&lanes[0], &two.node);
    lane_touch(&lanes[0], &one.node);
    lane_touch(&lanes[0], &two.node); /* is there */
    post(&lanes[0], 'a');
    ck_assert_int_eq(lane_post_call(&lanes[0], run_note, "c"), 0);
    lane_post_as_call(&lanes[0], word('k')); /* among the calls, in the order of posting */
    ck_assert_int_eq(lane_post_call(&lanes[0], run_note, "d"), 0);
    lane_turn(&lanes[0]);
    ck_assert_str_eq(seen, "ckda21");
    lane_touch(&lanes[0], &one.node); /* again, once it was flushed */
    ck_assert(lane_pending(&lanes[0]));
    lane_flush(&lanes[0]);
    ck_assert_str_eq(seen, "ckda211");
    ck_assert(!lane_pending(&lanes[0]));
    end();
}
END_TEST

START_TEST(a_turn_relieves_a_budget_that_is_passed)
{
    begin();
    budget_charge(&budgets[BUDGET_INBOUND], 101);
    lane_turn(&lanes[0]);
    ck_assert_str_eq(seen, "");
    budget_charge(&budgets[BUDGET_OUTBOX], 101);
    post(&lanes[0], 'a');
    lane_turn(&lanes[0]);
    ck_assert_str_eq(seen, "a!");
    end();
}
END_TEST

START_TEST(a_lane_that_sleeps_is_woken_once)
{
    begin();
    post(&lanes[0], 'a');
    post(&lanes[0], 'b');
    ck_assert_uint_eq(wakes[0], 1);
    ck_assert(lane_pending(&lanes[0])); /* it must not block */
    lane_turn(&lanes[0]);
    post(&lanes[0], 'c'); /* it has not said that it sleeps */
    ck_assert_uint_eq(wakes[0], 1);
    lane_turn(&lanes[0]);
    ck_assert(!lane_pending(&lanes[0]));
    ck_assert_int_eq(lane_post_call(&lanes[0], run_note, "d"), 0);
    ck_assert_uint_eq(wakes[0], 2);
    lane_turn(&lanes[0]);
    ck_assert_str_eq(seen, "abcd");
    end();
}
END_TEST

static void *post_from_elsewhere(void *data)
{
    post(data, 'f');
    return NULL;
}

START_TEST(what_a_worker_posts_to_another_wakes_it_when_its_own_turn_ends)
{
    pthread_t thread;
    begin();
    lane_attach(&lanes[0]);
    post(&lanes[1], 'a');
    post(&lanes[1], 'b');
    ck_assert_uint_eq(wakes[1], 0);
    lane_turn(&lanes[0]);
    ck_assert_uint_eq(wakes[1], 1);
    post(&lanes[0], 'c'); /* its own: it takes that anyway */
    ck_assert_uint_eq(wakes[0], 0);
    lane_turn(&lanes[1]);
    ck_assert(!lane_pending(&lanes[1]));
    post(&lanes[1], 'd'); /* promised; but who is no worker does not rely on that */
    ck_assert_int_eq(pthread_create(&thread, NULL, post_from_elsewhere, &lanes[1]), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(wakes[1], 2);
    ck_assert(lane_pending(&lanes[0]));
    ck_assert_uint_eq(wakes[1], 2); /* the promise was kept by another */
    end();
}
END_TEST

START_TEST(a_lane_that_ends_drops_what_is_there)
{
    struct named one = {.name = '1'};
    begin();
    post(&lanes[0], 'a');
    post(&lanes[0], 'b');
    ck_assert_int_eq(lane_post_call(&lanes[0], run_note, "c"), 0);
    lane_post_as_call(&lanes[0], word('k'));
    lane_touch(&lanes[0], &one.node);
    end();
    ck_assert_str_eq(seen, "---~");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/lane");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, commands_are_delivered_in_the_order_of_posting);
    tcase_add_test(cases, the_last_command_may_be_lengthened_until_it_is_taken);
    tcase_add_test(cases, calls_come_first_then_commands_then_flushes);
    tcase_add_test(cases, a_turn_relieves_a_budget_that_is_passed);
    tcase_add_test(cases, a_lane_that_sleeps_is_woken_once);
    tcase_add_test(cases, what_a_worker_posts_to_another_wakes_it_when_its_own_turn_ends);
    tcase_add_test(cases, a_lane_that_ends_drops_what_is_there);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
