/* Memory that a thread has done with and uses again. That commands and batches are whole while it
 * does is the other tests' of core/rooms. */
#include "rooms/spares.h"
#include "runner.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 48 };

static struct spares spares;

static void *take(enum spare kind)
{
    void *memory = spare_take(kind, SIZE);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0xa5, SIZE); /* all of it is the caller's */
    return memory;
}

START_TEST(what_was_given_is_taken_again)
{
    void *taken[2 * SPARES_MAX];
    spares_attach(&spares);
    for (unsigned i = 0; i < 2 * SPARES_MAX; i++)
        taken[i] = take(SPARE_COMMAND);
    for (unsigned i = 0; i < 2 * SPARES_MAX; i++)
        spare_give(SPARE_COMMAND, taken[i]);
    const uint32_t kept = spares.lists[SPARE_COMMAND].count;
    ck_assert_uint_le(kept, SPARES_MAX);
    ck_assert_uint_eq(spares.lists[SPARE_BATCH].count, 0);
    for (unsigned i = 0; i < kept; i++) {
        void *memory = take(SPARE_COMMAND);
        unsigned of = 0;
        while (of < 2 * SPARES_MAX && taken[of] != memory)
            of++;
        ck_assert_uint_lt(of, 2 * SPARES_MAX);
        taken[of] = NULL; /* none twice */
        free(memory);
    }
    ck_assert_uint_eq(spares.lists[SPARE_COMMAND].count, 0);
}
END_TEST

START_TEST(none_is_given_nothing)
{
    spares_attach(&spares);
    spare_give(SPARE_BATCH, NULL);
    ck_assert_uint_eq(spares.lists[SPARE_BATCH].count, 0);
}
END_TEST

static void *give_on_another_thread(void *memory)
{
    spare_give(SPARE_BATCH, memory); /* it has none: this frees */
    return take(SPARE_BATCH);
}

START_TEST(threads_have_their_own)
{
    pthread_t thread;
    void *memory;
    spares_attach(&spares);
    ck_assert_int_eq(
        pthread_create(&thread, NULL, give_on_another_thread, spare_take(SPARE_BATCH, SIZE)), 0);
    ck_assert_int_eq(pthread_join(thread, &memory), 0);
    ck_assert_uint_eq(spares.lists[SPARE_BATCH].count, 0);
    spare_give(SPARE_BATCH, memory);
    spares_attach(NULL);
    spares_finish(&spares);
    ck_assert_uint_eq(spares.lists[SPARE_BATCH].count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/spares");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, what_was_given_is_taken_again);
    tcase_add_test(cases, none_is_given_nothing);
    tcase_add_test(cases, threads_have_their_own);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
