/* Handshakes; see churn.h. */
#include "churn.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define HEAD_MAX 2048U

/* A connection on its way from the request to the end. */
struct visit {
    struct connection connection;
    uint64_t asked_ns;
    bool asked; /* over TLS its handshake goes before */
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
    char path[256]; /* of the request */
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

/* @return 0, or -1 if the server has not taken it. */
static int ask(struct churn *churn, struct visit *visit)
{
    const int result = connection_ask(&visit->connection, &churn->crowd->target, churn->path);
    visit->asked = result == 1;
    return result < 0 ? -1 : 0;
}

/* Begins the next visit. @return 0, or -1 if there can be no more. */
static int begin(struct churn *churn, struct visit *visit)
{
    memset(&visit->connection.reader, 0, sizeof visit->connection.reader);
    visit->asked = visit->answered = visit->closed = false;
    visit->head_size = 0;
    visit->asked_ns = clock_now_ns();
    /* Sources in turn: the side that closed first keeps its port for a minute. */
    uint32_t number = (uint32_t)(churn->window->sent % 16) * CONNECTIONS_PER_SOURCE;
    if (connection_dial(&visit->connection, &churn->crowd->target, number) ||
        connection_unblock(&visit->connection))
        return -1;
    churn->left--;
    churn->active++;
    churn->window->sent++;
    churn->window->expected++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = visit};
    if (epoll_ctl(churn->epoll, EPOLL_CTL_ADD, visit->connection.stream.fd, &event))
        return -1;
    return ask(churn, visit);
}

/* @return Whether there may be more. */
static bool read_once(struct churn *churn, struct visit *visit)
{
    uint8_t bytes[HEAD_MAX];
    if (!visit->asked) {
        if (ask(churn, visit))
            end(churn, visit, false);
        return visit->asked && stream_has_more(&visit->connection.stream);
    }
    ssize_t size = stream_receive(&visit->connection.stream, bytes, sizeof bytes);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (size <= 0)
        end(churn, visit, size == 0 && visit->closed);
    else if (visit->answered ? read_frames(visit, bytes, (size_t)size)
                             : read_head(churn, visit, bytes, (size_t)size))
        end(churn, visit, false);
    else
        return stream_has_more(&visit->connection.stream);
    return false;
}

/* --- Which visit is due */

/* @return How long until then; 0: now. */
static uint64_t until_due(const struct churn *churn)
{
    const double rate = churn->crowd->options->rate;
    if (!(rate > 0))
        return 0;
    const uint64_t now = clock_now_ns(),
                   due = churn->start_ns +
                         (uint64_t)((double)churn->window->sent * (double)NS_PER_S / rate);
    return due > now ? due - now : 0;
}

static int begin_due(struct churn *churn, struct visit *visits)
{
    int result = 0;
    for (uint32_t i = 0; result == 0 && i < churn->crowd->options->window; i++) {
        if (churn->left == 0 || until_due(churn) > 0)
            break;
        if (visits[i].connection.stream.fd < 0)
            result = begin(churn, &visits[i]);
    }
    return result;
}

static void read_ready(struct churn *churn, int timeout_ms, uint64_t *heard_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(churn->epoll, events, EVENTS_MAX, timeout_ms);
    for (int i = 0; i < count; i++) {
        while (read_once(churn, events[i].data.ptr))
            ;
    }
    if (count > 0)
        *heard_ns = clock_now_ns();
}

static int run(struct churn *churn, struct visit *visits)
{
    const uint64_t patience_ns = churn->crowd->options->patience_ms * NS_PER_MS;
    uint64_t heard_ns = clock_now_ns();
    int result = begin_due(churn, visits);
    while (result == 0 && (churn->active > 0 || churn->left > 0)) {
        const uint64_t wait_ns = churn->left > 0 ? until_due(churn) : 0;
        const bool may_begin = churn->left > 0 && churn->active < churn->crowd->options->window;
        const uint64_t most_ns = may_begin && wait_ns < patience_ns ? wait_ns : patience_ns;
        read_ready(churn, (int)(most_ns / NS_PER_MS), &heard_ns);
        if (churn->active > 0 && clock_now_ns() - heard_ns >= patience_ns)
            break; /* who is left is waited for in vain: expected, and not delivered */
        result = begin_due(churn, visits);
    }
    return result;
}

int churn(struct crowd *crowd, struct window *window, uint32_t count)
{
    const uint32_t window_size = crowd->options->window;
    struct churn churn = {.crowd = crowd, .window = window, .left = count};
    if (crowd_path(crowd, 0, churn.path, sizeof churn.path))
        return -1;
    churn.epoll = epoll_create1(EPOLL_CLOEXEC);
    struct visit *visits = calloc(window_size, sizeof *visits);
    int result = -1;
    if (churn.epoll >= 0 && visits) {
        for (uint32_t i = 0; i < window_size; i++)
            visits[i].connection.stream.fd = -1;
        churn.start_ns = clock_now_ns();
        result = run(&churn, visits);
        for (uint32_t i = 0; i < window_size; i++)
            connection_close(&visits[i].connection);
    }
    if (churn.epoll >= 0)
        close(churn.epoll);
    free(visits);
    return result;
}
