/* Tests of what other threads ask of the cluster's: rooms that are wanted, and publishes. */
#include <stdlib.h>

#include "clustering/inbox.h"
#include "no_memory.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>
#include <toni/error.h>

enum { ROOMS = 1000 };

static struct inbox inbox;

static void setup(void)
{
    ck_assert_int_eq(inbox_init(&inbox), 0);
}

static void teardown(void)
{
    inbox_finish(&inbox);
}

static struct room_key key_of(const char *name)
{
    return (struct room_key){name, strlen(name)};
}

/* @return The key of a room of that number, until the next call. */
static struct room_key numbered(unsigned number)
{
    static char name[16];
    (void)snprintf(name, sizeof name, "/%u", number);
    return key_of(name);
}

/* @return How many rooms have changed; of the last, whether it is wanted. */
static unsigned take_all_changed(bool *is_wanted)
{
    unsigned count = 0;
    while (inbox_take_changed(&inbox, is_wanted))
        count++;
    return count;
}

static struct sent *make_sent(const char *body)
{
    struct sent *sent = sent_create(key_of("/tea"), NULL, body, strlen(body), 1);
    ck_assert_ptr_nonnull(sent);
    return sent;
}

START_TEST(a_room_that_comes_and_goes_is_one_change)
{
    bool is_wanted = true;
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(inbox_want(&inbox, key_of("/tea"), 0), TONI_OK);
        inbox_unwant(&inbox, key_of("/tea"));
    }
    ck_assert_uint_eq(inbox_room_count(&inbox), 1);
    ck_assert_uint_eq(take_all_changed(&is_wanted), 1);
    ck_assert(!is_wanted);
}
END_TEST

START_TEST(what_nobody_wants_is_forgotten_once_nothing_needs_it)
{
    bool is_wanted;
    ck_assert_int_eq(inbox_want(&inbox, key_of("/tea"), 0), TONI_OK);
    struct wanted *wanted = inbox_find(&inbox, key_of("/tea"));
    inbox_forget(&inbox, wanted); /* its change has not been taken */
    ck_assert_ptr_eq(inbox_take_changed(&inbox, &is_wanted), wanted);
    inbox_forget(&inbox, wanted);
    ck_assert_uint_eq(inbox_room_count(&inbox), 1);
    inbox_unwant(&inbox, key_of("/tea"));
    ck_assert_ptr_eq(inbox_take_changed(&inbox, &is_wanted), wanted);
    ck_assert(!is_wanted);
    wanted->is_heard = true;
    inbox_forget(&inbox, wanted);
    ck_assert_uint_eq(inbox_room_count(&inbox), 1);
    wanted->is_heard = false;
    inbox_forget(&inbox, wanted);
    ck_assert_uint_eq(inbox_room_count(&inbox), 0);
}
END_TEST

START_TEST(a_room_that_could_not_be_dealt_with_is_taken_again)
{
    bool is_wanted = false;
    ck_assert_int_eq(inbox_want(&inbox, key_of("/tea"), 0), TONI_OK);
    inbox_put_back(&inbox, inbox_take_changed(&inbox, &is_wanted));
    ck_assert_uint_eq(take_all_changed(&is_wanted), 1);
    ck_assert(is_wanted);
}
END_TEST

/* Rooms by turns of two servers. Nobody wants them any more, but they are heard still, as for a
 * second after the last member. */
static void add_heard(void)
{
    bool is_wanted;
    for (unsigned i = 0; i < ROOMS; i++) {
        ck_assert_int_eq(inbox_want(&inbox, numbered(i), 0), TONI_OK);
        inbox_find(&inbox, numbered(i))->is_heard = true;
        inbox_find(&inbox, numbered(i))->server = i % 2;
        inbox_unwant(&inbox, numbered(i));
    }
    ck_assert_uint_eq(take_all_changed(&is_wanted), ROOMS);
}

START_TEST(with_a_connection_all_rooms_go_that_nobody_wants)
{
    add_heard();
    inbox_forget_unwanted(&inbox, 0);
    ck_assert_uint_eq(inbox_room_count(&inbox), ROOMS / 2);
    for (unsigned i = 0; i < ROOMS; i++)
        ck_assert_int_eq(inbox_find(&inbox, numbered(i)) != NULL, i % 2 != 0);
    inbox_forget_unwanted(&inbox, 1);
    ck_assert_uint_eq(inbox_room_count(&inbox), 0);
}
END_TEST

START_TEST(with_a_connection_rooms_stay_that_are_wanted_or_waited_for)
{
    add_heard();
    inbox_find(&inbox, numbered(7))->is_subscribed = true;
    inbox_find(&inbox, numbered(8))->is_waiting = true;
    inbox_forget_unwanted(&inbox, 0);
    inbox_forget_unwanted(&inbox, 1);
    ck_assert_uint_eq(inbox_room_count(&inbox), 2);
    ck_assert(inbox_find(&inbox, numbered(7))->is_heard);
    ck_assert(!inbox_find(&inbox, numbered(8))->is_heard);
}
END_TEST

START_TEST(rooms_have_a_bound)
{
    for (unsigned i = 0; i < INBOX_ROOMS_MOST; i++) {
        if (inbox_want(&inbox, numbered(i), 0) != TONI_OK)
            ck_abort_msg("room %u", i);
    }
    ck_assert_int_eq(inbox_want(&inbox, key_of("/one more"), 0), TONI_ERR_LIMIT);
    ck_assert_int_eq(inbox_want(&inbox, numbered(5), 0), TONI_OK);
    ck_assert_uint_eq(inbox_room_count(&inbox), INBOX_ROOMS_MOST);
}
END_TEST

START_TEST(without_memory_a_room_is_not_wanted)
{
    bool is_wanted;
    for (unsigned i = 0; i < 2; i++) {
        int32_t result = TONI_OK;
        WITH_ALLOCATIONS(i, result = inbox_want(&inbox, key_of("/tea"), 0));
        ck_assert_int_eq(result, TONI_ERR_NO_MEMORY);
        ck_assert_uint_eq(inbox_room_count(&inbox), 0);
        ck_assert_uint_eq(take_all_changed(&is_wanted), 0);
    }
}
END_TEST

START_TEST(who_comes_back_is_taken_once_his_room_was)
{
    struct recovering recovering = {0};
    bool is_wanted = false;
    ck_assert_int_eq(inbox_recover(&inbox, key_of("/tea"), 0, &recovering), TONI_OK);
    ck_assert_ptr_null(inbox_take_recovering(&inbox, true));
    ck_assert_ptr_eq(inbox_take_changed(&inbox, &is_wanted), recovering.wanted);
    ck_assert(is_wanted);
    ck_assert_ptr_eq(inbox_take_recovering(&inbox, true), &recovering);
    ck_assert_ptr_null(inbox_take_recovering(&inbox, true));
    inbox_recovered(&inbox, recovering.wanted);
}
END_TEST

START_TEST(who_comes_back_does_not_wait_for_his_room_at_the_end)
{
    struct recovering recovering = {0};
    ck_assert_int_eq(inbox_recover(&inbox, key_of("/tea"), 0, &recovering), TONI_OK);
    ck_assert_ptr_eq(inbox_take_recovering(&inbox, false), &recovering);
    inbox_recovered(&inbox, recovering.wanted);
}
END_TEST

START_TEST(publishes_come_in_order_until_it_is_closed)
{
    static const char *const bodies[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(inbox_put(&inbox, make_sent(bodies[i])), TONI_OK);
    inbox_close(&inbox);
    struct sent *late = make_sent("four");
    ck_assert_int_eq(inbox_put(&inbox, late), TONI_ERR_CLOSING);
    sent_destroy(late);
    struct sent_list taken = inbox_take(&inbox);
    for (size_t i = 0; i < 3; i++) {
        struct sent *sent = sent_take(&taken);
        ck_assert_ptr_nonnull(sent);
        ck_assert_mem_eq(sent->payload->bytes, bodies[i], strlen(bodies[i]));
        sent_destroy(sent);
    }
    ck_assert_ptr_null(sent_take(&taken));
    ck_assert_ptr_null(inbox_take(&inbox).first);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("clustering_inbox");
    TCase *tests = tcase_create("inbox");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_room_that_comes_and_goes_is_one_change);
    tcase_add_test(tests, what_nobody_wants_is_forgotten_once_nothing_needs_it);
    tcase_add_test(tests, a_room_that_could_not_be_dealt_with_is_taken_again);
    tcase_add_test(tests, with_a_connection_all_rooms_go_that_nobody_wants);
    tcase_add_test(tests, with_a_connection_rooms_stay_that_are_wanted_or_waited_for);
    tcase_add_test(tests, rooms_have_a_bound);
    tcase_add_test(tests, without_memory_a_room_is_not_wanted);
    tcase_add_test(tests, who_comes_back_is_taken_once_his_room_was);
    tcase_add_test(tests, who_comes_back_does_not_wait_for_his_room_at_the_end);
    tcase_add_test(tests, publishes_come_in_order_until_it_is_closed);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return no_memory_works() ? run_suite(make_suite()) : NO_MEMORY_SKIPPED;
}
