/* Files that settings name; see named_file.h. */
#include "config/named_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

char *named_file_path(const char *folder, const char *name)
{
    char *path;
    const bool is_whole = name[0] == '/';
    return asprintf(&path, "%s%s%s", is_whole ? "" : folder, is_whole ? "" : "/", name) >= 0 ? path
                                                                                             : NULL;
}

int named_file_open(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

bool named_file_is_private(const struct stat *status, const char *what, const char *path,
                           const struct value *setting, struct fault_list *faults)
{
    if ((status->st_mode & S_IRWXO) == 0)
        return true;
    fault_at(faults, setting,
             "%s is `%s`, which everybody on this machine may use (mode %04o); `chmod 0640` it, or "
             "0600",
             what, path, (unsigned)status->st_mode & 07777U);
    return false;
}

ssize_t named_file_read(int fd, char *bytes, size_t most)
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
