/* One entry for each name. Its copy stays open for comparing, since a cleaner of temporary
 * folders may remove the path. */
#include "plugin/neighbours.h"

#include "plugin/copy_store.h"
#include "plugin/elf_check.h"
#include "plugin/elf_facts.h"
#include "plugin/library_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBLEM_SIZE 384

struct neighbour {
    struct neighbour *next;
    char *name;   /* by which it is needed: its file's */
    char *soname; /* NULL: none */
    int fd;       /* of a copy */
    size_t users;
};

/* A library whose neighbours are being copied, and where a problem is written. */
struct bringing {
    struct neighbours *all;
    struct neighbour_list *own;
    const char *folder; /* of the library */
    const char *copy;   /* of the library */
    char *problem;
    size_t problem_size;
};

static int out_of_memory(const struct bringing *bringing)
{
    (void)snprintf(bringing->problem, bringing->problem_size,
                   "can't be loaded: out of memory while looking at what it needs");
    return -1;
}

static bool is_called(const struct neighbour *neighbour, const char *name)
{
    return strcmp(neighbour->name, name) == 0 ||
           (neighbour->soname && strcmp(neighbour->soname, name) == 0);
}

static struct neighbour *find(const struct neighbours *all, const char *name)
{
    struct neighbour *neighbour = all->first;

    while (neighbour && !is_called(neighbour, name))
        neighbour = neighbour->next;
    return neighbour;
}

static bool is_listed(const struct neighbour_list *own, const char *name)
{
    for (size_t i = 0; i < own->count; i++) {
        if (is_called(own->items[i], name))
            return true;
    }
    return false;
}

/* @return The regular file of that name in the folder, open for reading; -1: there is none. */
static int open_beside(const char *folder, const char *name)
{
    struct stat status;
    char *path;

    if (strchr(name, '/') || name[0] == '\0' || asprintf(&path, "%s/%s", folder, name) < 0)
        return -1;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    free(path);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* --- Bringing */

static void neighbour_destroy(struct neighbour *neighbour)
{
    close(neighbour->fd);
    free(neighbour->name);
    free(neighbour->soname);
    free(neighbour);
}

/* @param fd  Of the copy; the neighbour's, once there is one. @return NULL on no memory. */
static struct neighbour *neighbour_create(struct neighbours *all, const char *name,
                                          const char *soname, int fd)
{
    struct neighbour *neighbour = calloc(1, sizeof *neighbour);

    if (!neighbour)
        return NULL;
    neighbour->name = strdup(name);
    neighbour->soname = soname ? strdup(soname) : NULL;
    neighbour->fd = fd;
    if (!neighbour->name || (soname && !neighbour->soname)) {
        free(neighbour->name);
        free(neighbour->soname);
        free(neighbour);
        return NULL;
    }
    neighbour->next = all->first;
    all->first = neighbour;
    return neighbour;
}

/* @param fd  Of the copy; taken over. @return NULL after a problem. */
static struct neighbour *share_or_create(const struct bringing *bringing, const char *name, int fd)
{
    struct neighbour *there = find(bringing->all, name);
    struct elf_facts facts;

    if (there && files_equal(there->fd, fd)) {
        close(fd);
        return there;
    }
    if (there) {
        close(fd);
        (void)snprintf(bringing->problem, bringing->problem_size,
                       "needs `%.128s` beside it, and another content of that name is loaded "
                       "already, which it would run with; give one of them another name (of its "
                       "file, and its soname), or, if the one beside it is the newer one, `toni "
                       "restart`",
                       name);
        return NULL;
    }
    const int result = elf_facts_read(fd, &facts);
    there = result ? NULL : neighbour_create(bringing->all, name, facts.soname, fd);
    elf_facts_finish(&facts);
    if (!there) {
        close(fd);
        (void)out_of_memory(bringing);
    }
    return there;
}

static int list(const struct bringing *bringing, struct neighbour *neighbour)
{
    struct neighbour_list *own = bringing->own;
    struct neighbour **items = realloc(own->items, (own->count + 1) * sizeof *items);

    if (!items)
        return out_of_memory(bringing); /* it stays in `all`, unused, until the end */
    own->items = items;
    items[own->count++] = neighbour;
    neighbour->users++;
    return 0;
}

static int bring_one(const struct bringing *bringing, const char *name)
{
    char problem[PROBLEM_SIZE];

    if (is_listed(bringing->own, name))
        return 0;
    const int from = open_beside(bringing->folder, name);
    if (from < 0)
        return 0; /* one of the system's, or found by another way */
    const int fd = copy_store_add_beside(bringing->copy, name, from, problem, sizeof problem);
    close(from);
    if (fd < 0 || elf_check(fd, problem, sizeof problem)) {
        if (fd >= 0)
            close(fd);
        (void)snprintf(bringing->problem, bringing->problem_size,
                       "needs `%.128s` beside it, which %s", name, problem);
        return -1;
    }
    struct neighbour *neighbour = share_or_create(bringing, name, fd);
    return neighbour ? list(bringing, neighbour) : -1;
}

static int bring_needed(const struct bringing *bringing, int fd)
{
    struct elf_facts facts;
    int result = elf_facts_read(fd, &facts) ? out_of_memory(bringing) : 0;

    for (size_t i = 0; i < facts.needed_count && !result; i++)
        result = bring_one(bringing, facts.needed[i]);
    elf_facts_finish(&facts);
    return result;
}

int neighbours_bring(struct neighbours *all, struct neighbour_list *own, const char *path,
                     const char *copy, int copy_fd, char *problem, size_t size)
{
    char *folder = copy_store_folder_of(path);
    const struct bringing bringing = {all, own, folder, copy, problem, size};

    if (!folder)
        return out_of_memory(&bringing);
    int result = bring_needed(&bringing, copy_fd);
    for (size_t i = 0; i < own->count && !result; i++) /* it gets longer meanwhile */
        result = bring_needed(&bringing, own->items[i]->fd);
    free(folder);
    return result;
}

/* --- Comparing, and the end */

int neighbours_compare(const struct neighbour_list *own, const char *path, char *problem,
                       size_t size)
{
    char *folder = own->count > 0 ? copy_store_folder_of(path) : NULL;
    int result = 0;

    for (size_t i = 0; i < own->count && folder && !result; i++) {
        const char *name = own->items[i]->name;
        const int fd = open_beside(folder, name);
        if (fd >= 0 && files_equal(fd, own->items[i]->fd)) {
            close(fd);
            continue;
        }
        (void)snprintf(problem, size,
                       "runs with `%.128s` beside it, which %s since it was loaded, and a reload "
                       "can't replace it; give the new one another name (of its file, and its "
                       "soname) and link the library with that, or `toni restart`",
                       name, fd >= 0 ? "has changed" : "is gone");
        if (fd >= 0)
            close(fd);
        result = -1;
    }
    free(folder);
    return result;
}

static void forget(struct neighbours *all, struct neighbour *neighbour)
{
    struct neighbour **at = &all->first;

    while (*at != neighbour)
        at = &(*at)->next;
    *at = neighbour->next;
    neighbour_destroy(neighbour);
}

void neighbours_release(struct neighbours *all, struct neighbour_list *own, bool may_ask)
{
    for (size_t i = 0; i < own->count; i++) {
        struct neighbour *neighbour = own->items[i];

        neighbour->users--;
        if (neighbour->users == 0 && may_ask && !library_is_mapped(neighbour->name))
            forget(all, neighbour);
    }
    free(own->items);
    *own = (struct neighbour_list){0};
}

void neighbours_finish(struct neighbours *all)
{
    while (all->first)
        forget(all, all->first);
}
