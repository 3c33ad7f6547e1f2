/* Tests of base/random. That the bytes are random is the kernel's affair. */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "runner.h"

START_TEST(fills_exactly_what_was_asked_for)
{
    unsigned char bytes[64] = {0};

    ck_assert_int_eq(random_bytes(bytes + 16, 32), 0);
    for (size_t i = 0; i < 16; i++) {
        ck_assert_uint_eq(bytes[i], 0);
        ck_assert_uint_eq(bytes[48 + i], 0);
    }
}
END_TEST

START_TEST(two_keys_differ)
{
    unsigned char a[16] = {0};
    unsigned char b[16] = {0};

    ck_assert_int_eq(random_bytes(a, sizeof a), 0);
    ck_assert_int_eq(random_bytes(b, sizeof b), 0);
    ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

START_TEST(fills_more_than_one_call_must_give)
{
    static unsigned char bytes[1 << 20];
    size_t zeroes = 0;

    ck_assert_int_eq(random_bytes(bytes, sizeof bytes), 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        zeroes += bytes[i] == 0;
    /* 4,096 are to be expected; twice as many are beyond any chance. */
    ck_assert_uint_lt(zeroes, 8192);
}
END_TEST

START_TEST(no_bytes_are_no_fault)
{
    ck_assert_int_eq(random_bytes(NULL, 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/random");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, fills_exactly_what_was_asked_for);
    tcase_add_test(cases, two_keys_differ);
    tcase_add_test(cases, fills_more_than_one_call_must_give);
    tcase_add_test(cases, no_bytes_are_no_fault);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
