/* Each line of the log about a client says which one: its name, its address, its subject. */
#include "base/log_limit.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

static struct fixture fixture;
static struct limits limits;
static struct peer *peer;
static char lines[4096];

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    ck_assert_uint_lt(strlen(lines) + length, sizeof lines);
    strncat(lines, line, length);
}

static void identify(const char *subject)
{
    struct identity_draft *draft = NULL;
    const toni_identity who = {.struct_size = sizeof who, .subject = toni_str_of(subject)};
    ck_assert_int_eq(identity_draft_begin(&draft, &who), TONI_OK);
    struct identity *identity = identity_create(draft, &(struct identity_origin){0});
    free(draft);
    ck_assert_ptr_nonnull(identity);
    client_identify(peer->client, identity);
}

static void begin(void)
{
    lines[0] = '\0';
    fixture_init(&fixture, &limits, 1);
    log_set_sink(keep_line, NULL);
    peer = peer_connect_limited(&fixture, 0, &limits);
    peer->socket.cuts = true;
    peer->socket.window = 0;
    identify("ann");
}

static void set_up(void)
{
    limits = limits_default();
    limits.outbox_policy = OUTBOX_CLOSE;
}

static void tear_down(void)
{
    peer_destroy(&fixture, peer);
    fixture_finish(&fixture);
    log_set_sink(NULL, NULL);
}

/* Once in each turn: what comes in one is not held against it. */
static void broadcast(unsigned times)
{
    toni_connections *connections = fixture.connections;
    ck_assert_int_eq(toni_join_room(connections, peer->id, TONI_LIT("r")), TONI_OK);
    while (times-- > 0) {
        ck_assert_int_eq(toni_broadcast_to_room_text(connections, TONI_LIT("r"), TONI_LIT("x")), 1);
        fixture_turn(&fixture);
    }
}

/* Of the first line. @param rest  Of it, behind who it is. */
static void expect_line(const char *level, const char *message, const char *rest)
{
    char expected[512];
    char *line = strstr(lines, "level=");
    ck_assert_ptr_nonnull(line);
    *(strchr(line, '\n') + 1) = '\0';
    (void)snprintf(expected, sizeof expected,
                   "level=%s msg=\"%s\" client=%s address=::1 subject=ann%s\n", level, message,
                   peer->client->name, rest);
    ck_assert_str_eq(line, expected);
}

START_TEST(a_slow_consumer)
{
    limits.outbox_messages = 1;
    begin();
    broadcast(3);
    expect_line("warn", "client closed: slow consumer", " outbox_messages=3 outbox_bytes=9");
}
END_TEST

START_TEST(one_that_others_need_the_memory_of)
{
    limits.outbox_bytes_total = 1;
    begin();
    broadcast(1);
    expect_line("warn",
                "client closed: what waits for clients together is above outbox_bytes_total",
                " outbox_bytes=3 stuck_ms=0");
}
END_TEST

START_TEST(one_without_memory_for_its_outbox)
{
    begin();
    peer->client->receiver.starved = true;
    receiver_look(&peer->client->receiver);
    fixture_turn(&fixture);
    expect_line("error", "client closed: no memory for its outbox", "");
}
END_TEST

START_TEST(one_that_is_sent_too_much)
{
    limits.outbox_bytes = 16;
    begin();
    const toni_message message = toni_text(TONI_LIT("longer than sixteen bytes"));
    ck_assert_int_eq(toni_client_send(peer->client, &message), TONI_ERR_TOO_BIG);
    expect_line("warn", "direct send refused", " reason=too_big");
}
END_TEST

START_TEST(one_of_whom_nobody_has_said_who_it_is)
{
    limits.outbox_bytes = 16;
    begin();
    client_identify(peer->client, NULL);
    const toni_message message = toni_text(TONI_LIT("longer than sixteen bytes"));
    ck_assert_int_eq(toni_client_send(peer->client, &message), TONI_ERR_TOO_BIG);
    ck_assert_ptr_nonnull(strstr(lines, " address=::1 subject=\"\" reason=too_big\n"));
}
END_TEST

/* A stranger may have itself closed as often as it likes. */
START_TEST(lines_are_bounded)
{
    limits.outbox_bytes = 16;
    begin();
    const toni_message message = toni_text(TONI_LIT("longer than sixteen bytes"));
    for (unsigned i = 0; i < 2 * LOG_LIMIT_BURST; i++)
        ck_assert_int_eq(toni_client_send(peer->client, &message), TONI_ERR_TOO_BIG);
    size_t count = 0;
    for (const char *line = lines; (line = strstr(line, "msg=")); line++)
        count++;
    ck_assert_uint_ge(count, LOG_LIMIT_BURST);
    ck_assert_uint_lt(count, 2 * LOG_LIMIT_BURST);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client log");
    TCase *tests = tcase_create("lines");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_slow_consumer);
    tcase_add_test(tests, one_that_others_need_the_memory_of);
    tcase_add_test(tests, one_without_memory_for_its_outbox);
    tcase_add_test(tests, one_that_is_sent_too_much);
    tcase_add_test(tests, one_of_whom_nobody_has_said_who_it_is);
    tcase_add_test(tests, lines_are_bounded);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
