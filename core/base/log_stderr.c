/* Lines to stderr; see log_stderr.h. */
#include "base/log_stderr.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* As sd-daemon(3) has them; the journal takes them off. */
static const char *const priorities[] = {
    [LOG_LEVEL_DEBUG] = "<7>",
    [LOG_LEVEL_INFO] = "<6>",
    [LOG_LEVEL_WARN] = "<4>",
    [LOG_LEVEL_ERROR] = "<3>",
};

static bool has_priorities;

void log_stderr_look(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    has_priorities = false;
    if (!stream || fstat(STDERR_FILENO, &status))
        return;
    (void)snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)status.st_dev,
                   (uintmax_t)status.st_ino);
    has_priorities = strcmp(stream, ours) == 0;
}

/* The last line ended in the middle, for want of room on a disk: the next one stands for itself. */
static atomic_bool is_torn;

#define PARTS_MAX 3

static int fill(struct iovec parts[PARTS_MAX], enum log_level level, const char *line,
                size_t length)
{
    int count = 0;

    if (atomic_load(&is_torn))
        parts[count++] = (struct iovec){.iov_base = (void *)(uintptr_t) "\n", .iov_len = 1};
    if (has_priorities)
        parts[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)priorities[level],
                                        .iov_len = sizeof "<7>" - 1};
    parts[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)line, .iov_len = length};
    return count;
}

static ssize_t size_of(const struct iovec *parts, int count)
{
    size_t size = 0;

    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    return (ssize_t)size;
}

/* @return Whether stderr may take more by now. */
static bool wait_for_room(int limit_ms)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    const int found = poll(&room, 1, limit_ms);

    return found > 0 || (found < 0 && errno == EINTR);
}

int log_stderr_write(enum log_level level, const char *line, size_t length)
{
    struct iovec parts[PARTS_MAX];
    const int count = fill(parts, level, line, length);
    ssize_t written;

    do {
        written = writev(STDERR_FILENO, parts, count);
    } while (written < 0 && (errno == EINTR || (errno == EAGAIN && wait_for_room(-1))));
    /* The rest of a line (a full disk) is not written later: it would be long after. */
    const bool is_whole = written == size_of(parts, count);
    if (written > 0)
        atomic_store(&is_torn, !is_whole);
    return is_whole ? 0 : -1;
}

/* Leaves O_NONBLOCK of stderr as it is: its open file description may be shared with other
 * processes. So there are three ways; the last one, for a file that knows neither of the others,
 * may block after all if another process writes between the two calls. */
static ssize_t write_without_waiting(struct iovec *parts, int count)
{
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t written = sendmsg(STDERR_FILENO, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (written >= 0 || errno != ENOTSOCK)
        return written;
    written = pwritev2(STDERR_FILENO, parts, count, -1, RWF_NOWAIT);
    if (written >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS))
        return written;
    if (wait_for_room(0))
        return writev(STDERR_FILENO, parts, count);
    errno = EAGAIN;
    return -1;
}

int log_stderr_write_until(enum log_level level, const char *line, size_t length, uint64_t until_ns)
{
    struct iovec parts[PARTS_MAX];
    const int count = fill(parts, level, line, length);

    for (;;) {
        if (write_without_waiting(parts, count) >= 0)
            return 0;
        const uint64_t now = clock_now_ns();
        if (errno != EINTR && errno != EAGAIN)
            return 0; /* nor would it help to wait */
        if (now >= until_ns || !wait_for_room((int)((until_ns - now) / NS_PER_MS + 1)))
            return -1;
    }
}
