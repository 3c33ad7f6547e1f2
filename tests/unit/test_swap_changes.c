/* What differs between two configurations: what is done about each instance, and why; who has to
 * quiesce for it; and what a running host can't change. */
#include "graph_testing.h"
#include "swap/changes.h"

#include <inttypes.h>

static struct graph *now, *next;
static struct changes changes;

static void forget(void)
{
    changes_finish(&changes);
    graph_destroy(next);
    graph_destroy(now);
    now = next = NULL;
}

static void tear_down(void)
{
    forget();
    graph_testing_teardown();
}

static void compare(const char *before, const char *after)
{
    forget();
    now = graph_testing_check_good(before, NULL);
    next = graph_testing_check_good(after, now);
    ck_assert_int_eq(changes_init(&changes, now, next), 0);
}

static void check_counts(size_t swapped, size_t added, size_t removed, size_t limited)
{
    ck_assert_uint_eq(changes.swapped, swapped);
    ck_assert_uint_eq(changes.added, added);
    ck_assert_uint_eq(changes.removed, removed);
    ck_assert_uint_eq(changes.limited, limited);
    ck_assert(changes_empty(&changes) == (swapped + added + removed + limited == 0));
}

static const struct instance_change *change_of(const char *name)
{
    return &changes.next[graph_testing_number(next, name)];
}

static void check_quiesces(const char *name, bool quiesces)
{
    ck_assert_msg(changes.quiesces[graph_testing_number(now, name)] == quiesces, "%s", name);
}

/* --- Each reason by itself */

#define PLAIN(more) "{ gateway = \"plain\"; library = \"plain_gateway.so\"; " more " }"

START_TEST(nothing_changes)
{
    compare(CONFIGURATION(PLAIN("options = { size = 1; names = ( \"x\", \"y\" ); };") AND IDLE),
            CONFIGURATION(IDLE AND PLAIN("options = { names = ( \"x\", \"y\" ); size = 1; };")));
    check_counts(0, 0, 0, 0);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(changes.next[i].change, CHANGE_NOTHING);
        ck_assert_uint_eq(changes.after[changes.next[i].before], i);
        ck_assert(!changes.quiesces[i]);
    }
    ck_assert_uint_eq(change_of("plain")->before, 0);
    ck_assert_uint_eq(change_of("idle")->before, 1);
}
END_TEST

static void check_swap(const char *name, const char *why)
{
    check_counts(1, 0, 0, 0);
    ck_assert_int_eq(change_of(name)->change, CHANGE_SWAP);
    ck_assert_str_eq(change_of(name)->why, why);
    check_quiesces(name, true);
    check_quiesces("idle", false);
}

START_TEST(another_library)
{
    compare(CONFIGURATION(IDLE AND SWAPPED(1, "")), CONFIGURATION(IDLE AND SWAPPED(2, "")));
    check_swap("swapped", "another library");
}
END_TEST

#define OWN "{ gateway = \"own\"; library = \"./own.so\"; path = \"/own\"; }"

START_TEST(another_content_of_its_library)
{
    const char *text = CONFIGURATION(IDLE AND OWN);

    graph_testing_copy("swap_1.so", "own.so");
    now = graph_testing_check_good(text, NULL);
    graph_testing_copy("swap_2.so", "own.so");
    next = graph_testing_check_good(text, now);
    ck_assert_int_eq(changes_init(&changes, now, next), 0);
    check_swap("own", "another content of its library");
}
END_TEST

START_TEST(other_options)
{
    compare(CONFIGURATION(IDLE AND PLAIN("options = { size = 1; };")),
            CONFIGURATION(IDLE AND PLAIN("options = { size = 2; };")));
    check_swap("plain", "other options");
    compare(CONFIGURATION(IDLE AND PLAIN("")),
            CONFIGURATION(IDLE AND PLAIN("options = { size = 2; };")));
    check_swap("plain", "other options");
    compare(CONFIGURATION(IDLE AND PLAIN("options = { size = 2; };")),
            CONFIGURATION(IDLE AND PLAIN("")));
    check_swap("plain", "other options");
}
END_TEST

START_TEST(another_path)
{
    compare(CONFIGURATION(IDLE AND PLAIN("")), CONFIGURATION(IDLE AND PLAIN("path = \"/x\";")));
    check_swap("plain", "another path");
    compare(CONFIGURATION(IDLE AND PLAIN("")),
            CONFIGURATION(IDLE AND PLAIN("path = \"/plain\";"))); /* what it is anyway */
    check_counts(0, 0, 0, 0);
}
END_TEST

#define TWO_MODULES(first, second)                                                                 \
    "listen = { websocket = \"127.0.0.1:9000\"; };\n"                                              \
    "modules = ( { name = \"one\"; imports = [ \"broadcast\" ]; providers = (\n" first             \
    "); }, { name = \"two\"; imports = [ \"broadcast\" ]; providers = (\n" second "); } );\n"

START_TEST(another_module)
{
    compare(TWO_MODULES(IDLE AND PLAIN(""), ""), TWO_MODULES(IDLE, PLAIN("")));
    check_swap("plain", "another module");
}
END_TEST

#define IN_NAMESPACE(setting, providers)                                                           \
    "listen = { websocket = \"127.0.0.1:9000\"; };\n"                                              \
    "modules = ( { name = \"one\"; imports = [ \"broadcast\" ]; " setting                          \
    " providers = (\n" providers "); } );\n"

#define BESIDE_IDLE(setting, providers)                                                            \
    "listen = { websocket = \"127.0.0.1:9000\"; };\n"                                              \
    "modules = ( { name = \"two\"; providers = ( " IDLE " ); },\n"                                 \
    "{ name = \"one\"; imports = [ \"broadcast\" ]; " setting " providers = (" providers           \
    "); } );\n"

START_TEST(a_service_may_go_to_another_namespace)
{
    compare(BESIDE_IDLE("", GREETER("")), BESIDE_IDLE("namespace = \"x\";", GREETER("")));
    changes_check_namespaces(now, next, &faults);
    testing_check_no_faults();
    check_swap("greeter", "another namespace");
}
END_TEST

START_TEST(a_gateway_stays_in_its_namespace)
{
    compare(IN_NAMESPACE("namespace = \"x\";", IDLE), IN_NAMESPACE("namespace = \"x\";", IDLE));
    changes_check_namespaces(now, next, &faults);
    testing_check_no_faults();
    compare(IN_NAMESPACE("", IDLE), IN_NAMESPACE("namespace = \"x\";", IDLE));
    changes_check_namespaces(now, next, &faults);
    testing_check_fault(3, WORDS("gateway `idle`", "(the default one)", "`x`", "toni restart"));
    compare(IN_NAMESPACE("namespace = \"x\";", IDLE), IN_NAMESPACE("", IDLE));
    changes_check_namespaces(now, next, &faults);
    testing_check_fault(3, WORDS("gateway `idle`", "`x`", "(the default one)"));
    compare(IN_NAMESPACE("", IDLE), IN_NAMESPACE("namespace = \"x\";", PLAIN("")));
    changes_check_namespaces(now, next, &faults); /* one goes, another comes */
    testing_check_no_faults();
}
END_TEST

#define WANTS "{ gateway = \"wants\"; library = \"wants_connections.so\"; path = \"/wants\"; }"
#define IMPORTING(imports)                                                                         \
    "listen = { websocket = \"127.0.0.1:9000\"; };\n"                                              \
    "modules = ( { name = \"one\"; imports = [ " imports " ]; providers = (\n" WANTS AND IDLE      \
    "); } );\n"

/* Connections are a handle, which can't come or go while somebody has it. */
START_TEST(other_imports)
{
    compare(IMPORTING(""), IMPORTING("\"broadcast\""));
    check_swap("wants", "other imports");
    compare(IMPORTING("\"broadcast\""), IMPORTING(""));
    check_swap("wants", "other imports");
}
END_TEST

START_TEST(limits_alone_make_no_other_instance)
{
    compare(CONFIGURATION(IDLE AND PLAIN("")),
            CONFIGURATION(IDLE AND PLAIN("limits = { message_bytes = 7; };")));
    check_counts(0, 0, 0, 1);
    ck_assert_int_eq(change_of("plain")->change, CHANGE_LIMITS);
    ck_assert_ptr_null(change_of("plain")->why);
    check_quiesces("plain", true); /* it may be just about to look at them */
    check_quiesces("idle", false);
}
END_TEST

START_TEST(limits_of_the_host_are_those_of_all)
{
    compare(CONFIGURATION(IDLE AND PLAIN("limits = { ping_ms = 5; };")),
            "limits = { ping_ms = 5; };\n" CONFIGURATION(IDLE AND PLAIN("")));
    check_counts(0, 0, 0, 1);
    ck_assert_int_eq(change_of("idle")->change, CHANGE_LIMITS);
}
END_TEST

START_TEST(a_swap_with_other_limits_is_a_swap)
{
    compare(CONFIGURATION(IDLE AND PLAIN("")),
            CONFIGURATION(IDLE AND PLAIN("path = \"/x\"; limits = { message_bytes = 7; };")));
    check_swap("plain", "another path");
}
END_TEST

START_TEST(added_and_removed)
{
    compare(CONFIGURATION(IDLE), CONFIGURATION(PLAIN("") AND IDLE));
    check_counts(0, 1, 0, 0);
    ck_assert_int_eq(change_of("plain")->change, CHANGE_ADD);
    ck_assert_uint_eq(change_of("plain")->before, NOBODY);
    check_quiesces("idle", false);

    compare(CONFIGURATION(PLAIN("") AND IDLE), CONFIGURATION(IDLE));
    check_counts(0, 0, 1, 0);
    ck_assert_uint_eq(changes.after[graph_testing_number(now, "plain")], NOBODY);
    check_quiesces("plain", true);
    check_quiesces("idle", false);
}
END_TEST

START_TEST(another_name_is_another_instance)
{
    compare(CONFIGURATION(PLAIN("")),
            CONFIGURATION("{ gateway = \"other\"; library = \"plain_gateway.so\"; }"));
    check_counts(0, 1, 1, 0);
}
END_TEST

START_TEST(a_service_and_a_gateway_may_have_one_name)
{
    compare(CONFIGURATION(IDLE AND "{ gateway = \"x\"; library = \"plain_gateway.so\"; }"),
            CONFIGURATION(IDLE AND "{ service = \"x\"; library = \"plain_service.so\"; }"));
    check_counts(0, 1, 1, 0);
}
END_TEST

/* --- Who has to rest */

/* top needs middle (`chat`), which needs `greeter`: a chain through two services. */
#define MIDDLE "{ service = \"middle\"; library = \"greeter_needs_chat.so\"; }"
#define BOTTOM(more) "{ service = \"bottom\"; library = \"plain_service.so\"; " more " }"
#define CHAIN(more) BOTTOM(more) AND MIDDLE AND GREETED("") AND IDLE

START_TEST(users_of_users_rest)
{
    compare(CONFIGURATION(CHAIN("")), CONFIGURATION(CHAIN("options = { a = 1; };")));
    check_counts(1, 0, 0, 0);
    check_quiesces("bottom", true);
    check_quiesces("middle", true);
    check_quiesces("greeted", true);
    check_quiesces("idle", false);
}
END_TEST

START_TEST(what_is_used_does_not_rest)
{
    compare(CONFIGURATION(CHAIN("")),
            CONFIGURATION(BOTTOM("") AND MIDDLE AND GREETED("path = \"/x\";") AND IDLE));
    check_counts(1, 0, 0, 0);
    check_quiesces("bottom", false);
    check_quiesces("middle", false);
    check_quiesces("greeted", true);
    check_quiesces("idle", false);
}
END_TEST

#define MAYBE                                                                                      \
    "{ gateway = \"maybe\"; library = \"greeted_maybe.so\"; path = \"/maybe\"; }" AND              \
    "{ gateway = \"maybe2\"; library = \"greeted_maybe.so\"; path = \"/maybe2\"; }"

START_TEST(who_comes_for_an_optional_need_makes_only_its_users_rest)
{
    compare(CONFIGURATION(MAYBE AND IDLE), CONFIGURATION(MAYBE AND IDLE AND GREETER("")));
    check_counts(0, 1, 0, 0);
    ck_assert_int_eq(change_of("maybe")->change, CHANGE_NOTHING);
    check_quiesces("maybe", true);
    check_quiesces("maybe2", true);
    check_quiesces("idle", false);

    compare(CONFIGURATION(MAYBE AND IDLE AND GREETER("")), CONFIGURATION(MAYBE AND IDLE));
    check_counts(0, 0, 1, 0);
    check_quiesces("maybe", true);
    check_quiesces("greeter", true);
    check_quiesces("idle", false);
}
END_TEST

#define TWO_GREETERS(chosen)                                                                       \
    CONFIGURATION(GREETER("") AND                                                                  \
                  "{ service = \"second\"; library = \"greeter_2.so\"; }" AND GREETED(             \
                      "inject = { greeter = \"" chosen "\"; };") AND IDLE)

START_TEST(who_gets_it_from_another_rests_and_stays)
{
    compare(TWO_GREETERS("greeter"), TWO_GREETERS("second"));
    check_counts(0, 0, 0, 0);
    check_quiesces("greeted", true);
    check_quiesces("greeter", false);
    check_quiesces("second", false);
    check_quiesces("idle", false);
}
END_TEST

/* Its number is another one, but it is the same instance. */
START_TEST(another_order_makes_nobody_rest)
{
    compare(CONFIGURATION(GREETER("") AND GREETED("") AND IDLE),
            CONFIGURATION(IDLE AND GREETED("") AND GREETER("")));
    check_counts(0, 0, 0, 0);
    check_quiesces("greeted", false);
    check_quiesces("greeter", false);
}
END_TEST

/* --- The host itself */

#define ONE_GATEWAY "modules = ( { name = \"one\"; providers = ( " IDLE " ); } );\n"
#define HOST(listen, workers, limits)                                                              \
    "\nworkers = " workers ";\n"                                                                   \
    "listen = { " listen " };\n"                                                                   \
    "limits = { " limits " };\n" ONE_GATEWAY
#define ADDRESSES                                                                                  \
    "websocket = \"127.0.0.1:9000\"; http = [ \"127.0.0.1:9001\", \"127.0.0.1:9002\" ];"
#define HOST_BEFORE HOST(ADDRESSES, "2", "connections = 5;")

static void check_host(const char *after)
{
    forget();
    now = graph_testing_check_good(HOST_BEFORE, NULL);
    next = graph_testing_check_good(after, NULL);
    changes_check_host(now->config, next->config, &faults);
}

START_TEST(a_host_that_stays_as_it_is)
{
    check_host(HOST_BEFORE);
    testing_check_no_faults();
    check_host(HOST(ADDRESSES, "2", "connections = 5; drain_ms = 1; swap_ms = 2; ping_ms = 3;"));
    testing_check_no_faults();
}
END_TEST

START_TEST(addresses_need_a_restart)
{
    check_host(HOST("websocket = \"127.0.0.1:9009\"; http = [ \"127.0.0.1:9001\", "
                    "\"127.0.0.1:9002\" ];",
                    "2", "connections = 5;"));
    testing_check_fault(3, WORDS("listen.websocket", "toni restart"));
    check_host(HOST("websocket = \"127.0.0.1:9000\"; http = \"127.0.0.1:9001\";", "2",
                    "connections = 5;"));
    testing_check_fault(3, WORDS("listen.http", "toni restart"));
    check_host(HOST(ADDRESSES "admin = \"127.0.0.1:9003\";", "2", "connections = 5;"));
    testing_check_fault(3, WORDS("listen.admin", "toni restart"));
    check_host(HOST(ADDRESSES "page = false;", "2", "connections = 5;"));
    testing_check_fault(3, WORDS("listen.page", "toni restart"));
}
END_TEST

START_TEST(the_control_socket_needs_a_restart)
{
    check_host("control = \"other.sock\";" HOST_BEFORE);
    testing_check_fault(1, WORDS("control is", "other.sock", ".toni.sock", "toni restart"));
}
END_TEST

START_TEST(workers_need_a_restart)
{
    check_host(HOST(ADDRESSES, "3", "connections = 5;"));
    testing_check_fault(2, WORDS("workers is 3, and the host runs with 2", "toni restart"));
    check_host("listen = { " ADDRESSES " };\nlimits = { connections = 5; };\n" ONE_GATEWAY);
    ck_assert_uint_eq(faults.count, 1);
    ck_assert_ptr_nonnull(strstr(faults.faults[0].text, "workers is 0, and the host runs with 2"));
    fault_list_finish(&faults);
}
END_TEST

/* Those that a reload gives to who uses them. */
static bool takes_effect_at_a_reload(const char *name)
{
    return strcmp(name, "swap_ms") == 0 || strcmp(name, "history_bytes") == 0 ||
           strcmp(name, "drain_ms") == 0 || strcmp(name, "restart_ms") == 0 ||
           strcmp(name, "watchdog_ms") == 0;
}

START_TEST(each_limit_of_the_host_needs_a_restart)
{
    static const struct {
        const char *name;
        uint64_t other; /* than the default */
        enum limit_scope scope;
    } rows[] = {
#define ROW(name, standard, lowest, highest, scope)                                                \
    {#name, (standard) == (lowest) ? (lowest) + 1 : (lowest), scope},
        LIMITS(ROW)
#undef ROW
    };
    char text[1024], words[128];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].scope != LIMIT_HOST || takes_effect_at_a_reload(rows[i].name))
            continue;
        (void)snprintf(text, sizeof text,
                       HOST(ADDRESSES, "2", "connections = 5; %s = %" PRIu64 ";"), rows[i].name,
                       rows[i].other);
        (void)snprintf(words, sizeof words, "limits.%s is %" PRIu64 ", and the host runs with ",
                       rows[i].name, rows[i].other);
        check_host(text);
        testing_check_fault(4, WORDS(words, "toni restart"));
    }
    check_host(HOST(ADDRESSES, "2", ""));
    testing_check_fault(4, WORDS("limits.connections is 10000, and the host runs with 5"));
}
END_TEST

START_TEST(all_that_needs_a_restart_is_reported_at_once)
{
    check_host(HOST("websocket = \"127.0.0.1:1\"; page = false;", "1", "pending_bytes = 1;"));
    ck_assert_uint_eq(faults.count, 6);
    fault_list_finish(&faults);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("swap_changes");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, graph_testing_setup, tear_down);
    tcase_add_test(cases, nothing_changes);
    tcase_add_test(cases, another_library);
    tcase_add_test(cases, another_content_of_its_library);
    tcase_add_test(cases, other_options);
    tcase_add_test(cases, another_path);
    tcase_add_test(cases, another_module);
    tcase_add_test(cases, a_service_may_go_to_another_namespace);
    tcase_add_test(cases, a_gateway_stays_in_its_namespace);
    tcase_add_test(cases, other_imports);
    tcase_add_test(cases, limits_alone_make_no_other_instance);
    tcase_add_test(cases, limits_of_the_host_are_those_of_all);
    tcase_add_test(cases, a_swap_with_other_limits_is_a_swap);
    tcase_add_test(cases, added_and_removed);
    tcase_add_test(cases, another_name_is_another_instance);
    tcase_add_test(cases, a_service_and_a_gateway_may_have_one_name);
    tcase_add_test(cases, users_of_users_rest);
    tcase_add_test(cases, what_is_used_does_not_rest);
    tcase_add_test(cases, who_comes_for_an_optional_need_makes_only_its_users_rest);
    tcase_add_test(cases, who_gets_it_from_another_rests_and_stays);
    tcase_add_test(cases, another_order_makes_nobody_rest);
    tcase_add_test(cases, a_host_that_stays_as_it_is);
    tcase_add_test(cases, addresses_need_a_restart);
    tcase_add_test(cases, the_control_socket_needs_a_restart);
    tcase_add_test(cases, workers_need_a_restart);
    tcase_add_test(cases, each_limit_of_the_host_needs_a_restart);
    tcase_add_test(cases, all_that_needs_a_restart_is_reported_at_once);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
