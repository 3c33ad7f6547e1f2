/* A node announces itself: what that says, and to whom it says anything. */
#include "cluster/control.h"

#include "no_memory.h"
#include "runner.h"

#include <string.h>

static const struct node_identity me = {1, 100}, other = {2, 200};
static const struct control_settings settings = {
    .asks_max = 4, .receipts_max = 4, .nameless = 88, .bytes_max = 1u << 20, .nodes_max = 8};
static const struct control_request join = {
    .form = CONTROL_JOIN, .client = 77, .room = {"lobby", 5}, .space = {"quiz", 4}};

static struct control_table *control;

static void begin(void)
{
    control = control_table_create(&settings);
    ck_assert_ptr_nonnull(control);
    control_held(control, me);
}

/* The table has nothing to send, and holds nothing. */
static void end(void)
{
    struct control_send send;

    ck_assert(!control_take_send(control, &send));
    ck_assert_uint_eq(control_bytes(control), 0);
    control_table_destroy(control);
}

static bool announces(struct payload *payload)
{
    ck_assert_ptr_nonnull(payload);
    const bool is_new = control_announces(control, payload->bytes, payload->size);
    payload_unref(payload);
    return is_new;
}

START_TEST(a_node_says_to_all_who_it_is)
{
    struct control_frame frame;
    struct control_send send;

    begin();
    ck_assert_int_eq(control_announce(control), CLUSTER_DONE);
    ck_assert(control_take_send(control, &send));
    ck_assert_uint_eq(send.slot, CONTROL_ALL);
    ck_assert(control_read(send.payload->bytes, send.payload->size, &frame));
    ck_assert_int_eq(frame.request.form, CONTROL_ANNOUNCE);
    ck_assert(node_identity_equal(frame.head.from, me));
    payload_unref(send.payload);
    control_sent(control, send.cookie, PUBLISH_OK, 3, 1000); /* which nobody waits for */
    control_sent(control, send.cookie, PUBLISH_REJECTED, 0, 1000);
    end();
}
END_TEST

START_TEST(without_an_identity_there_is_nothing_to_say)
{
    begin();
    control_lost(control);
    ck_assert_int_eq(control_announce(control), CLUSTER_BUSY);
    end();
}
END_TEST

START_TEST(without_memory_nothing_is_said)
{
    begin();
    for (unsigned left_over = 0; left_over < 2; left_over++) {
        int status = CLUSTER_DONE;
        WITH_ALLOCATIONS(left_over, status = control_announce(control));
        ck_assert_int_eq(status, CLUSTER_NO_MEMORY);
    }
    end();
}
END_TEST

START_TEST(who_is_not_seen_yet_is_new_and_nobody_else)
{
    struct payload *name = payload_create("other", 5, 0);

    begin();
    ck_assert(!announces(control_announcement_write(me)));
    ck_assert(announces(control_announcement_write(other)));
    control_seen(control, other, name);
    ck_assert(!announces(control_announcement_write(other)));
    ck_assert(announces(control_announcement_write((struct node_identity){2, 201})));
    control_gone(control, other);
    ck_assert(announces(control_announcement_write(other)));
    payload_unref(name);
    end();
}
END_TEST

/* What a request costs is answered by one node, not by all that hear it. */
START_TEST(nothing_else_means_anything_to_all)
{
    const struct control_head head = {.number = 9, .from = other, .to = me};
    const struct control_head to_others = {.number = 9, .from = me, .to = other};

    begin();
    ck_assert(!announces(control_request_write(&head, &join)));
    ck_assert(!announces(control_request_write(&to_others, &join)));
    ck_assert(!announces(control_answer_write(&head, &(struct control_answer){0})));
    ck_assert(!control_announces(control, "", 0));
    end();
}
END_TEST

START_TEST(an_announcement_on_the_channel_of_a_slot_means_nothing)
{
    struct payload *payload = control_announcement_write(other);
    struct control_frame frame;

    begin();
    ck_assert(!control_message(control, payload->bytes, payload->size, &frame));
    payload_unref(payload);
    end();
}
END_TEST

START_TEST(who_asks_without_a_slot_is_not_answered_in_the_channel_of_all)
{
    const struct control_head head = {.number = 9, .from = {0, 5}, .to = other};
    struct payload *payload = control_request_write(&head, &join);
    struct control_frame frame;

    begin();
    ck_assert(!control_message(control, payload->bytes, payload->size, &frame));
    ck_assert_int_eq(control_reply(control, &head, &(struct control_answer){0}), CLUSTER_INVALID);
    payload_unref(payload);
    end();
}
END_TEST

START_TEST(what_is_cut_or_has_more_announces_nobody)
{
    struct payload *payload = control_announcement_write(other);
    uint8_t longer[128] = {0};

    begin();
    for (size_t size = 0; size < payload->size; size++)
        ck_assert(!control_announces(control, payload->bytes, size));
    memcpy(longer, payload->bytes, payload->size);
    ck_assert(!control_announces(control, longer, payload->size + 1));
    payload_unref(payload);
    end();
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    Suite *suite = suite_create("cluster_announce");
    TCase *tcase = tcase_create("announce");

    tcase_add_test(tcase, a_node_says_to_all_who_it_is);
    tcase_add_test(tcase, without_an_identity_there_is_nothing_to_say);
    tcase_add_test(tcase, without_memory_nothing_is_said);
    tcase_add_test(tcase, who_is_not_seen_yet_is_new_and_nobody_else);
    tcase_add_test(tcase, nothing_else_means_anything_to_all);
    tcase_add_test(tcase, an_announcement_on_the_channel_of_a_slot_means_nothing);
    tcase_add_test(tcase, who_asks_without_a_slot_is_not_answered_in_the_channel_of_all);
    tcase_add_test(tcase, what_is_cut_or_has_more_announces_nobody);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
