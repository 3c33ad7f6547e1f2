/* Loading; see loading.h. */
#include "host/loading.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Relative to the folder of the program, in a build folder as below an install prefix. */
#define PLUGIN_FOLDER "../lib/toni/plugins"
#define WWW_FOLDER "../share/toni/www"

/* @return Allocated; NULL on no memory. */
static char *find_folder(const char *relative)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    char *folder;
    if (asprintf(&folder, "%s/%s", slash ? program : ".", relative) < 0)
        return NULL;
    char *real = realpath(folder, NULL);
    if (!real)
        return folder; /* one that isn't there is named as it was looked for */
    free(folder);
    return real;
}

int loading_init(struct loading *loading, const char *config_path, FILE *also)
{
    *loading = (struct loading){
        .plugin_folder = find_folder(PLUGIN_FOLDER),
        .www_folder = find_folder(WWW_FOLDER),
    };
    struct fault_list faults;
    fault_list_init(&faults);
    plugin_loader_init(&loading->loader, loading->plugin_folder ? loading->plugin_folder : "");
    loading->config = gateways_conf_read(config_path, &faults);
    if (loading->config)
        loading->graph = graph_check(loading->config, &loading->loader, NULL, &faults);
    fault_list_sort(&faults);
    fault_list_print(&faults, stderr);
    if (also)
        fault_list_print(&faults, also);
    bool good = loading->graph && fault_list_empty(&faults);
    fault_list_finish(&faults);
    return good ? 0 : -1;
}

void loading_finish(struct loading *loading)
{
    graph_destroy(loading->graph);
    gateways_conf_destroy(loading->config);
    plugin_loader_finish(&loading->loader);
    free(loading->plugin_folder);
    free(loading->www_folder);
}
