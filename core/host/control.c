/* The control socket; see control.h. */
#include "host/control.h"

#include "base/log.h"
#include "base/log_limit.h"
#include "base/utf8.h"
#include "net/unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* How long a request may take to come, and an answer to be taken. */
#define PEER_MS 5000

/* Between a look at a path and what follows from it, its file may change. */
#define CLAIM_TRIES 8

enum request_state {
    REQUEST_FREE,
    REQUEST_READING,
    REQUEST_HANDLED, /* it has a handler that has not answered */
    REQUEST_ANSWERED,
    REQUEST_CLOSING,
};

/* One connection. */
struct control_request {
    struct control *control;
    enum request_state state;
    unsigned open_handles;
    uv_pipe_t peer;
    uv_timer_t deadline;
    uv_write_t write;
    char line[CONTROL_REQUEST_MAX];
    size_t length; /* that has come of it */
    char *answer;  /* while it is being written */
};

struct control {
    uv_loop_t *loop;
    const struct control_command *commands;
    uv_pipe_t listener;
    bool listens;
    bool has_waiting; /* somebody could not be accepted, since all requests were in use */
    bool is_default;  /* the host can do without */
    struct sockaddr_un name;
    struct sockaddr_un temporary; /* empty once the file is in its place */
    dev_t device;                 /* of the file, as the inode: who they tell whether it is ours */
    ino_t inode;
    struct control_request requests[CONTROL_REQUESTS_MAX];
};

/* --- Answering */

static void accept_one(struct control *control);

static void on_closed(uv_handle_t *handle)
{
    struct control_request *request = handle->data;
    struct control *control = request->control;
    if (--request->open_handles > 0)
        return;
    free(request->answer);
    *request = (struct control_request){.control = control};
    if (control->has_waiting && control->listens) {
        control->has_waiting = false;
        accept_one(control);
    }
}

static void close_request(struct control_request *request)
{
    if (request->state == REQUEST_CLOSING)
        return;
    request->state = REQUEST_CLOSING;
    uv_close((uv_handle_t *)&request->peer, on_closed);
    uv_close((uv_handle_t *)&request->deadline, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status; /* who has gone away doesn't need the rest */
    close_request(write->data);
}

static void on_late_reader(uv_timer_t *timer)
{
    close_request(timer->data);
}

/* @return Its size; -1 on no memory. */
static int format_answer(struct control_request *request, enum exit_code code, const char *text)
{
    int size = asprintf(&request->answer, "%d %zu\n%s", (int)code, strlen(text), text);
    if (size < 0)
        request->answer = NULL; /* asprintf leaves it undefined */
    return size;
}

void control_answer(struct control_request *request, enum exit_code code, const char *text)
{
    uv_read_stop((uv_stream_t *)&request->peer);
    request->state = REQUEST_ANSWERED;
    int size = format_answer(request, code, text);
    if (size < 0) {
        log_limited(LOG_LEVEL_ERROR, "a control request can't be answered: out of memory");
        close_request(request);
        return;
    }
    uv_buf_t piece = uv_buf_init(request->answer, (unsigned)size);
    request->write.data = request;
    uv_timer_start(&request->deadline, on_late_reader, PEER_MS, 0);
    if (uv_write(&request->write, (uv_stream_t *)&request->peer, &piece, 1, on_written))
        close_request(request);
}

/* --- Reading */

static const struct control_command *find_command(const struct control *control, const char *name)
{
    const struct control_command *command = control->commands;
    while (command->name && strcmp(command->name, name) != 0)
        command++;
    return command->name ? command : NULL;
}

static void refuse_unknown(struct control_request *request, const char *name)
{
    char text[CONTROL_REQUEST_MAX + 64];
    (void)snprintf(text, sizeof text, "this host does not know `%s`\n", name);
    control_answer(request, EXIT_USAGE, text);
}

/* @param length  Of the line, without its end. */
static void handle_line(struct control_request *request, size_t length)
{
    char *line = request->line;
    if (!utf8_valid(line, length) || utf8_has_control(line, length)) {
        control_answer(request, EXIT_USAGE, "a request is one line of UTF-8\n");
        return;
    }
    line[length] = '\0';
    char *space = strchr(line, ' ');
    if (space)
        *space = '\0';
    const struct control_command *command = find_command(request->control, line);
    if (!command) {
        refuse_unknown(request, line);
        return;
    }
    uv_read_stop((uv_stream_t *)&request->peer);
    uv_timer_stop(&request->deadline);
    request->state = REQUEST_HANDLED;
    command->handle(command->data, request, space ? space + 1 : "");
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct control_request *request = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(request->line + request->length,
                          (unsigned)(sizeof request->line - request->length));
}

static void on_end(struct control_request *request, ssize_t result)
{
    if (result == UV_EOF && request->length > 0)
        control_answer(request, EXIT_USAGE, "the request has no line end\n");
    else /* it went away; or another host looked whether somebody listens here */
        close_request(request);
}

static void on_read(uv_stream_t *stream, ssize_t result, const uv_buf_t *buffer)
{
    struct control_request *request = stream->data;
    if (result < 0) {
        on_end(request, result);
        return;
    }
    const char *end = memchr(buffer->base, '\n', (size_t)result);
    request->length += (size_t)result;
    if (end)
        handle_line(request, (size_t)(end - request->line));
    else if (request->length == sizeof request->line)
        control_answer(request, EXIT_USAGE, "the request has more than 1,024 bytes\n");
}

static void on_silent_peer(uv_timer_t *timer)
{
    control_answer(timer->data, EXIT_USAGE, "no request came within 5 s\n");
}

/* --- Accepting */

/* The mode of the file says the same, but can be changed. */
static bool is_allowed(const struct control_request *request, struct ucred *who)
{
    int fd;
    socklen_t length = sizeof *who;
    *who = (struct ucred){.uid = (uid_t)-1};
    if (uv_fileno((const uv_handle_t *)&request->peer, &fd) ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &length))
        return false;
    return who->uid == 0 || who->uid == geteuid();
}

static void refuse_user(struct control_request *request, uid_t uid)
{
    char text[128];
    log_limited(LOG_LEVEL_WARN, "a control request was refused: it came from another user",
                log_uint("uid", uid));
    (void)snprintf(text, sizeof text, "only user %u, who runs this host, and root may ask that\n",
                   (unsigned)geteuid());
    control_answer(request, EXIT_FAULT, text);
}

static void begin(struct control_request *request)
{
    struct ucred who;
    if (!is_allowed(request, &who)) {
        refuse_user(request, who.uid);
        return;
    }
    uv_timer_start(&request->deadline, on_silent_peer, PEER_MS, 0);
    if (uv_read_start((uv_stream_t *)&request->peer, on_allocate, on_read))
        close_request(request);
}

static struct control_request *find_free(struct control *control)
{
    for (size_t i = 0; i < CONTROL_REQUESTS_MAX; i++) {
        if (control->requests[i].state == REQUEST_FREE)
            return &control->requests[i];
    }
    return NULL;
}

/* None of the handles keeps the loop alive: the host doesn't wait for who asks. */
static void accept_one(struct control *control)
{
    struct control_request *request = find_free(control);
    if (!request) {
        control->has_waiting = true; /* libuv accepts no more until this one was */
        return;
    }
    uv_pipe_init(control->loop, &request->peer, 0);
    uv_timer_init(control->loop, &request->deadline);
    uv_unref((uv_handle_t *)&request->peer);
    uv_unref((uv_handle_t *)&request->deadline);
    request->peer.data = request->deadline.data = request;
    request->open_handles = 2;
    request->state = REQUEST_READING;
    if (uv_accept((uv_stream_t *)&control->listener, (uv_stream_t *)&request->peer))
        close_request(request);
    else
        begin(request);
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        accept_one(listener->data);
}

/* --- The socket's place */

static int no_use(struct control *control, const char *why)
{
    if (control->is_default) {
        log_warn("the host runs without a control socket: its default place is of no use; set "
                 "`control`",
                 log_str("path", control->name.sun_path), log_str("error", why));
        control_close(control);
        return 0;
    }
    log_error("the control socket is of no use: choose another path in `control`",
              log_str("path", control->name.sun_path), log_str("error", why));
    return -1;
}

static int report_other_host(const struct control *control, pid_t pid)
{
    log_error("another host runs with this control socket: stop it, or set `control`",
              log_str("path", control->name.sun_path), log_int("pid", pid));
    return -1;
}

static bool set_name(struct control *control, const char *path)
{
    control->name.sun_family = control->temporary.sun_family = AF_UNIX;
    (void)snprintf(control->name.sun_path, sizeof control->name.sun_path, "%s", path);
    int length = snprintf(control->temporary.sun_path, sizeof control->temporary.sun_path, "%s.%d",
                          path, (int)getpid());
    return length > 0 && (size_t)length < sizeof control->temporary.sun_path;
}

/* Linux gives the file the mode of the socket. So there is no moment at which others may connect.
 * @return A descriptor, or -1 with errno set. */
static int open_socket(struct control *control)
{
    struct stat file;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (fchmod(fd, S_IRUSR | S_IWUSR) || unix_socket_bind(fd, &control->temporary))
        goto fail;
    if (lstat(control->temporary.sun_path, &file)) {
        unlink(control->temporary.sun_path);
        goto fail;
    }
    control->device = file.st_dev;
    control->inode = file.st_ino;
    return fd;

fail:
    close(fd);
    control->temporary.sun_path[0] = '\0';
    return -1;
}

/* It listens before it gets its name: else another host could take it for one left over. */
static int start_listening(struct control *control)
{
    int fd = open_socket(control);
    if (fd < 0)
        return no_use(control, strerror(errno));
    uv_pipe_init(control->loop, &control->listener, 0);
    control->listener.data = control;
    control->listens = true;
    int error = uv_pipe_open(&control->listener, fd);
    if (error)
        close(fd);
    else
        error = uv_listen((uv_stream_t *)&control->listener, BACKLOG, on_connection);
    if (error)
        return no_use(control, uv_strerror(error));
    uv_unref((uv_handle_t *)&control->listener);
    return 0;
}

struct control *control_create(const struct control_command *commands, uv_loop_t *loop)
{
    struct control *control = calloc(1, sizeof *control);
    if (!control) {
        log_error("the control socket could not be made: out of memory");
        return NULL;
    }
    control->loop = loop;
    control->commands = commands;
    for (size_t i = 0; i < CONTROL_REQUESTS_MAX; i++)
        control->requests[i].control = control;
    return control;
}

int control_open(struct control *control, const struct config_control *where)
{
    control->is_default = where->is_default;
    if (!where->path)
        return 0;
    if (!set_name(control, where->path))
        return no_use(control, "the path is too long");
    return start_listening(control);
}

static void report_place(struct control *control)
{
    control->temporary.sun_path[0] = '\0';
    log_info("the control socket is open", log_str("path", control->name.sun_path));
}

static int take_over(struct control *control)
{
    if (rename(control->temporary.sun_path, control->name.sun_path))
        return no_use(control, strerror(errno));
    report_place(control);
    return 0;
}

int control_claim(struct control *control, pid_t predecessor)
{
    const char *path = control->name.sun_path;
    pid_t pid;
    if (!control->listens)
        return 0;
    for (int i = 0; i < CLAIM_TRIES; i++) {
        if (link(control->temporary.sun_path, path) == 0) { /* which replaces nothing */
            unlink(control->temporary.sun_path);
            report_place(control);
            return 0;
        }
        if (errno != EEXIST)
            return no_use(control, strerror(errno));
        switch (unix_file_look(&control->name, &pid)) {
        case UNIX_FILE_LISTENING:
            if (pid == 0 || pid != predecessor)
                return report_other_host(control, pid);
            return take_over(control);
        case UNIX_FILE_OTHER:
            return no_use(control, "there is a file that is no socket of a host");
        case UNIX_FILE_LEFT_OVER:
            unlink(path);
            break;
        case UNIX_FILE_NONE: /* it has just gone away */
        default:
            break;
        }
    }
    return no_use(control, "others come and go there");
}

/* --- The end */

static void remove_file(struct control *control)
{
    const char *path = control->temporary.sun_path;
    struct stat file;
    if (!*path)
        path = control->name.sun_path;
    if (lstat(path, &file) == 0 && file.st_dev == control->device && file.st_ino == control->inode)
        unlink(path);
}

/* Its loop turns no more, so the answer goes out here; the socket has room for it. */
static void tell_end(struct control_request *request)
{
    int size = format_answer(request, EXIT_FAULT, "the host ends, and has not done that\n");
    if (size < 0)
        return;
    uv_buf_t piece = uv_buf_init(request->answer, (unsigned)size);
    (void)uv_try_write((uv_stream_t *)&request->peer, &piece, 1); /* or the peer has gone away */
}

static void end_request(struct control_request *request)
{
    if (request->state == REQUEST_FREE)
        return;
    if (request->state == REQUEST_READING || request->state == REQUEST_HANDLED)
        tell_end(request);
    close_request(request);
}

void control_close(struct control *control)
{
    if (!control || !control->listens)
        return;
    control->listens = false;
    remove_file(control); /* before the socket is closed, so that no successor's is taken for it */
    uv_close((uv_handle_t *)&control->listener, NULL);
    for (size_t i = 0; i < CONTROL_REQUESTS_MAX; i++)
        end_request(&control->requests[i]);
}

void control_destroy(struct control *control)
{
    free(control);
}
