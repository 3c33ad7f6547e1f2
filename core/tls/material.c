/* Files of certificates and keys; see material.h. */
#include "tls/material.h"

#include "config/named_file.h"

#include <errno.h>
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
        if (asprintf(&found, "%s/%s", credentials, name) < 0)
            found = NULL;
    } else {
        found = named_file_path(folder, path);
    }
    if (found)
        return found;
    fault_at(faults, setting, "`%s` of `tls` can't be read: out of memory", value_name(setting));
    return NULL;
}

/* Which setting it is, as messages say it. */
struct title {
    char text[64];
};

static struct title title_of(const struct value *setting)
{
    struct title title;
    (void)snprintf(title.text, sizeof title.text, "`%s` of `tls`", value_name(setting));
    return title;
}

static void say_unreadable(const struct value *setting, const char *path, struct fault_list *faults)
{
    const int error = errno;
    const struct title title = title_of(setting);
    errno = error;
    fault_unreadable(faults, setting, title.text, path);
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
    } else {
        return !is_secret ||
               named_file_is_private(status, title_of(setting).text, path, setting, faults);
    }
    return false;
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
    const ssize_t taken = bytes ? named_file_read(fd, bytes, (size_t)status.st_size) : -1;
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
    const int fd = named_file_open(path);
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
