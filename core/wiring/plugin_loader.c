/* Find, copy, check the file, dlopen, check the descriptor: each step refuses with its own fault.
 */
#include "wiring/plugin_loader.h"

#include "base/buffer.h"
#include "wiring/descriptor.h"
#include "wiring/elf_check.h"
#include "wiring/plugin_call.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PROBLEM_SIZE 512

/* What a plugin is to the loader. */
struct plugin_library {
    struct plugin_loader *loader;
    void *handle; /* dlopen's; NULL before */
    char *path;   /* of the original */
    char *copy;  /* of the copy that is mapped; whoever cleans the temporary folder may remove it */
    int copy_fd; /* so it is compared by this; -1 before */
    dev_t device; /* these two tell whether a file is the same */
    ino_t inode;
};

void plugin_loader_init(struct plugin_loader *loader, const char *host_folder)
{
    loader->host_folder = host_folder;
    loader->retired = 0;
    copy_store_init(&loader->copies);
}

void plugin_loader_finish(struct plugin_loader *loader)
{
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

/* What stays mapped needs its file no more. */
static void library_destroy(struct plugin_library *library, bool unload)
{
    if (unload && library->handle != NULL)
        dlclose(library->handle);
    else if (library->handle != NULL)
        library->loader->retired++;
    if (library->copy != NULL)
        copy_store_remove(library->copy);
    if (library->copy_fd >= 0)
        close(library->copy_fd);
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
    if (plugin == NULL || atomic_fetch_sub(&plugin->references, 1) > 1)
        return;
    const bool unload = !plugin->was_used || (plugin->descriptor.flags & TONI_UNLOADABLE) != 0;
    library_destroy(plugin->library, unload);
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
    if (strchr(library, '/') != NULL) {
        char *path = join(set->search.config_folder, library);
        return path != NULL ? path : out_of_memory(at, faults);
    }
    for (size_t i = 0; i <= set->search.plugin_path_count; i++) {
        char *path = join(search_folder(set, i), library);
        if (path == NULL)
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

/* --- Loading */

/* Copies first and checks the copy, so that what was checked is what is mapped. */
static bool copy_library(struct copy_store *copies, struct plugin_library *library, int fd,
                         const struct value *at, struct fault_list *faults)
{
    char problem[PROBLEM_SIZE];

    library->copy_fd =
        copy_store_add(copies, fd, library->path, &library->copy, problem, sizeof problem);
    if (library->copy_fd >= 0 && elf_check(library->copy_fd, problem, sizeof problem) == 0)
        return true;
    fault_at(faults, at, "library `%s` %s", library->path, problem);
    return false;
}

/* dlerror() without the name of the copy at its front, which nobody has heard of. */
static const char *dlopen_problem(const char *copy)
{
    const char *problem = dlerror();
    const size_t length = strlen(copy);

    if (problem == NULL)
        return "unknown error";
    if (strncmp(problem, copy, length) == 0 && strncmp(problem + length, ": ", 2) == 0)
        return problem + length + 2;
    return problem;
}

static const char *remedy_for_dlopen(const char *copy)
{
    struct statvfs status;

    if (statvfs(copy, &status) == 0 && (status.f_flag & ST_NOEXEC) != 0)
        return "the temporary folder is mounted noexec: let TMPDIR name another";
    return "`ldd -r` on it shows what it lacks; a library beside it is found by a RUNPATH of "
           "$ORIGIN";
}

static bool open_copy(struct plugin_library *library, const struct value *at,
                      struct fault_list *faults)
{
    struct plugin_call call = {.callback = "load", .library = library->path};
    plugin_call_begin(&call); /* constructors run */
    library->handle = dlopen(library->copy, RTLD_NOW | RTLD_LOCAL);
    plugin_call_end(&call);
    if (library->handle == NULL)
        fault_at(faults, at, "library `%s` can't be loaded: %s; %s", library->path,
                 dlopen_problem(library->copy), remedy_for_dlopen(library->copy));
    return library->handle != NULL;
}

static bool read_descriptor(struct plugin *plugin, const struct value *at,
                            struct fault_list *faults)
{
    toni_plugin_entry_fn entry;
    void *symbol = dlsym(plugin->library->handle, TONI_PLUGIN_ENTRY);

    if (symbol == NULL) {
        fault_at(faults, at,
                 "library `%s` has no symbol `%s`, which every toni plugin exports; "
                 "make it with TONI_PLUGIN",
                 plugin->path, TONI_PLUGIN_ENTRY);
        return false;
    }
    memcpy(&entry, &symbol, sizeof entry); /* C has no cast from data to function pointers */
    return descriptor_check(entry(), plugin->path, at, &plugin->descriptor, faults);
}

static struct plugin *loaded_before(const struct plugin_set *set,
                                    const struct plugin_library *library)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct plugin_library *other = set->plugins[i]->library;

        if (other->device == library->device && other->inode == library->inode)
            return set->plugins[i];
    }
    return NULL;
}

/* @return Whether both files hold the same bytes. */
static bool same_content(int fd, int other)
{
    char here[65536], there[65536];

    for (off_t at = 0;;) {
        const ssize_t size = pread(fd, here, sizeof here, at);
        if (size < 0 || pread(other, there, sizeof there, at) != size ||
            memcmp(here, there, (size_t)size) != 0)
            return false;
        if (size == 0)
            return true;
        at += size;
    }
}

/* The same content may be in another file now, and another content in the file that it was in: the
 * set is to tell files apart as they are.
 * @return What the running configuration has loaded from this path, if its content is as it was. */
static struct plugin *running(const struct plugin_set *set, const struct plugin_library *library,
                              int fd)
{
    for (size_t i = 0; set->before != NULL && i < set->before->count; i++) {
        struct plugin *plugin = set->before->plugins[i];

        if (strcmp(plugin->path, library->path) != 0 || !same_content(fd, plugin->library->copy_fd))
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

    if (plugins != NULL)
        set->plugins = plugins;
    return plugins != NULL;
}

/* Takes the library over, whatever is returned. */
static struct plugin *load_into(struct plugin_set *set, struct plugin_library *library, int fd,
                                const struct value *at, struct fault_list *faults)
{
    struct plugin *plugin = calloc(1, sizeof *plugin);

    if (plugin == NULL) {
        out_of_memory(at, faults);
        goto fail;
    }
    plugin->library = library;
    plugin->path = library->path;
    plugin->references = 1;
    if (!copy_library(&set->loader->copies, library, fd, at, faults) ||
        !open_copy(library, at, faults) || !read_descriptor(plugin, at, faults))
        goto fail;
    return set->plugins[set->count++] = plugin;

fail:
    library_destroy(library, true);
    free(plugin);
    return NULL;
}

struct plugin *plugin_set_load(struct plugin_set *set, const char *name, const struct value *at,
                               struct fault_list *faults)
{
    struct plugin *plugin = NULL;
    struct plugin_library *library = calloc(1, sizeof *library);

    if (library == NULL) {
        out_of_memory(at, faults);
        return NULL;
    }
    library->loader = set->loader;
    library->copy_fd = -1;
    library->path = find_library(set, name, at, faults);
    const int fd = library->path != NULL ? open_library(library, at, faults) : -1;
    if (fd < 0) {
        library_destroy(library, true);
        return NULL;
    }
    plugin = loaded_before(set, library);
    if (plugin == NULL && !make_room(set)) {
        out_of_memory(at, faults);
    } else if (plugin == NULL && (plugin = running(set, library, fd)) != NULL) {
        set->plugins[set->count++] = plugin_ref(plugin);
    } else if (plugin == NULL) {
        plugin = load_into(set, library, fd, at, faults);
        library = NULL;
    }
    if (library != NULL)
        library_destroy(library, true);
    close(fd);
    return plugin;
}
