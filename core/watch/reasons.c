/* Reasons to build; see reasons.h. */
#include "watch/reasons.h"

#include "base/hash.h"
#include "config/named_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What stands for the content of what is no file, or is gone. */
#define CONTENT_GONE 0
#define CONTENT_OTHER 1

/* Of a larger file size and time are compared: no source is. */
#define CONTENT_MOST (4u << 20)

/* Nobody gains by making two files alike here. */
static const struct hash_key key = {{0x746F6E69, 0x7761746368}};

void reasons_note(struct reasons *reasons, const char *path)
{
    for (size_t i = 0; i < reasons->count; i++) {
        if (strcmp(reasons->paths[i], path) == 0)
            return;
    }
    char *copy = reasons->count < REASONS_PATHS_MAX ? strdup(path) : NULL;
    if (copy)
        reasons->paths[reasons->count++] = copy;
    else
        reasons->is_large = true;
}

/* --- Contents */

static uint64_t hash_file(int fd, const struct stat *status)
{
    const struct {
        int64_t size, s, ns;
    } facts = {status->st_size, status->st_mtim.tv_sec, status->st_mtim.tv_nsec};
    char *bytes = (uint64_t)status->st_size <= CONTENT_MOST ? malloc(CONTENT_MOST) : NULL;
    const ssize_t length = bytes ? named_file_read(fd, bytes, CONTENT_MOST) : -1;
    const uint64_t hash = length >= 0 ? hash_bytes(&key, bytes, (size_t)length)
                                      : hash_bytes(&key, &facts, sizeof facts);
    free(bytes);
    return hash;
}

static uint64_t content_of(const char *path)
{
    struct stat status;
    const int fd = named_file_open(path);
    uint64_t content = CONTENT_OTHER;
    if (fd < 0)
        return access(path, F_OK) == 0 ? CONTENT_OTHER : CONTENT_GONE;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        content = hash_file(fd, &status);
    close(fd);
    return content;
}

/* @return Its place, maybe a new one. */
static struct reasons_known *known_of(struct reasons *reasons, uint64_t path)
{
    for (size_t i = 0; i < REASONS_KNOWN_MAX; i++) {
        if (reasons->known[i].path == path)
            return &reasons->known[i];
    }
    struct reasons_known *place = &reasons->known[reasons->known_next];
    reasons->known_next = (reasons->known_next + 1) % REASONS_KNOWN_MAX;
    *place = (struct reasons_known){.path = path, .content = CONTENT_GONE};
    return place;
}

/* What was never seen, and is not there, has come and gone. */
static bool is_other_content(struct reasons *reasons, uint64_t hash, const char *path)
{
    struct reasons_known *known = known_of(reasons, hash);
    const uint64_t before = known->content;
    known->content = content_of(path);
    return known->content != before;
}

/* --- Loops */

static bool is_echo_of_last(const struct reasons *reasons, uint64_t path)
{
    for (size_t i = 0; i < reasons->echo_count; i++) {
        if (reasons->echo_paths[i] == path)
            return true;
    }
    return false;
}

static uint64_t wait_after(unsigned echoes)
{
    return echoes <= REASONS_ECHOES_AT_ONCE
               ? 0
               : (uint64_t)REASONS_FIRST_WAIT_MS << (echoes - REASONS_ECHOES_AT_ONCE - 1);
}

/* What a build changes by itself, and what a person saves who doesn't wait for it, look alike. But
 * a person saves something else sometimes, or while one is waited for. So none of that is lost. */
static void judge_echo(struct reasons *reasons, const uint64_t *paths, size_t count,
                       uint64_t build_ms, struct reasons_found *found)
{
    bool is_same = true;
    for (size_t i = 0; i < count && is_same; i++)
        is_same = is_echo_of_last(reasons, paths[i]);
    found->is_again = is_same;
    if (is_same && reasons->echoes == REASONS_ECHOES_MAX) {
        found->is_reason = build_ms >= REASONS_HANG_MS;
        found->wait_ms = wait_after(REASONS_ECHOES_MAX);
        return;
    }
    reasons->echoes = is_same ? reasons->echoes + 1 : 1;
    found->is_loop = reasons->echoes == REASONS_ECHOES_AT_ONCE + 1;
    found->wait_ms = wait_after(reasons->echoes);
    memcpy(reasons->echo_paths, paths, count * sizeof *paths);
    reasons->echo_count = count;
}

static void name_it(struct reasons_found *found, const char *path)
{
    const char *slash = strrchr(path, '/');
    (void)snprintf(found->name, sizeof found->name, "%s", slash ? slash + 1 : path);
}

void reasons_take(struct reasons *reasons, uint64_t build_ms, struct reasons_found *found)
{
    const bool is_by_build = build_ms != REASONS_NO_BUILD;
    uint64_t hashes[REASONS_PATHS_MAX];
    size_t count = 0, gone = 0;

    *found = (struct reasons_found){.is_reason = reasons->is_large};
    for (size_t i = 0; i < reasons->count; i++) {
        const char *path = reasons->paths[i];
        const uint64_t hash = hash_bytes(&key, path, strlen(path));
        if (!is_other_content(reasons, hash, path) && is_by_build)
            continue;
        const bool is_gone = known_of(reasons, hash)->content == CONTENT_GONE;
        /* Many editors, and sed, write a file of another name and rename it. */
        if (count == 0 || (count == gone && !is_gone))
            name_it(found, path);
        gone += is_gone;
        hashes[count++] = hash;
        found->is_reason = true;
    }
    found->is_gone = gone == count && !reasons->is_large;
    found->count = count > gone ? count - gone : count;
    if (reasons->is_large)
        found->count = REASONS_PATHS_MAX + 1;
    if (is_by_build && count > 0 && !reasons->is_large)
        judge_echo(reasons, hashes, count, build_ms, found);
    if (!is_by_build && count > 0) {
        reasons->echoes = 0;
        reasons->echo_count = 0;
    }
    reasons_finish(reasons);
}

void reasons_finish(struct reasons *reasons)
{
    for (size_t i = 0; i < reasons->count; i++)
        free(reasons->paths[i]);
    reasons->count = 0;
    reasons->is_large = false;
}
