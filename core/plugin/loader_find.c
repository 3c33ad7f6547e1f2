/* Finding libraries: a name without a slash is searched for, what is found is opened. */
#include "plugin/loader_private.h"

#include "base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy of it is made below $TMPDIR. */
#define LIBRARY_BYTES_MAX ((off_t)1 << 30)

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

char *loader_find(const struct plugin_set *set, const char *library, const struct value *at,
                  struct fault_list *faults)
{
    if (strchr(library, '/')) {
        char *path = join(set->search.config_folder, library);
        return path ? path : loader_out_of_memory(at, faults);
    }
    for (size_t i = 0; i <= set->search.plugin_path_count; i++) {
        char *path = join(search_folder(set, i), library);
        if (!path)
            return loader_out_of_memory(at, faults);
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

/* O_NONBLOCK: a FIFO would keep us waiting. */
int loader_open(struct plugin_library *library, const struct value *at, struct fault_list *faults)
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
    if (status.st_size > LIBRARY_BYTES_MAX) {
        fault_at(faults, at,
                 "library `%s` has %lld bytes, expected at most 1 GiB; name the .so itself",
                 library->path, (long long)status.st_size);
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
