/* Swaps, at the level of graphs: what runs in which order, who keeps what, and that a failure at
 * any step leaves what ran before as it was. The world with the clients is the test's.
 *
 * No time passes here: the test says when somebody has waited long enough (see
 * __wrap_pthread_cond_timedwait), so a limit is never too short for a slow machine. */
#include "graph_testing.h"
#include "swap/swap.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

static struct graph *now;
static struct swap_leftovers leftovers;
static struct swap_report report;

/* --- Time. The linker makes these names.
 * NOLINTBEGIN(bugprone-reserved-identifier) */

static _Atomic(pthread_cond_t *) late; /* whoever waits for this has waited long enough */
static atomic_bool is_hanging;         /* so has the next who waits for anything */

int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until);

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    struct timespec soon;

    (void)until;
    if (atomic_load(&late) == condition || atomic_exchange(&is_hanging, false))
        return ETIMEDOUT;
    clock_gettime(CLOCK_MONOTONIC, &soon);
    soon.tv_nsec += 1000000;
    if (soon.tv_nsec >= 1000000000) {
        soon.tv_sec++;
        soon.tv_nsec -= 1000000000;
    }
    (void)__real_pthread_cond_timedwait(condition, mutex, &soon);
    return 0; /* a wake-up without a reason, which whoever waits expects */
}
/* NOLINTEND(bugprone-reserved-identifier) */

static const char *carried_after; /* the hook after which a client of `idle` carries data */
static struct slot *carrying;

static void log_and_look(toni_context *context, uint32_t level, toni_str message,
                         const toni_log_field *fields, size_t count)
{
    toni_str rest;
    toni_host own = {0};

    context_fill_table(&own);
    own.context_log(context, level, message, fields, count);
    if (toni_str_strip_prefix(message, TONI_LIT("hanging in "), &rest))
        atomic_store(&is_hanging, true);
    if (carried_after && toni_str_equal(message, toni_str_of(carried_after)))
        counter_add_shared(&carrying->clients.carrying, 1);
}

/* --- The world */

static int adopt_result, close_result;
static struct slot *held; /* by a thread that is at work while clients are closed */

static int adopt(void *data, struct slot *slot)
{
    ck_assert_ptr_eq(data, &leftovers);
    log_info("the world adopts", log_str("slot", slot->name));
    return adopt_result;
}

static int close_clients(void *data, struct slot *slot)
{
    ck_assert_ptr_eq(data, &leftovers);
    ck_assert(!slot_is_open(slot)); /* nobody comes while the others go */
    log_info("the world closes", log_str("slot", slot->name));
    if (held == slot) {
        gate_join(&slot->gate);
        atomic_store(&late, &slot->gate.changed);
    }
    return close_result;
}

static const struct swap_world world = {
    .data = &leftovers, .adopt = adopt, .close_clients = close_clients};

/* --- A client, as far as fixtures look at one */

static struct {
    const toni_host *host;
    char text[64]; /* the last that it was sent */
} client;

static int32_t client_send(toni_client *to, const toni_message *message)
{
    ck_assert_ptr_eq(to, &client);
    (void)snprintf(client.text, sizeof client.text, "%.*s", TONI_STR_ARG(message->body));
    return TONI_OK;
}

static struct slot *slot_of(uint32_t kind, const char *name)
{
    struct slot *slot = slots_get(&slots, kind, name);

    ck_assert_ptr_nonnull(slot);
    return slot;
}

static struct slot *gateway(const char *name)
{
    return slot_of(TONI_GATEWAY, name);
}

static struct instance *instance_in(struct slot *slot)
{
    struct instance *instance = slot_enter(slot); /* through the gate: it must be open */

    slot_exit(slot);
    return instance;
}

/* @return What the gateway answers. */
static const char *ask(const char *name, const char *text)
{
    const toni_message message = toni_text(toni_str_of(text));
    struct instance *instance = slot_enter(gateway(name));

    client.text[0] = '\0';
    ck_assert_ptr_nonnull(instance);
    ck_assert_uint_eq(instance_on_message(instance, (toni_client *)&client, &message), 0);
    slot_exit(gateway(name));
    return client.text;
}

/* --- Around each test */

static void set_up(void)
{
    graph_testing_setup();
    table.context_log = log_and_look;
    table.client_send = client_send;
    client.host = &table;
}

static void run(const char *text)
{
    now = graph_testing_run(text);
    log_lines[0] = '\0';
}

/* The end of the host: what is left first. @return Whether all could be ended. */
static bool end(void)
{
    const int result = swap_leftovers_end(&leftovers, now);
    const bool is_over = graph_end(now) == 0 && result == 0;

    if (is_over) {
        graph_destroy(now);
        now = NULL;
    }
    return is_over;
}

static bool is_left; /* a call that does not return: the process ends beside it */

static void check_end_fails(void)
{
    ck_assert(!end());
    is_left = true;
}

static void tear_down(void)
{
    swap_report_finish(&report);
    atomic_store(&late, NULL);
    if (is_left) { /* it may still look at all of it, but not by its path */
        testing_remove_folder();
        return;
    }
    ck_assert(!now || end());
    ck_assert_ptr_null(leftovers.first);
    graph_testing_teardown();
}

static int swap_to(const char *text)
{
    struct graph *next = graph_testing_check_good(text, now);
    swap_report_finish(&report);
    report = (struct swap_report){0};
    const int result = swap_run(now, next, &world, &leftovers, &faults, &report);

    if (result == 0) {
        testing_check_no_faults();
        now = next;
    }
    return result;
}

static void check_report(size_t swapped, size_t added, size_t removed, size_t limited,
                         size_t unfinished)
{
    ck_assert_uint_eq(report.swapped, swapped);
    ck_assert_uint_eq(report.added, added);
    ck_assert_uint_eq(report.removed, removed);
    ck_assert_uint_eq(report.limited, limited);
    ck_assert_uint_eq(report.unfinished, unfinished);
    ck_assert_uint_ge(report.paused_ns, report.plugins_ns);
}

/* Finds texts in the log, in this order, and forgets it. */
static void check_log(const char *const *texts)
{
    const char *at = log_lines;

    for (; *texts; texts++) {
        at = strstr(at, *texts);
        ck_assert_msg(at != NULL, "%s is missing or too early in %s", *texts, log_lines);
    }
    log_lines[0] = '\0';
}

/* @return Whether the report has this line. */
static bool reported(const char *line)
{
    char text[4096];

    (void)snprintf(text, sizeof text, "%.*s", (int)report.lines.length,
                   report.lines.bytes ? report.lines.bytes : "");
    return strstr(text, line) != NULL;
}

static bool logged(const char *text)
{
    return strstr(log_lines, text) != NULL;
}

/* --- A swap */

START_TEST(the_steps_are_in_order)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
    log_lines[0] = '\0';
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "") AND IDLE)), 0);
    check_log(
        WORDS("version 2: create", "version 2: start", "version 1: export_state",
              "version 2: import_state", "msg=\"swapped\" gateway=swapped generation=2 path=/swap",
              "because=\"another library\"", "version 2: ready", "the world adopts\" slot=swapped",
              "stopping version 1: swapped", "version 1: stopping", "version 1: destroy"));
    check_report(1, 0, 0, 0, 0);
    ck_assert_ptr_null(leftovers.first);
    ck_assert_str_eq(ask("swapped", "count"), "version 2 count 2");
}
END_TEST

START_TEST(the_place_is_the_same)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    struct slot *slot = gateway("swapped");
    struct instance *idle = instance_in(gateway("idle")), *before = instance_in(slot);

    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "path = \"/other\";") AND IDLE)), 0);
    ck_assert_ptr_eq(gateway("swapped"), slot);
    ck_assert_ptr_ne(instance_in(slot), before);
    ck_assert_uint_eq(slot->generation, 2);
    ck_assert_ptr_null(slot->retired);
    ck_assert_ptr_eq(slots_find_gateway(&slots, toni_str_of("/other")), slot);
    ck_assert_ptr_null(slots_find_gateway(&slots, toni_str_of("/swap")));
    ck_assert_ptr_eq(instance_in(gateway("idle")), idle);
    ck_assert_uint_eq(gateway("idle")->generation, 1);
    ck_assert_ptr_eq(now->instances[graph_testing_number(now, "idle")], idle);
    ck_assert_uint_eq(loader.retired, 1); /* swap_1.so */
}
END_TEST

START_TEST(nothing_to_do)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    struct instance *before = instance_in(gateway("swapped"));

    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE AND SWAPPED(1, ""))), 0);
    check_report(0, 0, 0, 0, 0);
    ck_assert_ptr_eq(instance_in(gateway("swapped")), before);
    ck_assert(!logged("version 1"));
    ck_assert_uint_eq(loader.retired, 0);
}
END_TEST

START_TEST(there_and_back_many_times)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    for (int i = 1; i <= 100; i++) {
        char expected[64];

        (void)snprintf(expected, sizeof expected, "version %d count %d", 2 - i % 2, i);
        ck_assert_str_eq(ask("swapped", "count"), expected);
        if (i % 2)
            ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "") AND IDLE)), 0);
        else
            ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, "") AND IDLE)), 0);
        log_lines[0] = '\0';
    }
    ck_assert_uint_eq(gateway("swapped")->generation, 101);
}
END_TEST

START_TEST(limits_alone)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    struct instance *before = instance_in(gateway("swapped"));
    const struct limits *standard = slot_limits(gateway("swapped"));

    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, "limits = { callback_ms = 7; };") AND IDLE)),
                     0);
    check_report(0, 0, 0, 1, 0);
    ck_assert_ptr_eq(instance_in(gateway("swapped")), before);
    ck_assert_uint_eq(slot_limits(gateway("swapped"))->callback_ms, 7);
    ck_assert_uint_eq(before->callback_limit_ns, 7000000);
    check_log(WORDS("limits changed\" instance=swapped", "the world adopts\" slot=swapped"));
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, "") AND IDLE)), 0);
    ck_assert_ptr_eq(slot_limits(gateway("swapped")), standard);
}
END_TEST

START_TEST(a_state_goes_only_to_who_wants_it)
{
    run(CONFIGURATION("{ gateway = \"x\"; library = \"plain_gateway.so\"; path = \"/x\"; }"));
    ck_assert_int_eq(
        swap_to(CONFIGURATION("{ gateway = \"x\"; library = \"swap_1.so\"; path = \"/x\"; }")), 0);
    ck_assert(!logged("import_state"));
    ck_assert_int_eq(swap_to(CONFIGURATION(
                         "{ gateway = \"x\"; library = \"plain_gateway.so\"; path = \"/x\"; }")),
                     0);
    ck_assert(!logged(": export_state"));
}
END_TEST

/* It need not in a hook, but a function of its own may do it wherever it is called. */
START_TEST(the_report_says_whose_state_went_along)
{
    run(CONFIGURATION(SWAPPED(1, "") AND GREETER("")));
    ck_assert_int_eq(
        swap_to(CONFIGURATION(SWAPPED(2, "") AND GREETER("options = { number = 5; };"))), 0);
    ck_assert(reported("gateway `swapped`: swapped, with its state\n"));
    ck_assert(reported("service `greeter`: swapped, without state: the version that ran has no "
                       "export_state\n"));
    ck_assert_int_eq(
        swap_to(CONFIGURATION("{ gateway = \"swapped\"; library = \"idle_gateway.so\"; }")), 0);
    ck_assert(reported("gateway `swapped`: swapped, without state: the new version has no "
                       "import_state\n"));
}
END_TEST

START_TEST(data_of_clients_needs_who_adopts_them)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    struct slot *slot = gateway("swapped");

    counter_add_shared(&slot->clients.carrying, 2);
    log_lines[0] = '\0';
    ck_assert_int_eq(swap_to(CONFIGURATION(
                         "{ gateway = \"swapped\"; library = \"plain_gateway.so\"; }" AND IDLE)),
                     -1);
    testing_check_fault(
        3, WORDS("module `one`: gateway `swapped`: 2 clients carry data", "add on_adopt"));
    ck_assert(!logged("destroy")); /* nothing was made */
    fault_list_finish(&faults);
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "") AND IDLE)), 0);
}
END_TEST

/* Nobody carries data at first; then a client does while the others are being made. */
START_TEST(data_that_comes_late_is_seen_too)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    carrying = gateway("idle");
    struct instance *idle = instance_in(carrying);

    carried_after = "version 2: create";
    ck_assert_int_eq(
        swap_to(CONFIGURATION(SWAPPED(2, "") AND "{ gateway = \"idle\"; library = "
                                                 "\"idle_gateway.so\"; path = \"/other\"; }")),
        -1);
    carried_after = NULL;
    testing_check_fault(4, WORDS("gateway `idle`: 1 client carries data"));
    fault_list_finish(&faults);
    ck_assert(logged("version 2: destroy"));
    ck_assert_ptr_eq(instance_in(carrying), idle);
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
}
END_TEST

START_TEST(who_enters_in_a_hook_does_not_wait_for_itself)
{
    run(CONFIGURATION(SWAPPED(1, "options = { enters = true; };") AND IDLE));
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "options = { enters = true; };") AND IDLE)),
                     0);
    check_log(WORDS("version 1: export_state", "version 2: import_state"));
    ck_assert_uint_eq(gate_count(&gateway("swapped")->gate), 0);
}
END_TEST

/* --- Coming and going */

START_TEST(a_gateway_comes_and_goes)
{
    run(CONFIGURATION(IDLE));
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, "") AND IDLE)), 0);
    check_report(0, 1, 0, 0, 0);
    check_log(WORDS("version 1: create", "version 1: start", "msg=\"added\" gateway=swapped",
                    "version 1: ready"));
    struct slot *slot = gateway("swapped");
    ck_assert_ptr_eq(slots_find_gateway(&slots, toni_str_of("/swap")), slot);
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");

    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE)), 0);
    check_report(0, 0, 1, 0, 0);
    check_log(WORDS("stopping version 1: removed", "the world closes\" slot=swapped",
                    "version 1: destroy", "msg=\"removed\" gateway=swapped"));
    ck_assert_ptr_null(slots_find_gateway(&slots, toni_str_of("/swap")));
    ck_assert_ptr_null(instance_in(slot));

    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "") AND IDLE)), 0);
    ck_assert_ptr_eq(gateway("swapped"), slot);
    ck_assert_uint_eq(slot->generation, 2);
    ck_assert_str_eq(ask("swapped", "count"), "version 2 count 1"); /* a new life */
}
END_TEST

START_TEST(one_takes_over_the_path_of_another)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    ck_assert_int_eq(
        swap_to(CONFIGURATION(IDLE AND "{ gateway = \"heir\"; library = \"swap_2.so\"; }")), 0);
    check_report(0, 1, 1, 0, 0);
    ck_assert_ptr_eq(slots_find_gateway(&slots, toni_str_of("/swap")), gateway("heir"));
    ck_assert_ptr_null(instance_in(gateway("swapped")));
}
END_TEST

START_TEST(clients_of_a_removed_gateway_that_do_not_go)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    close_result = -1;
    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE)), 0);
    check_report(0, 0, 1, 0, 1);
    check_log(WORDS("an old instance can't be ended yet", "instance=swapped"));
    ck_assert_ptr_nonnull(leftovers.first);
    ck_assert_ptr_null(slots_find_gateway(&slots, toni_str_of("/swap")));
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1"); /* for those who are left */

    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "") AND IDLE)), -1);
    testing_check_fault(3, WORDS("gateway `swapped`", "last change is not over"));
    ck_assert(!logged("version 2"));
    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE AND "{ gateway = \"heir\"; library = "
                                                    "\"swap_2.so\"; }")),
                     0);
    ck_assert(!logged("version 1: destroy"));
    ck_assert(end());
    check_log(WORDS("version 1: destroy", "version 2: destroy"));
}
END_TEST

START_TEST(a_call_of_a_removed_gateway_that_does_not_end)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    held = gateway("swapped");
    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE)), 0);
    check_report(0, 0, 1, 0, 1);
    ck_assert(!logged("version 1: destroy"));
    gate_leave(&held->gate);
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
}
END_TEST

/* --- Services */

START_TEST(a_new_user_is_made_with_the_new_service)
{
    run(CONFIGURATION(GREETER("options = { number = 5; };") AND GREETED("")));
    ck_assert_int_eq(
        swap_to(CONFIGURATION(GREETER("options = { number = 6; };") AND GREETED("path = \"/x\";"))),
        0);
    check_report(2, 0, 0, 0, 0);
    check_log(WORDS("create: greeted by 6", "ready: greeted by 6", "destroy: greeted by 5",
                    "destroy\" instance=greeter"));
    ck_assert_str_eq(ask("greeted", "hello"), "hello");
    check_log(WORDS("message: greeted by 6"));
}
END_TEST

START_TEST(a_new_user_is_made_with_the_service_that_stays)
{
    run(CONFIGURATION(GREETER("options = { number = 5; };") AND GREETED("")));
    struct instance *service = instance_in(slot_of(TONI_SERVICE, "greeter"));

    ck_assert_int_eq(
        swap_to(CONFIGURATION(GREETER("options = { number = 5; };") AND GREETED("path = \"/x\";"))),
        0);
    check_report(1, 0, 0, 0, 0);
    check_log(WORDS("create: greeted by 5", "ready: greeted by 5", "destroy: greeted by 5"));
    ck_assert_ptr_eq(instance_in(slot_of(TONI_SERVICE, "greeter")), service);
}
END_TEST

START_TEST(an_old_user_keeps_its_pointer_and_reads_the_new_service)
{
    run(CONFIGURATION(GREETER("options = { number = 5; };") AND GREETED("") AND SWAPPED(1, "")));
    struct instance *user = instance_in(gateway("greeted"));
    const toni_slot *pointer = user->injected[0];
    const toni_slot before = *pointer;

    ck_assert_str_eq(ask("swapped", "greet"), "5");
    ck_assert_int_eq(swap_to(CONFIGURATION(GREETED("") AND SWAPPED(1, "")
                                               AND GREETER("options = { number = 6; };"))),
                     0);
    check_report(1, 0, 0, 0, 0);
    ck_assert_ptr_eq(instance_in(gateway("greeted")), user);
    ck_assert_ptr_eq(user->injected[0], pointer);
    ck_assert_ptr_ne(pointer->self, before.self);
    ck_assert_str_eq(ask("swapped", "greet"), "6");
    ck_assert_int_eq(swap_to(CONFIGURATION(GREETED("") AND SWAPPED(1, "") AND GREETER_2)), 0);
    ck_assert_str_eq(ask("swapped", "greet"), "2");
    (void)ask("greeted", "hello");
    check_log(WORDS("message: greeted by 2"));
}
END_TEST

START_TEST(a_service_comes_and_goes)
{
    run(CONFIGURATION(SWAPPED(1, "")));
    ck_assert_str_eq(ask("swapped", "greet"), "nobody");
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, "") AND GREETER(""))), 0);
    check_report(0, 1, 0, 0, 0);
    ck_assert_str_eq(ask("swapped", "greet"), "1");
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, ""))), 0);
    check_report(0, 0, 1, 0, 0);
    ck_assert_str_eq(ask("swapped", "greet"), "nobody");
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
    ck_assert(!logged("version 1: create"));
    ck_assert_ptr_null(instance_in(slot_of(TONI_SERVICE, "greeter")));
}
END_TEST

START_TEST(a_user_gets_it_from_another)
{
    run(CONFIGURATION(GREETER("") AND
                      "{ service = \"second\"; library = \"greeter_2.so\"; }" AND SWAPPED(
                          1, "inject = { greeter = \"greeter\"; };")));
    ck_assert_str_eq(ask("swapped", "greet"), "1");
    ck_assert_int_eq(
        swap_to(CONFIGURATION(GREETER("") AND "{ service = \"second\"; library = "
                                              "\"greeter_2.so\"; }" AND SWAPPED(
                                                  1, "inject = { greeter = \"second\"; };"))),
        0);
    check_report(0, 0, 0, 0, 0);
    ck_assert_str_eq(ask("swapped", "greet"), "2");
}
END_TEST

/* --- Failures: what ran before goes on */

/* What must be the same after a swap that failed. */
static struct {
    struct graph *graph;
    struct instance *instances[8];
    const struct limits *limits[8];
    uint32_t generations[8];
    size_t retired;
} before;

static void remember(void)
{
    before.graph = now;
    before.retired = loader.retired;
    for (size_t i = 0; i < now->setup_count; i++) {
        struct slot *slot = now->setups[i].slot;

        before.instances[i] = now->instances[i];
        before.limits[i] = slot_limits(slot);
        before.generations[i] = slot->generation;
    }
}

static void check_whole(void)
{
    ck_assert_ptr_eq(now, before.graph);
    for (size_t i = 0; i < now->setup_count; i++) {
        struct slot *slot = now->setups[i].slot;

        ck_assert_ptr_eq(now->instances[i], before.instances[i]);
        ck_assert_ptr_eq(instance_in(slot), before.instances[i]); /* its gate is open */
        ck_assert_ptr_eq(slot_limits(slot), before.limits[i]);
        ck_assert_uint_eq(slot->generation, before.generations[i]);
        ck_assert_uint_eq(gate_count(&slot->gate), 0);
        ck_assert_ptr_null(slot->retired);
        ck_assert(slot_is_open(slot));
    }
}

/* Two that are swapped beside the one that fails; one more comes, one goes, one gets other limits.
 */
#define CROWD(options)                                                                             \
    CONFIGURATION(SWAPPED(1, options) AND GREETER("options = { number = 5; };") AND GREETED("")    \
                      AND IDLE)
#define NEXT_CROWD(options)                                                                        \
    CONFIGURATION(SWAPPED(2, options) AND GREETER("options = { number = 6; };")                    \
                      AND GREETED("limits = { ping_ms = 5; };") AND                                \
                  "{ gateway = \"late\"; library = \"idle_gateway.so\"; path = \"/late\"; }")

static void fail_to(const char *text, const char *const *words)
{
    remember();
    log_lines[0] = '\0';
    ck_assert_int_eq(swap_to(text), -1);
    testing_check_fault(3, words);
    check_whole();
    ck_assert(!logged("msg=\"swapped\"") && !logged("the world") && !logged("stopping"));
    const struct slot *late_slot = slots_get(&slots, TONI_GATEWAY, "late");
    ck_assert(late_slot == NULL || late_slot->instance == NULL);
    ck_assert_ptr_null(slots_find_gateway(&slots, toni_str_of("/late")));
    ck_assert_str_eq(ask("swapped", "greet"), "5");
    (void)ask("greeted", "hello");
    ck_assert(logged("message: greeted by 5"));
    log_lines[0] = '\0';
}

/* And nothing of it is in the way of the next. */
static void check_success_follows(void)
{
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
    ck_assert_int_eq(swap_to(NEXT_CROWD("")), 0);
    check_report(2, 1, 1, 1, 0);
    ck_assert_str_eq(ask("swapped", "count"), "version 2 count 2");
    ck_assert_str_eq(ask("swapped", "greet"), "6");
}

static const char *const new_hooks[] = {"create", "start", "import_state"};

START_TEST(a_hook_of_the_new_one_fails)
{
    char text[2048], words[128];

    run(CROWD(""));
    (void)snprintf(text, sizeof text, NEXT_CROWD("options = { fail = \"%s\"; };"), new_hooks[_i]);
    (void)snprintf(words, sizeof words, "%s of the new version returned TONI_ERR_FAILED",
                   new_hooks[_i]);
    remember();
    ck_assert_int_eq(swap_to(text), -1);
    testing_check_fault(3, WORDS("module `one`: gateway `swapped`", words));
    ck_assert(logged("version 2: destroy") == (_i > 0)); /* not after a `create` that failed */
    fail_to(text, WORDS(words));
    ck_assert_ptr_null(leftovers.first);
    check_success_follows();
}
END_TEST

START_TEST(a_hook_of_the_new_one_hangs)
{
    char text[2048], words[128];

    run(CROWD(""));
    (void)snprintf(text, sizeof text, NEXT_CROWD("options = { hang = \"%s\"; };"), new_hooks[_i]);
    (void)snprintf(words, sizeof words, "%s of the new version did not return within hook_ms",
                   new_hooks[_i]);
    fail_to(text, WORDS("gateway `swapped`", words));
    ck_assert_ptr_nonnull(leftovers.first);
    ck_assert_uint_eq(leftovers.first->abandoned, 1);
    fail_to(text, WORDS(words));
    ck_assert_ptr_nonnull(leftovers.first->next);
    check_success_follows();
    check_end_fails();
}
END_TEST

START_TEST(the_old_one_does_not_give_its_state)
{
    run(CROWD("options = { fail = \"export_state\"; };"));
    fail_to(NEXT_CROWD(""),
            WORDS("export_state of the version that runs returned TONI_ERR_FAILED"));
    fail_to(NEXT_CROWD(""), WORDS("export_state of the version that runs"));
    ck_assert_ptr_null(leftovers.first);
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
}
END_TEST

START_TEST(the_old_one_hangs_in_giving_its_state)
{
    run(CROWD("options = { hang = \"export_state\"; };"));
    fail_to(NEXT_CROWD(""), WORDS("export_state of the version that runs did not return"));
    fail_to(NEXT_CROWD(""), WORDS("export_state of the version that runs did not return"));
    ck_assert_ptr_null(leftovers.first); /* it is of the graph that runs */
    ck_assert_uint_eq(now->abandoned, 1);

    /* Others can change. It itself can go, but is not ended: nor what it uses. */
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, "options = { hang = \"export_state\"; };")
                                               AND GREETER("options = { number = 5; };"))),
                     0);
    check_report(0, 0, 2, 0, 0);
    ck_assert_uint_eq(now->abandoned, 1);
    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE AND GREETER("options = { number = 5; };"))), 0);
    check_report(0, 1, 1, 0, 1);
    log_lines[0] = '\0';
    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE)), 0);
    ck_assert(!logged("destroy\" instance=greeter"));
    check_end_fails();
    ck_assert(!logged("destroy\" instance=greeter"));
}
END_TEST

START_TEST(a_state_that_is_too_big)
{
    run(CROWD("options = { padding = 4096; };"));
    fail_to(NEXT_CROWD("limits = { state_bytes = 4103; };"),
            WORDS("its state has at least 4104 bytes, allowed are 4103", "state_bytes"));
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
    ck_assert_int_eq(swap_to(NEXT_CROWD("limits = { state_bytes = 4104; };")), 0);
    ck_assert_str_eq(ask("swapped", "count"), "version 2 count 2");
}
END_TEST

START_TEST(one_does_not_come_to_rest)
{
    run(CROWD(""));
    struct slot *slot = gateway("swapped");

    remember();
    gate_join(&slot->gate);
    atomic_store(&late, &slot->gate.changed);
    ck_assert_int_eq(swap_to(NEXT_CROWD("")), -1);
    testing_check_fault(3, WORDS("gateway `swapped` did not quiesce within swap_ms (1000)",
                                 "a call of it has not returned"));
    ck_assert(!logged("export_state"));
    gate_leave(&slot->gate);
    check_whole();
    atomic_store(&late, NULL);
    check_success_follows();
}
END_TEST

/* Whatever it calls, and whomever it belongs to. */
START_TEST(a_thread_that_has_entered_does_not_leave)
{
    run(CROWD(""));
    remember();
    visit_begin(gateway("idle"));
    atomic_store(&late, &slots.visitors.changed);
    ck_assert_int_eq(swap_to(NEXT_CROWD("")), -1);
    ck_assert_uint_eq(faults.count, 1);
    ck_assert_ptr_nonnull(strstr(faults.faults[0].text, "gateway `idle`"));
    ck_assert_ptr_nonnull(
        strstr(faults.faults[0].text, "has called toni_enter and not toni_leave within swap_ms"));
    fault_list_finish(&faults);
    ck_assert(!logged("export_state"));
    ck_assert_int_eq(visit_end(), 0);
    check_whole();
    atomic_store(&late, NULL);
    check_success_follows();
}
END_TEST

START_TEST(a_user_of_what_is_swapped_does_not_come_to_rest)
{
    run(CONFIGURATION(GREETER("") AND GREETED("") AND IDLE));
    struct slot *slot = gateway("greeted");

    remember();
    gate_join(&gateway("idle")->gate); /* which has nothing to do with it */
    gate_join(&slot->gate);
    atomic_store(&late, &slot->gate.changed);
    ck_assert_int_eq(swap_to(CONFIGURATION(GREETER_2 AND GREETED("") AND IDLE)), -1);
    testing_check_fault(4, WORDS("gateway `greeted` did not quiesce"));
    gate_leave(&slot->gate);
    ck_assert_int_eq(swap_to(CONFIGURATION(GREETER_2 AND GREETED("") AND IDLE)), 0);
    gate_leave(&gateway("idle")->gate);
}
END_TEST

/* Such as a request that found the service before it was removed. */
START_TEST(somebody_is_still_in_a_vacant_place)
{
    run(CONFIGURATION(GREETER("") AND IDLE));
    struct slot *slot = slots_make(&slots, TONI_GATEWAY, "swapped");

    ck_assert_ptr_nonnull(slot);
    gate_join(&slot->gate);
    atomic_store(&late, &slot->gate.changed);
    remember();
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, "") AND GREETER("") AND IDLE)), -1);
    testing_check_fault(3, WORDS("gateway `swapped` did not quiesce"));
    check_whole();
    gate_leave(&slot->gate);
    atomic_store(&late, NULL);
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(1, "") AND GREETER("") AND IDLE)), 0);
}
END_TEST

/* A plugin may return that of its own, and has returned all the same. */
START_TEST(a_time_out_of_the_plugins_own_is_an_error_as_others)
{
    char text[2048], words[128];

    run(CROWD(""));
    (void)snprintf(text, sizeof text, NEXT_CROWD("options = { fail = \"%s\"; error = -13; };"),
                   new_hooks[_i]);
    (void)snprintf(words, sizeof words, "%s of the new version returned TONI_ERR_TIMEOUT",
                   new_hooks[_i]);
    fail_to(text, WORDS(words));
    ck_assert_ptr_null(leftovers.first);
    check_success_follows();
}
END_TEST

START_TEST(a_time_out_of_the_old_ones_own)
{
    run(CROWD("options = { fail = \"export_state\"; error = -13; };"));
    fail_to(NEXT_CROWD(""),
            WORDS("export_state of the version that runs returned TONI_ERR_TIMEOUT"));
    ck_assert_ptr_null(leftovers.first);
}
END_TEST

/* All that were made are ended again, those that follow are not made. */
START_TEST(a_failure_ends_the_others_that_were_made)
{
    run(CONFIGURATION(GREETER("") AND IDLE));
    remember();
    ck_assert_int_eq(
        swap_to(CONFIGURATION(GREETER_2 AND "{ gateway = \"fails\"; library = "
                                            "\"start_fails.so\"; }" AND SWAPPED(1, ""))),
        -1);
    testing_check_fault(4, WORDS("gateway `fails`", "start of the new version returned "
                                                    "TONI_ERR_BUSY"));
    ck_assert(logged("destroy\" instance=greeter"));
    ck_assert(!logged("version 1: create"));
    check_whole();
    ck_assert_ptr_null(instance_in(gateway("fails")));
}
END_TEST

START_TEST(once_it_serves_nothing_is_taken_back)
{
    run(CROWD(""));
    ck_assert_int_eq(swap_to(NEXT_CROWD("options = { fail = \"ready\"; };")), 0);
    check_report(2, 1, 1, 1, 0);
    check_log(WORDS("`ready` of a new version failed; it serves all the same",
                    "instance=swapped error=TONI_ERR_FAILED", "version 1: destroy"));
    ck_assert_uint_eq(report.not_ready, 1);
    ck_assert(reported("gateway `swapped`: `ready` of the new version returned TONI_ERR_FAILED"));
    ck_assert_str_eq(ask("swapped", "count"), "version 2 count 1");
}
END_TEST

START_TEST(a_ready_that_hangs_is_reported)
{
    run(CROWD(""));
    ck_assert_int_eq(swap_to(NEXT_CROWD("options = { hang = \"ready\"; };")), 0);
    ck_assert_uint_eq(report.not_ready, 1);
    ck_assert(
        reported("gateway `swapped`: `ready` of the new version did not return within hook_ms"));
    check_end_fails();
}
END_TEST

START_TEST(the_end_of_the_old_one_hangs)
{
    run(CROWD("options = { hang = \"destroy\"; };"));
    ck_assert_int_eq(swap_to(NEXT_CROWD("")), 0);
    check_report(2, 1, 1, 1, 2); /* and the service that it may be calling */
    ck_assert(!logged("destroy\" instance=greeter"));
    ck_assert_str_eq(ask("swapped", "greet"), "6");
    check_end_fails();
}
END_TEST

/* --- What is left */

START_TEST(clients_that_can_not_be_handed_on)
{
    run(CROWD(""));
    adopt_result = -1;
    ck_assert_int_eq(swap_to(NEXT_CROWD("")), 0);
    ck_assert_uint_eq(report.unfinished, 2); /* and the service that it uses */
    struct slot *slot = gateway("swapped");
    ck_assert_ptr_nonnull(slot->retired);
    ck_assert_ptr_ne(slot->retired, instance_in(slot));
    ck_assert(!logged("version 1: destroy"));
    ck_assert(!logged("destroy\" instance=greeter"));
    ck_assert_str_eq(ask("swapped", "greet"), "6");

    ck_assert_int_eq(swap_to(CROWD("")), -1);
    testing_check_fault(3, WORDS("gateway `swapped`", "last change is not over"));
    ck_assert_ptr_nonnull(leftovers.first);
    ck_assert(end());
    check_log(WORDS("version 1: destroy", "destroy\" instance=greeter"));
}
END_TEST

START_TEST(what_was_not_over_may_be_over_later)
{
    run(CROWD(""));
    adopt_result = -1;
    ck_assert_int_eq(swap_to(NEXT_CROWD("")), 0);
    ck_assert_int_eq(swap_to(CROWD("")), -1);
    testing_check_fault(3, WORDS("gateway `swapped`", "last change is not over"));
    adopt_result = 0;
    ck_assert_int_eq(swap_to(CROWD("")), 0);
    ck_assert_ptr_null(gateway("swapped")->retired);
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
    log_lines[0] = '\0';
    ck_assert(end()); /* the first one, too */
    ck_assert_ptr_nonnull(
        strstr(strstr(log_lines, "version 1: destroy") + 1, "version 1: destroy"));
}
END_TEST

START_TEST(a_removed_gateway_comes_back_once_it_is_deserted)
{
    run(CONFIGURATION(SWAPPED(1, "") AND IDLE));
    close_result = -1;
    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE)), 0);
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "") AND IDLE)), -1);
    testing_check_fault(3, WORDS("gateway `swapped`", "last change is not over"));
    ck_assert_str_eq(ask("swapped", "count"), "version 1 count 1");
    close_result = 0;
    ck_assert_int_eq(swap_to(CONFIGURATION(SWAPPED(2, "") AND IDLE)), 0);
    ck_assert_str_eq(ask("swapped", "count"), "version 2 count 1");
    ck_assert(slot_is_open(gateway("swapped")));
    ck_assert(end());
    check_log(WORDS("version 1: destroy", "version 2: destroy"));
}
END_TEST

/* Whoever is stuck with clients still calls the service that it was made with. */
START_TEST(what_a_left_one_uses_is_kept_over_later_swaps)
{
    run(CONFIGURATION(GREETER("options = { number = 5; };") AND GREETED("") AND IDLE));
    close_result = -1;
    ck_assert_int_eq(swap_to(CONFIGURATION(GREETER("options = { number = 5; };") AND IDLE)), 0);
    check_report(0, 0, 1, 0, 1);
    ck_assert_int_eq(swap_to(CONFIGURATION(GREETER("options = { number = 6; };") AND IDLE)), 0);
    check_report(1, 0, 0, 0, 1);
    ck_assert(!logged("destroy\" instance=greeter"));
    ck_assert_int_eq(swap_to(CONFIGURATION(IDLE)), 0); /* the new one is nobody's */
    check_report(0, 0, 1, 0, 0);
    check_log(WORDS("destroy\" instance=greeter"));
    (void)ask("greeted", "hello");
    check_log(WORDS("message: greeted by 5"));
    ck_assert(end());
    check_log(WORDS("destroy: greeted by 5", "destroy\" instance=greeter"));
}
END_TEST

START_TEST(what_a_hung_one_uses_is_kept_over_later_swaps)
{
    run(CONFIGURATION(GREETER("options = { number = 5; };") AND IDLE));
    ck_assert_int_eq(
        swap_to(CONFIGURATION(GREETER("options = { number = 5; };")
                                  AND IDLE AND SWAPPED(1, "options = { hang = \"start\"; };"))),
        -1);
    testing_check_fault(5, WORDS("start of the new version did not return"));
    ck_assert_int_eq(swap_to(CONFIGURATION(GREETER("options = { number = 6; };") AND IDLE)), 0);
    check_report(1, 0, 0, 0, 1);
    ck_assert(!logged("destroy\" instance=greeter"));
    check_end_fails();
    check_log(WORDS("destroy\" instance=greeter")); /* number 6 */
    ck_assert(!logged("destroy\" instance=greeter"));
}
END_TEST

START_TEST(what_a_left_one_uses_ends_with_the_host)
{
    run(CONFIGURATION(GREETER("options = { number = 5; };") AND GREETED("") AND IDLE));
    close_result = -1;
    ck_assert_int_eq(swap_to(CONFIGURATION(GREETER("options = { number = 5; };") AND IDLE)), 0);
    ck_assert(end());
    check_log(WORDS("destroy: greeted by 5", "destroy\" instance=greeter"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("swap");
    TCase *good = tcase_create("good");
    TCase *failures = tcase_create("failures");
    TCase *left = tcase_create("left");

    tcase_add_checked_fixture(good, set_up, tear_down);
    tcase_add_test(good, the_steps_are_in_order);
    tcase_add_test(good, the_place_is_the_same);
    tcase_add_test(good, nothing_to_do);
    tcase_add_test(good, there_and_back_many_times);
    tcase_add_test(good, limits_alone);
    tcase_add_test(good, a_state_goes_only_to_who_wants_it);
    tcase_add_test(good, the_report_says_whose_state_went_along);
    tcase_add_test(good, who_enters_in_a_hook_does_not_wait_for_itself);
    tcase_add_test(good, a_gateway_comes_and_goes);
    tcase_add_test(good, one_takes_over_the_path_of_another);
    tcase_add_test(good, clients_of_a_removed_gateway_that_do_not_go);
    tcase_add_test(good, a_call_of_a_removed_gateway_that_does_not_end);
    tcase_add_test(good, a_new_user_is_made_with_the_new_service);
    tcase_add_test(good, a_new_user_is_made_with_the_service_that_stays);
    tcase_add_test(good, an_old_user_keeps_its_pointer_and_reads_the_new_service);
    tcase_add_test(good, a_service_comes_and_goes);
    tcase_add_test(good, a_user_gets_it_from_another);
    suite_add_tcase(suite, good);

    tcase_add_checked_fixture(failures, set_up, tear_down);
    tcase_add_loop_test(failures, a_hook_of_the_new_one_fails, 0, 3);
    tcase_add_loop_test(failures, a_hook_of_the_new_one_hangs, 0, 3);
    tcase_add_test(failures, the_old_one_does_not_give_its_state);
    tcase_add_test(failures, the_old_one_hangs_in_giving_its_state);
    tcase_add_test(failures, a_state_that_is_too_big);
    tcase_add_test(failures, data_of_clients_needs_who_adopts_them);
    tcase_add_test(failures, data_that_comes_late_is_seen_too);
    tcase_add_test(failures, one_does_not_come_to_rest);
    tcase_add_test(failures, a_thread_that_has_entered_does_not_leave);
    tcase_add_test(failures, a_user_of_what_is_swapped_does_not_come_to_rest);
    tcase_add_test(failures, somebody_is_still_in_a_vacant_place);
    tcase_add_loop_test(failures, a_time_out_of_the_plugins_own_is_an_error_as_others, 0, 3);
    tcase_add_test(failures, a_time_out_of_the_old_ones_own);
    tcase_add_test(failures, a_failure_ends_the_others_that_were_made);
    tcase_add_test(failures, once_it_serves_nothing_is_taken_back);
    tcase_add_test(failures, a_ready_that_hangs_is_reported);
    tcase_add_test(failures, the_end_of_the_old_one_hangs);
    suite_add_tcase(suite, failures);

    tcase_add_checked_fixture(left, set_up, tear_down);
    tcase_add_test(left, clients_that_can_not_be_handed_on);
    tcase_add_test(left, what_was_not_over_may_be_over_later);
    tcase_add_test(left, a_removed_gateway_comes_back_once_it_is_deserted);
    tcase_add_test(left, what_a_left_one_uses_is_kept_over_later_swaps);
    tcase_add_test(left, what_a_hung_one_uses_is_kept_over_later_swaps);
    tcase_add_test(left, what_a_left_one_uses_ends_with_the_host);
    suite_add_tcase(suite, left);
    return testing_run(suite);
}
