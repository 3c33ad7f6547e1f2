/* See source.h. */
#include "config/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int source_out_of_memory(const struct source *source, struct fault_list *faults)
{
    fault_add(faults, source->file, source->line, "out of memory while reading it");
    return -1;
}

int source_refuse(const struct source *source, const char *problem, const char *remedy,
                  struct fault_list *faults)
{
    if (source->parent) {
        fault_add(faults, source->from.file, source->from.line, "`@include` of `%s`: %s; %s",
                  source->file, problem, remedy);
    } else {
        fault_add(faults, source->file, 0, "%s; %s", problem, remedy);
    }
    return -1;
}

static int refuse_open(const struct source *source, int error, struct fault_list *faults)
{
    char problem[128];
    const char *remedy = source->parent ? "name a file that can be read; its path is relative to "
                                          "the folder of gateways.conf"
                                        : "name a file that can be read with -c";

    (void)snprintf(problem, sizeof problem, "can't be opened: %s", strerror(error));
    if (error == ENOENT && !source->parent)
        remedy = "expected a configuration; name the file with -c";
    if (error == EACCES)
        remedy = "make it readable for the user that runs toni";
    return source_refuse(source, problem, remedy, faults);
}

static bool includes_itself(const struct source *source)
{
    for (const struct source *other = source->parent; other; other = other->parent) {
        if (other->device == source->device && other->inode == source->inode)
            return true;
    }
    return false;
}

/* O_NONBLOCK: a FIFO would keep us waiting. @return The file, or -1 after a fault. */
static int open_source(struct source *source, struct fault_list *faults)
{
    struct stat status;
    const int fd = open(source->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, &status)) {
        (void)refuse_open(source, errno, faults);
    } else if (S_ISDIR(status.st_mode)) {
        (void)refuse_open(source, EISDIR, faults);
    } else if (!S_ISREG(status.st_mode)) {
        (void)source_refuse(source, "is no regular file",
                            "name one: a FIFO or a device has no end to wait for", faults);
    } else {
        source->device = status.st_dev;
        source->inode = status.st_ino;
        if (!includes_itself(source))
            return fd;
        (void)source_refuse(source, "is this file, or one that includes it",
                            "take it out: it would never end", faults);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* libconfig would end at the first byte of value 0. */
static int check_is_text(const struct source *source, struct fault_list *faults)
{
    const char *zero = source->length > 0 ? memchr(source->bytes, '\0', source->length) : NULL;
    unsigned line = 1;

    if (!zero)
        return 0;
    for (const char *byte = source->bytes; byte < zero; byte++)
        line += *byte == '\n' ? 1 : 0;
    fault_add(faults, source->file, line,
              "malformed: a byte of value 0; expected a file of text, is it the right one?");
    return -1;
}

int source_load(struct source *source, struct buffer *content, size_t *total,
                struct fault_list *faults)
{
    const int fd = open_source(source, faults);
    ssize_t got = -1;

    if (fd < 0)
        return -1;
    for (;;) {
        if (buffer_reserve(content, 65536)) {
            (void)source_out_of_memory(source, faults);
            break;
        }
        got = read(fd, content->bytes + content->length, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            (void)refuse_open(source, errno, faults);
        if (got <= 0)
            break;
        content->length += (size_t)got;
        *total += (size_t)got;
        if (*total > CONFIG_BYTES_MAX) {
            (void)source_refuse(source, "is too large: with all that is included more than 8 MiB",
                                "is it the right file?", faults);
            got = -1;
            break;
        }
    }
    close(fd);
    source->bytes = content->bytes;
    source->length = content->length;
    return got ? -1 : check_is_text(source, faults);
}
