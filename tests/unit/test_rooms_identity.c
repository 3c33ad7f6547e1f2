/* What guards say of a client: bounds, what begins anew, and what is made of it. */
#include "base/clock.h"
#include "rooms/guard_notes.h"
#include "rooms/identity.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <toni/toni.h>

static toni_host table;
static struct guard_notes *notes;
static toni_request request;
static char bytes[IDENTITY_CLAIMS_BYTES + 1];
static char gateway, first_guard, second_guard;

static struct guard_notes **find_notes(void *context)
{
    (void)context;
    return &notes;
}

static const struct request_source guards = {
    .notes = find_notes, .takes_notes = true, .takes_identity = true};
static const struct request_source refreshes = {.notes = find_notes, .takes_identity = true};
static const struct request_source reads = {.notes = find_notes};

static void set_up(void)
{
    request_fill_table(&table);
    guard_notes_fill_table(&table);
    request = (toni_request){.host = &table, .source = &guards};
    memset(bytes, 'x', sizeof bytes);
    notes = NULL;
}

static void tear_down(void)
{
    guard_notes_destroy(notes);
}

static int32_t identify(toni_str subject, int64_t issued_s, int64_t expires_s)
{
    const toni_identity identity = {.struct_size = sizeof identity,
                                    .subject = subject,
                                    .issued_s = issued_s,
                                    .expires_s = expires_s};
    return toni_guard_identify(&request, &identity);
}

static int32_t claim(const char *name, size_t size)
{
    return toni_guard_add_claim(&request, toni_str_of(name), toni_str_make(bytes, size));
}

static struct identity *make(void)
{
    const struct identity_origin origin = {.guard = notes->identity->guard,
                                           .gateway = (struct slot *)&gateway};
    struct identity *identity = identity_create(notes->identity, &origin);
    ck_assert_ptr_nonnull(identity);
    return identity;
}

START_TEST(subjects_have_a_rule)
{
    ck_assert_int_eq(identify(toni_str_make(bytes, 0), 0, 0), TONI_ERR_INVALID);
    ck_assert_int_eq(identify(toni_str_make(bytes, 257), 0, 0), TONI_ERR_INVALID);
    ck_assert_int_eq(identify(TONI_LIT("a\nb"), 0, 0), TONI_ERR_INVALID);
    ck_assert_int_eq(identify(TONI_LIT("\xff"), 0, 0), TONI_ERR_INVALID);
    ck_assert_int_eq(identify(toni_str_make(NULL, 3), 0, 0), TONI_ERR_INVALID);
    ck_assert_int_eq(identify(TONI_LIT("ann"), -1, 0), TONI_ERR_INVALID);
    ck_assert_int_eq(identify(TONI_LIT("ann"), 0, -1), TONI_ERR_INVALID);
    ck_assert(!notes || !notes->identity);
    ck_assert_int_eq(identify(toni_str_make(bytes, 256), 0, 0), TONI_OK);
    ck_assert_int_eq(identify(TONI_LIT("\xc3\xa4"), 0, INT64_MAX), TONI_OK);
}
END_TEST

START_TEST(who_is_older_than_the_contract_is_refused)
{
    const toni_identity old = {.struct_size = 8, .subject = TONI_LIT("ann")};
    ck_assert_int_eq(toni_guard_identify(&request, &old), TONI_ERR_INVALID);
}
END_TEST

START_TEST(a_token_that_is_over_identifies_nobody)
{
    const int64_t now = time(NULL);
    ck_assert_int_eq(identify(TONI_LIT("ann"), 0, now - 1), TONI_ERR_UNAUTHORIZED);
    ck_assert_int_eq(claim("a", 1), TONI_ERR_INVALID);
    ck_assert_int_eq(identify(TONI_LIT("ann"), 0, now + 1000), TONI_OK);
}
END_TEST

/* Else it would be younger than a revocation that comes after it. */
START_TEST(a_token_of_the_future_counts_as_issued_now)
{
    const int64_t before = clock_wall_s();
    static const struct identity_origin nobody;
    for (int64_t lead_s = 20; lead_s <= 2000; lead_s *= 10) {
        ck_assert_int_eq(identify(TONI_LIT("ann"), before + lead_s, 0), TONI_OK);
        struct identity *identity = identity_create(notes->identity, &nobody);
        ck_assert_int_ge(identity_issued_s(identity), before);
        ck_assert_int_le(identity_issued_s(identity), clock_wall_s());
        ck_assert_int_le(identity->issued_s, clock_wall_s() + IDENTITY_LEAD_MAX_S);
        free(identity);
    }
}
END_TEST

START_TEST(claims_are_bounded_together)
{
    ck_assert_int_eq(claim("a", 1), TONI_ERR_INVALID); /* of nobody */
    ck_assert_int_eq(identify(TONI_LIT("ann"), 0, 0), TONI_OK);
    ck_assert_int_eq(claim("", 1), TONI_ERR_INVALID);
    ck_assert_int_eq(claim("a\tb", 1), TONI_ERR_INVALID);
    ck_assert_int_eq(claim("a", IDENTITY_CLAIMS_BYTES), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(claim("a", SIZE_MAX), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(claim("a", IDENTITY_CLAIMS_BYTES - 1), TONI_OK);
    ck_assert_int_eq(claim("a", 0), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(identify(TONI_LIT("ann"), 0, 0), TONI_OK); /* begins anew */
    for (int i = 0; i < IDENTITY_CLAIMS_MAX; i++)
        ck_assert_int_eq(claim("a", (size_t)i), TONI_OK);
    ck_assert_int_eq(claim("a", 0), TONI_ERR_LIMIT);
}
END_TEST

START_TEST(what_was_said_last_is_made)
{
    toni_str value;
    ck_assert_int_eq(identify(TONI_LIT("nobody"), 1, 0), TONI_OK);
    ck_assert_int_eq(claim("rooms", 5), TONI_OK);
    ck_assert_int_eq(identify(TONI_LIT("ann"), 7, 4000000000), TONI_OK);
    ck_assert_int_eq(claim("rooms", 2), TONI_OK);
    ck_assert_int_eq(claim("role", 0), TONI_OK);
    ck_assert_int_eq(claim("rooms", 3), TONI_OK);
    struct identity *identity = make();
    memset(notes->identity, '-', sizeof *notes->identity);
    ck_assert(toni_str_equal(identity->subject, TONI_LIT("ann")));
    ck_assert_int_eq(identity->issued_s, 7);
    ck_assert_int_eq(identity->expires_s, 4000000000);
    ck_assert_int_eq(identity_claim(identity, TONI_LIT("rooms"), 0, &value), TONI_OK);
    ck_assert_str_eq(value.data, "xx");
    ck_assert_int_eq(identity_claim(identity, TONI_LIT("rooms"), 1, &value), TONI_OK);
    ck_assert_str_eq(value.data, "xxx");
    ck_assert_int_eq(identity_claim(identity, TONI_LIT("rooms"), 2, &value), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(identity_claim(identity, TONI_LIT("role"), 0, &value), TONI_OK);
    ck_assert_uint_eq(value.size, 0);
    ck_assert_int_eq(identity_claim(identity, TONI_LIT("Role"), 0, &value), TONI_ERR_NOT_FOUND);
    ck_assert_int_eq(identity_claim(NULL, TONI_LIT("role"), 0, &value), TONI_ERR_NOT_FOUND);
    free(identity);
}
END_TEST

/* A guard that only adds claims does not become the one that identified. */
START_TEST(the_guard_that_named_the_subject_is_noted)
{
    guard_notes_asked(NULL, (struct slot *)&first_guard);
    ck_assert_int_eq(identify(TONI_LIT("ann"), 0, 0), TONI_OK);
    guard_notes_asked(notes, (struct slot *)&first_guard);
    ck_assert_int_eq(claim("a", 1), TONI_OK);
    guard_notes_asked(notes, (struct slot *)&second_guard);
    ck_assert_ptr_eq(notes->identity->guard, (struct slot *)&first_guard);
    ck_assert_int_eq(identify(TONI_LIT("bob"), 0, 0), TONI_OK);
    guard_notes_asked(notes, (struct slot *)&second_guard);
    ck_assert_ptr_eq(notes->identity->guard, (struct slot *)&second_guard);
}
END_TEST

START_TEST(who_may_not_say_it_is_refused)
{
    request.source = &refreshes;
    ck_assert_int_eq(identify(TONI_LIT("ann"), 0, 0), TONI_OK);
    ck_assert_int_eq(claim("a", 1), TONI_OK);
    ck_assert_int_eq(toni_guard_leave_value(&request, TONI_LIT("a"), TONI_LIT("b")),
                     TONI_ERR_INVALID);
    request.source = &reads;
    ck_assert_int_eq(identify(TONI_LIT("bob"), 0, 0), TONI_ERR_INVALID);
    ck_assert_int_eq(claim("a", 1), TONI_ERR_INVALID);
    request.source = NULL;
    ck_assert_int_eq(identify(TONI_LIT("bob"), 0, 0), TONI_ERR_INVALID);
    ck_assert_int_eq(claim("a", 1), TONI_ERR_INVALID);
    ck_assert_uint_eq(notes->identity->claim_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("identity");
    TCase *tests = tcase_create("identity");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, subjects_have_a_rule);
    tcase_add_test(tests, who_is_older_than_the_contract_is_refused);
    tcase_add_test(tests, a_token_that_is_over_identifies_nobody);
    tcase_add_test(tests, a_token_of_the_future_counts_as_issued_now);
    tcase_add_test(tests, claims_are_bounded_together);
    tcase_add_test(tests, what_was_said_last_is_made);
    tcase_add_test(tests, the_guard_that_named_the_subject_is_noted);
    tcase_add_test(tests, who_may_not_say_it_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
