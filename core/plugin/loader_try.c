/* Trying libraries: what is new is mapped by another process first (trial.h). */
#include "plugin/loader_private.h"

#include "plugin/descriptor_bytes.h"
#include "plugin/library_map.h"
#include "plugin/symbols_check.h"
#include "plugin/trial.h"

#include <stdlib.h>
#include <string.h>

/* Takes over the descriptor that the trial process has sent. It was checked there, but a plugin
 * runs in that process: so it is read as untrusted bytes. */
static void take_description(struct plugin *plugin, struct trial_library *tried,
                             struct fault_list *faults)
{
    struct plugin_library *library = plugin->library;

    library->description = tried->bytes;
    library->description_size = tried->size;
    tried->bytes = NULL;
    library->described_lists =
        descriptor_read(library->description, library->description_size, &plugin->descriptor);
    if (library->described_lists) {
        plugin->state = PLUGIN_DESCRIBED;
        return;
    }
    plugin->state = PLUGIN_REFUSED;
    fault_at(faults, library->at,
             "library `%s` can't be checked: what the checking process said of it makes no sense",
             plugin->path);
}

static void take_refusal(struct plugin *plugin, const struct trial_library *tried,
                         struct fault_list *faults)
{
    char *rest = tried->bytes;

    plugin->state = PLUGIN_REFUSED;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
        fault_at(faults, plugin->library->at, "%s", line);
    if (!tried->bytes)
        loader_out_of_memory(plugin->library->at, faults);
}

static void take_results(struct plugin_set *set, struct trial_library *tried,
                         struct fault_list *faults)
{
    for (size_t i = 0, next = 0; i < set->count; i++) {
        struct plugin *plugin = set->plugins[i];
        if (plugin->state != PLUGIN_COPIED)
            continue;
        struct trial_library *result = &tried[next++];
        if (result->result == TRIAL_TAKEN)
            take_description(plugin, result, faults);
        else if (result->result == TRIAL_REFUSED)
            take_refusal(plugin, result, faults);
        free(result->bytes);
    }
}

static void try_elsewhere(struct plugin_set *set, uint64_t limit_ms, struct fault_list *faults)
{
    const struct trial_plan plan = {
        .program = set->loader->program,
        .environment = set->loader->environment,
        .limit_ms = limit_ms,
        .is_hurried = set->loader->is_hurried,
    };
    struct trial_library *tried = calloc(set->count + 1, sizeof *tried);
    size_t count = 0;

    if (!tried) {
        for (size_t i = 0; i < set->count; i++) {
            if (set->plugins[i]->state == PLUGIN_COPIED)
                loader_out_of_memory(set->plugins[i]->library->at, faults);
        }
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct plugin *plugin = set->plugins[i];
        if (plugin->state == PLUGIN_COPIED)
            tried[count++] =
                (struct trial_library){.path = plugin->path, .copy = plugin->library->copy};
    }
    trial_run(&plan, tried, count);
    take_results(set, tried, faults);
    free(tried);
}

static void map_here(struct plugin *plugin, struct fault_list *faults)
{
    struct plugin_library *library = plugin->library;

    library->handle = library_map(library->copy, library->path, library->at, faults);
    const bool is_good =
        library->handle &&
        library_describe(library->handle, library->path, library->at, &plugin->descriptor, faults);
    plugin->state = is_good ? PLUGIN_MAPPED : PLUGIN_REFUSED;
}

/* A library that was not tried has no fault of its own: another has one, or else the host stops. */
static void report_untried(const struct plugin_set *set, struct fault_list *faults)
{
    for (size_t i = 0; i < set->count && fault_list_empty(faults); i++) {
        const struct plugin *plugin = set->plugins[i];
        if (plugin->state == PLUGIN_COPIED)
            fault_at(faults, plugin->library->at, "library `%s` was not tried: the host stops",
                     plugin->path);
    }
}

void plugin_set_try(struct plugin_set *set, uint64_t limit_ms, struct fault_list *faults)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct plugin *plugin = set->plugins[i];
        if (plugin->state == PLUGIN_COPIED)
            symbols_check(plugin->library->copy_fd, plugin->path, plugin->library->at, faults);
    }
    if (set->loader->program) {
        try_elsewhere(set, limit_ms, faults);
        report_untried(set, faults);
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->plugins[i]->state == PLUGIN_COPIED)
            map_here(set->plugins[i], faults);
    }
}
