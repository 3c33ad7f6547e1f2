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

START_TEST(acquiring_nests)
{
    struct slot *slot = make(TONI_SERVICE, "s");

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(slot_acquire(slot), 0);
        check_inside(slot, 1);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(slot_release(slot), 0);
    check_inside(slot, 1);
    ck_assert_int_eq(slot_release(slot), 0);
    check_inside(slot, 0);
    ck_assert_int_eq(slot_release(slot), -1);
    check_inside(slot, 0);
}
END_TEST

START_TEST(in_a_call_of_the_same_slot_it_is_there_already)
{
    struct slot *slot = make(TONI_SERVICE, "s"), *other = make(TONI_SERVICE, "other");

    (void)slot_enter(slot);
    ck_assert_int_eq(slot_acquire(slot), 0);
    check_inside(slot, 1);
    ck_assert_int_eq(slot_acquire(other), 0);
    check_inside(other, 1);
    ck_assert_int_eq(slot_release(other), 0);
    ck_assert_int_eq(slot_release(slot), 0);
    check_inside(slot, 1);
    check_inside(other, 0);
    slot_exit(slot);
    check_inside(slot, 0);
    ck_assert_int_eq(slot_acquire(slot), 0); /* and now through the gate again */
    check_inside(slot, 1);
    ck_assert_int_eq(slot_release(slot), 0);
}
END_TEST

START_TEST(a_closed_slot_is_still_there_for_who_is_in_a_call_of_it)
{
    struct slot *slot = make(TONI_SERVICE, "s");

    (void)slot_enter(slot);
    gate_close(&slot->gate);
    ck_assert_int_eq(slot_acquire(slot), 0); /* waiting would be for ever */
    ck_assert_int_eq(slot_release(slot), 0);
    gate_open(&slot->gate);
    slot_exit(slot);
}
END_TEST

/* Whoever closed both wants the outer one to be empty, too: waiting would be for itself. */
START_TEST(who_is_inside_a_closed_slot_does_not_wait_for_another)
{
    struct slot *outer = make(TONI_GATEWAY, "outer"), *inner = make(TONI_SERVICE, "inner");

    (void)slot_enter(outer);
    gate_close(&outer->gate);
    gate_close(&inner->gate);
    ck_assert_int_eq(slot_acquire(inner), 0);
    ck_assert_uint_eq(gate_count(&inner->gate), 1); /* who closed it sees that */
    ck_assert_int_eq(slot_release(inner), 0);
    ck_assert_uint_eq(gate_count(&inner->gate), 0);
    slot_exit(outer);
    gate_open(&outer->gate);
    gate_open(&inner->gate);

    ck_assert_int_eq(slot_acquire(outer), 0);
    gate_close(&outer->gate);
    gate_close(&inner->gate);
    ck_assert_int_eq(slot_acquire(inner), 0);
    ck_assert_uint_eq(gate_count(&inner->gate), 1);
    ck_assert_int_eq(slot_release(inner), 0);
    ck_assert_int_eq(slot_release(outer), 0);
    gate_open(&outer->gate);
    gate_open(&inner->gate);
}
END_TEST

static struct slot *unrelated, *exchanged;
static atomic_bool is_exchanged;

/* Inside of a slot that stays open, in a call or on its own, acquires one that is closed.
 * @return Not NULL: it was inside before the exchange was over. */
static void *acquire_another(void *is_in_a_call)
{
    if (is_in_a_call)
        (void)slot_enter(unrelated);
    else
        ck_assert_int_eq(slot_acquire(unrelated), 0);
    ck_assert_int_eq(slot_acquire(exchanged), 0);
    void *result = atomic_load(&is_exchanged) ? NULL : exchanged;
    ck_assert_int_eq(slot_release(exchanged), 0);
    if (is_in_a_call)
        slot_exit(unrelated);
    else
        ck_assert_int_eq(slot_release(unrelated), 0);
    return result;
}

START_TEST(who_is_inside_an_open_slot_waits_for_a_closed_one)
{
    void *result;
    pthread_t thread;

    unrelated = make(TONI_GATEWAY, "unrelated");
    exchanged = make(TONI_SERVICE, "exchanged");
    for (int i = 0; i < 200; i++) {
        atomic_store(&is_exchanged, false);
        gate_close(&exchanged->gate);
        ck_assert_int_eq(pthread_create(&thread, NULL, acquire_another, i % 2 ? &thread : NULL), 0);
        while (gate_count(&unrelated->gate) == 0)
            sched_yield();
        for (int n = 0; n < i; n++)
            sched_yield();
        ck_assert(gate_wait_empty(&exchanged->gate, UINT64_MAX));
        atomic_store(&is_exchanged, true);
        gate_open(&exchanged->gate);
        ck_assert_int_eq(pthread_join(thread, &result), 0);
        ck_assert_ptr_null(result);
    }
    check_inside(unrelated, 0);
    check_inside(exchanged, 0);
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

START_TEST(eight_slots_at_a_time)
{
    struct slot *made[9];

    for (size_t i = 0; i < 9; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "s%zu", i);
        made[i] = make(TONI_SERVICE, name);
    }
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(slot_acquire(made[i]), 0);
    ck_assert_int_eq(slot_acquire(made[8]), -1);
    check_inside(made[8], 0);
    ck_assert_int_eq(slot_acquire(made[3]), 0); /* it is in that one anyway */
    ck_assert_int_eq(slot_release(made[3]), 0);
    ck_assert_int_eq(slot_release(made[3]), 0);
    ck_assert_int_eq(slot_acquire(made[8]), 0);
    ck_assert_int_eq(slot_release(made[3]), -1);
    for (size_t i = 0; i < 9; i++) {
        if (i != 3)
            ck_assert_int_eq(slot_release(made[i]), 0);
        check_inside(made[i], 0);
    }
}
END_TEST

static void *release_what_another_has(void *data)
{
    return slot_release(data) == -1 ? data : NULL;
}

START_TEST(a_thread_releases_only_what_it_has_itself)
{
    struct slot *slot = make(TONI_SERVICE, "s");
    pthread_t thread;
    void *result;

    ck_assert_int_eq(slot_acquire(slot), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, release_what_another_has, slot), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, slot);
    check_inside(slot, 1);
    ck_assert_int_eq(slot_release(slot), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instance_slot");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, a_name_has_one_slot_for_each_kind);
    tcase_add_test(cases, the_best_fit_is_found);
    tcase_add_test(cases, closed_and_vacant_slots_are_not_found);
    tcase_add_test(cases, facts_are_those_of_who_is_in_it);
    tcase_add_test(cases, an_arrival_that_does_not_come_is_forgotten);
    tcase_add_test(cases, limits_begin_as_the_defaults);
    tcase_add_test(cases, a_set_of_limits_never_changes);
    tcase_add_test(cases, changing_to_and_fro_takes_no_memory);
    tcase_add_test(cases, slots_have_limits_of_their_own);
    tcase_add_test(cases, acquiring_nests);
    tcase_add_test(cases, in_a_call_of_the_same_slot_it_is_there_already);
    tcase_add_test(cases, a_closed_slot_is_still_there_for_who_is_in_a_call_of_it);
    tcase_add_test(cases, who_is_inside_a_closed_slot_does_not_wait_for_another);
    tcase_add_test(cases, who_is_inside_an_open_slot_waits_for_a_closed_one);
    tcase_add_test(cases, several_changes_are_one_for_who_looks);
    tcase_add_test(cases, eight_slots_at_a_time);
    tcase_add_test(cases, a_thread_releases_only_what_it_has_itself);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
