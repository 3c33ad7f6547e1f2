/* Watched folders; see tree.h. */
#include "watch/tree.h"

#include "watch/ignored.h"
#include "watch/terminal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of single names in one folder; of more, all of it counts. */
#define NAMES_MAX 64

/* A folder that is watched: as a whole, or for some names in it. */
struct folder {
    uv_fs_event_t event;
    struct tree *tree;
    char *path; /* without symbolic links, as it was found last */
    dev_t device;
    ino_t inode;
    bool is_whole;
    char *names[NAMES_MAX];
    size_t name_count;
    bool is_wanted;   /* found by the scan that runs */
    bool may_be_gone; /* the kernel has said something of the folder itself */
};

struct list {
    char **paths;
    size_t count;
};

struct tree {
    uv_loop_t *loop;
    tree_changed *changed;
    void *data;
    struct list roots, files;
    char *apart;
    struct folder **folders;
    size_t folder_count;
    size_t wanted; /* of the folders, by the scan that runs */
    bool is_full;  /* that has found more than there may be */
    bool is_full_said, is_refused_said;
};

/* --- Lists of paths */

static void list_finish(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (struct list){0};
}

static int list_add(struct list *list, const char *path)
{
    char **paths = reallocarray(list->paths, list->count + 1, sizeof *paths);
    if (!paths)
        return -1;
    list->paths = paths;
    paths[list->count] = strdup(path);
    if (!paths[list->count])
        return -1;
    list->count++;
    return 0;
}

static int list_copy(struct list *list, char *const *paths, size_t count)
{
    *list = (struct list){0};
    for (size_t i = 0; i < count; i++) {
        if (list_add(list, paths[i])) {
            list_finish(list);
            return -1;
        }
    }
    return 0;
}

static bool list_equal(const struct list *a, const struct list *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (strcmp(a->paths[i], b->paths[i]) != 0)
            return false;
    }
    return a->count == b->count;
}

/* --- What a folder's event means */

static bool is_own_name(const struct folder *folder, const char *name)
{
    const char *slash = strrchr(folder->path, '/');
    return strcmp(name, slash ? slash + 1 : folder->path) == 0;
}

static bool has_name(const struct folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->name_count; i++) {
        if (strcmp(folder->names[i], name) == 0)
            return true;
    }
    return false;
}

/* Of the folder itself the kernel says by its name, as if that were in it. */
static void on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct folder *folder = event->data;
    char path[PATH_MAX];
    (void)events;

    if (status < 0 || !name || is_own_name(folder, name))
        folder->may_be_gone = true;
    if (name && !has_name(folder, name) && !folder->may_be_gone &&
        (!folder->is_whole || ignored_name(name)))
        return;
    const int length = snprintf(path, sizeof path, "%s/%s", folder->path, name ? name : "");
    const char *apart = folder->tree->apart;
    if (length > 0 && (size_t)length < sizeof path && (!apart || strcmp(path, apart) != 0))
        folder->tree->changed(folder->tree->data, path);
}

/* --- Folders */

static void on_closed(uv_handle_t *handle)
{
    struct folder *folder = handle->data;
    for (size_t i = 0; i < folder->name_count; i++)
        free(folder->names[i]);
    free(folder->path);
    free(folder);
}

static void say_refused(struct tree *tree, const char *path, int error)
{
    if (tree->is_refused_said)
        return;
    tree->is_refused_said = true;
    if (error == UV_ENOSPC || error == UV_EMFILE) {
        terminal_say(TONE_BAD,
                     "%s can't be watched, %zu folders are: the kernel watches no more for this "
                     "user; `sysctl fs.inotify.%s` as root, or name fewer folders in `paths` of "
                     "`watch`",
                     path, tree->folder_count,
                     error == UV_ENOSPC ? "max_user_watches=524288" : "max_user_instances=1024");
    } else {
        terminal_say(TONE_BAD, "%s can't be watched: %s", path, uv_strerror(error));
    }
}

static bool start(struct folder *folder)
{
    const int error = uv_fs_event_start(&folder->event, on_event, folder->path, 0);
    folder->may_be_gone = false;
    if (error)
        say_refused(folder->tree, folder->path, error);
    return error == 0;
}

static struct folder *find(const struct tree *tree, const struct stat *status)
{
    for (size_t i = 0; i < tree->folder_count; i++) {
        struct folder *folder = tree->folders[i];
        if (folder->inode == status->st_ino && folder->device == status->st_dev)
            return folder;
    }
    return NULL;
}

static void say_full(struct tree *tree, const char *path)
{
    tree->is_full = true;
    if (!tree->is_full_said) {
        terminal_say(TONE_BAD,
                     "%d folders are watched, which is as many as there may be: %s is not, and "
                     "others are not; name fewer in `paths` of `watch` of gateways.conf",
                     TREE_FOLDERS_MAX, path);
    }
    tree->is_full_said = true;
}

static struct folder *add(struct tree *tree, const char *path, const struct stat *status)
{
    struct folder **folders =
        reallocarray(tree->folders, tree->folder_count + 1, sizeof(struct folder *));
    if (!folders)
        return NULL;
    tree->folders = folders;
    struct folder *folder = calloc(1, sizeof *folder);
    char *copy = strdup(path);
    if (!folder || !copy || uv_fs_event_init(tree->loop, &folder->event)) {
        free(folder);
        free(copy);
        return NULL;
    }
    folder->tree = tree;
    folder->event.data = folder;
    folder->path = copy;
    folder->device = status->st_dev;
    folder->inode = status->st_ino;
    if (!start(folder)) {
        uv_close((uv_handle_t *)&folder->event, on_closed);
        return NULL;
    }
    return folders[tree->folder_count++] = folder;
}

/* It may have another name by now, or be another folder that has got the number of one that is
 * gone: then what is watched is that one. */
static bool renew(struct folder *folder, const char *path)
{
    const bool is_moved = strcmp(folder->path, path) != 0;
    if (!is_moved && !folder->may_be_gone)
        return true;
    char *copy = strdup(path);
    if (!copy)
        return false;
    uv_fs_event_stop(&folder->event);
    free(folder->path);
    folder->path = copy;
    return start(folder);
}

/* @return The folder, as this scan wants it first; NULL: it can't be watched. */
static struct folder *want(struct tree *tree, const char *path, const struct stat *status)
{
    struct folder *folder = find(tree, status);
    if (folder && folder->is_wanted)
        return folder;
    if (tree->wanted == TREE_FOLDERS_MAX) {
        say_full(tree, path);
        return NULL;
    }
    if (folder && !renew(folder, path))
        return NULL;
    if (!folder)
        folder = add(tree, path, status);
    if (!folder)
        return NULL;
    tree->wanted++;
    folder->is_wanted = true;
    folder->is_whole = false;
    for (size_t i = 0; i < folder->name_count; i++)
        free(folder->names[i]);
    folder->name_count = 0;
    return folder;
}

/* --- Scanning */

static void want_name(struct tree *tree, const char *folder_path, const char *name)
{
    struct stat status;
    struct folder *folder = stat(folder_path, &status) == 0 && S_ISDIR(status.st_mode)
                                ? want(tree, folder_path, &status)
                                : NULL;
    if (!folder || has_name(folder, name))
        return;
    char *copy = folder->name_count < NAMES_MAX ? strdup(name) : NULL;
    if (copy)
        folder->names[folder->name_count++] = copy;
    else
        folder->is_whole = true;
}

/* @param path  Absolute. It need not be there: then the last folder before it that is there is
 * watched for the next name. */
static void want_file(struct tree *tree, const char *path)
{
    char folder[PATH_MAX], real[PATH_MAX];

    if ((size_t)snprintf(folder, sizeof folder, "%s", path) >= sizeof folder)
        return;
    for (char *slash = strrchr(folder, '/'); slash; slash = strrchr(folder, '/')) {
        char name[NAME_MAX + 1];
        (void)snprintf(name, sizeof name, "%s", slash + 1);
        *slash = '\0';
        if (realpath(folder[0] ? folder : "/", real)) {
            want_name(tree, real, name);
            return;
        }
    }
}

/* A symbolic link is watched where it lies, and the file that it leads to where that lies. */
static void want_linked_file(struct tree *tree, const char *path)
{
    char real[PATH_MAX];
    want_file(tree, path);
    if (realpath(path, real))
        want_file(tree, real);
}

static bool is_build_folder(const char *path)
{
    char cache[PATH_MAX];
    return snprintf(cache, sizeof cache, "%s/CMakeCache.txt", path) < (int)sizeof cache &&
           access(cache, F_OK) == 0;
}

/* Whether below a folder is gone through, of which `path` has no symbolic links. */
static bool is_apart(const struct tree *tree, const char *path)
{
    return (tree->apart && strcmp(tree->apart, path) == 0) || is_build_folder(path);
}

/* Where an entry is, behind symbolic links. @return Whether it is there, and its path fits. */
static bool find_entry(const char *folder, const struct dirent *entry, char real[PATH_MAX])
{
    char path[PATH_MAX];
    const char *before = strcmp(folder, "/") == 0 ? "" : folder;

    if (entry->d_type == DT_DIR)
        return snprintf(real, PATH_MAX, "%s/%s", before, entry->d_name) < PATH_MAX;
    return snprintf(path, sizeof path, "%s/%s", before, entry->d_name) < (int)sizeof path &&
           realpath(path, real);
}

/* Adds what is to be looked at next. */
static void take_entry(struct tree *tree, const char *folder, const struct dirent *entry,
                       struct list *next)
{
    char real[PATH_MAX];
    struct stat status;

    if (ignored_name(entry->d_name) || entry->d_type == DT_REG ||
        !find_entry(folder, entry, real) || stat(real, &status) != 0)
        return;
    if (S_ISDIR(status.st_mode) && !is_apart(tree, real))
        (void)list_add(next, real); /* out of memory, it is found at the next scan */
    else if (S_ISREG(status.st_mode) && entry->d_type == DT_LNK)
        want_file(tree, real);
}

static void go_through(struct tree *tree, const char *path, struct list *next)
{
    struct stat status;
    struct folder *folder = stat(path, &status) == 0 ? want(tree, path, &status) : NULL;

    if (!folder || folder->is_whole)
        return; /* it is gone again, or another way led here: links may go round */
    folder->is_whole = true;
    DIR *stream = opendir(path);
    if (!stream)
        return;
    /* cppcheck-suppress readdirCalled ; on a stream that no other thread has it is safe (glibc) */
    for (const struct dirent *entry; (entry = readdir(stream));)
        take_entry(tree, path, entry, next);
    (void)closedir(stream);
}

static void scan_root(struct tree *tree, const char *path)
{
    char real[PATH_MAX];
    struct stat status;
    struct list waiting = {0};

    want_file(tree, path); /* it may be removed and made anew */
    if (!realpath(path, real) || stat(real, &status) != 0)
        return;
    if (!S_ISDIR(status.st_mode)) {
        want_file(tree, real);
        return;
    }
    (void)list_add(&waiting, real);
    for (size_t i = 0; i < waiting.count; i++) {
        struct list next = {0};
        go_through(tree, waiting.paths[i], &next);
        for (size_t k = 0; k < next.count; k++)
            (void)list_add(&waiting, next.paths[k]);
        list_finish(&next);
        if (tree->is_full)
            break;
    }
    list_finish(&waiting);
}

static void drop_unwanted(struct tree *tree)
{
    size_t kept = 0;
    for (size_t i = 0; i < tree->folder_count; i++) {
        struct folder *folder = tree->folders[i];
        if (folder->is_wanted)
            tree->folders[kept++] = folder;
        else
            uv_close((uv_handle_t *)&folder->event, on_closed);
    }
    tree->folder_count = kept;
}

void tree_scan(struct tree *tree)
{
    tree->wanted = 0;
    tree->is_full = false;
    for (size_t i = 0; i < tree->folder_count; i++)
        tree->folders[i]->is_wanted = false;
    for (size_t i = 0; i < tree->files.count; i++) /* first: there may be too many folders */
        want_linked_file(tree, tree->files.paths[i]);
    for (size_t i = 0; i < tree->roots.count; i++)
        scan_root(tree, tree->roots.paths[i]);
    drop_unwanted(tree);
}

/* --- Making and ending */

struct tree *tree_create(uv_loop_t *loop, tree_changed *changed, void *data)
{
    struct tree *tree = calloc(1, sizeof *tree);
    if (tree)
        *tree = (struct tree){.loop = loop, .changed = changed, .data = data};
    return tree;
}

int tree_set(struct tree *tree, char *const *roots, size_t root_count, char *const *files,
             size_t file_count, const char *apart)
{
    struct list new_roots, new_files = {0};
    char *new_apart = apart ? strdup(apart) : NULL;

    if (list_copy(&new_roots, roots, root_count) || list_copy(&new_files, files, file_count) ||
        (apart && !new_apart)) {
        list_finish(&new_roots);
        list_finish(&new_files);
        free(new_apart);
        return -1;
    }
    if (!list_equal(&tree->roots, &new_roots) || !list_equal(&tree->files, &new_files))
        tree->is_full_said = tree->is_refused_said = false;
    list_finish(&tree->roots);
    list_finish(&tree->files);
    free(tree->apart);
    tree->roots = new_roots;
    tree->files = new_files;
    tree->apart = new_apart;
    return 0;
}

size_t tree_folder_count(const struct tree *tree)
{
    return tree->folder_count;
}

void tree_destroy(struct tree *tree)
{
    if (!tree)
        return;
    for (size_t i = 0; i < tree->folder_count; i++)
        uv_close((uv_handle_t *)&tree->folders[i]->event, on_closed);
    free(tree->folders);
    list_finish(&tree->roots);
    list_finish(&tree->files);
    free(tree->apart);
    free(tree);
}
