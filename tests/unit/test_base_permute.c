/* Tests of base/permute. */
#include <stdint.h>
#include <stdlib.h>

#include "base/permute.h"
#include "dice.h"
#include "runner.h"

/* The paper's test vector for Speck64/128; there the highest word stands first. */
static const uint32_t paper_key[PERMUTE_KEY_WORDS] = {0x03020100, 0x0b0a0908, 0x13121110,
                                                      0x1b1a1918};
static const uint64_t paper_plain = UINT64_C(0x3b7265747475432d);
static const uint64_t paper_cipher = UINT64_C(0x8c6fa548454e028b);

START_TEST(agrees_with_the_published_vector)
{
    struct permute permute;

    permute_init(&permute, paper_key);
    ck_assert_uint_eq(permute_apply(&permute, paper_plain), paper_cipher);
}
END_TEST

START_TEST(the_way_back_agrees_with_the_published_vector)
{
    struct permute permute;

    permute_init(&permute, paper_key);
    ck_assert_uint_eq(permute_invert(&permute, paper_cipher), paper_plain);
}
END_TEST

START_TEST(whatever_the_key_the_way_back_leads_to_the_value)
{
    struct dice dice = {.state = 20261129};
    struct permute permute;

    for (unsigned i = 0; i < 1000; i++) {
        uint32_t key[PERMUTE_KEY_WORDS];
        for (unsigned word = 0; word < PERMUTE_KEY_WORDS; word++)
            key[word] = (uint32_t)dice_next(&dice);
        permute_init(&permute, key);
        for (unsigned j = 0; j < 100; j++) {
            const uint64_t value = dice_next(&dice);
            ck_assert_uint_eq(permute_invert(&permute, permute_apply(&permute, value)), value);
            ck_assert_uint_eq(permute_apply(&permute, permute_invert(&permute, value)), value);
        }
    }
}
END_TEST

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

START_TEST(a_counter_gives_ids_that_do_not_repeat)
{
    enum { COUNT = 200000 };
    static uint64_t ids[COUNT];
    struct permute permute;

    permute_init(&permute, paper_key);
    for (size_t i = 0; i < COUNT; i++)
        ids[i] = permute_apply(&permute, i);
    qsort(ids, COUNT, sizeof ids[0], compare);
    for (size_t i = 1; i < COUNT; i++)
        ck_assert(ids[i - 1] != ids[i]);
}
END_TEST

START_TEST(ids_do_not_tell_their_order)
{
    struct permute permute;
    unsigned rises = 0;

    permute_init(&permute, paper_key);
    for (uint64_t i = 0; i < 10000; i++)
        rises += permute_apply(&permute, i) < permute_apply(&permute, i + 1);
    ck_assert_uint_gt(rises, 4500);
    ck_assert_uint_lt(rises, 5500);
}
END_TEST

START_TEST(every_word_of_the_key_counts)
{
    struct permute permute;

    for (size_t i = 0; i < PERMUTE_KEY_WORDS; i++) {
        uint32_t key[PERMUTE_KEY_WORDS] = {paper_key[0], paper_key[1], paper_key[2], paper_key[3]};
        key[i] ^= 1;
        permute_init(&permute, key);
        ck_assert_uint_ne(permute_apply(&permute, paper_plain), paper_cipher);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/permute");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, agrees_with_the_published_vector);
    tcase_add_test(cases, the_way_back_agrees_with_the_published_vector);
    tcase_add_test(cases, whatever_the_key_the_way_back_leads_to_the_value);
    tcase_add_test(cases, a_counter_gives_ids_that_do_not_repeat);
    tcase_add_test(cases, ids_do_not_tell_their_order);
    tcase_add_test(cases, every_word_of_the_key_counts);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
