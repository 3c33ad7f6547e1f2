/* Handshakes; see churn.h. */
#include "churn.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define HEAD_MAX 2048U

/* A connection on its way from the request to the end. */
struct visit {
    struct connection connection;
    uint64_t asked_ns;
    bool answered;
    bool closed; /* the server's close frame has come */
    size_t head_size;
    char head[HEAD_MAX];
};

struct churn {
    struct crowd *crowd;
    struct window *window;
    uint64_t start_ns;
    uint32_t left;   /* to be begun */
    uint32_t active; /* begun and not ended */
    int epoll;
};

/* --- What comes */

static void on_payload(void *data, const uint8_t *bytes, size_t size)
{
    (void)data, (void)bytes, (void)size; /* a greeting */
}

static void on_control(void *data, enum opcode opcode, const uint8_t *bytes, size_t size)
{
    struct visit *visit = data;
    (void)bytes, (void)size;
    if (opcode == CLOSE)
        visit->closed = true;
}

static const struct frame_sink sink = {.payload = on_payload, .control = on_control};

static int read_frames(struct visit *visit, const void *bytes, size_t size)
{
    return frame_read(&visit->connection.reader, &sink, visit, bytes, size);
}

/* The answer is whole: what follows it are frames, and the client wants to go. */
static int on_answer(struct churn *churn, struct visit *visit, const char *end)
{
    static const uint8_t code[] = {1000 >> 8, 1000 & 0xff};
    uint8_t frame[FRAME_HEAD_MAX + sizeof code];
    if (strncmp(visit->head, "HTTP/1.1 101 ", 13) != 0)
        return -1;
    visit->answered = true;
    histogram_add(&churn->crowd->healthy.latencies, clock_now_ns() - visit->asked_ns);
    size_t size = frame_write(frame, CLOSE, code, sizeof code);
    if (connection_send(&visit->connection, frame, size) != (int64_t)size)
        return -1;
    return read_frames(visit, end, (size_t)(visit->head + visit->head_size - end));
}

static int read_head(struct churn *churn, struct visit *visit, const uint8_t *bytes, size_t size)
{
    if (size >= HEAD_MAX - visit->head_size)
        return -1;
    memcpy(visit->head + visit->head_size, bytes, size);
    visit->head_size += size;
    visit->head[visit->head_size] = '\0';
    const char *end = strstr(visit->head, "\r\n\r\n");
    return end ? on_answer(churn, visit, end + 4) : 0;
}

/* --- Coming and going */

static void end(struct churn *churn, struct visit *visit, bool well)
{
    connection_close(&visit->connection);
    churn->active--;
    if (well) {
        churn->window->delivered++;
        churn->window->wall_ns = clock_now_ns() - churn->start_ns;
    } else {
        churn->crowd->healthy.lost++;
    }
}

/* Begins the next visit, if there is one. */
static int begin(struct churn *churn, struct visit *visit, const char *path)
{
    const struct options *options = churn->crowd->options;
    if (churn->left == 0)
        return 0;
    memset(&visit->connection.reader, 0, sizeof visit->connection.reader);
    visit->answered = visit->closed = false;
    visit->head_size = 0;
    visit->asked_ns = clock_now_ns();
    /* Sources in turn: the side that closed first keeps its port for a minute. */
    uint32_t number = (uint32_t)(churn->window->sent % 16) * CONNECTIONS_PER_SOURCE;
    if (connection_ask(&visit->connection, options->port, path, number))
        return -1;
    churn->left--;
    churn->active++;
    churn->window->sent++;
    churn->window->expected++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = visit};
    return epoll_ctl(churn->epoll, EPOLL_CTL_ADD, visit->connection.fd, &event);
}

static void on_readable(struct churn *churn, struct visit *visit)
{
    uint8_t bytes[HEAD_MAX];
    ssize_t size = recv(visit->connection.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0)
        end(churn, visit, size == 0 && visit->closed);
    else if (visit->answered ? read_frames(visit, bytes, (size_t)size)
                             : read_head(churn, visit, bytes, (size_t)size))
        end(churn, visit, false);
}

static int run(struct churn *churn, struct visit *visits, const char *path)
{
    const int patience_ms = (int)churn->crowd->options->patience_ms;
    struct epoll_event events[EVENTS_MAX];
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < churn->crowd->options->window; i++)
        result = begin(churn, &visits[i], path);
    while (result == 0 && churn->active > 0) {
        int count = epoll_wait(churn->epoll, events, EVENTS_MAX, patience_ms);
        if (count == 0)
            break; /* who is left is waited for in vain: expected, and not delivered */
        for (int i = 0; result == 0 && i < count; i++) {
            struct visit *visit = events[i].data.ptr;
            on_readable(churn, visit);
            if (visit->connection.fd < 0)
                result = begin(churn, visit, path);
        }
    }
    return result;
}

int churn(struct crowd *crowd, struct window *window, uint32_t count)
{
    const uint32_t window_size = crowd->options->window;
    struct churn churn = {.crowd = crowd, .window = window, .left = count};
    char path[256];
    if (crowd_path(crowd, 0, path, sizeof path))
        return -1;
    churn.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct visit *visits = calloc(window_size, sizeof *visits);
    int result = -1;
    if (churn.epoll >= 0 && visits) {
        for (uint32_t i = 0; i < window_size; i++)
            visits[i].connection.fd = -1;
        churn.start_ns = clock_now_ns();
        result = run(&churn, visits, path);
        for (uint32_t i = 0; i < window_size; i++)
            connection_close(&visits[i].connection);
    }
    if (churn.epoll >= 0)
        close(churn.epoll);
    free(visits);
    return result;
}
