/* A swap, with each of its allocations made to fail in turn, on whatever thread: it is done whole,
 * or nothing has changed. What plugins allocate themselves is not touched. */
#include "graph_testing.h"
#include "no_memory.h"
#include "swap/swap.h"

#define BEFORE                                                                                     \
    CONFIGURATION(SWAPPED(1, "") AND GREETER("options = { number = 5; };") AND GREETED("") AND IDLE)
/* Two are swapped, one comes, one goes, one gets other limits. */
#define AFTER                                                                                      \
    CONFIGURATION(SWAPPED(2, "") AND GREETER("options = { number = 6; };")                         \
                      AND GREETED("limits = { ping_ms = 5; };") AND                                \
                  "{ gateway = \"late\"; library = \"plain_gateway.so\"; }")

enum { PROVIDERS = 4, MOST_ALLOCATIONS = 1000 };

static int adopt(void *data, struct slot *slot)
{
    (void)data, (void)slot;
    return 0;
}

static const struct swap_world world = {.adopt = adopt, .close_clients = adopt};

/* What a slot had before. */
static struct was {
    struct slot *slot;
    struct instance *instance;
    const struct limits *limits;
    uint32_t generation;
    toni_slot injected;
} were[PROVIDERS];

static void remember(const struct graph *now)
{
    ck_assert_uint_eq(now->setup_count, PROVIDERS);
    for (size_t i = 0; i < PROVIDERS; i++) {
        struct slot *slot = now->setups[i].slot;

        were[i] = (struct was){slot, now->instances[i], slot_limits(slot), slot->generation,
                               now->injected[i][0]};
    }
}

static void check_unchanged(const struct graph *now)
{
    for (size_t i = 0; i < PROVIDERS; i++) {
        struct slot *slot = were[i].slot;

        ck_assert_ptr_eq(now->instances[i], were[i].instance);
        ck_assert_ptr_eq(slot_enter(slot), were[i].instance); /* the gate is open */
        slot_exit(slot);
        ck_assert_ptr_eq(slot_limits(slot), were[i].limits);
        ck_assert_uint_eq(slot->generation, were[i].generation);
        ck_assert_mem_eq(&now->injected[i][0], &were[i].injected, sizeof(toni_slot));
        ck_assert_ptr_null(slot->retired);
        ck_assert(slot_is_open(slot));
    }
    ck_assert_ptr_null(slots_find_gateway(&slots, toni_str_of("/plain")));
    const struct slot *late = slots_get(&slots, TONI_GATEWAY, "late");
    ck_assert(late == NULL || late->instance == NULL);
}

static void check_changed(const struct graph *now)
{
    for (size_t i = 0; i < PROVIDERS; i++) {
        struct slot *slot = were[i].slot;

        ck_assert(slot_enter(slot) != were[i].instance || strcmp(slot->name, "greeted") == 0);
        slot_exit(slot);
    }
    ck_assert_ptr_nonnull(slots_find_gateway(&slots, toni_str_of("/plain")));
    ck_assert_uint_eq(now->setup_count, PROVIDERS);
}

/* @return Whether the swap was done, though an allocation failed, or none did. */
static bool swap_with(unsigned allocations)
{
    struct swap_leftovers leftovers = {NULL};
    struct swap_report report = {0};
    struct graph *now = graph_testing_run(BEFORE);
    struct graph *next = graph_testing_check_good(AFTER, now);

    remember(now);
    allocations_left_to_all(allocations);
    const int result = swap_run(now, next, &world, &leftovers, &faults, &report);
    allocations_left_to_all(NO_MEMORY_OFF);
    ck_assert_ptr_null(leftovers.first);
    if (result == 0) {
        now = next;
        check_changed(now);
        testing_check_no_faults();
    } else {
        check_unchanged(now);
        ck_assert(!fault_list_empty(&faults));
        fault_list_finish(&faults);
        /* And now there is memory. */
        next = graph_testing_check_good(AFTER, now);
        swap_report_finish(&report);
        report = (struct swap_report){0};
        ck_assert_int_eq(swap_run(now, next, &world, &leftovers, &faults, &report), 0);
        now = next;
        check_changed(now);
    }
    swap_report_finish(&report);
    ck_assert_int_eq(swap_leftovers_end(&leftovers, now), 0);
    graph_destroy(now);
    return result == 0;
}

static void new_slots(void)
{
    slots_finish(&slots);
    ck_assert_int_eq(slots_init(&slots), 0);
    log_lines[0] = '\0';
}

START_TEST(it_is_done_whole_or_not_at_all)
{
    unsigned refused = 0;
    unsigned i = 0;

    (void)allocation_failed();
    for (bool has_failed = true; has_failed; i++) {
        ck_assert_uint_lt(i, MOST_ALLOCATIONS);
        const bool is_done = swap_with(i);
        has_failed = allocation_failed();
        ck_assert(is_done || has_failed);
        refused += !is_done;
        new_slots();
    }
    ck_assert_uint_gt(refused, 20);
    ck_assert_uint_gt(i, refused); /* a thread for hooks, say, can be done without */
}
END_TEST

/* Reading and comparing what is next: whatever fails there, nothing was begun. */
START_TEST(the_next_graph_is_checked_or_not)
{
    struct graph *now = graph_testing_run(BEFORE);
    struct config *config = gateways_conf_read(testing_write_text("gateways.conf", AFTER), &faults);
    struct graph *next = NULL;
    unsigned i = 0;

    remember(now);
    while (!next) {
        ck_assert_uint_lt(i, MOST_ALLOCATIONS);
        allocations_left_to_all(i++);
        next = graph_check(config, &loader, now, &faults);
        allocations_left_to_all(NO_MEMORY_OFF);
        if (!next || !fault_list_empty(&faults)) {
            ck_assert(!fault_list_empty(&faults));
            fault_list_finish(&faults);
            graph_destroy(next);
            next = NULL;
        }
        check_unchanged(now);
    }
    ck_assert_uint_gt(i, 20);
    ck_assert_uint_eq(next->setup_count, PROVIDERS);
    graph_destroy(next);
    gateways_conf_destroy(config);
    graph_destroy(now);
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;

    Suite *suite = suite_create("swap_no_memory");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, graph_testing_setup, graph_testing_teardown);
    tcase_add_test(cases, it_is_done_whole_or_not_at_all);
    tcase_add_test(cases, the_next_graph_is_checked_or_not);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
