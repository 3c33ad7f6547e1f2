/* Files that the options name: see file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK: a FIFO would keep us waiting. */
int file_open(const char *path, bool is_secret, const char **why)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) != 0)
        *why = strerror(errno); /* NOLINT(concurrency-mt-unsafe): glibc's is safe */
    else if (!S_ISREG(status.st_mode))
        *why = "it is no regular file";
    else if (is_secret && (status.st_mode & S_IRWXO))
        *why = "everybody may read or write it, and it holds a secret; chmod o= mends that";
    else
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

const char *file_fault(const char *path, bool is_secret)
{
    const char *why = NULL;
    const int fd = file_open(path, is_secret, &why);
    if (fd >= 0)
        close(fd);
    return why;
}
