/* Slots: how they are found, who is in them, their limits, and the calls that keep an instance
 * where it is. */
#include "instance/instance.h"
#include "instance/slot.h"
#include "temporary_folder.h"

#include <sched.h>

static struct slots slots;

static void set_up(void)
{
    ck_assert_int_eq(slots_init(&slots), 0);
}

static void tear_down(void)
{
    slots_finish(&slots);
}

static struct slot *make(uint32_t kind, const char *name)
{
    struct slot *slot = slots_make(&slots, kind, name);

    ck_assert_ptr_nonnull(slot);
    return slot;
}

/* An instance that was never made: what a slot looks at. */
struct sham {
    struct plugin plugin;
    struct instance instance;
};

static void sham_init(struct sham *sham, const char *path, const char *version)
{
    *sham = (struct sham){.plugin = {.path = "/lib/sham.so"}};
    sham->plugin.descriptor.version = toni_str_of(version);
    sham->instance.descriptor = &sham->plugin.descriptor;
    sham->instance.setup = (struct instance_setup){
        .plugin = &sham->plugin, .module = "mod", .path = toni_str_of(path)};
}

static void settle(struct slot *slot, struct sham *sham)
{
    struct arrival arrival;

    ck_assert_int_eq(arrival_init(&arrival, &sham->instance), 0);
    slot_settle(slot, &arrival);
    arrival_finish(&arrival);
}

/* --- Finding */

/* A gateway may become a service too, and stay where it is. */
START_TEST(what_is_declared_by_one_word_has_one_slot)
{
    struct slot *slot = make(TONI_GATEWAY, "a");
    struct sham sham;
    ck_assert_ptr_eq(make(TONI_GATEWAY | TONI_SERVICE, "a"), slot);
    ck_assert_uint_eq(slot->kind, TONI_GATEWAY);
    sham_init(&sham, "/a", "1");
    sham.plugin.descriptor.kind = TONI_GATEWAY | TONI_SERVICE;
    settle(slot, &sham);
    ck_assert_uint_eq(slot->kind, TONI_GATEWAY | TONI_SERVICE);
    ck_assert_ptr_eq(slots_get(&slots, TONI_GATEWAY, "a"), slot);
    ck_assert_ptr_null(slots_get(&slots, TONI_SERVICE, "a"));
}
END_TEST

START_TEST(a_name_has_one_slot_for_each_kind)
{
    struct slot *gateway = make(TONI_GATEWAY, "a");
    struct slot *service = make(TONI_SERVICE, "a");
    struct slot *other = make(TONI_GATEWAY, "b");

    ck_assert_ptr_ne(gateway, service);
    ck_assert_ptr_eq(make(TONI_GATEWAY, "a"), gateway);
    ck_assert_ptr_eq(slots_get(&slots, TONI_SERVICE, "a"), service);
    ck_assert_ptr_null(slots_get(&slots, TONI_SERVICE, "b"));
    ck_assert_ptr_eq(slots_first(&slots), gateway);
    ck_assert_ptr_eq(slot_next(gateway), service);
    ck_assert_ptr_eq(slot_next(service), other);
    ck_assert_ptr_null(slot_next(other));
    ck_assert(!slot_is_open(other));
    ck_assert(!slot_has_path(other));
}
END_TEST

/* As the HTTP side does it: the path itself and all that is below it. */
static size_t fit_below(toni_str path, void *data)
{
    const toni_str *asked = data;

    return asked->size >= path.size && memcmp(asked->data, path.data, path.size) == 0 ? path.size
                                                                                      : 0;
}

static struct slot *find_service(const char *path)
{
    toni_str asked = toni_str_of(path);

    return slots_find(&slots, TONI_SERVICE, fit_below, &asked);
}

START_TEST(the_best_fit_is_found)
{
    struct sham shallow, deep, nowhere, gateway;
    struct slot *at_deep = make(TONI_SERVICE, "deep"), *at_shallow = make(TONI_SERVICE, "shallow");
    struct slot *at_gateway = make(TONI_GATEWAY, "gateway");

    sham_init(&shallow, "/a", "1");
    sham_init(&deep, "/a/b", "1");
    sham_init(&nowhere, "", "1");
    sham_init(&gateway, "/a/b/c", "1");
    settle(at_deep, &deep);
    settle(at_shallow, &shallow);
    settle(make(TONI_SERVICE, "nowhere"), &nowhere);
    settle(at_gateway, &gateway);
    ck_assert_ptr_eq(find_service("/a/b/c"), at_deep);
    ck_assert_ptr_eq(find_service("/a/c"), at_shallow);
    ck_assert_ptr_null(find_service("/b"));
    ck_assert_ptr_eq(slots_find_gateway(&slots, toni_str_of("/a/b/c")), at_gateway);
    ck_assert_ptr_null(slots_find_gateway(&slots, toni_str_of("/a/b")));
    ck_assert_ptr_null(slots_find_gateway(&slots, toni_str_of("")));
}
END_TEST

START_TEST(closed_and_vacant_slots_are_not_found)
{
    struct sham one, other;
    struct slot *slot = make(TONI_GATEWAY, "g");
    const toni_str path = toni_str_of("/g");

    sham_init(&one, "/g", "1");
    sham_init(&other, "/g", "2");
    ck_assert_ptr_null(slots_find_gateway(&slots, path)); /* nobody was ever there */
    settle(slot, &one);
    ck_assert_ptr_eq(slots_find_gateway(&slots, path), slot);

    slot_close(slot); /* those who are there already go on */
    ck_assert_ptr_null(slots_find_gateway(&slots, path));
    ck_assert(!slot_is_open(slot));
    ck_assert(slot_has_path(slot));
    ck_assert_ptr_eq(slot_enter(slot), &one.instance);
    slot_exit(slot);

    slot_vacate(slot);
    ck_assert_ptr_null(slots_find_gateway(&slots, path));
    ck_assert_ptr_null(slot_enter(slot));
    slot_exit(slot);

    settle(slot, &other);
    ck_assert_ptr_eq(slots_find_gateway(&slots, path), slot);
    ck_assert_ptr_eq(slot_enter(slot), &other.instance);
    slot_exit(slot);
}
END_TEST

/* --- What people are told */

static void check_facts(struct slot *slot, const char *path, const char *version,
                        uint32_t generation)
{
    struct slot_facts facts;
    char *found;

    ck_assert_int_eq(slot_read(slot, &found, &facts), 0);
    ck_assert_str_eq(found, path);
    ck_assert_str_eq(facts.version, version);
    ck_assert_uint_eq(facts.generation, generation);
    ck_assert_str_eq(facts.module, *version ? "mod" : "");
    ck_assert_str_eq(facts.library, *version ? "/lib/sham.so" : "");
    ck_assert(generation == 0 || facts.since > 0);
    free(found);
    slot_facts_finish(&facts);
}

START_TEST(facts_are_those_of_who_is_in_it)
{
    struct sham one, other;
    struct slot *slot = make(TONI_GATEWAY, "g");

    sham_init(&one, "/one", "0.1");
    sham_init(&other, "/other", "0.2");
    check_facts(slot, "", "", 0);
    settle(slot, &one);
    check_facts(slot, "/one", "0.1", 1);
    settle(slot, &other);
    check_facts(slot, "/other", "0.2", 2);
    ck_assert_ptr_null(slots_find_gateway(&slots, toni_str_of("/one")));
    slot_vacate(slot);
    check_facts(slot, "/other", "0.2", 0); /* whoever it was, it is there no more */
    settle(slot, &one);
    check_facts(slot, "/one", "0.1", 3);
}
END_TEST

START_TEST(an_arrival_that_does_not_come_is_forgotten)
{
    struct sham sham;
    struct arrival arrival = {0};
    struct slot *slot = make(TONI_GATEWAY, "g");

    arrival_finish(&arrival);
    sham_init(&sham, "/g", "1");
    ck_assert_int_eq(arrival_init(&arrival, &sham.instance), 0);
    arrival_finish(&arrival);
    arrival_finish(&arrival);
    check_facts(slot, "", "", 0);
}
END_TEST

/* --- Limits */

START_TEST(limits_begin_as_the_defaults)
{
    const struct limits standard = limits_default();

    ck_assert(limits_equal(slot_limits(make(TONI_GATEWAY, "g")), &standard));
}
END_TEST

START_TEST(a_set_of_limits_never_changes)
{
    struct slot *slot = make(TONI_GATEWAY, "g");
    struct limits tight = limits_default(), wide = limits_default();
    const struct limits *standard = slot_limits(slot);

    tight.message_bytes = 1;
    wide.message_bytes = 1000;
    ck_assert_int_eq(slot_set_limits(slot, &tight), 0);
    const struct limits *held = slot_limits(slot);
    ck_assert_ptr_ne(held, standard);
    ck_assert_ptr_ne(held, &tight);
    ck_assert_int_eq(slot_set_limits(slot, &wide), 0);
    ck_assert_uint_eq(slot_limits(slot)->message_bytes, 1000);
    ck_assert_uint_eq(held->message_bytes, 1);
    ck_assert_uint_eq(standard->message_bytes, limits_default().message_bytes);

    ck_assert_int_eq(slot_set_limits(slot, &tight), 0); /* found again, where it was */
    ck_assert_ptr_eq(slot_limits(slot), held);
    ck_assert_int_eq(slot_set_limits(slot, &tight), 0); /* the same twice changes nothing */
    ck_assert_ptr_eq(slot_limits(slot), held);
    ck_assert_int_eq(slot_set_limits(slot, standard), 0);
    ck_assert_ptr_eq(slot_limits(slot), standard);
}
END_TEST

START_TEST(changing_to_and_fro_takes_no_memory)
{
    struct slot *slot = make(TONI_GATEWAY, "g");
    struct limits sets[2] = {limits_default(), limits_default()};
    const struct limits *places[2];

    for (size_t i = 0; i < 2; i++) {
        sets[i].outbox_bytes = i + 1;
        ck_assert_int_eq(slot_set_limits(slot, &sets[i]), 0);
        places[i] = slot_limits(slot);
    }
    for (size_t i = 0; i < 1000; i++) {
        ck_assert_int_eq(slot_set_limits(slot, &sets[i % 2]), 0);
        ck_assert_ptr_eq(slot_limits(slot), places[i % 2]);
        ck_assert_uint_eq(places[(i + 1) % 2]->outbox_bytes, (i + 1) % 2 + 1);
    }
}
END_TEST

START_TEST(slots_have_limits_of_their_own)
{
    struct slot *one = make(TONI_GATEWAY, "one"), *other = make(TONI_GATEWAY, "other");
    struct limits limits = limits_default();

    limits.hook_ms = 1;
    ck_assert_int_eq(slot_set_limits(one, &limits), 0);
    ck_assert_uint_eq(slot_limits(other)->hook_ms, limits_default().hook_ms);
}
END_TEST

/* --- Acquiring */

static void check_inside(const struct slot *slot, uint64_t inside)
{
    ck_assert_uint_eq(gate_count(&slot->gate), inside);
}

static uint64_t visitors(void)
{
    return gate_count(&slots.visitors);
}

START_TEST(visits_nest)
{
    struct slot *slot = make(TONI_SERVICE, "s"), *other = make(TONI_SERVICE, "other");

    visit_begin(slot);
    visit_begin(other); /* the first counts */
    ck_assert_uint_eq(visitors(), 1);
    ck_assert_uint_eq(slot->visitors, 1);
    ck_assert_uint_eq(other->visitors, 0);
    ck_assert_int_eq(visit_end(), 0);
    ck_assert_uint_eq(visitors(), 1);
    ck_assert_int_eq(visit_end(), 0);
    ck_assert_uint_eq(visitors(), 0);
    ck_assert_uint_eq(slot->visitors, 0);
    ck_assert_int_eq(visit_end(), -1);
    ck_assert_uint_eq(visitors(), 0);
}
END_TEST

/* Whoever closed both waits for the call to end, too: waiting would be for ever. */
START_TEST(in_a_call_that_is_waited_for_a_visit_does_not_wait)
{
    struct slot *slot = make(TONI_SERVICE, "s");

    (void)slot_enter(slot);
    gate_close(&slot->gate);
    gate_close(&slots.visitors);
    visit_begin(slot);
    ck_assert_uint_eq(visitors(), 1); /* who closed it sees that */
    ck_assert_int_eq(visit_end(), 0);
    ck_assert_uint_eq(visitors(), 0);
    slot_exit(slot);
    gate_open(&slots.visitors);
    gate_open(&slot->gate);
}
END_TEST

static struct slot *unrelated;
static atomic_bool is_exchanged;

/* Begins a visit, in a call of a slot that stays open, or in none.
 * @return Not NULL: it was let in before the exchange was over. */
static void *visit_meanwhile(void *is_in_a_call)
{
    if (is_in_a_call)
        (void)slot_enter(unrelated);
    visit_begin(unrelated);
    void *result = atomic_load(&is_exchanged) ? NULL : unrelated;
    visit_begin(unrelated);
    ck_assert_int_eq(visit_end(), 0);
    ck_assert_int_eq(visit_end(), 0);
    if (is_in_a_call)
        slot_exit(unrelated);
    return result;
}

START_TEST(a_visit_waits_for_an_exchange)
{
    void *result;
    pthread_t thread;

    unrelated = make(TONI_GATEWAY, "unrelated");
    for (int i = 0; i < 200; i++) {
        atomic_store(&is_exchanged, false);
        gate_close(&slots.visitors);
        ck_assert_int_eq(pthread_create(&thread, NULL, visit_meanwhile, i % 2 ? &thread : NULL), 0);
        for (int n = 0; n < i; n++)
            sched_yield();
        ck_assert(gate_wait_empty(&slots.visitors, UINT64_MAX));
        atomic_store(&is_exchanged, true);
        gate_open(&slots.visitors);
        ck_assert_int_eq(pthread_join(thread, &result), 0);
        ck_assert_ptr_null(result);
    }
    check_inside(unrelated, 0);
    ck_assert_uint_eq(visitors(), 0);
}
END_TEST

static unsigned long exchanged; /* no lock: only while nobody visits it changes */

static void *visit_for_ever(void *data)
{
    struct slot *slot = data;
    unsigned long sum = 0;

    while (!atomic_load(&is_exchanged)) {
        visit_begin(slot);
        sum += exchanged;
        ck_assert_int_eq(visit_end(), 0);
    }
    return (void *)(sum > 0 ? slot : NULL);
}

/* What ThreadSanitizer watches: a visit and an exchange never touch it at once. */
START_TEST(visits_and_exchanges_take_turns)
{
    struct slot *slot = make(TONI_SERVICE, "s");
    pthread_t threads[3];

    atomic_store(&is_exchanged, false);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, visit_for_ever, slot), 0);
    for (int i = 0; i < 500; i++) {
        gate_close(&slots.visitors);
        ck_assert(gate_wait_empty(&slots.visitors, UINT64_MAX));
        exchanged++;
        gate_open(&slots.visitors);
    }
    atomic_store(&is_exchanged, true);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(exchanged, 500);
}
END_TEST

static atomic_bool is_over;

/* @return Whether there was a moment in which nobody answered on a path. */
static void *look_for_both(void *data)
{
    (void)data;
    while (!atomic_load(&is_over)) {
        if (!slots_find_gateway(&slots, toni_str_of("/a")) ||
            !slots_find_gateway(&slots, toni_str_of("/b")))
            return &slots;
    }
    return NULL;
}

START_TEST(several_changes_are_one_for_who_looks)
{
    struct slot *one = make(TONI_GATEWAY, "one"), *two = make(TONI_GATEWAY, "two");
    struct sham a, b;
    pthread_t looks;
    void *gap;

    sham_init(&a, "/a", "1");
    sham_init(&b, "/b", "1");
    settle(one, &a);
    settle(two, &b);
    atomic_store(&is_over, false);
    ck_assert_int_eq(pthread_create(&looks, NULL, look_for_both, NULL), 0);
    for (int i = 0; i < 5000; i++) {
        slots_begin(&slots);
        settle(one, i % 2 == 0 ? &b : &a);
        settle(two, i % 2 == 0 ? &a : &b);
        slots_end(&slots);
    }
    atomic_store(&is_over, true);
    ck_assert_int_eq(pthread_join(looks, &gap), 0);
    ck_assert_ptr_null(gap);
}
END_TEST

static void *end_what_another_has(void *data)
{
    return visit_end() == -1 ? data : NULL;
}

START_TEST(a_thread_ends_only_what_it_has_itself)
{
    struct slot *slot = make(TONI_SERVICE, "s");
    pthread_t thread;
    void *result;

    visit_begin(slot);
    ck_assert_int_eq(pthread_create(&thread, NULL, end_what_another_has, slot), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, slot);
    ck_assert_uint_eq(visitors(), 1);
    ck_assert_int_eq(visit_end(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instance_slot");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, what_is_declared_by_one_word_has_one_slot);
    tcase_add_test(cases, a_name_has_one_slot_for_each_kind);
    tcase_add_test(cases, the_best_fit_is_found);
    tcase_add_test(cases, closed_and_vacant_slots_are_not_found);
    tcase_add_test(cases, facts_are_those_of_who_is_in_it);
    tcase_add_test(cases, an_arrival_that_does_not_come_is_forgotten);
    tcase_add_test(cases, limits_begin_as_the_defaults);
    tcase_add_test(cases, a_set_of_limits_never_changes);
    tcase_add_test(cases, changing_to_and_fro_takes_no_memory);
    tcase_add_test(cases, slots_have_limits_of_their_own);
    tcase_add_test(cases, visits_nest);
    tcase_add_test(cases, in_a_call_that_is_waited_for_a_visit_does_not_wait);
    tcase_add_test(cases, a_visit_waits_for_an_exchange);
    tcase_add_test(cases, visits_and_exchanges_take_turns);
    tcase_add_test(cases, a_thread_ends_only_what_it_has_itself);
    tcase_add_test(cases, several_changes_are_one_for_who_looks);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
