/* The control socket; see control.h. */
#include "host/control.h"

#include "base/log.h"
#include "base/log_limit.h"
#include "base/utf8.h"
#include "host/control_place.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

/* How long a request may take to come, and an answer to be taken. */
#define PEER_MS 5000

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
    uint64_t number; /* in the order in which they were accepted */
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
    struct control_place place;
    uint64_t accepted; /* so far */
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
    (void)status; /* a peer that has gone away needs no rest */
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
    else /* the peer went away; or another host looked whether somebody listens here */
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

/* What has come may not be read yet: the loop can accept many before it reads. */
static bool is_silent(const struct control_request *request)
{
    char next;
    int fd;
    return request->state == REQUEST_READING &&
           !uv_fileno((const uv_handle_t *)&request->peer, &fd) &&
           recv(fd, &next, sizeof next, MSG_PEEK | MSG_DONTWAIT) < 0;
}

static struct control_request *find_longest_silent(struct control *control)
{
    struct control_request *oldest = NULL;
    for (size_t i = 0; i < CONTROL_REQUESTS_MAX; i++) {
        struct control_request *request = &control->requests[i];
        if ((!oldest || request->number < oldest->number) && is_silent(request))
            oldest = request;
    }
    return oldest;
}

/* libuv accepts no more until this one is accepted; on_closed() does that. */
static void make_room(struct control *control)
{
    struct control_request *silent = find_longest_silent(control);
    control->has_waiting = true;
    if (silent)
        control_answer(silent, EXIT_FAULT,
                       "too many ask at once, and this request was not complete\n");
}

/* Without memory for a place in the loop the peer is let go: libuv would abort when it reads. */
static int take_peer(struct control *control, struct control_request *request)
{
    int fd;
    int error = uv_accept((uv_stream_t *)&control->listener, (uv_stream_t *)&request->peer);
    if (!error)
        error = uv_fileno((const uv_handle_t *)&request->peer, &fd);
    return error ? error : loop_make_place(control->loop, fd);
}

/* None of the handles keeps the loop alive: a host that ends does not wait for clients of its
 * control socket. */
static void accept_one(struct control *control)
{
    struct control_request *request = find_free(control);
    if (!request) {
        make_room(control);
        return;
    }
    uv_pipe_init(control->loop, &request->peer, 0);
    uv_timer_init(control->loop, &request->deadline);
    uv_unref((uv_handle_t *)&request->peer);
    uv_unref((uv_handle_t *)&request->deadline);
    request->peer.data = request->deadline.data = request;
    request->open_handles = 2;
    request->number = ++control->accepted;
    request->state = REQUEST_READING;
    if (take_peer(control, request))
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
                 log_str("path", control->place.name.sun_path), log_str("error", why));
        control_close(control);
        return 0;
    }
    log_error("the control socket is of no use: choose another path in `control`",
              log_str("path", control->place.name.sun_path), log_str("error", why));
    return -1;
}

static int start_listening(struct control *control, int fd)
{
    uv_pipe_init(control->loop, &control->listener, 0);
    control->listener.data = control;
    control->listens = true;
    int error = loop_make_place(control->loop, fd);
    if (!error)
        error = uv_pipe_open(&control->listener, fd);
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
    const char *why;
    control->is_default = where->is_default;
    if (!where->path)
        return 0;
    const int fd = control_place_open(&control->place, where->path, &why);
    return fd < 0 ? no_use(control, why) : start_listening(control, fd);
}

int control_claim(struct control *control, pid_t predecessor)
{
    pid_t other = 0;
    const char *why = "";
    if (!control->listens)
        return 0;
    switch (control_place_claim(&control->place, predecessor, &other, &why)) {
    case CLAIM_TAKEN:
        log_info("the control socket is open", log_str("path", control->place.name.sun_path));
        return 0;
    case CLAIM_OTHER_HOST:
        log_error("another host runs with this control socket: stop it, or set `control`",
                  log_str("path", control->place.name.sun_path), log_int("pid", other));
        return -1;
    case CLAIM_FAILED:
    default:
        return no_use(control, why);
    }
}

/* --- The end */

/* The loop turns no more, so the answer is written at once; the socket has room for it. */
static void send_end(struct control_request *request)
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
        send_end(request);
    close_request(request);
}

void control_close(struct control *control)
{
    if (!control || !control->listens)
        return;
    control->listens = false;
    control_place_remove(&control->place);
    uv_close((uv_handle_t *)&control->listener, NULL);
    for (size_t i = 0; i < CONTROL_REQUESTS_MAX; i++)
        end_request(&control->requests[i]);
}

void control_destroy(struct control *control)
{
    free(control);
}
