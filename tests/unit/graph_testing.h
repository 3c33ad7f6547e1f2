/* What the tests of changes and swaps share: configurations that become graphs, one after the
 * other, of plugins that are fixtures. The log of the plugins is kept: it tells which hooks were
 * called, in which order. */
#ifndef TEST_GRAPH_TESTING_H
#define TEST_GRAPH_TESTING_H

#include "base/log.h"
#include "graph/graph.h"
#include "instance/context.h"
#include "instance/state.h"
#include "temporary_folder.h"

/* Providers stand on line 3 and those that follow. */
#define CONFIGURATION(providers)                                                                   \
    "listen = { websocket = \"127.0.0.1:9000\"; };\n"                                              \
    "modules = ( { name = \"one\"; imports = [ \"broadcast\" ]; providers = (\n" providers         \
    "); } );\n"

/* Some providers; `more` are further settings, such as `options`. */
#define SWAPPED(version, more)                                                                     \
    "{ gateway = \"swapped\"; library = \"swap_" #version ".so\"; " more " }"
#define GREETER(more) "{ service = \"greeter\"; library = \"greeter.so\"; " more " }"
#define GREETER_2 "{ service = \"greeter\"; library = \"greeter_2.so\"; }"
#define GREETED(more) "{ gateway = \"greeted\"; library = \"greeted.so\"; " more " }"
#define IDLE "{ gateway = \"idle\"; library = \"idle_gateway.so\"; }"
#define AND ",\n"

static struct plugin_loader loader;
static struct slots slots;
static toni_host table;
static char log_lines[65536];
static int connections; /* stands for the handle; nobody looks into it */

static inline void graph_testing_keep_line(void *data, enum log_level level, const char *line,
                                           size_t length)
{
    (void)data, (void)level;
    if (strlen(log_lines) + length >= sizeof log_lines)
        ck_abort_msg("more lines than a test may log");
    strncat(log_lines, line, length); /* and no assertion: there may be no memory for one */
}

static inline void graph_testing_setup(void)
{
    testing_setup();
    log_lines[0] = '\0';
    ck_assert_int_eq(setenv("TMPDIR", test_folder, 1), 0);
    plugin_loader_init(&loader, TEST_FIXTURES_DIR);
    ck_assert_int_eq(slots_init(&slots), 0);
    table = (toni_host){.struct_size = sizeof table};
    context_fill_table(&table);
    state_fill_table(&table);
    log_set_sink(graph_testing_keep_line, NULL);
    log_set_level(LOG_LEVEL_DEBUG);
}

static inline void graph_testing_teardown(void)
{
    slots_finish(&slots);
    plugin_loader_finish(&loader);
    log_set_sink(NULL, NULL);
    testing_teardown();
}

/* @param before  As graph_check() gets it. @return A graph; there may be faults. */
static inline struct graph *graph_testing_check(const char *text, const struct graph *before)
{
    struct config *config = gateways_conf_read(testing_write_text("gateways.conf", text), &faults);
    ck_assert_ptr_nonnull(config);
    struct graph *graph = graph_check(config, &loader, before, &faults);
    ck_assert_ptr_nonnull(graph);
    gateways_conf_destroy(config);
    return graph;
}

static inline struct graph *graph_testing_check_good(const char *text, const struct graph *before)
{
    struct graph *graph = graph_testing_check(text, before);

    testing_check_no_faults();
    return graph;
}

/* @return A graph whose instances serve. */
static inline struct graph *graph_testing_run(const char *text)
{
    struct graph *graph = graph_testing_check_good(text, NULL);

    ck_assert_int_eq(graph_create(graph, &slots, &table, (toni_connections *)&connections, NULL),
                     0);
    ck_assert_int_eq(graph_start(graph), 0);
    ck_assert_int_eq(graph_ready(graph), 0);
    return graph;
}

/* @return The number of an instance. */
static inline size_t graph_testing_number(const struct graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->setup_count; i++) {
        if (strcmp(graph->setups[i].name, name) == 0)
            return i;
    }
    ck_abort_msg("no `%s`", name);
    return SIZE_MAX;
}

/* Copies a fixture into the folder of gateways.conf. */
static inline void graph_testing_copy(const char *fixture, const char *name)
{
    char path[PATH_MAX];
    size_t size;

    (void)snprintf(path, sizeof path, TEST_FIXTURES_DIR "/%s", fixture);
    char *bytes = testing_read(path, &size);
    testing_write(name, bytes, size);
    free(bytes);
}

#endif
