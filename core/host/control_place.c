/* See control_place.h. */
#include "host/control_place.h"

#include "net/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between a look at a path and what follows from it, its file may change. */
#define CLAIM_TRIES 8

static bool set_name(struct control_place *place, const char *path)
{
    place->name.sun_family = place->temporary.sun_family = AF_UNIX;
    (void)snprintf(place->name.sun_path, sizeof place->name.sun_path, "%s", path);
    const int length = snprintf(place->temporary.sun_path, sizeof place->temporary.sun_path,
                                "%s.%d", path, (int)getpid());
    return length > 0 && (size_t)length < sizeof place->temporary.sun_path;
}

/* Linux gives the file the mode of the socket, so there is no moment at which others may connect.
 * @return 0, or -1 with errno set. */
static int bind_temporary(struct control_place *place, int fd)
{
    struct stat file;
    if (fchmod(fd, S_IRUSR | S_IWUSR) || unix_socket_bind(fd, &place->temporary))
        return -1;
    if (lstat(place->temporary.sun_path, &file)) {
        unlink(place->temporary.sun_path);
        return -1;
    }
    place->device = file.st_dev;
    place->inode = file.st_ino;
    return 0;
}

int control_place_open(struct control_place *place, const char *path, const char **why)
{
    if (!set_name(place, path)) {
        *why = "the path is too long";
        return -1;
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && !bind_temporary(place, fd))
        return fd;
    *why = strerror(errno);
    if (fd >= 0)
        close(fd);
    place->temporary.sun_path[0] = '\0';
    return -1;
}

static enum control_claim taken(struct control_place *place)
{
    place->temporary.sun_path[0] = '\0';
    return CLAIM_TAKEN;
}

static enum control_claim failed(const char **why, const char *reason)
{
    *why = reason;
    return CLAIM_FAILED;
}

enum control_claim control_place_claim(struct control_place *place, pid_t predecessor, pid_t *other,
                                       const char **why)
{
    const char *path = place->name.sun_path;
    for (int i = 0; i < CLAIM_TRIES; i++) {
        if (link(place->temporary.sun_path, path) == 0) { /* which replaces nothing */
            unlink(place->temporary.sun_path);
            return taken(place);
        }
        if (errno != EEXIST)
            return failed(why, strerror(errno));
        switch (unix_file_look(&place->name, other)) {
        case UNIX_FILE_LISTENING:
            if (*other == 0 || *other != predecessor)
                return CLAIM_OTHER_HOST;
            if (rename(place->temporary.sun_path, path))
                return failed(why, strerror(errno));
            return taken(place);
        case UNIX_FILE_OTHER:
            return failed(why, "there is a file that is no socket of a host");
        case UNIX_FILE_LEFT_OVER:
            unlink(path);
            break;
        case UNIX_FILE_NONE: /* it has just gone away */
        default:
            break;
        }
    }
    return failed(why, "others come and go there");
}

void control_place_remove(const struct control_place *place)
{
    const char *path = place->temporary.sun_path;
    struct stat file;
    if (!*path)
        path = place->name.sun_path;
    if (lstat(path, &file) == 0 && file.st_dev == place->device && file.st_ino == place->inode)
        unlink(path);
}
