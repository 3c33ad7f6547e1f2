/* Handshakes; see visits.h. */
#include "client/visits.h"

#include "base/clock.h"
#include "client/opening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define RECEIVE_SIZE 2048U

/* How long it sleeps at most, so that it hears of who stops it. */
#define SLEEP_NS (100 * (uint64_t)NS_PER_MS)

/* One connection, from the request to the end. */
struct visit {
    struct connection connection;
    struct opening opening;
    uint64_t due_ns;
    uint32_t events; /* that are waited for */
    bool answered;
    bool closed; /* the server's close frame has come */
};

struct round {
    struct visits *visits;
    struct visit *all;
    uint32_t active; /* begun and not ended */
    uint64_t heard_ns;
    int epoll;
    size_t request_size;
    char request[TARGET_REQUEST_SIZE];
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
static int on_answer(struct visits *visits, struct visit *visit)
{
    static const uint8_t code[] = {1000 >> 8, 1000 & 0xff};
    uint8_t frame[FRAME_HEAD_MAX + sizeof code];
    visit->answered = true;
    percentiles_add(visits->answers, clock_now_ns() - visit->due_ns);
    size_t size = frame_write(frame, CLOSE, code, sizeof code);
    if (connection_send(&visit->connection, frame, size) != (int64_t)size)
        return -1;
    const char *rest = opening_rest(&visit->opening, &size);
    return read_frames(visit, rest, size);
}

/* --- Coming and going */

/* @param why  NULL: it went all the way. */
static void end(struct round *round, struct visit *visit, const char *why)
{
    struct visits *visits = round->visits;
    connection_close(&visit->connection);
    round->active--;
    if (!why) {
        visits->done++;
        visits->last_ns = clock_now_ns();
        return;
    }
    visits->wrong++;
    if (visits->failed)
        visits->failed(visits->data, why);
}

/* When the next one must be begun, whatever has come back. */
static uint64_t due_ns(const struct visits *visits)
{
    if (!(visits->rate > 0))
        return 0;
    return visits->start_ns + (uint64_t)((double)visits->begun * (double)NS_PER_S / visits->rate);
}

/* Begins the next visit. @return 0, or -1 if there can be no more. */
static int begin(struct round *round, struct visit *visit)
{
    struct visits *visits = round->visits;
    const uint64_t due = due_ns(visits);
    memset(&visit->connection.reader, 0, sizeof visit->connection.reader);
    visit->answered = visit->closed = false;
    visit->due_ns = due ? due : clock_now_ns();
    /* Sources in turn: the side that closed first keeps its port for a minute. */
    uint32_t number = visits->target->source_count > 0
                          ? (uint32_t)visits->begun
                          : (uint32_t)(visits->begun % 16) * CONNECTIONS_PER_SOURCE;
    visits->begun++;
    if (opening_begin(&visit->opening, &visit->connection, number)) {
        visits->wrong++;
        if (visits->failed)
            visits->failed(visits->data, visit->opening.why);
        return -1;
    }
    round->active++;
    visit->events = opening_events(&visit->opening);
    struct epoll_event event = {.events = visit->events, .data.ptr = visit};
    return epoll_ctl(round->epoll, EPOLL_CTL_ADD, visit->connection.stream.fd, &event);
}

/* @return Whether there may be more. */
static bool go_on_opening(struct round *round, struct visit *visit)
{
    const enum opening_result result = opening_go_on(&visit->opening);
    if (result == OPENING_FAILED) {
        end(round, visit, visit->opening.why);
        return false;
    }
    if (result == OPENING_DONE && on_answer(round->visits, visit)) {
        end(round, visit, "the answer was followed by no frames of a server");
        return false;
    }
    if (result == OPENING_GOES_ON && opening_events(&visit->opening) != visit->events) {
        visit->events = opening_events(&visit->opening);
        struct epoll_event event = {.events = visit->events, .data.ptr = visit};
        (void)epoll_ctl(round->epoll, EPOLL_CTL_MOD, visit->connection.stream.fd, &event);
    }
    return stream_has_more(&visit->connection.stream);
}

/* @return Whether there may be more. */
static bool read_once(struct round *round, struct visit *visit)
{
    uint8_t bytes[RECEIVE_SIZE];
    if (!visit->answered)
        return go_on_opening(round, visit);
    ssize_t size = stream_receive(&visit->connection.stream, bytes, sizeof bytes);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (size <= 0) {
        end(round, visit,
            size == 0 && visit->closed ? NULL : "the connection was lost before the close frame");
    } else if (read_frames(visit, bytes, (size_t)size)) {
        end(round, visit, "the server has broken the protocol");
    } else {
        return stream_has_more(&visit->connection.stream);
    }
    return false;
}

/* --- Which visit is due */

static bool may_begin(const struct visits *visits)
{
    return (visits->most == 0 || visits->begun < visits->most) &&
           (visits->end_ns == 0 || clock_now_ns() < visits->end_ns) &&
           !(visits->stops && atomic_load(visits->stops));
}

/* @return How long until then; 0: now. */
static uint64_t until_due(const struct visits *visits)
{
    const uint64_t due = due_ns(visits), now = due ? clock_now_ns() : 0;
    return due > now ? due - now : 0;
}

static int begin_due(struct round *round)
{
    const struct visits *visits = round->visits;
    for (uint32_t i = 0; round->active < visits->window && i < visits->window; i++) {
        if (!may_begin(visits) || until_due(visits) > 0)
            break;
        if (round->all[i].connection.stream.fd < 0 && begin(round, &round->all[i]))
            return -1;
    }
    return 0;
}

static void read_ready(struct round *round, uint64_t timeout_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(round->epoll, events, EVENTS_MAX, (int)(timeout_ns / NS_PER_MS));
    for (int i = 0; i < count; i++) {
        while (read_once(round, events[i].data.ptr))
            ;
    }
    if (count > 0)
        round->heard_ns = clock_now_ns();
}

/* Who is left is waited for in vain. */
static void give_up(struct round *round)
{
    for (uint32_t i = 0; i < round->visits->window; i++) {
        if (round->all[i].connection.stream.fd >= 0)
            end(round, &round->all[i], "timed out");
    }
}

static int go_round(struct round *round)
{
    struct visits *visits = round->visits;
    uint64_t told_ns = clock_now_ns();
    round->heard_ns = told_ns;
    int result = begin_due(round);
    while (result == 0 && (round->active > 0 || may_begin(visits))) {
        uint64_t wait_ns = SLEEP_NS;
        if (may_begin(visits) && round->active < visits->window && until_due(visits) < wait_ns)
            wait_ns = until_due(visits);
        read_ready(round, wait_ns);
        const uint64_t now = clock_now_ns();
        if (round->active > 0 && now - round->heard_ns >= visits->patience_ns)
            give_up(round);
        if (visits->told && now - told_ns >= SLEEP_NS) {
            visits->told(visits->data, visits->done);
            told_ns = now;
        }
        result = begin_due(round);
    }
    return result;
}

int visits_run(struct visits *visits)
{
    struct round round = {.visits = visits, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    round.all = calloc(visits->window, sizeof *round.all);
    round.request_size = target_request(visits->target, visits->path, round.request);
    int result = -1;
    if (round.epoll >= 0 && round.all && round.request_size > 0) {
        for (uint32_t i = 0; i < visits->window; i++) {
            round.all[i].connection.stream.fd = -1;
            round.all[i].opening.target = visits->target;
            round.all[i].opening.request = round.request;
            round.all[i].opening.request_size = round.request_size;
        }
        visits->start_ns = clock_now_ns();
        result = go_round(&round);
        for (uint32_t i = 0; i < visits->window; i++)
            connection_close(&round.all[i].connection);
    }
    if (round.epoll >= 0)
        close(round.epoll);
    free(round.all);
    return result;
}
