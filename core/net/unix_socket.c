/* Unix sockets as files; see unix_socket.h. */
#include "net/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

static pid_t peer_pid(int fd)
{
    struct ucred peer = {0};
    socklen_t length = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) ? 0 : peer.pid;
}

static enum unix_file judge_error(int error)
{
    switch (error) {
    case EAGAIN: /* the queue of who listens there is full */
        return UNIX_FILE_LISTENING;
    case ECONNREFUSED:
        return UNIX_FILE_LEFT_OVER;
    case ENOENT:
        return UNIX_FILE_NONE;
    default:
        return UNIX_FILE_OTHER;
    }
}

enum unix_file unix_file_look(const struct sockaddr_un *name, pid_t *pid)
{
    struct stat file;
    if (pid)
        *pid = 0;
    if (lstat(name->sun_path, &file))
        return errno == ENOENT ? UNIX_FILE_NONE : UNIX_FILE_OTHER;
    if (!S_ISSOCK(file.st_mode)) /* connecting to it is refused as well */
        return UNIX_FILE_OTHER;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return UNIX_FILE_OTHER;
    enum unix_file found = UNIX_FILE_LISTENING;
    if (connect(fd, (const struct sockaddr *)name, sizeof *name))
        found = judge_error(errno);
    else if (pid)
        *pid = peer_pid(fd);
    close(fd);
    return found;
}

int unix_socket_bind(int fd, const struct sockaddr_un *name)
{
    if (bind(fd, (const struct sockaddr *)name, sizeof *name) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -1;
    if (unix_file_look(name, NULL) != UNIX_FILE_LEFT_OVER) {
        errno = EADDRINUSE;
        return -1;
    }
    unlink(name->sun_path);
    return bind(fd, (const struct sockaddr *)name, sizeof *name);
}

/* Not of what a link in its place leads to; of a link itself nothing has a mode. */
int unix_socket_set_file(const struct sockaddr_un *name, const struct socket_file *file)
{
    struct stat found;
    if (!file->has_mode && !file->has_group)
        return 0;
    if (lstat(name->sun_path, &found))
        return -1;
    if (!S_ISSOCK(found.st_mode)) {
        errno = ENOTSOCK;
        return -1;
    }
    if (file->has_group && found.st_gid != file->group &&
        lchown(name->sun_path, (uid_t)-1, file->group))
        return -1;
    return file->has_mode ? chmod(name->sun_path, file->mode) : 0;
}
