/* The memory engine with two hosts on two threads: one order for both, and an end of one while the
 * other goes on. */
#include "runner.h"
#include "toni_fake_node.h"

#include <pthread.h>

enum { MESSAGES = 500 };

static const toni_str room = TONI_LIT_INIT("/room");

struct place {
    toni_fake_node node;
    uint64_t incarnation;
    pthread_barrier_t *both;
    uint64_t epoch;
};

static struct place places[2];

static void begin(struct place *place)
{
    toni_fake_node_init(&place->node, place->incarnation);
    toni_fake_host_load(&place->node.host, TEST_PLUGINS_DIR "/memory_engine.so");
    toni_fake_node_attach(&place->node);
    toni_fake_node_connect(&place->node);
    toni_fake_node_subscribe(&place->node, &room, 1);
    (void)toni_fake_node_next(&place->node, TONI_TOLD_SUBSCRIBED);
    (void)pthread_barrier_wait(place->both);
}

static void publish(struct place *place)
{
    const toni_engine_publish one = toni_fake_node_message(&place->node, room, TONI_LIT("x"));
    toni_fake_node_publish(&place->node, &one);
    ck_assert_int_eq(toni_fake_node_next(&place->node, TONI_TOLD_PUBLISHED)->answer,
                     TONI_ENGINE_APPLIED);
}

static void *run(void *data)
{
    struct place *place = data;
    begin(place);
    for (int i = 0; i < MESSAGES; i++)
        publish(place);
    for (uint64_t offset = 1; offset <= 2 * MESSAGES; offset++) {
        const toni_told *told = toni_fake_node_next(&place->node, TONI_TOLD_MESSAGE);
        ck_assert_uint_eq(told->at.offset, offset);
        place->epoch = told->at.epoch;
    }
    (void)pthread_barrier_wait(place->both); /* nothing else is published before both have all */
    /* One goes at once, while the other still sends to it. */
    for (int i = 0; i < MESSAGES && place == &places[0]; i++)
        publish(place);
    toni_fake_node_detach(&place->node);
    return NULL;
}

START_TEST(two_threads_have_one_order)
{
    pthread_t threads[2];
    pthread_barrier_t both;
    ck_assert_int_eq(pthread_barrier_init(&both, NULL, 2), 0);
    for (uint64_t i = 0; i < 2; i++) {
        places[i].incarnation = i + 1;
        places[i].both = &both;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &places[i]), 0);
    }
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&both);
    ck_assert_uint_eq(places[0].epoch, places[1].epoch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory_engine_threads");
    TCase *threads = tcase_create("threads");
    tcase_add_test(threads, two_threads_have_one_order);
    suite_add_tcase(suite, threads);
    return run_suite(suite);
}
