/* The host before this one; see predecessor.h. */
#include "host/predecessor.h"

#include "base/log.h"
#include "host/activation.h"
#include "host/handover.h"

#include <sys/socket.h>
#include <unistd.h>

static void send_errors(void *data, enum log_level level, const char *line, size_t length)
{
    const struct predecessor *predecessor = data;
    log_to_stderr(NULL, level, line, length);
    if (level == LOG_LEVEL_ERROR)
        handover_send_fault(predecessor->fd, line, length);
}

int predecessor_meet(struct predecessor *predecessor)
{
    *predecessor = (struct predecessor){.fd = handover_find(), .revocations = -1};
    if (!predecessor_is_there(predecessor))
        return activation_receive(&predecessor->inherited);
    log_set_sink(send_errors, predecessor);
    return handover_receive(predecessor->fd, &predecessor->inherited, &predecessor->revocations);
}

pid_t predecessor_pid(const struct predecessor *predecessor)
{
    struct ucred who = {0};
    socklen_t length = sizeof who;
    if (predecessor_is_there(predecessor))
        (void)getsockopt(predecessor->fd, SOL_SOCKET, SO_PEERCRED, &who, &length);
    return who.pid;
}

void predecessor_send_faults(const struct predecessor *predecessor, const char *text, size_t size)
{
    if (predecessor_is_there(predecessor) && size > 0)
        handover_send_faults(predecessor->fd, text, size);
}

void predecessor_relieve(struct predecessor *predecessor)
{
    if (predecessor_is_there(predecessor) && handover_send_ready(predecessor->fd))
        log_warn("restart: the host before this one has ended already, this one serves");
    inherited_finish(&predecessor->inherited, true);
    log_set_sink(NULL, NULL);
    if (predecessor_is_there(predecessor))
        close(predecessor->fd);
    predecessor->fd = -1;
}

void predecessor_keep(struct predecessor *predecessor)
{
    inherited_finish(&predecessor->inherited, false);
    log_set_sink(NULL, NULL);
}
