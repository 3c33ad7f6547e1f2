/* From a configuration to instances: what fits, what does not, and the order of life. */
#include "base/log.h"
#include "graph/graph.h"
#include "instance/context.h"
#include "temporary_folder.h"

#include "../fixtures/greeter.h"

#define LISTEN "listen = { websocket = \"127.0.0.1:9000\"; };\n"

static struct plugin_loader loader;
static struct config *config;
static struct graph *graph;
static struct slots slots;
static toni_host table;
static char log_lines[16384];
static int connections; /* stands for the handle; nobody looks into it */

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    ck_assert_uint_lt(strlen(log_lines) + length, sizeof log_lines);
    strncat(log_lines, line, length);
}

static void set_up(void)
{
    testing_setup();
    log_lines[0] = '\0';
    ck_assert_int_eq(setenv("TMPDIR", test_folder, 1), 0);
    plugin_loader_init(&loader, TEST_FIXTURES_DIR);
    ck_assert_int_eq(slots_init(&slots), 0);
    table = (toni_host){.struct_size = sizeof table};
    context_fill_table(&table);
    log_set_sink(keep_line, NULL);
}

static void forget(void)
{
    graph_destroy(graph);
    gateways_conf_destroy(config);
    graph = NULL;
    config = NULL;
}

static void tear_down(void)
{
    forget();
    slots_finish(&slots);
    plugin_loader_finish(&loader);
    log_set_sink(NULL, NULL);
    testing_teardown();
}

static void check_text(const char *text)
{
    forget();
    config = gateways_conf_read(testing_write_text("gateways.conf", text), &faults);
    ck_assert_ptr_nonnull(config);
    graph = graph_check(config, &loader, NULL, &faults);
    ck_assert_ptr_nonnull(graph);
}

static void check_good(const char *text)
{
    check_text(text);
    testing_check_no_faults();
}

static int create_graph(void)
{
    return graph_create(graph, &slots, &table, (toni_connections *)&connections, NULL);
}

/* @return Who answers there, or NULL. */
static struct instance *gateway_on(const char *path)
{
    struct slot *slot = slots_find_gateway(&slots, toni_str_of(path));

    if (!slot)
        return NULL;
    struct instance *instance = slot_enter(slot);
    slot_exit(slot);
    return instance;
}

static size_t any_path(toni_str path, void *data)
{
    (void)path, (void)data;
    return 1;
}

/* Two modules, with a provider on each of lines 3 and 5. */
#define TWO(imports, first, second)                                                                \
    LISTEN "modules = ( { name = \"one\"; " imports " providers = (\n{ " first " }\n"              \
           "); }, { name = \"two\"; " imports " providers = (\n{ " second " }\n); } );\n"
#define BROADCAST "imports = [ \"broadcast\" ];"
#define PLAIN "gateway = \"plain\"; library = \"plain_gateway.so\";"
#define IDLE "gateway = \"idle\"; library = \"idle_gateway.so\";"

START_TEST(makes_instances_in_order)
{
    check_good(TWO(BROADCAST, PLAIN " options = { size = 12; };", IDLE " path = \"/other\";"));
    ck_assert_uint_eq(graph->setup_count, 2);
    ck_assert_uint_eq(graph->instance_count, 0);
    ck_assert_ptr_null(gateway_on("/plain"));

    ck_assert_int_eq(create_graph(), 0);
    ck_assert_uint_eq(graph->instance_count, 2);
    ck_assert_str_eq(graph->instances[0]->setup.name, "plain");
    ck_assert_str_eq(graph->instances[0]->setup.module, "one");
    ck_assert_int_eq(value_int(value_get(graph->instances[0]->setup.options, "size")), 12);
    ck_assert_str_eq(graph->instances[1]->setup.name, "idle");
    ck_assert_str_eq(graph->instances[1]->setup.module, "two");

    ck_assert_ptr_eq(gateway_on("/plain"), graph->instances[0]); /* the plugin's own path */
    ck_assert_ptr_eq(gateway_on("/other"), graph->instances[1]); /* instead of it */
    ck_assert_ptr_null(gateway_on("/idle"));
    ck_assert_ptr_null(gateway_on("/plain/"));
    ck_assert_ptr_null(gateway_on(""));
}
END_TEST

START_TEST(injects_connections_into_who_needs_them)
{
    check_good(TWO(BROADCAST, PLAIN, IDLE));
    ck_assert_int_eq(create_graph(), 0);
    toni_context *context = instance_context(graph->instances[0]);
    const toni_str name = toni_str_of("toni.connections");

    ck_assert_ptr_eq(table.context_inject(context, name), &connections);
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_null(table.context_inject(instance_context(graph->instances[1]), name));
    const char *line = strstr(log_lines, "does not list in .needs");
    ck_assert_ptr_nonnull(line);
    ck_assert_ptr_nonnull(strstr(line, "instance=idle interface=toni.connections"));
    ck_assert_ptr_null(strstr(line + 1, "does not list in .needs")); /* told once */
}
END_TEST

#define WANTS "gateway = \"wants\"; library = \"wants_connections.so\"; path = \"/wants\";"

START_TEST(connections_that_are_optional_may_be_missing)
{
    const toni_str name = toni_str_of("toni.connections");

    check_good(TWO("", WANTS, IDLE));
    ck_assert_int_eq(create_graph(), 0);
    ck_assert_ptr_null(table.context_inject(instance_context(graph->instances[0]), name));

    check_good(TWO(BROADCAST, WANTS, IDLE));
    ck_assert_int_eq(create_graph(), 0);
    ck_assert_ptr_eq(table.context_inject(instance_context(graph->instances[0]), name),
                     &connections);
}
END_TEST

START_TEST(goes_through_life)
{
    check_good(TWO(BROADCAST, PLAIN,
                   "gateway = \"second\"; library = \"plain_gateway.so\"; path = \"/2\";"));
    ck_assert_int_eq(create_graph(), 0);
    ck_assert_int_eq(graph_start(graph), 0);
    ck_assert_int_eq(graph_ready(graph), 0);
    graph_stopping(graph, TONI_STOPPING_HOST);
    forget();

    /* Made and ready in order, stopping and destroyed in reverse. */
    static const char *const order[] = {
        "made 1\" instance=plain",   "made 1\" instance=second",     "ready\" instance=plain",
        "ready\" instance=second",   "stopping 1\" instance=second", "stopping 1\" instance=plain",
        "destroy\" instance=second", "destroy\" instance=plain"};
    const char *at = log_lines;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        at = strstr(at, order[i]);
        ck_assert_msg(at != NULL, "%s is missing or too early in %s", order[i], log_lines);
    }
}
END_TEST

START_TEST(two_instances_share_a_library)
{
    check_good(TWO(BROADCAST, PLAIN,
                   "gateway = \"second\"; library = \"plain_gateway.so\"; path = \"/2\";"));
    ck_assert_int_eq(create_graph(), 0);
    ck_assert_ptr_eq(graph->instances[0]->setup.plugin, graph->instances[1]->setup.plugin);
    ck_assert_ptr_ne(graph->instances[0]->self, graph->instances[1]->self);
}
END_TEST

START_TEST(a_failed_create_unwinds)
{
    check_good(TWO(BROADCAST, PLAIN, "gateway = \"fails\"; library = \"create_fails.so\";"));
    ck_assert_int_eq(create_graph(), -1);
    ck_assert_uint_eq(graph->instance_count, 0);
    ck_assert_ptr_null(slots_find(&slots, TONI_GATEWAY, any_path, NULL));
    ck_assert_ptr_nonnull(strstr(log_lines, "level=error"));
    ck_assert_ptr_nonnull(strstr(log_lines, "instance=fails module=two library=" TEST_FIXTURES_DIR
                                            "/create_fails.so hook=create error=TONI_ERR_LIMIT"));
    ck_assert_ptr_nonnull(strstr(log_lines, "destroy\" instance=plain"));
}
END_TEST

START_TEST(a_failed_create_says_why)
{
    check_good(TWO(BROADCAST, PLAIN, "gateway = \"fails\"; library = \"create_says_why.so\";"));
    ck_assert_int_eq(create_graph(), -1);
    ck_assert_ptr_nonnull(
        strstr(log_lines, "hook=create error=TONI_ERR_INVALID reason=\"the moon is not up\""));
}
END_TEST

START_TEST(a_service_is_made_and_answers_nowhere)
{
    check_good(TWO(BROADCAST, "service = \"chat\"; library = \"plain_service.so\";", IDLE));
    ck_assert_int_eq(create_graph(), 0);
    ck_assert_uint_eq(graph->instance_count, 2);
    ck_assert_ptr_nonnull(slots_get(&slots, TONI_SERVICE, "chat"));
    ck_assert_ptr_null(slots_find(&slots, TONI_SERVICE, any_path, NULL));
}
END_TEST

START_TEST(a_failed_start_names_who_failed)
{
    check_good(TWO(BROADCAST, PLAIN, "gateway = \"fails\"; library = \"start_fails.so\";"));
    ck_assert_int_eq(create_graph(), 0);
    ck_assert_int_eq(graph_start(graph), -1);
    ck_assert_ptr_nonnull(strstr(log_lines, "instance=fails module=two library=" TEST_FIXTURES_DIR
                                            "/start_fails.so hook=start error=TONI_ERR_BUSY"));
    ck_assert_ptr_nonnull(strstr(log_lines, toni_strerror(TONI_ERR_BUSY)));
    forget();
    ck_assert_ptr_nonnull(strstr(log_lines, "destroy\" instance=plain"));
}
END_TEST

/* --- Services */

#define GREETER "service = \"greeter\"; library = \"greeter.so\";"
#define GREETED "gateway = \"greeted\"; library = \"greeted.so\";"

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

/* Who needs it stands before it in the file. */
#define FRONT_AND_BACK(front, back)                                                                \
    LISTEN "modules = ( { name = \"front\"; imports = [ \"back\" ]; providers = (\n" front         \
           "); }, { name = \"back\"; exports = [ \"greeter\" ]; providers = (\n" back "); } );\n"

START_TEST(a_service_lives_longer_than_who_needs_it)
{
    check_good(FRONT_AND_BACK("{ " GREETED " }", "{ " GREETER " options = { number = 7; }; }"));
    ck_assert_int_eq(create_graph(), 0);
    ck_assert_str_eq(graph->instances[0]->setup.name, "greeter");
    ck_assert_str_eq(graph->instances[1]->setup.name, "greeted");
    ck_assert_int_eq(graph_ready(graph), 0);
    forget();
    check_log(WORDS("hello greeted", "create: greeted by 7", "ready: greeted by 7",
                    "destroy: greeted by 7", "destroy\" instance=greeter"));
}
END_TEST

static int32_t greet_otherwise(void *self, toni_str whom)
{
    ck_assert(toni_str_equal(whom, toni_str_of("greeted")) ||
              toni_str_equal(whom, toni_str_of("other")));
    return *(const int *)self;
}

START_TEST(what_is_in_a_slot_can_be_replaced)
{
    static const struct greeter_table other_table = {sizeof other_table, greet_otherwise};
    int other_self = 99;

    check_good(FRONT_AND_BACK(
        "{ " GREETED " }, { gateway = \"other\"; library = \"greeted.so\"; path = \"/other\"; }",
        "{ " GREETER " }"));
    ck_assert_int_eq(create_graph(), 0);
    check_log(
        WORDS("create: greeted by 1\" instance=greeted", "create: greeted by 1\" instance=other"));

    ck_assert_str_eq(graph->setups[0].name, "greeter");
    const toni_slot before = graph->injected[1][0];
    graph_provide(graph, 0, (toni_slot){.table = &other_table, .self = &other_self});
    ck_assert_int_eq(graph_ready(graph), 0);
    check_log(
        WORDS("ready: greeted by 99\" instance=greeted", "ready: greeted by 99\" instance=other"));

    graph_provide(graph, 0, before);
    ck_assert_int_eq(graph_ready(graph), 0);
    check_log(WORDS("ready: greeted by 1\"", "ready: greeted by 1\""));
}
END_TEST

START_TEST(an_optional_need_gets_an_empty_slot)
{
    static const struct greeter_table late_table = {sizeof late_table, greet_otherwise};
    int late_self = 5;

    check_good(TWO("", "gateway = \"greeted\"; library = \"greeted_maybe.so\";", IDLE));
    ck_assert_int_eq(create_graph(), 0);
    check_log(WORDS("create: nobody greets"));

    ck_assert_int_eq(graph->injections[0][0].kind, INJECTION_EMPTY);
    graph->injected[0][0] = (toni_slot){&late_table, &late_self};
    ck_assert_int_eq(graph_ready(graph), 0);
    check_log(WORDS("ready: greeted by 5"));
    graph->injected[0][0] = (toni_slot){0};
    forget();
    check_log(WORDS("destroy: nobody greets"));

    check_good(FRONT_AND_BACK("{ gateway = \"greeted\"; library = \"greeted_maybe.so\"; }",
                              "{ " GREETER " }"));
    ck_assert_int_eq(create_graph(), 0);
    check_log(WORDS("create: greeted by 1"));
}
END_TEST

START_TEST(inject_chooses)
{
    check_good(LISTEN "modules = ( { name = \"one\"; providers = (\n"
                      "{ " GREETED " inject = { greeter = \"second\"; }; }, { " GREETER " },\n"
                      "{ service = \"second\"; library = \"greeter_2.so\"; } ); } );");
    ck_assert_int_eq(create_graph(), 0);
    check_log(WORDS("create: greeted by 2"));
}
END_TEST

/* --- Faults */

START_TEST(kinds_must_fit)
{
    check_text(TWO("", IDLE, "service = \"chat\"; library = \"no_path.so\";"));
    testing_check_fault(5, WORDS("module `two`", "`chat` is declared as a service", "is a gateway",
                                 "gateway = \"chat\""));
    check_text(TWO("", IDLE, "gateway = \"chat\"; library = \"plain_service.so\"; path = \"/x\";"));
    testing_check_fault(
        5, WORDS("`chat` is declared as a gateway", "is a service", "service = \"chat\""));
    check_text(TWO("", IDLE, "service = \"chat\"; library = \"both_gateway.so\";"));
    testing_check_fault(5, WORDS("`chat` is declared as a service", "is a gateway and service",
                                 "write `gateway = \"chat\";`"));
}
END_TEST

START_TEST(needs_must_be_met)
{
    check_text(TWO("", IDLE, PLAIN));
    testing_check_fault(5, WORDS("module `two`: gateway `plain` needs `toni.connections`",
                                 "add imports = [ \"broadcast\" ]"));
    check_text(
        TWO(BROADCAST, IDLE, "gateway = \"x\"; library = \"unknown_need.so\"; path = \"/x\";"));
    testing_check_fault(5, WORDS("gateway `x` needs version 1 of `chat`", "nothing provides"));
    check_text(
        TWO(BROADCAST, IDLE, "gateway = \"x\"; library = \"newer_need.so\"; path = \"/x\";"));
    testing_check_fault(5, WORDS("version 7", "version 1", "newer"));
}
END_TEST

START_TEST(paths_must_differ)
{
    check_text(TWO("", IDLE, "gateway = \"x\"; library = \"idle_gateway.so\";"));
    testing_check_fault(5, WORDS("module `two`: gateway `x` has the path `/idle`",
                                 "gateway `idle` of module `one`", "another `path`"));
    check_text(TWO("", IDLE, "gateway = \"x\"; library = \"no_path.so\";\npath = \"/idle\";"));
    testing_check_fault(6, WORDS("`/idle`"));
    check_good(TWO("", IDLE, "gateway = \"x\"; library = \"idle_gateway.so\"; path = \"/x\";"));
}
END_TEST

START_TEST(paths_must_differ_whatever_else_is_wrong)
{
    check_text(TWO("", "gateway = \"idle\"; library = \"none.so\"; path = \"/x\";",
                   "gateway = \"x\"; library = \"idle_gateway.so\"; path = \"/x\";"));
    ck_assert_uint_eq(faults.count, 2);
    ck_assert_ptr_nonnull(strstr(faults.faults[0].text, "`none.so` not found"));
    ck_assert_ptr_nonnull(
        strstr(faults.faults[1].text, "gateway `x` has the path `/x`, on which gateway `idle`"));
    fault_list_finish(&faults);
}
END_TEST

START_TEST(a_path_must_be_somewhere)
{
    check_text(TWO("", IDLE, "gateway = \"x\"; library = \"no_path.so\";"));
    testing_check_fault(5, WORDS("gateway `x` has no path", "path = \"/x\""));
    check_good(TWO("", IDLE, "gateway = \"x\"; library = \"no_path.so\"; path = \"/x\";"));
}
END_TEST

/* With a gateway, and a service on each of lines 3 and 4. */
#define SERVICES(first, second)                                                                    \
    LISTEN "modules = ( { name = \"one\"; providers = ( { " IDLE                                   \
           " },\n{ service = \"first\"; " first " },\n{ service = \"second\"; " second             \
           " } ); } );\n"
#define HELLO "library = \"request_service.so\";"

START_TEST(a_service_must_be_good_for_something)
{
    check_text(SERVICES(HELLO, "library = \"useless_service.so\";"));
    testing_check_fault(4,
                        WORDS("module `one`: service `second` offers no interface and answers no "
                              "requests",
                              "useless_service.so"));
    check_text(SERVICES("library = \"request_no_path.so\";", HELLO));
    testing_check_fault(
        3, WORDS("service `first` offers no interface and has no path", "path = \"/first\""));
    check_text(SERVICES("library = \"plain_service.so\"; path = \"/x\";", HELLO));
    testing_check_fault(3, WORDS("service `first` has a path", "answers no requests"));
}
END_TEST

START_TEST(paths_of_services_must_not_overlap)
{
    static const char *const good[] = {"/hello2", "/hell", "/idle", "/x/hello"};
    static const char *const bad[] = {"/hello", "/hello/", "/hello/x", "/"};
    char text[512];

    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof text, SERVICES(HELLO, HELLO " path = \"%s\";"), bad[i]);
        check_text(text);
        testing_check_fault(
            4, WORDS("service `second` has the path", "overlaps with `/hello`", "service `first`"));
        (void)snprintf(text, sizeof text, SERVICES(HELLO, HELLO " path = \"%s\";"), good[i]);
        check_good(text);
        ck_assert(toni_str_equal(graph->setups[2].path, toni_str_of(good[i])));
    }
}
END_TEST

START_TEST(needs_must_not_form_a_ring)
{
    check_text(SERVICES("library = \"ring_a.so\";", "library = \"ring_b.so\";"));
    testing_check_fault(3, WORDS("ring, first -> second -> first;"));
}
END_TEST

START_TEST(eight_faults_are_eight_messages)
{
    static const char *const words[] = {
        "in a ring, a -> b -> a", "`a` exports `nothing`, which it lacks",
        "`b` imports `chatt`",    "needs `chat`, which is ambiguous",
        "needs version 7",        "needs version 1 of `greeter`, which nothing provides",
        "overlaps with `/hello`", "`/idle`, on which gateway `idle`"};

    check_text("modules = (\n"
               "{ name = \"a\"; imports = [\n"
               "\"b\" ];\n"
               "exports = [ \"nothing\" ]; providers = ( ); },\n"
               "{ name = \"b\"; imports = [ \"a\",\n"
               "\"chatt\" ]; providers = ( ); },\n"
               "{ name = \"chat\"; imports = [ \"broadcast\" ]; providers = (\n"
               "{ gateway = \"unsure\"; library = \"unknown_need.so\"; path = \"/unsure\"; },\n"
               "{ service = \"chat1\"; library = \"plain_service.so\"; },\n"
               "{ service = \"chat2\"; library = \"plain_service.so\"; },\n"
               "{ gateway = \"newer\"; library = \"newer_need.so\"; path = \"/newer\"; },\n"
               "{ gateway = \"greeted\"; library = \"greeted.so\"; },\n"
               "{ service = \"hello\"; library = \"request_service.so\"; },\n"
               "{ service = \"hello2\"; library = \"request_service.so\";\n"
               "path = \"/hello/2\"; },\n"
               "{ gateway = \"idle\"; library = \"idle_gateway.so\"; },\n"
               "{ gateway = \"idle2\"; library = \"idle_gateway.so\"; } ); } );\n" LISTEN);
    static const unsigned lines[] = {3, 4, 6, 8, 11, 12, 15, 17};
    fault_list_sort(&faults);
    if (faults.count != 8)
        fault_list_print(&faults, stderr);
    ck_assert_uint_eq(faults.count, 8);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(faults.faults[i].line, lines[i]);
        ck_assert_msg(strstr(faults.faults[i].text, words[i]) != NULL, "`%s` lacks `%s`",
                      faults.faults[i].text, words[i]);
    }
}
END_TEST

START_TEST(libraries_must_load)
{
    check_text(TWO("", IDLE, "gateway = \"x\"; library = \"nowhere.so\";"));
    testing_check_fault(5, WORDS("`nowhere.so` not found"));
}
END_TEST

START_TEST(faults_of_both_come_out_at_once)
{
    static const unsigned lines[] = {1, 3, 5, 7};

    check_text("lisen = 1;\n" /* and listen is missing */
               "modules = ( { name = \"one\"; providers = (\n"
               "{ gateway = \"a\"; library = \"bad_magic.so\"; },\n"
               "{ gateway = \"b\"; library = \"idle_gateway.so\";\n"
               "path = \"b\"; },\n"
               "{ gateway = \"c\"; path = \"/c\";\n"
               "library = \"nowhere.so\"; } ); } );\n"
               "listen = { websocket = \"127.0.0.1:9000\"; };\n");
    fault_list_sort(&faults);
    ck_assert_uint_eq(faults.count, sizeof lines / sizeof lines[0]);
    for (size_t i = 0; i < faults.count; i++)
        ck_assert_uint_eq(faults.faults[i].line, lines[i]);
}
END_TEST

START_TEST(the_shipped_file_fits_the_shipped_plugins)
{
    struct plugin_loader shipped;

    plugin_loader_init(&shipped, TEST_PLUGINS_DIR);
    config = gateways_conf_read(TEST_SOURCE_DIR "/gateways.conf", &faults);
    ck_assert_ptr_nonnull(config);
    graph = graph_check(config, &shipped, NULL, &faults);
    testing_check_no_faults();
    ck_assert_int_eq(create_graph(), 0);
    ck_assert_ptr_nonnull(gateway_on("/rooms"));
    ck_assert_ptr_nonnull(gateway_on("/echo"));
    forget();
    plugin_loader_finish(&shipped);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, makes_instances_in_order);
    tcase_add_test(cases, injects_connections_into_who_needs_them);
    tcase_add_test(cases, connections_that_are_optional_may_be_missing);
    tcase_add_test(cases, goes_through_life);
    tcase_add_test(cases, two_instances_share_a_library);
    tcase_add_test(cases, a_failed_create_unwinds);
    tcase_add_test(cases, a_failed_create_says_why);
    tcase_add_test(cases, a_service_is_made_and_answers_nowhere);
    tcase_add_test(cases, a_failed_start_names_who_failed);
    tcase_add_test(cases, a_service_lives_longer_than_who_needs_it);
    tcase_add_test(cases, what_is_in_a_slot_can_be_replaced);
    tcase_add_test(cases, an_optional_need_gets_an_empty_slot);
    tcase_add_test(cases, inject_chooses);
    tcase_add_test(cases, kinds_must_fit);
    tcase_add_test(cases, needs_must_be_met);
    tcase_add_test(cases, paths_must_differ);
    tcase_add_test(cases, paths_must_differ_whatever_else_is_wrong);
    tcase_add_test(cases, a_path_must_be_somewhere);
    tcase_add_test(cases, a_service_must_be_good_for_something);
    tcase_add_test(cases, paths_of_services_must_not_overlap);
    tcase_add_test(cases, needs_must_not_form_a_ring);
    tcase_add_test(cases, eight_faults_are_eight_messages);
    tcase_add_test(cases, libraries_must_load);
    tcase_add_test(cases, faults_of_both_come_out_at_once);
    tcase_add_test(cases, the_shipped_file_fits_the_shipped_plugins);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
