/* Mapping libraries into this host, once all of a configuration is checked. One that hangs there is
 * abandoned, and goes on using its `struct mapping`: so that has copies of all that it needs. */
#include "plugin/loader_private.h"

#include "base/buffer.h"
#include "plugin/descriptor_bytes.h"
#include "plugin/hooks.h"
#include "plugin/library_map.h"

#include <stdlib.h>
#include <string.h>

struct mapping {
    char *copy;
    char *path;
    struct value *at;
    struct fault_list faults;
    void *handle;
    bool is_good;
    toni_plugin descriptor;
};

static void mapping_destroy(struct mapping *mapping)
{
    if (!mapping)
        return;
    fault_list_finish(&mapping->faults);
    value_destroy(mapping->at);
    free(mapping->copy);
    free(mapping->path);
    free(mapping);
}

static struct mapping *mapping_create(const struct plugin_library *library)
{
    struct mapping *mapping = calloc(1, sizeof *mapping);

    if (!mapping)
        return NULL;
    fault_list_init(&mapping->faults);
    mapping->copy = strdup(library->copy);
    mapping->path = strdup(library->path);
    mapping->at = value_group_create(
        (struct value_place){.file = value_file(library->at), .line = value_line(library->at)});
    if (mapping->copy && mapping->path && mapping->at)
        return mapping;
    mapping_destroy(mapping);
    return NULL;
}

/* On the hooks' thread. */
static void run_mapping(void *data)
{
    struct mapping *mapping = data;

    mapping->handle = library_map(mapping->copy, mapping->path, mapping->at, &mapping->faults);
    mapping->is_good =
        mapping->handle && library_describe(mapping->handle, mapping->path, mapping->at,
                                            &mapping->descriptor, &mapping->faults);
}

/* The checks of who gets what have used what the checking process said of the plugin. */
static bool is_as_described(const struct plugin_library *library, const toni_plugin *descriptor)
{
    struct buffer bytes;

    buffer_init(&bytes);
    const bool is_same = descriptor_write(descriptor, &bytes) == 0 &&
                         bytes.length == library->description_size &&
                         memcmp(bytes.bytes, library->description, bytes.length) == 0;
    buffer_finish(&bytes);
    return is_same;
}

static int take_mapping(struct plugin *plugin, const struct mapping *mapping,
                        struct fault_list *faults)
{
    struct plugin_library *library = plugin->library;

    library->handle = mapping->handle;
    for (size_t i = 0; i < mapping->faults.count; i++)
        fault_at(faults, library->at, "%s", mapping->faults.faults[i].text);
    if (mapping->is_good && is_as_described(library, &mapping->descriptor)) {
        plugin->descriptor = mapping->descriptor;
        plugin->state = PLUGIN_MAPPED;
        return 0;
    }
    plugin->state = PLUGIN_REFUSED;
    if (mapping->is_good || fault_list_empty(&mapping->faults)) {
        fault_at(faults, library->at,
                 "library `%s` says something else of itself here than in the checking process; "
                 "its descriptor must always be the same",
                 plugin->path);
    }
    return -1;
}

static int map_one(struct plugin *plugin, struct hooks *hooks, uint64_t limit_ms,
                   struct fault_list *faults)
{
    struct plugin_library *library = plugin->library;
    struct mapping *mapping = mapping_create(library);

    if (!mapping) {
        loader_out_of_memory(library->at, faults);
        return -1;
    }
    if (hooks_run(hooks, library->path, "load", limit_ms, run_mapping, mapping) != 0) {
        atomic_store(&library->loader->is_stuck, true);
        plugin->state = PLUGIN_REFUSED;
        fault_at(faults, library->at,
                 "library `%s` has not been loaded within hook_ms (%llu ms): one of its "
                 "constructors has not returned here, though it did in the checking process; this "
                 "host can load nothing more: mend the library, and `toni restart`",
                 library->path, (unsigned long long)limit_ms);
        return -1;
    }
    const int result = take_mapping(plugin, mapping, faults);
    mapping_destroy(mapping);
    return result;
}

int plugin_set_map(struct plugin_set *set, uint64_t limit_ms, struct fault_list *faults)
{
    struct hooks *hooks = hooks_create();
    int result = 0;

    if (hooks)
        hooks_hurry(hooks, PATIENCE_GIVES_UP);
    for (size_t i = 0; i < set->count && result == 0; i++) {
        struct plugin *plugin = set->plugins[i];
        if (plugin->state != PLUGIN_DESCRIBED)
            continue;
        if (!hooks)
            loader_out_of_memory(plugin->library->at, faults);
        result = hooks ? map_one(plugin, hooks, limit_ms, faults) : -1;
    }
    hooks_destroy(hooks);
    return result;
}
