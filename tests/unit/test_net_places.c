/* Who loses his place, beside a plain model that looks at all sockets: at random, with few and with
 * many addresses, and from several threads; and that nothing remains when all are gone. */
#include "net/places.h"
#include "runner.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define SOCKETS_MAX 100
#define NO_FD (-1) /* shutting it down does nothing */

static uint64_t now_ms = 1000;

uint64_t __wrap_clock_now_ms(void);

uint64_t __wrap_clock_now_ms(void)
{
    return now_ms;
}

static struct sockaddr_storage ipv4(uint32_t number)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_in *address = (struct sockaddr_in *)&peer;
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(number);
    address->sin_port = htons((uint16_t)(rand() % 65536)); /* makes no difference */
    return peer;
}

static struct sockaddr_storage ipv6(const char *text)
{
    struct sockaddr_storage peer = {0};
    struct sockaddr_in6 *address = (struct sockaddr_in6 *)&peer;
    address->sin6_family = AF_INET6;
    ck_assert_int_eq(inet_pton(AF_INET6, text, &address->sin6_addr), 1);
    return peer;
}

static struct sockaddr_storage unix_peer(void)
{
    return (struct sockaddr_storage){.ss_family = AF_UNIX};
}

/* --- The model */

struct socket {
    struct place place;
    bool is_there;
    bool is_waiting;
    uint32_t address;
    uint64_t since; /* when it began to wait */
};

struct model {
    struct places places;
    struct socket sockets[SOCKETS_MAX];
    uint64_t clock;
    uint64_t count;
    uint64_t evicted;
};

static uint64_t count_waiting(const struct model *model, uint32_t address)
{
    uint64_t count = 0;
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        count += model->sockets[i].is_waiting && model->sockets[i].address == address;
    return count;
}

static uint64_t most_waiting(const struct model *model)
{
    uint64_t most = 0;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        uint64_t count =
            model->sockets[i].is_waiting ? count_waiting(model, model->sockets[i].address) : 0;
        most = count > most ? count : most;
    }
    return most;
}

static struct socket *oldest_of(struct model *model, uint32_t address)
{
    struct socket *oldest = NULL;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        struct socket *each = &model->sockets[i];
        if (each->is_waiting && each->address == address &&
            (!oldest || each->since < oldest->since))
            oldest = each;
    }
    return oldest;
}

/* What the places have ended, if anything, must be the oldest of an address with the most. */
static void take_note_of_the_ended(struct model *model)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        struct socket *each = &model->sockets[i];
        if (!each->is_there || !each->place.is_ended || !each->is_waiting)
            continue;
        ck_assert_uint_eq(count_waiting(model, each->address), most_waiting(model));
        ck_assert_ptr_eq(each, oldest_of(model, each->address));
        each->is_waiting = false;
        model->evicted++;
    }
}

static void add(struct model *model, struct socket *socket, uint32_t address)
{
    const struct sockaddr_storage peer = ipv4(address);
    ck_assert_int_eq(places_take(&model->places, &socket->place, NO_FD, &peer), 0);
    socket->is_there = true;
    socket->is_waiting = true;
    socket->address = address;
    socket->since = ++model->clock;
    model->count++;
}

static void wait_for(struct model *model, struct socket *socket)
{
    places_arrive(&model->places, &socket->place);
    places_wait(&model->places, &socket->place, rand() % 2);
    socket->is_waiting = !socket->place.is_ended;
    socket->since = ++model->clock;
}

static void remove_socket(struct model *model, struct socket *socket)
{
    places_give_back(&model->places, &socket->place);
    socket->is_there = socket->is_waiting = false;
    model->count--;
}

/* They have a place still. */
static uint64_t count_ended(const struct model *model)
{
    uint64_t count = 0;
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        count += model->sockets[i].is_there && model->sockets[i].place.is_ended;
    return count;
}

/* As if one more had been accepted. */
static void make_room(struct model *model)
{
    const uint64_t capacity = model->places.capacity, before = model->evicted;
    const bool has_victim = most_waiting(model) > 0;
    ck_assert_int_eq(places_have_room(&model->places, model->count),
                     model->count < capacity ||
                         (model->count < capacity + places_spare(capacity) && has_victim));
    now_ms += PLACES_GRACE_MS;
    places_make_room(&model->places, capacity + count_ended(model));
    take_note_of_the_ended(model);
    ck_assert_uint_eq(model->evicted, before);
    places_make_room(&model->places, capacity + count_ended(model) + 1);
    take_note_of_the_ended(model);
    ck_assert_uint_eq(model->evicted - before, has_victim);
}

static void step(struct model *model, uint32_t addresses)
{
    struct socket *socket = &model->sockets[rand() % SOCKETS_MAX];
    if (!socket->is_there) {
        add(model, socket, (uint32_t)rand() % addresses);
        return;
    }
    switch (socket->place.is_ended ? 0 : rand() % 8) {
    case 0:
        remove_socket(model, socket);
        break;
    case 1:
        places_serve(&model->places, &socket->place);
        socket->is_waiting = false;
        break;
    case 2:
    case 3:
        make_room(model);
        break;
    default:
        wait_for(model, socket);
    }
}

static void check_figures(const struct model *model)
{
    uint64_t waiting = 0;
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        waiting += model->sockets[i].is_waiting;
    ck_assert_uint_eq(counter_read(&model->places.waiting), waiting);
    ck_assert_uint_eq(counter_read(&model->places.evicted), model->evicted);
}

START_TEST(test_the_oldest_of_the_address_with_the_most_goes)
{
    static struct model model;
    const uint32_t addresses[] = {1, 2, 7, 1000};
    model = (struct model){.clock = 0};
    srand((unsigned)_i + 1);
    ck_assert_int_eq(places_init(&model.places, "test", 20, 0), 0);
    for (int i = 0; i < 5000; i++) {
        step(&model, addresses[_i % 4]);
        check_figures(&model);
    }
    ck_assert_uint_gt(model.evicted, 100);
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (model.sockets[i].is_there)
            remove_socket(&model, &model.sockets[i]);
    }
    check_figures(&model);
    ck_assert_uint_eq(places_count_addresses(&model.places), 0);
    places_finish(&model.places);
}
END_TEST

/* --- What is one address */

static struct place take(struct places *places, struct place *place,
                         const struct sockaddr_storage *peer)
{
    ck_assert_int_eq(places_take(places, place, NO_FD, peer), 0);
    places_arrive(places, place);
    now_ms += PLACES_GRACE_MS;
    return *place;
}

START_TEST(test_a_slash_64_is_one_address)
{
    struct places places;
    struct place place[5];
    const struct sockaddr_storage lone = ipv6("2001:db8:0:1::1"), one = ipv6("2001:db8::1"),
                                  two = ipv6("2001:db8::ffff:2"), mapped = ipv6("::ffff:10.0.0.1"),
                                  plain = ipv4(0x0a000001);
    ck_assert_int_eq(places_init(&places, "test", 3, 0), 0);
    take(&places, &place[0], &lone);
    take(&places, &place[1], &one);
    take(&places, &place[2], &two);
    ck_assert_uint_eq(places_count_addresses(&places), 2);
    places_make_room(&places, 3); /* all have one */
    ck_assert(!place[1].is_ended);
    places_make_room(&places, 4);
    ck_assert(place[1].is_ended && !place[0].is_ended && !place[2].is_ended);
    take(&places, &place[3], &mapped);
    take(&places, &place[4], &plain);
    ck_assert_uint_eq(places_count_addresses(&places), 3);
    for (size_t i = 0; i < 5; i++)
        places_give_back(&places, &place[i]);
    places_finish(&places);
}
END_TEST

START_TEST(test_unix_peers_are_judged_singly)
{
    struct places places;
    struct place place[5];
    const struct sockaddr_storage local = unix_peer(), stranger = ipv4(1);
    ck_assert_int_eq(places_init(&places, "test", 5, 0), 0);
    for (size_t i = 0; i < 3; i++)
        take(&places, &place[i], &local);
    take(&places, &place[3], &stranger);
    take(&places, &place[4], &stranger);
    places_make_room(&places, 6); /* the stranger has two, they one each */
    ck_assert(place[3].is_ended);
    places_make_room(&places, 7); /* then the oldest of all */
    ck_assert(place[0].is_ended && !place[1].is_ended && !place[4].is_ended);
    for (size_t i = 0; i < 5; i++)
        places_give_back(&places, &place[i]);
    places_finish(&places);
}
END_TEST

START_TEST(test_an_address_keeps_to_its_own_limit)
{
    struct places places;
    struct place place[3], other;
    const struct sockaddr_storage peer = ipv4(1), neighbour = ipv4(2);
    ck_assert_int_eq(places_init(&places, "test", 100, 2), 0);
    take(&places, &other, &neighbour);
    for (size_t i = 0; i < 3; i++)
        take(&places, &place[i], &peer);
    ck_assert(place[0].is_ended && !place[1].is_ended && !place[2].is_ended && !other.is_ended);
    ck_assert_uint_eq(counter_read(&places.waiting), 3);
    places_give_back(&places, &other);
    for (size_t i = 0; i < 3; i++)
        places_give_back(&places, &place[i]);
    places_finish(&places);
}
END_TEST

START_TEST(test_who_is_served_keeps_his_place)
{
    struct places places;
    struct place served, other;
    const struct sockaddr_storage peer = ipv4(1);
    ck_assert_int_eq(places_init(&places, "test", 2, 0), 0);
    take(&places, &served, &peer);
    places_serve(&places, &served);
    take(&places, &other, &peer);
    places_make_room(&places, 3);
    ck_assert(!served.is_ended && other.is_ended);
    ck_assert(!places_have_room(&places, 2));
    places_wait(&places, &served, true);
    ck_assert(places_have_room(&places, 2));
    now_ms += PLACES_GRACE_MS - 1;
    places_make_room(&places, 4); /* it may be about to speak */
    ck_assert(!served.is_ended);
    now_ms++;
    places_make_room(&places, 4);
    ck_assert(served.is_ended);
    places_wait(&places, &served, true); /* once is enough */
    ck_assert(!places_have_room(&places, 2));
    ck_assert(places_have_room(&places, 1));
    places_give_back(&places, &served);
    places_give_back(&places, &served);
    places_give_back(&places, &other);
    places_finish(&places);
}
END_TEST

/* As a TLS handshake is of the address that its socket has among the listener's. */
START_TEST(test_a_place_like_another_is_of_its_address)
{
    struct places sockets, handshakes;
    struct place socket[3], handshake[3];
    const struct sockaddr_storage one = ipv6("2001:db8::1"), two = ipv6("2001:db8::ffff:2"),
                                  honest = ipv6("2001:db8:0:1::1");
    const struct sockaddr_storage *const peers[] = {&honest, &one, &two};
    ck_assert_int_eq(places_init(&sockets, "test", 3, 0), 0);
    ck_assert_int_eq(places_init(&handshakes, "tls", 2, 0), 0);
    for (size_t i = 0; i < 3; i++) {
        take(&sockets, &socket[i], peers[i]);
        ck_assert_int_eq(places_take_like(&handshakes, &handshake[i], NO_FD, &socket[i]), 0);
        places_arrive(&handshakes, &handshake[i]);
        now_ms += PLACES_GRACE_MS;
    }
    ck_assert_uint_eq(places_count_addresses(&handshakes), 2);
    places_make_room(&handshakes, 3);
    ck_assert(places_give_back(&handshakes, &handshake[1]));
    ck_assert(!places_give_back(&handshakes, &handshake[1]));
    ck_assert(!places_give_back(&handshakes, &handshake[0]));
    ck_assert(!places_give_back(&handshakes, &handshake[2]));
    for (size_t i = 0; i < 3; i++)
        ck_assert(!places_give_back(&sockets, &socket[i]));
    places_finish(&handshakes);
    places_finish(&sockets);
}
END_TEST

/* --- Threads */

static void *come_and_go(void *data)
{
    struct places *places = data;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < 20000; i++) {
        const struct sockaddr_storage peer = ipv4((uint32_t)i % 3);
        struct place place;
        (void)places_have_room(places, 1);
        places_make_room(places, 2);
        if (places_take(places, &place, NO_FD, &peer))
            continue;
        places_wait(places, &place, true);
        if (rand_r(&seed) % 2)
            places_serve(places, &place);
        places_give_back(places, &place);
    }
    return NULL;
}

START_TEST(test_threads_leave_nothing)
{
    struct places places;
    pthread_t threads[4];
    ck_assert_int_eq(places_init(&places, "test", 1, 0), 0);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, &places), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(counter_read(&places.waiting), 0);
    ck_assert_uint_eq(places_count_addresses(&places), 0);
    ck_assert_uint_eq(places.highest, 0);
    places_finish(&places);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net_places");
    TCase *tcase = tcase_create("places");
    tcase_add_loop_test(tcase, test_the_oldest_of_the_address_with_the_most_goes, 0, 12);
    tcase_add_test(tcase, test_a_slash_64_is_one_address);
    tcase_add_test(tcase, test_unix_peers_are_judged_singly);
    tcase_add_test(tcase, test_an_address_keeps_to_its_own_limit);
    tcase_add_test(tcase, test_who_is_served_keeps_his_place);
    tcase_add_test(tcase, test_a_place_like_another_is_of_its_address);
    tcase_add_test(tcase, test_threads_leave_nothing);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
