/* Exchanges that are kept: answered once, late, gone, withdrawn, too many, by streams, and by many
 * threads at once. */
#include "instance/kept.h"
#include "runner.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <toni/error.h>

#define MOST 3

static struct kept_list list;
static char instances[2]; /* their addresses stand for two instances */

#define ONE ((struct instance *)(void *)&instances[0])
#define OTHER ((struct instance *)(void *)&instances[1])

static sem_t awake; /* one more for each that was woken */

/* An owner in memory: what libmicrohttpd does with a connection, as flags. */
struct owner {
    struct kept kept; /* first */
    bool sleeps, has_gone, is_stalled;
    int woken, ended;
};

static struct owner *owner_of(const struct kept *kept)
{
    return (struct owner *)(uintptr_t)kept;
}

static void sleep_on(struct kept *kept)
{
    ck_assert(!owner_of(kept)->sleeps);
    owner_of(kept)->sleeps = true;
}

static void wake(struct kept *kept)
{
    ck_assert_msg(owner_of(kept)->sleeps, "who is not asleep must not be woken");
    owner_of(kept)->sleeps = false;
    owner_of(kept)->woken++;
    sem_post(&awake);
}

static bool is_gone(const struct kept *kept)
{
    ck_assert_msg(owner_of(kept)->sleeps || kept->is_stream, "who is awake looks by itself");
    return owner_of(kept)->has_gone;
}

static bool is_stalled(struct kept *kept, uint64_t now_ms)
{
    (void)now_ms;
    ck_assert(kept->is_stream);
    return owner_of(kept)->is_stalled;
}

static void over(struct kept *kept)
{
    ck_assert(kept->is_stream);
    ck_assert(kept->outcome != KEPT_WAITS);
    owner_of(kept)->ended++;
}

static struct owner make(struct instance *instance, uint64_t due_ms)
{
    return (struct owner){.kept = {
                              .instance = instance,
                              .due_ms = due_ms,
                              .wake = wake,
                              .is_gone = is_gone,
                              .is_stalled = is_stalled,
                              .over = over,
                          }};
}

static int32_t begin(struct owner *owner)
{
    uint64_t id = 0;
    const int32_t result = kept_begin(&list, &owner->kept, &id);
    ck_assert_uint_eq(id, result == TONI_OK ? owner->kept.id : 0);
    return result;
}

/* @return Whether it still waited. */
static bool answer(const struct instance *instance, uint64_t id)
{
    struct kept *kept = kept_lock(&list, instance, id);
    if (!kept)
        return false;
    kept_decide(kept, KEPT_ANSWERED);
    kept_unlock(kept);
    return true;
}

/* @return Whether it had no outcome, and sleeps now. */
static bool go_to_sleep(struct owner *owner)
{
    kept_hold(&owner->kept);
    const bool waits = owner->kept.outcome == KEPT_WAITS;
    if (waits)
        kept_sleep(&owner->kept, sleep_on);
    kept_unlock(&owner->kept);
    return waits;
}

static int32_t stream(const struct owner *owner)
{
    struct kept *kept = kept_lock(&list, owner->kept.instance, owner->kept.id);
    if (!kept)
        return TONI_ERR_NOT_FOUND;
    const int32_t result = kept_stream(kept);
    kept_unlock(kept);
    return result;
}

static void set_up(void)
{
    ck_assert_int_eq(kept_list_init(&list, MOST, MOST), 0);
    ck_assert_int_eq(sem_init(&awake, 0, 0), 0);
}

static void tear_down(void)
{
    ck_assert_uint_eq(counter_read(&list.waiting), 0);
    ck_assert_uint_eq(counter_read(&list.streams), 0);
    kept_list_finish(&list);
}

static void expect_ends(struct owner *owner, enum kept_outcome outcome)
{
    ck_assert(!owner->sleeps);
    ck_assert(!go_to_sleep(owner));
    ck_assert_uint_eq(kept_end(&owner->kept, KEPT_GONE), outcome);
    ck_assert_uint_eq(counter_read(&list.outcomes[outcome]), 1);
}

START_TEST(an_answer_wakes_its_owner_once)
{
    struct owner owner = make(ONE, 1000);
    ck_assert_int_eq(begin(&owner), TONI_OK);
    ck_assert(go_to_sleep(&owner));
    ck_assert(answer(ONE, owner.kept.id));
    ck_assert(!answer(ONE, owner.kept.id));
    ck_assert_int_eq(owner.woken, 1);
    expect_ends(&owner, KEPT_ANSWERED);
}
END_TEST

START_TEST(an_answer_before_its_owner_sleeps_wakes_nobody)
{
    struct owner owner = make(ONE, 1000);
    ck_assert_int_eq(begin(&owner), TONI_OK);
    ck_assert(answer(ONE, owner.kept.id));
    expect_ends(&owner, KEPT_ANSWERED);
    ck_assert_int_eq(owner.woken, 0);
}
END_TEST

START_TEST(only_the_instance_that_has_kept_it_finds_it)
{
    struct owner owner = make(ONE, 1000);
    ck_assert_int_eq(begin(&owner), TONI_OK);
    ck_assert(!answer(OTHER, owner.kept.id));
    ck_assert(!answer(ONE, owner.kept.id + 1));
    ck_assert(!answer(ONE, 0));
    ck_assert(answer(ONE, owner.kept.id));
    expect_ends(&owner, KEPT_ANSWERED);
}
END_TEST

START_TEST(what_is_late_or_gone_is_decided_by_the_sweep)
{
    struct owner late = make(ONE, 1000), gone = make(ONE, 2000), stays = make(ONE, 2000);
    ck_assert_int_eq(begin(&late), TONI_OK);
    ck_assert_int_eq(begin(&gone), TONI_OK);
    ck_assert_int_eq(begin(&stays), TONI_OK);
    ck_assert(go_to_sleep(&late));
    kept_sweep(&list, 999, 0);
    ck_assert_uint_eq(counter_read(&list.waiting), 3);
    gone.has_gone = true;
    kept_sweep(&list, 999, 0);    /* it is awake still */
    kept_sweep(&list, 1099, 100); /* nobody could have answered for 100 ms of that */
    ck_assert(go_to_sleep(&gone));
    ck_assert_uint_eq(counter_read(&list.waiting), 3);
    kept_sweep(&list, 1100, 0);
    expect_ends(&late, KEPT_LATE);
    expect_ends(&gone, KEPT_GONE);
    ck_assert_int_eq(late.woken + gone.woken, 2);
    ck_assert(answer(ONE, stays.kept.id));
    ck_assert(!answer(ONE, late.kept.id));
    expect_ends(&stays, KEPT_ANSWERED);
}
END_TEST

START_TEST(an_instance_that_ends_loses_its_own)
{
    struct owner one = make(ONE, 1000), other = make(OTHER, 1000);
    ck_assert_int_eq(begin(&one), TONI_OK);
    ck_assert_int_eq(begin(&other), TONI_OK);
    ck_assert(go_to_sleep(&one));
    kept_withdraw(&list, ONE);
    expect_ends(&one, KEPT_WITHDRAWN);
    ck_assert(answer(OTHER, other.kept.id));
    expect_ends(&other, KEPT_ANSWERED);
}
END_TEST

START_TEST(a_closed_list_withdraws_all_and_takes_none)
{
    struct owner one = make(ONE, 1000), late = make(ONE, 1000);
    ck_assert_int_eq(begin(&one), TONI_OK);
    ck_assert(go_to_sleep(&one));
    kept_close(&list);
    expect_ends(&one, KEPT_WITHDRAWN);
    ck_assert_int_eq(begin(&late), TONI_ERR_CLOSING);
}
END_TEST

START_TEST(there_are_so_many_at_a_time)
{
    struct owner owners[MOST + 1];
    for (int i = 0; i <= MOST; i++) {
        owners[i] = make(ONE, 1000);
        ck_assert_int_eq(begin(&owners[i]), i < MOST ? TONI_OK : TONI_ERR_LIMIT);
    }
    ck_assert_uint_eq(counter_read(&list.outcomes[KEPT_REFUSED]), 1);
    ck_assert_uint_eq(kept_end(&owners[1].kept, KEPT_GONE), KEPT_WAITS);
    ck_assert_uint_eq(counter_read(&list.outcomes[KEPT_GONE]), 1);
    ck_assert_int_eq(begin(&owners[MOST]), TONI_OK);
    kept_withdraw(&list, ONE);
    for (int i = 0; i <= MOST; i++) {
        if (i != 1)
            ck_assert_uint_eq(kept_end(&owners[i].kept, KEPT_GONE), KEPT_WITHDRAWN);
    }
}
END_TEST

START_TEST(a_stream_is_answered_and_goes_on)
{
    struct owner owner = make(ONE, 1000), next = make(ONE, 1000);
    ck_assert_int_eq(begin(&owner), TONI_OK);
    ck_assert(go_to_sleep(&owner));
    ck_assert_int_eq(stream(&owner), TONI_OK);
    ck_assert_int_eq(owner.woken, 1);
    ck_assert_uint_eq(counter_read(&list.outcomes[KEPT_ANSWERED]), 1);
    ck_assert_uint_eq(counter_read(&list.streams), 1);
    ck_assert(go_to_sleep(&owner)); /* nothing is written yet */
    kept_sweep(&list, 5000, 0);     /* it has no time of its own */
    ck_assert_int_eq(owner.ended, 0);
    ck_assert_int_eq(begin(&next), TONI_OK); /* and takes no place of those that wait */
    kept_hold(&owner.kept);
    kept_wake(&owner.kept);
    kept_decide(&owner.kept, KEPT_ENDED);
    kept_unlock(&owner.kept);
    ck_assert_int_eq(owner.woken, 2);
    ck_assert_int_eq(owner.ended, 1);
    ck_assert_int_eq(stream(&owner), TONI_ERR_NOT_FOUND);
    ck_assert_uint_eq(kept_end(&owner.kept, KEPT_GONE), KEPT_ENDED);
    ck_assert_uint_eq(counter_read(&list.streamed[KEPT_ENDED]), 1);
    ck_assert_int_eq(owner.ended, 1);
    ck_assert_uint_eq(kept_end(&next.kept, KEPT_GONE), KEPT_WAITS);
}
END_TEST

START_TEST(a_stream_that_stalls_or_is_gone_ends)
{
    struct owner stalls = make(ONE, 1000), gone = make(ONE, 1000), closed = make(ONE, 1000);
    ck_assert_int_eq(begin(&stalls), TONI_OK);
    ck_assert_int_eq(begin(&gone), TONI_OK);
    ck_assert_int_eq(begin(&closed), TONI_OK);
    ck_assert_int_eq(stream(&stalls), TONI_OK);
    ck_assert_int_eq(stream(&gone), TONI_OK);
    ck_assert_int_eq(stream(&closed), TONI_OK);
    stalls.is_stalled = gone.has_gone = true;
    kept_sweep(&list, 1, 0);
    ck_assert_uint_eq(counter_read(&list.streamed[KEPT_STALLED]), 1);
    ck_assert_uint_eq(counter_read(&list.streamed[KEPT_GONE]), 1);
    ck_assert_uint_eq(kept_end(&closed.kept, KEPT_GONE), KEPT_WAITS); /* its connection has ended */
    ck_assert_int_eq(stalls.ended + gone.ended + closed.ended, 3);
    ck_assert_uint_eq(kept_end(&stalls.kept, KEPT_GONE), KEPT_STALLED);
    ck_assert_uint_eq(kept_end(&gone.kept, KEPT_GONE), KEPT_GONE);
}
END_TEST

START_TEST(a_drain_ends_streams_alone)
{
    struct owner waits = make(ONE, 1000), streams = make(ONE, 1000);
    ck_assert_int_eq(begin(&waits), TONI_OK);
    ck_assert_int_eq(begin(&streams), TONI_OK);
    ck_assert_int_eq(stream(&streams), TONI_OK);
    kept_end_streams(&list);
    ck_assert_int_eq(streams.ended, 1);
    ck_assert_int_eq(stream(&waits), TONI_ERR_CLOSING);
    ck_assert(answer(ONE, waits.kept.id));
    ck_assert_uint_eq(kept_end(&streams.kept, KEPT_GONE), KEPT_WITHDRAWN);
    ck_assert_uint_eq(kept_end(&waits.kept, KEPT_GONE), KEPT_ANSWERED);
}
END_TEST

START_TEST(there_are_so_many_streams_at_a_time)
{
    struct owner owners[MOST + 1];
    for (int i = 0; i <= MOST; i++) {
        owners[i] = make(ONE, 1000);
        ck_assert_int_eq(begin(&owners[i]), TONI_OK);
        ck_assert_int_eq(stream(&owners[i]), i < MOST ? TONI_OK : TONI_ERR_LIMIT);
    }
    kept_withdraw(&list, ONE);
    for (int i = 0; i <= MOST; i++)
        ck_assert_uint_eq(kept_end(&owners[i].kept, KEPT_GONE), KEPT_WITHDRAWN);
}
END_TEST

/* --- From several threads: of all who decide about one, exactly one does. */

#define ROUNDS 2000

static atomic_uint_fast64_t shown; /* the id that is to be answered; 0: none yet */
static atomic_bool is_over;
static atomic_int answers;

static void *answer_all(void *data)
{
    (void)data;
    while (!atomic_load(&is_over)) {
        if (answer(ONE, atomic_load(&shown)))
            atomic_fetch_add(&answers, 1);
        sched_yield();
    }
    return NULL;
}

static void *sweep_all(void *data)
{
    (void)data;
    while (!atomic_load(&is_over)) {
        kept_sweep(&list, 500, 0);
        sched_yield();
    }
    return NULL;
}

START_TEST(of_all_who_decide_one_does)
{
    pthread_t threads[3];
    int late = 0;
    ck_assert_int_eq(pthread_create(&threads[0], NULL, answer_all, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[1], NULL, answer_all, NULL), 0);
    ck_assert_int_eq(pthread_create(&threads[2], NULL, sweep_all, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct owner owner = make(ONE, i % 2 ? 400 : 1000);
        ck_assert_int_eq(begin(&owner), TONI_OK);
        atomic_store(&shown, owner.kept.id);
        if (go_to_sleep(&owner))
            sem_wait(&awake);
        const enum kept_outcome outcome = kept_end(&owner.kept, KEPT_GONE);
        ck_assert(outcome == KEPT_ANSWERED || outcome == KEPT_LATE);
        ck_assert(!owner.sleeps);
        late += outcome == KEPT_LATE;
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(late + atomic_load(&answers), ROUNDS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kept");
    TCase *tests = tcase_create("kept");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_answer_wakes_its_owner_once);
    tcase_add_test(tests, an_answer_before_its_owner_sleeps_wakes_nobody);
    tcase_add_test(tests, only_the_instance_that_has_kept_it_finds_it);
    tcase_add_test(tests, what_is_late_or_gone_is_decided_by_the_sweep);
    tcase_add_test(tests, an_instance_that_ends_loses_its_own);
    tcase_add_test(tests, a_closed_list_withdraws_all_and_takes_none);
    tcase_add_test(tests, there_are_so_many_at_a_time);
    tcase_add_test(tests, a_stream_is_answered_and_goes_on);
    tcase_add_test(tests, a_stream_that_stalls_or_is_gone_ends);
    tcase_add_test(tests, a_drain_ends_streams_alone);
    tcase_add_test(tests, there_are_so_many_streams_at_a_time);
    tcase_add_test(tests, of_all_who_decide_one_does);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
