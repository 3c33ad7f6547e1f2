/* Socket activation; see activation.h. */
#include "host/activation.h"

#ifdef TONI_SYSTEMD

#include "base/log.h"
#include "net/listener.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Who opened it keeps the file of a Unix socket. */
static int add(struct inherited *inherited, int fd, const char *name)
{
    struct inherited_socket socket = {.fd = fd};
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
        log_warn("a descriptor of the service manager is closed: it is no listening stream socket",
                 log_str("name", name));
        close(fd);
        return 0;
    }
    (void)snprintf(socket.setting, sizeof socket.setting, "%s", name);
    listener_describe(fd, socket.address);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        log_error("a socket of the service manager can't be used", log_str("name", name));
        close(fd);
        return -1;
    }
    return inherited_add(inherited, &socket);
}

int activation_receive(struct inherited *inherited)
{
    char **names = NULL;
    int result = 0;
    int count = sd_listen_fds_with_names(1, &names);
    if (count < 0) {
        log_error("the sockets of the service manager can't be used",
                  log_str("error", strerror(-count)));
        return -1;
    }
    for (int i = 0; i < count; i++) {
        if (add(inherited, SD_LISTEN_FDS_START + i, names ? names[i] : ""))
            result = -1;
    }
    for (int i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
    return result;
}

#else

int activation_receive(struct inherited *inherited)
{
    (void)inherited;
    return 0;
}

#endif
