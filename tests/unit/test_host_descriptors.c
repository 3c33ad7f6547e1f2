/* How descriptors are shared out: never more than there are, and what the limits say if they do. */
#include "host/descriptors.h"
#include "runner.h"

#include <stdlib.h>

static struct limits limits_of(uint64_t connections, uint64_t http_connections)
{
    struct limits limits = limits_default();
    limits.connections = connections;
    limits.http_connections = http_connections;
    return limits;
}

/* At least what clients may take: spare places and copies come on top. */
static uint64_t taken(const struct descriptor_shares *shares, size_t http_addresses)
{
    return shares->connections + shares->handshakes + http_addresses * shares->http_connections;
}

START_TEST(test_tls_takes_three_for_each)
{
    const struct limits limits = limits_of(10, 1000);
    struct descriptor_demand demand = {.limits = &limits, .workers = 1, .http_addresses = 1};
    struct descriptor_shares plain, tls;
    ck_assert(descriptors_share_out(2000, &demand, &plain));
    demand.is_tls = true;
    ck_assert(descriptors_share_out(2000, &demand, &tls));
    ck_assert_uint_le(3 * tls.http_connections, plain.http_connections + 200);
    ck_assert_uint_lt(tls.http_connections, plain.http_connections);
    ck_assert_uint_eq(tls.connections, 10);
}
END_TEST

START_TEST(test_what_fits_stays)
{
    const struct limits limits = limits_of(10000, 1000);
    const struct descriptor_demand demand = {.limits = &limits, .workers = 2, .http_addresses = 1};
    struct descriptor_shares shares;
    ck_assert(!descriptors_share_out(20000, &demand, &shares));
    ck_assert_uint_eq(shares.connections, 10000);
    ck_assert_uint_eq(shares.handshakes, 1024);
    ck_assert_uint_eq(shares.http_connections, 1000);
}
END_TEST

START_TEST(test_connections_are_lowered_first)
{
    const struct limits limits = limits_of(10000, 100);
    const struct descriptor_demand demand = {.limits = &limits, .workers = 2, .http_addresses = 1};
    struct descriptor_shares shares;
    ck_assert(descriptors_share_out(5000, &demand, &shares));
    ck_assert_uint_eq(shares.http_connections, 100);
    ck_assert_uint_eq(shares.handshakes, 1024);
    ck_assert_uint_gt(shares.connections, 3000);
    ck_assert_uint_lt(shares.connections, 5000 - 1024 - 100);
}
END_TEST

START_TEST(test_everybody_gets_some_of_few)
{
    const struct limits limits = limits_of(10000, 1000);
    for (uint64_t left = 60; left < 20000; left += 7) {
        for (size_t addresses = 0; addresses < 3; addresses++) {
            const struct descriptor_demand demand = {
                .limits = &limits, .workers = 1, .http_addresses = addresses};
            struct descriptor_shares shares;
            (void)descriptors_share_out(left, &demand, &shares);
            ck_assert_uint_le(taken(&shares, addresses), left);
            ck_assert_uint_ge(shares.connections, 1);
            ck_assert_uint_ge(shares.connections, left / 5 < 10000 ? left / 5 : 10000);
            ck_assert_uint_ge(shares.handshakes, 1);
            ck_assert_uint_ge(shares.http_connections, 1);
            ck_assert_uint_le(addresses * shares.http_connections, 2 * 1000);
        }
    }
}
END_TEST

/* Where there is enough to start at all, what clients may take leaves the engine's alone. */
START_TEST(test_clients_leave_the_engine_its_own)
{
    const struct limits limits = limits_of(10000, 1000);
    for (size_t addresses = 0; addresses < 3; addresses++) {
        const struct descriptor_demand demand = {
            .limits = &limits, .workers = 1, .http_addresses = addresses, .engine = 12};
        uint64_t fewest = 0;
        while (!descriptors_are_enough(fewest, &demand))
            fewest++;
        ck_assert_uint_ge(fewest, 12 + 2 + addresses);
        for (uint64_t left = fewest; left < 3000; left++) {
            struct descriptor_shares shares;
            ck_assert(descriptors_are_enough(left, &demand));
            ck_assert(descriptors_share_out(left - demand.engine, &demand, &shares));
            ck_assert_uint_le(taken(&shares, addresses) + demand.engine, left);
        }
    }
}
END_TEST

START_TEST(test_none_left_is_no_fault)
{
    const struct limits limits = limits_of(10, 10);
    const struct descriptor_demand demand = {.limits = &limits, .workers = 1, .http_addresses = 1};
    struct descriptor_shares shares;
    ck_assert(descriptors_share_out(0, &demand, &shares));
    ck_assert_uint_eq(shares.connections, 1);
    ck_assert_uint_eq(shares.http_connections, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host_descriptors");
    TCase *tcase = tcase_create("descriptors");
    tcase_add_test(tcase, test_what_fits_stays);
    tcase_add_test(tcase, test_tls_takes_three_for_each);
    tcase_add_test(tcase, test_connections_are_lowered_first);
    tcase_add_test(tcase, test_everybody_gets_some_of_few);
    tcase_add_test(tcase, test_clients_leave_the_engine_its_own);
    tcase_add_test(tcase, test_none_left_is_no_fault);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
