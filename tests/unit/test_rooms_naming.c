/* How clients get their ids, alone and in a cluster. */
#include "rooms/naming.h"

#include "rooms_fixture.h"
#include "runner.h"

#include <pthread.h>
#include <stdlib.h>

static const struct node_identity first = {3, 1000}, second = {5, 2000};

START_TEST(alone_an_id_is_of_no_node)
{
    static struct naming naming;

    ck_assert_int_eq(naming_init(&naming), 0);
    const toni_client_id id = naming_next(&naming);
    ck_assert_uint_ne(id, 0);
    ck_assert_uint_eq(naming_origin(&naming, id).slot, 0);
}
END_TEST

START_TEST(in_a_cluster_ids_are_of_the_identity_that_the_host_has)
{
    static struct naming naming;

    ck_assert_int_eq(naming_init(&naming), 0);
    naming_identify(&naming, 99, first);
    const toni_client_id before = naming_next(&naming);
    naming_identify(&naming, 99, second);
    const toni_client_id after = naming_next(&naming);
    ck_assert(client_origin_is(naming_origin(&naming, before), first));
    ck_assert(client_origin_is(naming_origin(&naming, after), second));
}
END_TEST

START_TEST(one_that_can_make_no_more_ids_of_its_node_makes_its_own)
{
    static struct naming naming;

    ck_assert_int_eq(naming_init(&naming), 0);
    naming_identify(&naming, 99, first);
    naming.ids.next = UINT64_C(1) << CLIENT_ID_COUNTER_BITS;
    const toni_client_id id = naming_next(&naming);
    ck_assert_uint_ne(id, 0);
    ck_assert(!client_origin_is(naming_origin(&naming, id), first));
}
END_TEST

START_TEST(clients_stay_who_they_are_when_the_host_gets_another_identity)
{
    struct fixture fixture;
    struct peer *peers[3];

    fixture_init(&fixture, NULL, 1);
    struct naming *naming = &fixture.connections->naming;
    for (unsigned i = 0; i < 3; i++) {
        peers[i] = peer_connect(&fixture, 0);
        naming_identify(naming, 99, i == 0 ? first : second);
    }
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(toni_join_room(fixture.connections, peers[i]->id, toni_str_of("r")), 0);
    ck_assert(client_origin_is(naming_origin(naming, peers[1]->id), first));
    ck_assert(client_origin_is(naming_origin(naming, peers[2]->id), second));
    fixture_turn(&fixture);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(toni_leave_room(fixture.connections, peers[i]->id, toni_str_of("r")), 0);
        fixture_turn(&fixture);
        peer_destroy(&fixture, peers[i]);
    }
    fixture_finish(&fixture);
}
END_TEST

enum { THREADS = 4, EACH = 20000 };

static struct naming shared;
static toni_client_id made[THREADS * EACH];

static void *make(void *of)
{
    toni_client_id *ids = of;
    for (unsigned i = 0; i < EACH; i++)
        ids[i] = naming_next(&shared);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const toni_client_id x = *(const toni_client_id *)a, y = *(const toni_client_id *)b;
    return (x > y) - (x < y);
}

START_TEST(no_two_are_the_same_whoever_makes_them_and_whatever_happens_meanwhile)
{
    pthread_t threads[THREADS];

    ck_assert_int_eq(naming_init(&shared), 0);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make, made + (size_t)i * EACH), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        naming_identify(&shared, 99 + i / 500, (struct node_identity){1 + i % 7, i / 3});
        (void)naming_origin(&shared, i);
    }
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    qsort(made, THREADS * EACH, sizeof made[0], compare);
    for (size_t i = 1; i < THREADS * EACH; i++)
        ck_assert(made[i - 1] != made[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms_naming");
    TCase *tcase = tcase_create("naming");

    tcase_add_test(tcase, alone_an_id_is_of_no_node);
    tcase_add_test(tcase, in_a_cluster_ids_are_of_the_identity_that_the_host_has);
    tcase_add_test(tcase, one_that_can_make_no_more_ids_of_its_node_makes_its_own);
    tcase_add_test(tcase, clients_stay_who_they_are_when_the_host_gets_another_identity);
    tcase_add_test(tcase, no_two_are_the_same_whoever_makes_them_and_whatever_happens_meanwhile);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
