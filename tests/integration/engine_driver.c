/* An engine (toni/engine.h) on a thread of its own, driven by lines: for tests in other languages,
 * which start the servers that it talks to.
 *
 *     engine_driver PLUGIN OPTION=VALUE…
 *
 * Takes commands from its standard input, one a line, and writes a line for whatever the engine
 * tells. Commands that come together go out together. Numbers of 64 bits are hexadecimal.
 *
 *     open SERVER CONNECTION                     connected SERVER CONNECTION
 *     close SERVER CONNECTION                    closed SERVER CONNECTION WHY
 *     hello SERVER REQUEST PROPOSED NODE         hello SERVER CONNECTION REQUEST INCARNATION ENGINE
 *     publish SERVER ROOM NUMBER INCARNATION NODE PROPOSED EPOCH MESSAGES SECONDS BODY
 *         EPOCH `-`: no repeat                   published SERVER CONNECTION NUMBER ANSWER EPOCH
 *         BODY `@N`: N bytes                         OFFSET RECEIVERS
 *     subscribe SERVER ROOM…, unsubscribe …      subscribed SERVER CONNECTION ROOM IS_SUBSCRIBED
 *                                                message SERVER CONNECTION ROOM EPOCH OFFSET KIND
 *                                                    SIZE BEGIN_OF_BODY
 *     tops SERVER REQUEST ROOM…                  tops SERVER CONNECTION REQUEST EPOCH:OFFSET…
 *     history SERVER REQUEST ROOM EPOCH OFFSET LIMIT
 *         EPOCH `-`: the last                    history SERVER CONNECTION REQUEST EPOCH OFFSET
 *                                                    OFFSET:KIND:SIZE:BEGIN…
 *     probe SERVER REQUEST INCARNATION           probe SERVER CONNECTION REQUEST ANSWER
 *                                                echo SERVER CONNECTION REQUEST
 *     lease SERVER REQUEST INCARNATION NODE SLOT TTL MAY_RESTORE BOOT FLOOR STEP KEY NAME
 *                                                lease SERVER CONNECTION REQUEST SLOT BOOT KEY
 *                                                    SLOT:NODE:BOOT:LEFT:NAME…
 *                                                failed SERVER CONNECTION REQUEST ANSWER
 *     flood COUNT ROOMS FLIGHT MESSAGES INCARNATION NODE      flooded COUNT MICROSECONDS APPLIED
 *         publishes so many, of 256 bytes, with at most FLIGHT unanswered
 *                                                log LEVEL TEXT
 */
#include "node_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MOST 520

static toni_fake_node node;
static const struct toni_engine_table *table;
static void *self;

/* A flood that goes on. */
static struct {
    uint64_t left, flying, count, applied, number, incarnation, node;
    uint32_t rooms, flight, messages;
    int64_t since_us;
} flood;

static char many[16 * 1024 * 1024];

/* --- What the engine tells */

static void on_connected(toni_engine *e, uint32_t server, uint64_t connection)
{
    (void)e;
    printf("connected %u %" PRIu64 "\n", server, connection);
}

static void on_closed(toni_engine *e, uint32_t server, uint64_t connection, toni_str why)
{
    (void)e;
    printf("closed %u %" PRIu64 " %.*s\n", server, connection, TONI_STR_ARG(why));
}

static void on_hello(toni_engine *e, uint32_t server, uint64_t connection, uint64_t request,
                     uint64_t incarnation, uint64_t engine_id)
{
    (void)e;
    printf("hello %u %" PRIu64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", server, connection,
           request, incarnation, engine_id);
}

static void on_published(toni_engine *e, uint32_t server, uint64_t connection, uint64_t number,
                         const toni_engine_published *reply)
{
    (void)e;
    if (flood.count > 0) {
        flood.flying--;
        flood.applied += reply->answer == TONI_ENGINE_APPLIED ? 1 : 0;
        return;
    }
    printf("published %u %" PRIu64 " %" PRIx64 " %d %" PRIx64 " %" PRIx64 " %u\n", server,
           connection, number, reply->answer, reply->at.epoch, reply->at.offset, reply->receivers);
}

static void on_subscribed(toni_engine *e, uint32_t server, uint64_t connection, toni_str room,
                          uint32_t is_subscribed)
{
    (void)e;
    printf("subscribed %u %" PRIu64 " %.*s %u\n", server, connection, TONI_STR_ARG(room),
           is_subscribed);
}

static toni_str beginning(toni_str body)
{
    return toni_str_make(body.data, body.size < 40 ? body.size : 40);
}

static void on_message(toni_engine *e, uint32_t server, uint64_t connection, toni_str room,
                       toni_position at, uint32_t kind, toni_str body)
{
    (void)e;
    printf("message %u %" PRIu64 " %.*s %" PRIx64 " %" PRIx64 " %u %zu %.*s\n", server, connection,
           TONI_STR_ARG(room), at.epoch, at.offset, kind, body.size, TONI_STR_ARG(beginning(body)));
}

static void on_probe(toni_engine *e, uint32_t server, uint64_t connection, uint64_t request,
                     int32_t answer)
{
    (void)e;
    printf("probe %u %" PRIu64 " %" PRIx64 " %d\n", server, connection, request, answer);
}

static void on_echo(toni_engine *e, uint32_t server, uint64_t connection, uint64_t request)
{
    (void)e;
    printf("echo %u %" PRIu64 " %" PRIx64 "\n", server, connection, request);
}

static void on_tops(toni_engine *e, uint32_t server, uint64_t connection, uint64_t request,
                    const toni_position *tops, uint32_t count)
{
    (void)e;
    printf("tops %u %" PRIu64 " %" PRIx64, server, connection, request);
    for (uint32_t i = 0; i < count; i++)
        printf(" %" PRIx64 ":%" PRIx64, tops[i].epoch, tops[i].offset);
    printf("\n");
}

static void on_history(toni_engine *e, uint32_t server, uint64_t connection, uint64_t request,
                       toni_position top, const toni_engine_entry *entries, uint32_t count)
{
    (void)e;
    printf("history %u %" PRIu64 " %" PRIx64 " %" PRIx64 " %" PRIx64, server, connection, request,
           top.epoch, top.offset);
    for (uint32_t i = 0; i < count; i++)
        printf(" %" PRIx64 ":%u:%zu:%.*s", entries[i].offset, entries[i].kind, entries[i].body.size,
               TONI_STR_ARG(beginning(entries[i].body)));
    printf("\n");
}

static void on_lease(toni_engine *e, uint32_t server, uint64_t connection, uint64_t request,
                     uint32_t slot, uint64_t boot, uint64_t id_key,
                     const toni_engine_leased *leases, uint32_t count)
{
    (void)e;
    printf("lease %u %" PRIu64 " %" PRIx64 " %u %" PRIx64 " %" PRIx64, server, connection, request,
           slot, boot, id_key);
    for (uint32_t i = 0; i < count; i++)
        printf(" %u:%" PRIx64 ":%" PRIx64 ":%u:%.*s", leases[i].slot, leases[i].node,
               leases[i].boot, leases[i].left_ms, TONI_STR_ARG(leases[i].name));
    printf("\n");
}

static void on_failed(toni_engine *e, uint32_t server, uint64_t connection, uint64_t request,
                      int32_t answer)
{
    (void)e;
    printf("failed %u %" PRIu64 " %" PRIx64 " %d\n", server, connection, request, answer);
}

static void on_log(toni_context *context, uint32_t level, toni_str message,
                   const toni_log_field *fields, size_t count)
{
    (void)context;
    (void)fields;
    (void)count;
    printf("log %u %.*s\n", level, TONI_STR_ARG(message));
}

static void take_calls(struct toni_engine_host *calls)
{
    calls->connected = on_connected;
    calls->closed = on_closed;
    calls->hello_reply = on_hello;
    calls->published = on_published;
    calls->subscribed = on_subscribed;
    calls->message = on_message;
    calls->probe_reply = on_probe;
    calls->probe_echo = on_echo;
    calls->tops_reply = on_tops;
    calls->history_reply = on_history;
    calls->lease_reply = on_lease;
    calls->request_failed = on_failed;
}

/* --- Commands */

static uint64_t hex(const char *text)
{
    return strtoull(text, NULL, 16);
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void do_publish(char **word)
{
    const toni_engine_publish publish = {.struct_size = sizeof publish,
                                         .kind = 1,
                                         .room = toni_str_of(word[2]),
                                         .number = hex(word[3]),
                                         .incarnation = hex(word[4]),
                                         .node = hex(word[5]),
                                         .proposed = hex(word[6]),
                                         .is_repeat = word[7][0] != '-' ? 1 : 0,
                                         .epoch = word[7][0] != '-' ? hex(word[7]) : 0,
                                         .keep_messages = number(word[8]),
                                         .keep_seconds = number(word[9]),
                                         .body = word[10][0] == '@'
                                                     ? toni_str_make(many, number(word[10] + 1))
                                                     : toni_str_of(word[10])};
    table->publish(self, number(word[1]), &publish);
}

static void do_lease(char **word)
{
    const toni_engine_lease lease = {.struct_size = sizeof lease,
                                     .incarnation = hex(word[3]),
                                     .node = hex(word[4]),
                                     .slot = number(word[5]),
                                     .ttl_ms = number(word[6]),
                                     .may_restore = number(word[7]),
                                     .boot = hex(word[8]),
                                     .boot_floor = hex(word[9]),
                                     .boot_step = number(word[10]),
                                     .id_key = hex(word[11]),
                                     .name = toni_str_of(word[12])};
    table->lease(self, number(word[1]), hex(word[2]), &lease);
}

static void do_history(char **word)
{
    const bool is_last = word[4][0] == '-';
    const toni_engine_history history = {.struct_size = sizeof history,
                                         .room = toni_str_of(word[3]),
                                         .is_last = is_last ? 1 : 0,
                                         .since = {is_last ? 0 : hex(word[4]), hex(word[5])},
                                         .limit = number(word[6])};
    table->history(self, number(word[1]), hex(word[2]), &history);
}

static void begin_flood(char **word)
{
    flood.count = flood.left = number(word[1]);
    flood.rooms = number(word[2]);
    flood.flight = number(word[3]);
    flood.messages = number(word[4]);
    flood.incarnation = hex(word[5]);
    flood.node = hex(word[6]);
    flood.applied = 0;
    flood.since_us = now_us();
}

static void go_on_flooding(void)
{
    char room[32];
    for (; flood.left > 0 && flood.flying < flood.flight; flood.left--, flood.flying++) {
        const int size =
            snprintf(room, sizeof room, "/flood-%u", (unsigned)(flood.left % flood.rooms));
        const toni_engine_publish publish = {.struct_size = sizeof publish,
                                             .kind = 1,
                                             .room = toni_str_make(room, (size_t)size),
                                             .number = ++flood.number,
                                             .incarnation = flood.incarnation,
                                             .node = flood.node,
                                             .proposed = 1 + flood.number,
                                             .keep_messages = flood.messages,
                                             .keep_seconds = flood.messages > 0 ? 300 : 0,
                                             .body = toni_str_make(many, 256)};
        table->publish(self, 0, &publish);
    }
    if (flood.count > 0 && flood.left == 0 && flood.flying == 0) {
        printf("flooded %" PRIu64 " %" PRId64 " %" PRIu64 "\n", flood.count,
               now_us() - flood.since_us, flood.applied);
        flood.count = 0;
    }
}

static void run(char *line)
{
    char *word[WORDS_MOST] = {NULL}, *rest = NULL;
    toni_str rooms[WORDS_MOST];
    uint32_t count = 0;
    for (char *one = strtok_r(line, " \n", &rest); one && count < WORDS_MOST;
         one = strtok_r(NULL, " \n", &rest))
        word[count++] = one;
    for (uint32_t i = 0; i < count; i++)
        rooms[i] = toni_str_of(word[i]);
    const char *name = count > 0 ? word[0] : "";
    if (strcmp(name, "open") == 0) {
        table->open(self, number(word[1]), strtoull(word[2], NULL, 10));
    } else if (strcmp(name, "close") == 0) {
        table->close(self, number(word[1]), strtoull(word[2], NULL, 10));
    } else if (strcmp(name, "hello") == 0) {
        const toni_engine_hello hello = {
            .struct_size = sizeof hello, .proposed = hex(word[3]), .node = hex(word[4])};
        table->hello(self, number(word[1]), hex(word[2]), &hello);
    } else if (strcmp(name, "publish") == 0) {
        do_publish(word);
    } else if (strcmp(name, "subscribe") == 0) {
        table->subscribe(self, number(word[1]), rooms + 2, count - 2);
    } else if (strcmp(name, "unsubscribe") == 0) {
        table->unsubscribe(self, number(word[1]), rooms + 2, count - 2);
    } else if (strcmp(name, "tops") == 0) {
        table->tops(self, number(word[1]), hex(word[2]), rooms + 3, count - 3);
    } else if (strcmp(name, "history") == 0) {
        do_history(word);
    } else if (strcmp(name, "probe") == 0) {
        table->probe(self, number(word[1]), hex(word[2]), hex(word[3]));
    } else if (strcmp(name, "lease") == 0) {
        do_lease(word);
    } else if (strcmp(name, "flood") == 0) {
        begin_flood(word);
    } else {
        printf("unknown command %s\n", name);
    }
}

/* --- The loop */

static bool has_ended; /* the standard input */

static void take_commands(void *data, uint32_t events)
{
    static char lines[1 << 20];
    static size_t used;
    const int *input = data;
    const ssize_t got = read(*input, lines + used, sizeof lines - 1 - used);
    (void)events;
    has_ended = got <= 0;
    if (has_ended)
        return;
    used += (size_t)got;
    lines[used] = '\0';
    char *line = lines;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        run(line);
    }
    used -= (size_t)(line - lines);
    memmove(lines, line, used);
}

static void run_loop(void)
{
    int input = open("/dev/stdin", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const int64_t watch =
        toni_engine_watch(&node.engine, input, TONI_READABLE, take_commands, &input);
    ck_assert_int_gt(watch, 0);
    while (!has_ended) {
        (void)fflush(stdout);
        node_turn(&node, -1);
        go_on_flooding();
        toni_fake_node_flush(&node);
    }
    toni_engine_unwatch(&node.engine, watch);
    close(input);
}

static char **arguments;

static void set_option(toni_fake_host *host, char *option)
{
    char *value = strchr(option, '=');
    ck_assert_ptr_nonnull(value);
    *value++ = '\0';
    if (strcmp(option, "servers") == 0) {
        toni_fake_host_add_str(host, option, NULL, value);
    } else if (strcmp(option, "masters") == 0) { /* NAME@SENTINELS */
        const size_t group = toni_fake_host_add_group(host, option, NULL);
        char *sentinels = strchr(value, '@');
        ck_assert_ptr_nonnull(sentinels);
        *sentinels++ = '\0';
        toni_fake_host_set_member_str(host, option, group, "name", value);
        toni_fake_host_set_member_str(host, option, group, "sentinels", sentinels);
    } else if (strcmp(option, "tls") == 0) {
        toni_fake_host_set_bool(host, option, strcmp(value, "true") == 0);
    } else if (strcmp(option, "database") == 0) {
        toni_fake_host_set_int(host, option, atoi(value));
    } else {
        toni_fake_host_set_str(host, option, value);
    }
}

START_TEST(drive)
{
    toni_fake_node_init(&node, 1);
    take_calls(&node.calls);
    toni_fake_host_load(&node.host, arguments[1]);
    for (char **option = arguments + 2; *option; option++)
        set_option(&node.host, *option);
    if (toni_fake_host_start(&node.host) != TONI_OK) {
        printf("refused %s\n", node.host.calls);
        return;
    }
    node.host.table.context_log = on_log;
    node.table = table = node.host.plugin->provides->table;
    node.self = self = node.host.self;
    toni_fake_node_attach(&node);
    for (uint32_t i = 0; i < node.server_count; i++)
        printf("server %u %.*s\n", i, TONI_STR_ARG(node.servers[i]));
    run_loop();
    toni_fake_node_detach(&node);
    printf("detached\n");
}
END_TEST

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: engine_driver PLUGIN OPTION=VALUE...\n");
        return 2;
    }
    arguments = argv;
    memset(many, 'x', sizeof many);
    Suite *suite = suite_create("engine_driver");
    TCase *one = tcase_create("drive");
    tcase_set_timeout(one, 0);
    tcase_add_test(one, drive);
    suite_add_tcase(suite, one);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    const int failed = srunner_ntests_failed(runner);
    if (failed > 0) {
        TestResult **results = srunner_failures(runner);
        fprintf(stderr, "engine_driver: %s\n", tr_msg(results[0]));
        free(results);
    }
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
