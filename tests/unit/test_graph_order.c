/* Orders and rings of numbers, and random graphs: TONI_TEST_SEED repeats one. */
#include "graph/order.h"
#include "temporary_folder.h"

#include <inttypes.h>
#include <time.h>

static struct order order;

static void begin(size_t nodes, size_t edges)
{
    ck_assert_int_eq(order_init(&order, nodes, edges), 0);
}

static void check_order(size_t count, const size_t *expected)
{
    ck_assert(order_sort(&order));
    ck_assert_uint_eq(order.placed, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(order.nodes[i], expected[i]);
    order_finish(&order);
}

/* The ring's nodes, in its order. */
static void check_ring(size_t count, const size_t *expected)
{
    ck_assert(!order_sort(&order));
    ck_assert_uint_eq(order.ring_length, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(order.edges[order.ring[i]].user, expected[i]);
        ck_assert_uint_eq(order.edges[order.ring[i]].used, expected[(i + 1) % count]);
    }
}

#define NODES(...)                                                                                 \
    sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), (const size_t[])                             \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

START_TEST(nothing_is_in_order)
{
    begin(0, 0);
    ck_assert(order_sort(&order));
    ck_assert_uint_eq(order.placed, 0);
    order_finish(&order);
}
END_TEST

START_TEST(ties_stay_as_they_are)
{
    begin(4, 0);
    check_order(NODES(0, 1, 2, 3));
}
END_TEST

START_TEST(what_is_used_comes_first)
{
    begin(5, 4);
    order_add(&order, 0, 3);
    order_add(&order, 3, 4);
    order_add(&order, 0, 3); /* twice is fine */
    order_add(&order, 1, 0);
    check_order(NODES(2, 4, 3, 0, 1));
}
END_TEST

START_TEST(a_ring_begins_with_its_lowest)
{
    begin(5, 4);
    order_add(&order, 0, 3); /* leads in */
    order_add(&order, 3, 1);
    order_add(&order, 1, 4);
    order_add(&order, 4, 3);
    check_ring(NODES(1, 4, 3));
    ck_assert(order_sort(&order)); /* once it is cut */
    order_finish(&order);
}
END_TEST

START_TEST(one_can_be_a_ring_by_itself)
{
    begin(2, 1);
    order_add(&order, 1, 1);
    check_ring(NODES(1));
    check_order(NODES(0, 1));
}
END_TEST

START_TEST(all_rings_are_found)
{
    begin(5, 6);
    order_add(&order, 0, 1);
    order_add(&order, 1, 0);
    order_add(&order, 2, 0); /* a ring that shares a node with another */
    order_add(&order, 0, 2);
    order_add(&order, 3, 4);
    order_add(&order, 4, 3);
    check_ring(NODES(0, 1));
    check_ring(NODES(0, 2));
    check_ring(NODES(3, 4));
    check_order(NODES(1, 2, 0, 4, 3));
}
END_TEST

/* --- Random graphs */

static uint64_t seed_of_run(void)
{
    const char *given = getenv("TONI_TEST_SEED");
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return given ? strtoull(given, NULL, 10)
                 : (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
}

/* xorshift64* */
static size_t below(uint64_t *state, size_t most)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (size_t)((*state * 0x2545f4914f6cdd1du) >> 33) % most;
}

static size_t position(size_t node)
{
    size_t at = 0;

    while (order.nodes[at] != node)
        ck_assert_uint_lt(++at, order.placed);
    return at;
}

/* Stopping is the reverse: whoever uses another goes before it. */
static void check_all_edges(void)
{
    for (size_t i = 0; i < order.edge_count; i++) {
        const struct order_edge *edge = &order.edges[i];

        if (!edge->is_cut)
            ck_assert_uint_lt(position(edge->used), position(edge->user));
    }
}

static void check_is_ring(void)
{
    ck_assert_uint_ge(order.ring_length, 1);
    for (size_t i = 0; i < order.ring_length; i++) {
        const struct order_edge *edge = &order.edges[order.ring[i]];
        const struct order_edge *next = &order.edges[order.ring[(i + 1) % order.ring_length]];

        ck_assert_uint_eq(edge->used, next->user);
        ck_assert(edge->is_cut == (i == order.ring_length - 1));
    }
}

START_TEST(random_graphs)
{
    uint64_t state = seed_of_run() | 1;
    printf("TONI_TEST_SEED=%" PRIu64 "\n", state);
    (void)fflush(stdout);

    for (int run = 0; run < 2000; run++) {
        const size_t nodes = 1 + below(&state, 30), edges = below(&state, 60);
        const bool may_ring = below(&state, 2) == 0;
        size_t names[30] = {0}, rings = 0;

        for (size_t i = 0; i < nodes; i++) { /* a random order that is possible */
            const size_t other = below(&state, i + 1);
            names[i] = names[other];
            names[other] = i;
        }
        begin(nodes, edges);
        for (size_t i = 0; i < edges; i++) {
            const size_t a = below(&state, nodes), b = below(&state, nodes);

            if (may_ring || a > b)
                order_add(&order, names[a], names[b]);
        }
        while (!order_sort(&order)) {
            check_is_ring();
            rings++;
        }
        ck_assert(may_ring || rings == 0);
        ck_assert_uint_eq(order.placed, nodes);
        check_all_edges();
        order_finish(&order);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph_order");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, nothing_is_in_order);
    tcase_add_test(cases, ties_stay_as_they_are);
    tcase_add_test(cases, what_is_used_comes_first);
    tcase_add_test(cases, a_ring_begins_with_its_lowest);
    tcase_add_test(cases, one_can_be_a_ring_by_itself);
    tcase_add_test(cases, all_rings_are_found);
    tcase_add_test(cases, random_graphs);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
