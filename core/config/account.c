/* Users and groups; see account.h. */
#include "config/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_MAX 1048576

struct found {
    uid_t user;
    gid_t group;
};

/* Looks a record up, in a buffer for its text. @return As getpwnam_r; ENOENT: there is none. */
typedef int look_up(const char *text, char *buffer, size_t size, struct found *found);

static int find_user_by_name(const char *text, char *buffer, size_t size, struct found *found)
{
    struct passwd record, *there = NULL;
    const int error = getpwnam_r(text, &record, buffer, size, &there);
    if (there)
        *found = (struct found){.user = there->pw_uid, .group = there->pw_gid};
    return there ? 0 : error ? error : ENOENT;
}

static int find_user_by_number(const char *text, char *buffer, size_t size, struct found *found)
{
    struct passwd record, *there = NULL;
    const int error = getpwuid_r((uid_t)strtoull(text, NULL, 10), &record, buffer, size, &there);
    if (there)
        *found = (struct found){.user = there->pw_uid, .group = there->pw_gid};
    return there ? 0 : error ? error : ENOENT;
}

static int find_group_by_name(const char *text, char *buffer, size_t size, struct found *found)
{
    struct group record, *there = NULL;
    const int error = getgrnam_r(text, &record, buffer, size, &there);
    if (there)
        found->group = there->gr_gid;
    return there ? 0 : error ? error : ENOENT;
}

/* With as much memory as the record needs. @return Whether it was found. */
static bool find(look_up *look, const char *text, struct found *found)
{
    for (size_t size = 1024; size <= RECORD_MAX; size *= 4) {
        char *buffer = malloc(size);
        if (!buffer)
            return false;
        const int error = look(text, buffer, size, found);
        free(buffer);
        if (error != ERANGE)
            return error == 0;
    }
    return false;
}

static bool is_number(const char *text)
{
    const size_t length = strlen(text);
    return length > 0 && length <= 10 && strspn(text, "0123456789") == length;
}

/* The last one means: none. */
static bool read_number(const char *text, uint32_t *number)
{
    const uint64_t read = strtoull(text, NULL, 10);
    *number = (uint32_t)read;
    return read < UINT32_MAX;
}

bool account_find_user(const char *text, uid_t *user, gid_t *group, bool *has_group)
{
    struct found found = {0};
    *has_group = find(is_number(text) ? find_user_by_number : find_user_by_name, text, &found);
    *group = found.group;
    *user = found.user;
    return *has_group || (is_number(text) && read_number(text, user));
}

bool account_find_group(const char *text, gid_t *group)
{
    struct found found = {0};
    if (is_number(text))
        return read_number(text, group);
    const bool is_there = find(find_group_by_name, text, &found);
    *group = found.group;
    return is_there;
}
