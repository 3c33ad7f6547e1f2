/* Find, copy, check the file, have it tried, map it: each step refuses with its own fault. */
#include "plugin/loader.h"

#include "base/buffer.h"
#include "plugin/descriptor_bytes.h"
#include "plugin/elf_check.h"
#include "plugin/hooks.h"
#include "plugin/library_map.h"
#include "plugin/symbols_check.h"
#include "plugin/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBLEM_SIZE 512

/* What a plugin is to the loader. */
struct plugin_library {
    struct plugin_loader *loader;
    void *handle;           /* dlopen's; NULL before */
    char *path;             /* of the original */
    const struct value *at; /* that names it, until it is mapped */
    char *told;             /* what it is, as the process that tried it said; NULL: not yet */
    size_t told_size;
    void *told_lists;                 /* to which the descriptor points meanwhile */
    struct neighbour_list neighbours; /* that it needs beside it */
    char *copy;  /* of the copy that is mapped; whoever cleans the temporary folder may remove it */
    int copy_fd; /* so it is compared by this; -1 before */
    dev_t device; /* these two tell whether a file is the same */
    ino_t inode;
};

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
static void library_destroy(struct plugin_library *library, bool unload)
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
    free(library->told_lists);
    free(library->told);
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
    library_destroy(plugin->library, (plugin->descriptor.flags & TONI_UNLOADABLE) != 0);
    free(plugin);
}

/* --- Finding */

static char *join(const char *folder, const char *name)
{
    char *path;

    if (name[0] == '/')
        return strdup(name);
    return asprintf(&path, "%s/%s", folder, name) >= 0 ? path : NULL;
}

static const char *search_folder(const struct plugin_set *set, size_t i)
{
    const struct plugin_search *search = &set->search;

    return i < search->plugin_path_count ? search->plugin_path[i] : set->loader->host_folder;
}

static void refuse_missing(const struct plugin_set *set, const char *library,
                           const struct value *at, struct fault_list *faults)
{
    struct buffer folders;

    buffer_init(&folders);
    for (size_t i = 0; i <= set->search.plugin_path_count; i++) {
        /* Without memory the message is short of a folder; it still says what is wrong. */
        (void)buffer_appendf(&folders, "%s`%s`", i > 0 ? ", " : "", search_folder(set, i));
    }
    fault_at(faults, at,
             "library `%s` not found in %.*s; build it, add its folder to plugin_path, or give its "
             "path with a slash",
             library, (int)folders.length, folders.length > 0 ? folders.bytes : "");
    buffer_finish(&folders);
}

static char *out_of_memory(const struct value *at, struct fault_list *faults)
{
    fault_at(faults, at, "out of memory while loading a library");
    return NULL;
}

/* Sets the path where the library is; NULL after a fault. */
static char *find_library(const struct plugin_set *set, const char *library, const struct value *at,
                          struct fault_list *faults)
{
    if (strchr(library, '/')) {
        char *path = join(set->search.config_folder, library);
        return path ? path : out_of_memory(at, faults);
    }
    for (size_t i = 0; i <= set->search.plugin_path_count; i++) {
        char *path = join(search_folder(set, i), library);
        if (!path)
            return out_of_memory(at, faults);
        if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
            return path; /* what may be wrong with it is said where it is opened */
        free(path);
    }
    refuse_missing(set, library, at, faults);
    return NULL;
}

static const char *remedy_for_open(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return "a path with a slash is relative to the folder of gateways.conf";
    case EACCES:
        return "make it readable for the user that runs toni";
    default:
        return "name a file that can be read";
    }
}

/* Opens the library and learns which file it is. O_NONBLOCK: a FIFO would keep us waiting. */
static int open_library(struct plugin_library *library, const struct value *at,
                        struct fault_list *faults)
{
    struct stat status;
    const int fd = open(library->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &status) != 0) {
        fault_at(faults, at, "library `%s` can't be opened: %s; %s", library->path, strerror(errno),
                 remedy_for_open(errno));
        goto fail;
    }
    if (!S_ISREG(status.st_mode)) {
        fault_at(faults, at,
                 "library `%s` is no regular file, expected a shared object; name the "
                 ".so itself",
                 library->path);
        goto fail;
    }
    library->device = status.st_dev;
    library->inode = status.st_ino;
    return fd;

fail:
    if (fd >= 0)
        close(fd);
    return -1;
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

/* The same content may be in another file now, and another content in the file that it was in: the
 * set is to tell files apart as they are.
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
        out_of_memory(library->at, faults);
    } else if (copy_library(library, fd, faults)) {
        *plugin =
            (struct plugin){.state = PLUGIN_COPIED, .path = library->path, .library = library};
        atomic_init(&plugin->references, 1);
        return set->plugins[set->count++] = plugin;
    }
    library_destroy(library, true);
    free(plugin);
    return NULL;
}

struct plugin *plugin_set_add(struct plugin_set *set, const char *name, const struct value *at,
                              struct fault_list *faults)
{
    struct plugin *plugin = NULL;
    struct plugin_library *library = calloc(1, sizeof *library);

    if (!library) {
        out_of_memory(at, faults);
        return NULL;
    }
    library->loader = set->loader;
    library->copy_fd = -1;
    library->at = at;
    library->path = find_library(set, name, at, faults);
    const int fd = library->path ? open_library(library, at, faults) : -1;
    if (fd < 0) {
        library_destroy(library, true);
        return NULL;
    }
    plugin = added_before(set, library);
    if (!plugin && !make_room(set)) {
        out_of_memory(at, faults);
    } else if (!plugin && (plugin = running(set, library, fd))) {
        (void)share(set, plugin, at, faults);
    } else if (!plugin) {
        plugin = add_copy(set, library, fd, faults);
        library = NULL;
    }
    if (library)
        library_destroy(library, true);
    close(fd);
    return plugin;
}

/* --- Trying */

/* What the process said; checked there, and read as carefully as if it had not been. */
static void take_told(struct plugin *plugin, struct trial_library *tried, struct fault_list *faults)
{
    struct plugin_library *library = plugin->library;

    library->told = tried->bytes;
    library->told_size = tried->size;
    tried->bytes = NULL;
    library->told_lists = descriptor_read(library->told, library->told_size, &plugin->descriptor);
    if (library->told_lists) {
        plugin->state = PLUGIN_TOLD;
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
        out_of_memory(plugin->library->at, faults);
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
            take_told(plugin, result, faults);
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
                out_of_memory(set->plugins[i]->library->at, faults);
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

/* What was not come to is no fault of its own: but something else was, or the host stops. */
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

/* --- Mapping. What is left behind keeps all that it uses, so that is its own. */

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

/* Others have been told already what the plugin needs, and how many of it. */
static bool is_as_told(const struct plugin_library *library, const toni_plugin *descriptor)
{
    struct buffer bytes;

    buffer_init(&bytes);
    const bool is_same = descriptor_write(descriptor, &bytes) == 0 &&
                         bytes.length == library->told_size &&
                         memcmp(bytes.bytes, library->told, bytes.length) == 0;
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
    if (mapping->is_good && is_as_told(library, &mapping->descriptor)) {
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
        out_of_memory(library->at, faults);
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
        if (plugin->state != PLUGIN_TOLD)
            continue;
        if (!hooks)
            out_of_memory(plugin->library->at, faults);
        result = hooks ? map_one(plugin, hooks, limit_ms, faults) : -1;
    }
    hooks_destroy(hooks);
    return result;
}
