/* The loader and its sets: libraries are copied, shared with the set before, and let go of. See
 * loader.h; loader_find.c, loader_try.c and loader_map.c have the other steps. */
#include "plugin/loader_private.h"

#include "plugin/elf_check.h"
#include "plugin/library_map.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBLEM_SIZE 512

char *loader_out_of_memory(const struct value *at, struct fault_list *faults)
{
    fault_at(faults, at, "out of memory while loading a library");
    return NULL;
}

void plugin_loader_init(struct plugin_loader *loader, const char *host_folder)
{
    *loader = (struct plugin_loader){.host_folder = host_folder};
    copy_store_init(&loader->copies);
}

void plugin_loader_finish(struct plugin_loader *loader)
{
    neighbours_finish(&loader->neighbours);
    copy_store_finish(&loader->copies);
}

void plugin_set_init(struct plugin_set *set, struct plugin_loader *loader,
                     const struct plugin_search *search, const struct plugin_set *before)
{
    *set = (struct plugin_set){.loader = loader, .before = before, .search = *search};
}

void plugin_set_finish(struct plugin_set *set)
{
    for (size_t i = set->count; i > 0; i--)
        plugin_unref(set->plugins[i - 1]);
    free(set->plugins);
    set->plugins = NULL;
    set->count = 0;
}

/* --- A library's end */

/* What stays mapped needs its file no more; but where a path of its own is, that is used. */
void plugin_library_destroy(struct plugin_library *library, bool unload)
{
    struct plugin_loader *loader = library->loader;
    const bool is_stuck = atomic_load(&loader->is_stuck);

    if (unload && library->handle && !is_stuck)
        library_unmap(library->handle);
    else if (library->handle)
        loader->retired++;
    neighbours_release(&loader->neighbours, &library->neighbours, !is_stuck);
    if (library->copy)
        copy_store_remove(library->copy);
    if (library->copy_fd >= 0)
        close(library->copy_fd);
    free(library->described_lists);
    free(library->description);
    free(library->copy);
    free(library->path);
    free(library);
}

struct plugin *plugin_ref(struct plugin *plugin)
{
    atomic_fetch_add(&plugin->references, 1);
    return plugin;
}

void plugin_unref(struct plugin *plugin)
{
    if (!plugin || atomic_fetch_sub(&plugin->references, 1) > 1)
        return;
    plugin_library_destroy(plugin->library, (plugin->descriptor.flags & TONI_UNLOADABLE) != 0);
    free(plugin);
}

/* --- Copying */

/* Copies first and checks the copy, so that what was checked is what is mapped. */
static bool copy_library(struct plugin_library *library, int fd, struct fault_list *faults)
{
    struct plugin_loader *loader = library->loader;
    char problem[PROBLEM_SIZE];

    library->copy_fd =
        copy_store_add(&loader->copies, fd, library->path, &library->copy, problem, sizeof problem);
    if (library->copy_fd >= 0 && elf_check(library->copy_fd, problem, sizeof problem) == 0 &&
        neighbours_bring(&loader->neighbours, &library->neighbours, library->path, library->copy,
                         library->copy_fd, problem, sizeof problem) == 0)
        return true;
    fault_at(faults, library->at, "library `%s` %s", library->path, problem);
    return false;
}

static struct plugin *added_before(const struct plugin_set *set,
                                   const struct plugin_library *library)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct plugin_library *other = set->plugins[i]->library;

        if (other->device == library->device && other->inode == library->inode)
            return set->plugins[i];
    }
    return NULL;
}

/* The file may have been replaced by another of the same content: device and inode are noted anew,
 * since the set compares files as they are now.
 * @return What the running configuration has loaded from this path, if its content is as it was. */
static struct plugin *running(const struct plugin_set *set, const struct plugin_library *library,
                              int fd)
{
    for (size_t i = 0; set->before && i < set->before->count; i++) {
        struct plugin *plugin = set->before->plugins[i];

        if (strcmp(plugin->path, library->path) != 0 || !files_equal(fd, plugin->library->copy_fd))
            continue;
        plugin->library->device = library->device;
        plugin->library->inode = library->inode;
        return plugin;
    }
    return NULL;
}

static bool make_room(struct plugin_set *set)
{
    struct plugin **plugins = realloc(
        set->plugins, (set->count + 1) * sizeof(struct plugin *)); /* few: one by one will do */

    if (plugins)
        set->plugins = plugins;
    return plugins;
}

/* What is unchanged goes on, if what it needs beside it is unchanged, too. */
static struct plugin *share(struct plugin_set *set, struct plugin *plugin, const struct value *at,
                            struct fault_list *faults)
{
    char problem[PROBLEM_SIZE];

    set->plugins[set->count++] = plugin_ref(plugin);
    if (neighbours_compare(&plugin->library->neighbours, plugin->path, problem, sizeof problem) !=
        0)
        fault_at(faults, at, "library `%s` %s", plugin->path, problem);
    return plugin;
}

/* Takes the library over, whatever is returned. */
static struct plugin *add_copy(struct plugin_set *set, struct plugin_library *library, int fd,
                               struct fault_list *faults)
{
    struct plugin *plugin = calloc(1, sizeof *plugin);

    if (!plugin) {
        loader_out_of_memory(library->at, faults);
    } else if (copy_library(library, fd, faults)) {
        *plugin =
            (struct plugin){.state = PLUGIN_COPIED, .path = library->path, .library = library};
        atomic_init(&plugin->references, 1);
        return set->plugins[set->count++] = plugin;
    }
    plugin_library_destroy(library, true);
    free(plugin);
    return NULL;
}

struct plugin *plugin_set_add(struct plugin_set *set, const char *name, const struct value *at,
                              struct fault_list *faults)
{
    struct plugin *plugin = NULL;
    struct plugin_library *library = calloc(1, sizeof *library);

    if (!library) {
        loader_out_of_memory(at, faults);
        return NULL;
    }
    library->loader = set->loader;
    library->copy_fd = -1;
    library->at = at;
    library->path = loader_find(set, name, at, faults);
    const int fd = library->path ? loader_open(library, at, faults) : -1;
    if (fd < 0) {
        plugin_library_destroy(library, true);
        return NULL;
    }
    plugin = added_before(set, library);
    if (!plugin && !make_room(set)) {
        loader_out_of_memory(at, faults);
    } else if (!plugin && (plugin = running(set, library, fd))) {
        (void)share(set, plugin, at, faults);
    } else if (!plugin) {
        plugin = add_copy(set, library, fd, faults);
        library = NULL;
    }
    if (library)
        plugin_library_destroy(library, true);
    close(fd);
    return plugin;
}
