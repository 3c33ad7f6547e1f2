/* Who is let in, against plain counts, at random and from several threads; and that nothing remains
 * counted when all have left. */
#include "net/admission.h"
#include "runner.h"

#include <stdlib.h>

#define GATEWAYS 3
#define ADDRESSES 4
#define INSIDE_MAX 64

static const char *const addresses[ADDRESSES] = {"127.0.0.1", "10.0.0.9", "fe80::1", ""};

static struct limits limits_of(uint64_t connections, uint64_t per_address)
{
    struct limits limits = limits_default();
    limits.connections = connections;
    limits.connections_per_address = per_address;
    return limits;
}

struct inside {
    size_t gateway, address;
};

static void check_random(const struct limits *limits, const uint64_t gateway_limits[GATEWAYS])
{
    struct admission admission;
    atomic_uint_fast64_t gateways[GATEWAYS] = {0};
    struct inside inside[INSIDE_MAX];
    uint64_t of_address[ADDRESSES] = {0};
    size_t count = 0;
    ck_assert_int_eq(admission_init(&admission, limits), 0);
    for (int step = 0; step < 5000; step++) {
        if (count > 0 && rand() % 2 == 0) {
            size_t i = (size_t)rand() % count;
            struct inside one = inside[i];
            inside[i] = inside[--count];
            of_address[one.address]--;
            admission_leave(&admission, &gateways[one.gateway], addresses[one.address]);
        } else {
            struct inside one = {(size_t)rand() % GATEWAYS, (size_t)rand() % ADDRESSES};
            bool limited = limits->connections_per_address > 0 && addresses[one.address][0] != '\0';
            bool room = count < limits->connections &&
                        gateways[one.gateway] < gateway_limits[one.gateway] &&
                        (!limited || of_address[one.address] < limits->connections_per_address);
            ck_assert_int_eq(admission_enter(&admission, &gateways[one.gateway],
                                             gateway_limits[one.gateway], addresses[one.address]),
                             room);
            if (room) {
                inside[count++] = one;
                of_address[one.address]++;
            }
        }
        ck_assert_uint_eq(admission.count, count);
    }
    while (count-- > 0)
        admission_leave(&admission, &gateways[inside[count].gateway],
                        addresses[inside[count].address]);
    ck_assert_uint_eq(admission.count, 0);
    ck_assert_uint_eq(admission.addresses.count, 0);
    for (size_t i = 0; i < GATEWAYS; i++)
        ck_assert_uint_eq(gateways[i], 0);
    admission_finish(&admission);
}

START_TEST(test_each_limit_holds)
{
    const struct limits limits[] = {limits_of(10, 0), limits_of(INSIDE_MAX, 3), limits_of(7, 2)};
    const uint64_t gateway_limits[GATEWAYS] = {4, 100, 1};
    srand((unsigned)_i + 1);
    check_random(&limits[_i % 3], gateway_limits);
}
END_TEST

/* --- Threads */

struct crowd {
    struct admission admission;
    atomic_uint_fast64_t gateway, inside, most;
};

static void *come_and_go(void *data)
{
    struct crowd *crowd = data;
    for (int i = 0; i < 20000; i++) {
        const char *address = addresses[i % ADDRESSES];
        if (!admission_enter(&crowd->admission, &crowd->gateway, 3, address))
            continue;
        uint64_t inside = atomic_fetch_add(&crowd->inside, 1) + 1;
        if (inside > atomic_load(&crowd->most))
            atomic_store(&crowd->most, inside);
        atomic_fetch_sub(&crowd->inside, 1);
        admission_leave(&crowd->admission, &crowd->gateway, address);
    }
    return NULL;
}

START_TEST(test_threads_never_pass_a_limit_and_leave_nothing)
{
    struct crowd crowd = {0};
    struct limits limits = limits_of(100, 2);
    pthread_t threads[4];
    ck_assert_int_eq(admission_init(&crowd.admission, &limits), 0);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, &crowd), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_le(crowd.most, 3);
    ck_assert_uint_ge(crowd.most, 1);
    ck_assert_uint_eq(crowd.gateway, 0);
    ck_assert_uint_eq(crowd.admission.count, 0);
    ck_assert_uint_eq(crowd.admission.addresses.count, 0);
    admission_finish(&crowd.admission);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_admission");
    TCase *tcase = tcase_create("admission");
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, test_each_limit_holds, 0, 9);
    tcase_add_test(tcase, test_threads_never_pass_a_limit_and_leave_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
