/* Files of certificates and keys; see material.h. */
#include "tls/material.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* @return Allocated; NULL after a fault. */
static char *find(const struct value *setting, const char *folder, struct fault_list *faults)
{
    const char *path = value_string(setting);
    char *found = NULL;
    int length;
    if (strncmp(path, MATERIAL_CREDENTIAL, strlen(MATERIAL_CREDENTIAL)) == 0) {
        const char *name = path + strlen(MATERIAL_CREDENTIAL);
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        if (!credentials || *credentials == '\0') {
            fault_at(
                faults, setting,
                "`%s` of `tls` is a credential of the systemd unit, and $CREDENTIALS_DIRECTORY "
                "is not set; add `LoadCredential=%s:/path` to the unit",
                value_name(setting), name);
            return NULL;
        }
        length = asprintf(&found, "%s/%s", credentials, name);
    } else {
        length = asprintf(&found, "%s%s%s", path[0] == '/' ? "" : folder, path[0] == '/' ? "" : "/",
                          path);
    }
    if (length >= 0)
        return found;
    fault_at(faults, setting, "`%s` of `tls` can't be read: out of memory", value_name(setting));
    return NULL;
}

/* @return Whether that file may be used. */
static bool judge(const struct stat *status, const char *path, bool is_secret,
                  const struct value *setting, struct fault_list *faults)
{
    const char *name = value_name(setting);
    if (S_ISDIR(status->st_mode)) {
        fault_at(faults, setting, "`%s` of `tls` is `%s`, which is a folder; name the file in it",
                 name, path);
    } else if (!S_ISREG(status->st_mode)) {
        fault_at(faults, setting, "`%s` of `tls` is `%s`, which is no regular file", name, path);
    } else if (status->st_size > MATERIAL_MAX) {
        fault_at(faults, setting,
                 "`%s` of `tls` is `%s`, which has %lld bytes, expected at most %d", name, path,
                 (long long)status->st_size, MATERIAL_MAX);
    } else if (status->st_size == 0) {
        fault_at(faults, setting, "`%s` of `tls` is `%s`, which is empty", name, path);
    } else if (is_secret && (status->st_mode & S_IRWXO) != 0) {
        fault_at(faults, setting,
                 "`%s` of `tls` is `%s`, which everybody on this machine may use (mode %04o); "
                 "`chmod 0640` it, or 0600",
                 name, path, (unsigned)(status->st_mode & 07777));
    } else {
        return true;
    }
    return false;
}

/* @return How many bytes, or -1 with errno set. */
static ssize_t read_all(int fd, char *bytes, size_t most)
{
    size_t size = 0;
    while (size < most) {
        const ssize_t more = read(fd, bytes + size, most - size);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return -1;
        if (more == 0)
            break;
        size += (size_t)more;
    }
    return (ssize_t)size;
}

static void say_unreadable(const struct value *setting, const char *path, struct fault_list *faults)
{
    const int error = errno;
    char what[64];
    (void)snprintf(what, sizeof what, "`%s` of `tls`", value_name(setting));
    errno = error;
    fault_unreadable(faults, setting, what, path);
}

static char *read_open(int fd, const char *path, const struct value *setting, bool is_secret,
                       size_t *size, struct fault_list *faults)
{
    struct stat status;
    if (fstat(fd, &status)) {
        say_unreadable(setting, path, faults);
        return NULL;
    }
    if (!judge(&status, path, is_secret, setting, faults))
        return NULL;
    char *bytes = malloc((size_t)status.st_size + 1);
    const ssize_t taken = bytes ? read_all(fd, bytes, (size_t)status.st_size) : -1;
    if (taken < 0) {
        errno = bytes ? errno : ENOMEM;
        say_unreadable(setting, path, faults);
        free(bytes);
        return NULL;
    }
    bytes[taken] = '\0';
    *size = (size_t)taken;
    return bytes;
}

char *material_read(const struct value *setting, const char *folder, bool is_secret, size_t *size,
                    struct fault_list *faults)
{
    char *path = find(setting, folder, faults);
    if (!path)
        return NULL;
    char *bytes = NULL;
    /* A pipe must not hold up the host. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        say_unreadable(setting, path, faults);
    } else {
        bytes = read_open(fd, path, setting, is_secret, size, faults);
        close(fd);
    }
    free(path);
    return bytes;
}

void material_free(char *bytes, size_t size)
{
    if (bytes)
        explicit_bzero(bytes, size);
    free(bytes);
}
