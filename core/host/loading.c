/* Loading; see loading.h. */
#include "host/loading.h"

#include "host/engine_trial.h"
#include "host/handover.h"
#include "host/program_folder.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* This program, also when another version lies at its path by now. */
#define SELF "/proc/self/exe"

/* Under valgrind that link leads to valgrind when it is executed, and to this program when it is
 * read: then what was read names a file that is another. (Of a program that was replaced it names
 * none.) @return What to execute, for good. */
static const char *find_self(void)
{
    static char program[PATH_MAX];
    struct stat named, self;
    ssize_t length = readlink(SELF, program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    if (length <= 0 || stat(program, &named) != 0 || stat(SELF, &self) != 0)
        return SELF;
    return named.st_dev == self.st_dev && named.st_ino == self.st_ino ? SELF : program;
}

/* Variables that are for this process alone, and not for the one that tries libraries. */
static const char *const own_variables[] = {
    "NOTIFY_SOCKET=",  "LISTEN_FDS=", "LISTEN_PID=",
    "LISTEN_FDNAMES=", "WATCHDOG_",   (HANDOVER_VARIABLE "=")};

static bool is_own(const char *variable)
{
    for (size_t i = 0; i < sizeof own_variables / sizeof own_variables[0]; i++) {
        if (strncmp(variable, own_variables[i], strlen(own_variables[i])) == 0)
            return true;
    }
    return false;
}

/* As it is now: plugins may change it at any time. @return NULL on no memory. */
static char **copy_environment(void)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0, to = 0; copy && i < count; i++) {
        if (!is_own(environ[i]) && !(copy[to++] = strdup(environ[i])))
            break;
    }
    return copy;
}

static void free_environment(char **environment)
{
    for (size_t i = 0; environment && environment[i]; i++)
        free(environment[i]);
    free((void *)environment);
}

static void check_groups(const struct address_list *list, struct fault_list *faults)
{
    for (size_t i = 0; i < list->count; i++)
        listen_address_check_group(&list->addresses[i], faults);
}

/* For `toni check`, once it is the user that the host becomes; another one may be in other groups,
 * and says nothing of it. A host finds it out by itself, unless its sockets come from elsewhere. */
static void check_sockets(const struct config *config, struct fault_list *faults)
{
    const struct run_as *run_as = &config->run_as;
    if (!run_as->at || run_as->user != geteuid() || run_as->group != getegid())
        return;
    check_groups(&config->websocket, faults);
    check_groups(&config->http, faults);
    check_groups(&config->admin, faults);
}

/* Nothing is mapped of what has a fault, and nothing at all for `toni check`. */
static bool check(struct loading *loading, const char *config_path, enum loading_purpose purpose,
                  struct fault_list *faults)
{
    const bool is_to_run = purpose == LOADING_TO_RUN;
    loading->config = gateways_conf_read(config_path, faults);
    if (loading->config)
        (void)admin_token_read(&loading->admin_token, loading->config->admin_token,
                               loading->config->folder, faults);
    if (loading->config && is_to_run)
        config_run_as_check(&loading->config->run_as, faults);
    if (loading->config && !is_to_run)
        check_sockets(loading->config, faults);
    if (loading->config)
        (void)tls_sets_load(&loading->tls, loading->config, faults);
    if (loading->config)
        loading->graph = graph_check(loading->config, &loading->loader, NULL, faults);
    if (!loading->graph || !fault_list_empty(faults))
        return false;
    if (is_to_run)
        return !graph_map(loading->graph, faults);
    if (purpose == LOADING_TO_CHECK)
        engine_trial(loading->graph, faults);
    return fault_list_empty(faults);
}

static void begin(struct loading *loading)
{
    *loading = (struct loading){
        .plugin_folder = program_folder(TONI_PLUGINS_FROM_BIN),
        .www_folder = program_folder(TONI_WWW_FROM_BIN),
        .environment = copy_environment(),
    };
    plugin_loader_init(&loading->loader, loading->plugin_folder ? loading->plugin_folder : "");
    loading->loader.program = find_self();
    loading->loader.environment = loading->environment;
}

static const struct plugin *try_library(struct loading *loading, const char *file,
                                        struct fault_list *faults)
{
    static const char *const here[] = {"."};
    const struct plugin_search search = {
        .config_folder = ".", .plugin_path = here, .plugin_path_count = 1};
    plugin_set_init(&loading->set, &loading->loader, &search, NULL);
    loading->at = value_group_create((struct value_place){.file = file});
    const struct plugin *plugin =
        loading->at ? plugin_set_add(&loading->set, file, loading->at, faults) : NULL;
    if (plugin)
        plugin_set_try(&loading->set, limits_default().hook_ms, faults);
    return plugin && plugin->state == PLUGIN_DESCRIBED ? plugin : NULL;
}

const struct plugin *loading_describe(struct loading *loading, const char *file)
{
    struct fault_list faults;
    begin(loading);
    fault_list_init(&faults);
    const struct plugin *plugin = try_library(loading, file, &faults);
    fault_list_print(&faults, stderr);
    fault_list_finish(&faults);
    return plugin;
}

int loading_init(struct loading *loading, const char *config_path, enum loading_purpose purpose,
                 const atomic_bool *is_hurried, FILE *also)
{
    struct fault_list faults;
    begin(loading);
    fault_list_init(&faults);
    loading->loader.is_hurried = is_hurried;
    bool good = check(loading, config_path, purpose, &faults);
    fault_list_sort(&faults);
    /* A host that is being stopped reports no faults. */
    if (!is_hurried || !atomic_load(is_hurried))
        fault_list_print(&faults, stderr);
    if (also)
        fault_list_print(&faults, also);
    fault_list_finish(&faults);
    return good ? 0 : -1;
}

void loading_finish(struct loading *loading)
{
    explicit_bzero(&loading->admin_token, sizeof loading->admin_token);
    graph_destroy(loading->graph);
    tls_sets_finish(&loading->tls);
    plugin_set_finish(&loading->set);
    value_destroy(loading->at);
    gateways_conf_destroy(loading->config);
    plugin_loader_finish(&loading->loader);
    free(loading->plugin_folder);
    free(loading->www_folder);
    free_environment(loading->environment);
}
