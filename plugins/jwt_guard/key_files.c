/* See key_files.h. */
#include "key_files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SETTLED_NS INT64_C(1000000000)

/* By kind: the most bytes that are read. */
static const size_t size_max[] = {
    [KEY_FILE_PEM] = 65536, [KEY_FILE_SECRET] = 4096, [KEY_FILE_JWKS] = 262144};

int key_files_add(struct key_files *files, enum key_file_kind kind, const char *path)
{
    if (files->count == KEY_FILES_MAX)
        return -1;
    files->files[files->count++] = (struct key_file){.kind = kind, .path = path};
    return 0;
}

static int64_t in_ns(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct file_stamp stamp_of(const struct stat *facts)
{
    return (struct file_stamp){
        .device = facts->st_dev,
        .inode = facts->st_ino,
        .size = facts->st_size,
        .modified_ns = in_ns(facts->st_mtim),
        .changed_ns = in_ns(facts->st_ctim),
    };
}

static bool is_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

/* A clock that was set back makes a time to come as old as one that has passed. */
static bool is_settled(const struct file_stamp *stamp)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int64_t age = in_ns(now) - stamp->modified_ns;
    return age >= SETTLED_NS || age <= -SETTLED_NS;
}

bool key_files_have_changed(const struct key_files *files)
{
    bool has_changed = false;
    for (size_t i = 0; i < files->count; i++) {
        struct stat facts;
        struct file_stamp stamp = {0};
        if (stat(files->files[i].path, &facts) == 0)
            stamp = stamp_of(&facts);
        if (stamp.inode != 0 && !is_settled(&stamp))
            return false;
        has_changed = has_changed || !is_equal(&stamp, &files->files[i].stamp);
    }
    return has_changed;
}

/* --- Reading one */

struct content {
    size_t size;
    char *bytes;
};

/* @param facts  Set. @return A descriptor, or -1. */
static int open_file(const struct key_file *file, struct stat *facts, struct key_fault *fault)
{
    /* One that is no file, such as a pipe, must hold up nobody. */
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, facts)) {
        const int error = errno;
        (void)key_fault(fault, "it can't be read: %s", strerror(error));
        fault->is_passing = error == EMFILE || error == ENFILE || error == ENOMEM;
    } else if (!S_ISREG(facts->st_mode)) {
        (void)key_fault(fault, "it is no file");
    } else if (file->kind == KEY_FILE_SECRET && (facts->st_mode & S_IRWXO)) {
        (void)key_fault(fault, "everybody may read or write it, and it holds a secret; chmod o= "
                               "mends that");
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static int read_all(int fd, size_t most, struct content *content, struct key_fault *fault)
{
    content->size = 0;
    content->bytes = malloc(most + 1);
    if (!content->bytes)
        return key_fault_for_now(fault, "out of memory");
    while (content->size <= most) {
        const ssize_t taken = read(fd, content->bytes + content->size, most + 1 - content->size);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken < 0)
            return key_fault(fault, "it can't be read: %s", strerror(errno));
        if (taken == 0)
            return 0;
        content->size += (size_t)taken;
    }
    return key_fault(fault, "it has more than %zu bytes", most);
}

/* A line's end behind a secret is of the editor's making. */
static int add_secret(struct key_set *set, const struct content *content, struct key_fault *fault)
{
    static const char pem[] = "-----BEGIN ";
    size_t size = content->size;
    if (size >= sizeof pem - 1 && memcmp(content->bytes, pem, sizeof pem - 1) == 0)
        return key_fault(fault, "it is PEM, which is no secret; if it is a public key, name it in "
                                "`keys`");
    if (size > 0 && content->bytes[size - 1] == '\n')
        size--;
    if (size > 0 && size < content->size && content->bytes[size - 1] == '\r')
        size--;
    return key_set_add_secret(set, (const unsigned char *)content->bytes, size, NULL, fault);
}

/* Only the content tells that a JWKS holds a secret. */
static int add_jwks(struct key_set *set, const struct content *content, mode_t mode,
                    struct key_fault *fault)
{
    const bool had_secrets = set->has_secrets;
    set->has_secrets = false;
    int result = key_set_add_jwks(set, toni_str_make(content->bytes, content->size), fault);
    if (result == 0 && set->has_secrets && (mode & S_IRWXO))
        result = key_fault(fault, "everybody may read or write it, and it holds a secret (`oct`); "
                                  "chmod o= mends that");
    set->has_secrets = set->has_secrets || had_secrets;
    return result;
}

static int add_content(struct key_set *set, const struct key_file *file,
                       const struct content *content, mode_t mode, struct key_fault *fault)
{
    switch (file->kind) {
    case KEY_FILE_PEM:
        return key_set_add_pem(set, toni_str_make(content->bytes, content->size), fault);
    case KEY_FILE_SECRET:
        return add_secret(set, content, fault);
    case KEY_FILE_JWKS:
        break;
    }
    return add_jwks(set, content, mode, fault);
}

static int read_file(struct key_set *set, struct key_file *file, struct key_fault *fault)
{
    struct stat facts;
    struct content content = {0};
    file->stamp = (struct file_stamp){0};
    const int fd = open_file(file, &facts, fault);
    if (fd < 0) {
        if (!fault->is_passing && stat(file->path, &facts) == 0)
            file->stamp = stamp_of(&facts); /* so that it is complained of once */
        return -1;
    }
    file->stamp = stamp_of(&facts);
    int result = read_all(fd, size_max[file->kind], &content, fault);
    close(fd);
    if (result == 0)
        result = add_content(set, file, &content, facts.st_mode, fault);
    if (content.bytes)
        OPENSSL_cleanse(content.bytes, content.size);
    free(content.bytes);
    if (result && fault->is_passing) /* so that it is read again, though nobody touches it */
        file->stamp = (struct file_stamp){0};
    return result;
}

struct key_set *key_files_read(struct key_files *files, struct key_fault *fault)
{
    struct key_fault first = {.text = ""}, later = {.text = ""};
    struct key_set *set = key_set_create();
    size_t failed = files->count;
    if (!set) {
        (void)key_fault_for_now(fault, "out of memory");
        return NULL;
    }
    /* All are looked at, so that none that is broken is taken for changed next time. */
    for (size_t i = 0; i < files->count; i++) {
        const bool is_first = failed == files->count;
        if (read_file(set, &files->files[i], is_first ? &first : &later) && is_first)
            failed = i;
    }
    if (failed == files->count)
        return set;
    key_set_unref(set);
    (void)key_fault(fault, "key file `%s`: %s", files->files[failed].path, first.text);
    return NULL;
}
