/* Crowds; see crowd.h. */
#include "measure/crowd.h"

#include "base/clock.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS_MAX 1024

/* With a rate: else what comes would keep the next message waiting. */
#define EVENTS_WITH_RATE 32

/* After how many connections to look at what the server has answered. */
#define CONNECT_BURST 64

/* --- Making and ending */

static uint32_t room_of(const struct crowd *crowd, uint32_t index)
{
    return index % crowd->options->rooms;
}

/* Those of a room are dealt to the servers in turn, and so are the rooms' first. */
static const struct target *target_of(const struct crowd *crowd, uint32_t index)
{
    const uint32_t rooms = crowd->options->rooms;
    return &crowd->targets[(index / rooms + index % rooms) % crowd->options->port_count];
}

/* The publishers are the last of the active connections. Each room's are numbered.
 * @param counts  Of publishers by room, all 0. */
static void number_publishers(struct crowd *crowd, uint32_t *counts)
{
    const struct options *options = crowd->options;
    for (uint32_t i = 0; i < options->publishers; i++) {
        uint32_t index = options->connections - 1 - i;
        crowd->publishers[i] = (struct publisher){.connection = &crowd->connections[index],
                                                  .index = counts[room_of(crowd, index)]++};
    }
}

/* Each active connection has a ledger with a number for each publisher of its room. */
static int open_ledgers(struct crowd *crowd, const uint32_t *counts)
{
    const struct options *options = crowd->options;
    size_t numbers = 0;
    for (uint32_t i = 0; i < options->connections; i++)
        numbers += counts[room_of(crowd, i)];
    crowd->next = calloc(numbers + 1, sizeof *crowd->next);
    if (!crowd->next)
        return -1;
    uint32_t *next = crowd->next;
    for (uint32_t i = 0; i < crowd->count; i++) {
        struct tally *tally = i < options->slow ? &crowd->slow : &crowd->healthy;
        bool active = i < options->connections;
        uint32_t room = active ? room_of(crowd, i) : MARK_ROOMS_MAX;
        uint32_t publishers = active ? counts[room] : 0;
        ledger_init(&crowd->connections[i].ledger, tally, room, publishers, next);
        next += publishers;
        if (active && i >= options->slow)
            crowd->members[room]++;
    }
    for (uint32_t i = 0; options->others && i < options->publishers; i++)
        crowd->publishers[i].connection->ledger.own = crowd->publishers[i].index;
    return 0;
}

/* As many open files as the system lets it have. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The ignored messages are the same each time: framed once. */
static int frame_ahead(struct crowd *crowd)
{
    const struct options *options = crowd->options;
    uint8_t *filler = malloc(options->ahead_size + 1);
    const struct template_values values = {
        .room = "ignored", .message = filler, .size = options->ahead_size};
    struct template ignored;
    if (template_init(&ignored, options->ignored, true)) {
        free(filler);
        return -1;
    }
    size_t bound = template_bound(&ignored, &values);
    uint8_t *plain = malloc(bound);
    crowd->ahead = malloc(options->ahead * (bound + FRAME_HEAD_MAX) + 1);
    if (filler && plain && crowd->ahead) {
        memset(filler, LEDGER_FILLER, options->ahead_size);
        size_t size = template_write(plain, &ignored, &values);
        for (uint32_t i = 0; i < options->ahead; i++)
            crowd->ahead_bytes += frame_write(crowd->ahead + crowd->ahead_bytes,
                                              options->binary ? BINARY : TEXT, plain, size);
    }
    free(filler);
    free(plain);
    template_finish(&ignored);
    return crowd->ahead_bytes > 0 ? 0 : -1;
}

static int read_templates(struct crowd *crowd)
{
    const struct options *options = crowd->options;
    return template_init(&crowd->path, options->path, true) ||
           template_init(&crowd->init, options->init ? options->init : "", true) ||
           template_init(&crowd->join, options->join, true) ||
           template_init(&crowd->publish, options->publish, true);
}

int crowd_init(struct crowd *crowd, const struct options *options)
{
    memset(crowd, 0, sizeof *crowd);
    crowd->options = options;
    crowd->count = options->connections + options->idle;
    crowd->healthy.filler = crowd->slow.filler = options->size - MARK_SIZE;
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd->connections = calloc(crowd->count, sizeof *crowd->connections);
    crowd->publishers = calloc(options->publishers, sizeof *crowd->publishers);
    crowd->members = calloc(options->rooms, sizeof *crowd->members);
    crowd->message = malloc(options->size);
    uint32_t *counts = calloc(options->rooms, sizeof *counts);
    int result = -1;
    if (options->tls)
        crowd->tls = stream_context(&(struct stream_terms){.takes_any = true, .only_newest = true});
    for (uint32_t i = 0; i < options->port_count; i++) {
        target_init_local(&crowd->targets[i], options->ports[i]);
        crowd->targets[i].tls = crowd->tls;
    }
    if (read_templates(crowd) == 0 && crowd->epoll >= 0 && (crowd->tls || !options->tls) &&
        crowd->connections && crowd->publishers && crowd->members && crowd->message && counts) {
        memset(crowd->message, LEDGER_FILLER, options->size);
        for (uint32_t i = 0; i < crowd->count; i++)
            crowd->connections[i].stream.fd = -1;
        number_publishers(crowd, counts);
        result = open_ledgers(crowd, counts);
        if (result == 0 && options->ahead > 0)
            result = frame_ahead(crowd);
    }
    free(counts);
    raise_file_limit();
    return result;
}

void crowd_finish(struct crowd *crowd)
{
    for (uint32_t i = 0; crowd->connections && i < crowd->count; i++)
        connection_finish(&crowd->connections[i]);
    template_finish(&crowd->path);
    template_finish(&crowd->init);
    template_finish(&crowd->join);
    template_finish(&crowd->publish);
    SSL_CTX_free(crowd->tls);
    if (crowd->epoll >= 0)
        close(crowd->epoll);
    free(crowd->connections);
    free(crowd->publishers);
    free(crowd->members);
    free(crowd->next);
    free(crowd->message);
    free(crowd->frame);
    free(crowd->ahead);
}

/* --- Reading */

static int listen_to(struct crowd *crowd, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    return epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, connection->stream.fd, &event);
}

void crowd_pump(struct crowd *crowd, uint64_t timeout_ns)
{
    static struct epoll_event events[EVENTS_MAX];
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                               .tv_nsec = (long)(timeout_ns % NS_PER_S)};
    int most = crowd->options->rate > 0 ? EVENTS_WITH_RATE : EVENTS_MAX;
    int count = epoll_pwait2(crowd->epoll, events, most, &timeout, NULL);
    for (int i = 0; i < count; i++)
        (void)connection_receive(events[i].data.ptr); /* one that has ended is seen in the report */
    if (count > 0)
        crowd->received++;
}

void crowd_settle(struct crowd *crowd, uint64_t silence_ms)
{
    uint64_t seen = crowd->received - 1;
    for (uint64_t since = clock_now_ns(); clock_now_ns() - since < silence_ms * NS_PER_MS;) {
        if (seen != crowd->received) {
            seen = crowd->received;
            since = clock_now_ns();
        }
        crowd_pump(crowd, 10 * (uint64_t)NS_PER_MS);
    }
}

void crowd_listen_slow(struct crowd *crowd, bool listen)
{
    for (uint32_t i = 0; i < crowd->options->slow; i++) {
        struct connection *connection = &crowd->connections[i];
        if (connection->stream.fd < 0)
            continue;
        if (listen)
            (void)listen_to(crowd, connection);
        else
            (void)epoll_ctl(crowd->epoll, EPOLL_CTL_DEL, connection->stream.fd, NULL);
    }
}

/* --- Sending */

/* Waits until the socket takes more. Reads meanwhile: a server may wait for that before it reads
 * on. */
static void wait_to_send(struct crowd *crowd, const struct connection *connection)
{
    struct pollfd either[] = {{.fd = connection->stream.fd, .events = POLLOUT},
                              {.fd = crowd->epoll, .events = POLLIN}};
    (void)poll(either, 2, -1);
    if (either[1].revents)
        crowd_pump(crowd, 0);
}

static int send_bytes(struct crowd *crowd, struct connection *connection, const uint8_t *bytes,
                      size_t size)
{
    while (size > 0 && connection->stream.fd >= 0) {
        int64_t sent = connection_send(connection, bytes, size);
        if (sent < 0)
            return -1;
        bytes += sent;
        size -= (size_t)sent;
        connection->sending = size > 0;
        if (sent == 0)
            wait_to_send(crowd, connection);
    }
    return size > 0 ? -1 : 0;
}

static int send_text(struct crowd *crowd, struct connection *connection,
                     const struct template *template, const struct template_values *values)
{
    size_t bound = template_bound(template, values);
    size_t capacity = 2 * bound + FRAME_HEAD_MAX; /* the text stands behind the frame */
    if (crowd->frame_capacity < capacity) {
        uint8_t *frame = realloc(crowd->frame, capacity);
        if (!frame)
            return -1;
        crowd->frame = frame;
        crowd->frame_capacity = capacity;
    }
    uint8_t *plain = crowd->frame + FRAME_HEAD_MAX + bound;
    size_t size = template_write(plain, template, values);
    enum opcode opcode = crowd->options->binary ? BINARY : TEXT;
    size = frame_write(crowd->frame, opcode, plain, size);
    return send_bytes(crowd, connection, crowd->frame, size);
}

static void name_room(char name[ROOM_NAME_SIZE], uint32_t room)
{
    (void)snprintf(name, ROOM_NAME_SIZE, "r%u", room);
}

int crowd_publish(struct crowd *crowd, struct publisher *publisher, uint64_t due_ns)
{
    char room[ROOM_NAME_SIZE];
    struct mark mark = {
        .sent_ns = due_ns ? due_ns : clock_now_ns(),
        .room = publisher->connection->ledger.room,
        .publisher = publisher->index,
        .seq = publisher->seq++,
    };
    name_room(room, mark.room);
    mark_write(&mark, crowd->message);
    if (send_bytes(crowd, publisher->connection, crowd->ahead, crowd->ahead_bytes))
        return -1;
    const struct template_values values = {
        .room = room, .message = crowd->message, .size = crowd->options->size};
    return send_text(crowd, publisher->connection, &crowd->publish, &values);
}

/* --- Connecting and joining */

static int join(struct crowd *crowd, struct connection *connection, const char *room)
{
    const struct template_values values = {.room = room};
    return crowd->join.count > 0 ? send_text(crowd, connection, &crowd->join, &values) : 0;
}

static int greet(struct crowd *crowd, struct connection *connection)
{
    const struct template_values values = {.room = ""};
    if (!crowd->options->init)
        return 0;
    if (send_text(crowd, connection, &crowd->init, &values))
        return -1;
    (void)usleep((useconds_t)(crowd->options->init_ms * 1000));
    return 0;
}

int crowd_path(const struct crowd *crowd, uint32_t index, char path[PATH_SIZE])
{
    char room[ROOM_NAME_SIZE] = "idle";
    if (index < crowd->options->connections)
        name_room(room, room_of(crowd, index));
    const struct template_values values = {.room = room};
    memset(path, 0, PATH_SIZE);
    if (template_bound(&crowd->path, &values) >= PATH_SIZE)
        return -1;
    (void)template_write((uint8_t *)path, &crowd->path, &values);
    return 0;
}

static int connect_one(struct crowd *crowd, uint32_t index)
{
    struct connection *connection = &crowd->connections[index];
    char path[PATH_SIZE];
    if (crowd_path(crowd, index, path))
        return -1;
    if (connection_open(connection, target_of(crowd, index), path, index))
        return -1;
    if (greet(crowd, connection) || connection_unblock(connection) || listen_to(crowd, connection))
        return -1;
    if (stream_has_more(&connection->stream)) /* a greeting that came along with the answer */
        (void)connection_receive(connection);
    return 0;
}

/* All at once and after everybody is there: so a server that gathers what it sends is soon done
 * with telling them of each other. */
int crowd_join(struct crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->options->connections; i++) {
        char room[ROOM_NAME_SIZE];
        name_room(room, room_of(crowd, i));
        if (join(crowd, &crowd->connections[i], room)) {
            (void)fprintf(stderr, "toni-bench: connection %u has ended before it joined\n", i + 1);
            return -1;
        }
    }
    return 0;
}

int crowd_connect(struct crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->count; i++) {
        if (connect_one(crowd, i)) {
            (void)fprintf(stderr, "toni-bench: connection %u of %u could not be opened\n", i + 1,
                          crowd->count);
            return -1;
        }
        if (i % CONNECT_BURST == 0)
            crowd_pump(crowd, 0);
    }
    return 0;
}

int crowd_join_idle(struct crowd *crowd)
{
    const struct options *options = crowd->options;
    for (uint32_t i = 0; i < options->idle; i++) {
        for (uint32_t k = 0; k < options->idle_joins; k++) {
            char room[ROOM_NAME_SIZE];
            (void)snprintf(room, sizeof room, "i%u.%u", i / options->idle_share, k);
            if (join(crowd, &crowd->connections[options->connections + i], room)) {
                (void)fprintf(stderr, "toni-bench: an idle connection has ended\n");
                return -1;
            }
        }
        /* What waits for a slow generator would be counted as the memory of memberships. */
        if (i % CONNECT_BURST == 0)
            crowd_settle(crowd, 1);
    }
    return 0;
}
