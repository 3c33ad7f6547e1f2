/* What a host and its successor say to each other at a restart, and what becomes of the sockets
 * that come from outside: both ends in this process. */
#include "base/log.h"
#include "host/handover.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int ends[2];
static struct inherited inherited;
static int revocations; /* that came */
static struct value *tree;
static struct value *addresses; /* a list in it */
static char logged[4096];
static char folder[] = "/tmp/toni-test-XXXXXX";

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    (void)snprintf(logged, sizeof logged, "%.*s", (int)length, line);
}

static void setup(void)
{
    log_set_sink(keep_line, NULL);
    tree = value_group_create((struct value_place){.file = "test"});
    addresses = value_add_list(tree, "addresses", (struct value_place){.line = 1});
    ck_assert_ptr_nonnull(addresses);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(handover_open(ends), 0);
}

static void teardown(void)
{
    inherited_finish(&inherited, false);
    close(ends[0]);
    close(ends[1]);
    rmdir(folder);
    value_destroy(tree);
    log_set_sink(NULL, NULL);
}

/* --- Listeners and addresses */

static struct listen_address address_of(const char *text)
{
    struct listen_address address;
    struct fault_list faults;
    fault_list_init(&faults);
    const struct value *value =
        value_add_string(addresses, NULL, (struct value_place){.line = 1}, text);
    ck_assert(listen_address_parse(value, &address, &faults));
    return address;
}

static struct listener open_listener(const char *text, const char *setting)
{
    struct listener listener;
    struct listen_address address = address_of(text);
    ck_assert_int_eq(listener_open(&listener, &address, setting, &inherited), 0);
    return listener;
}

static const char *unix_address(const char *name)
{
    static char texts[4][64];
    static unsigned next;
    char *text = texts[next++ % 4];
    (void)snprintf(text, sizeof texts[0], "unix:%s/%s", folder, name);
    return text;
}

static bool is_same_socket(int a, int b)
{
    struct stat first, second;
    ck_assert_int_eq(fstat(a, &first), 0);
    ck_assert_int_eq(fstat(b, &second), 0);
    return first.st_ino == second.st_ino;
}

static bool is_accepted_from(const char *name)
{
    struct listen_address address = address_of(name);
    int fd = socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_accepted = connect(fd, (struct sockaddr *)&address.address, address.length) == 0;
    close(fd);
    return is_accepted;
}

static void hand_over(struct listener *listeners[], size_t count)
{
    ck_assert_int_eq(handover_send(ends[0], listeners, count, -1), 0);
    ck_assert_int_eq(handover_receive(ends[1], &inherited, &revocations), 0);
}

/* Sends what an old host of any version may have sent. */
static int receive_text(const char *text)
{
    ck_assert_int_ge(send(ends[0], text, strlen(text), 0), 0);
    return handover_receive(ends[1], &inherited, &revocations);
}

/* --- Sockets */

START_TEST(test_sockets_come_with_what_they_are_for)
{
    struct listener free_port = open_listener("127.0.0.1:0", "listen.websocket");
    struct listener other_port = open_listener("127.0.0.1:0", "listen.http");
    struct listener ipv6 = open_listener("[::1]:0", "listen.admin");
    struct listener file = open_listener(unix_address("a"), "listen.websocket");
    struct listener *all[] = {&free_port, &other_port, &ipv6, &file};
    hand_over(all, 4);
    ck_assert_uint_eq(inherited.count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert(is_same_socket(inherited.sockets[i].fd, all[i]->fd));
        ck_assert_str_eq(inherited.sockets[i].setting, all[i]->setting);
        ck_assert_str_eq(inherited.sockets[i].address, all[i]->written);
        ck_assert(inherited.sockets[i].is_ours);
        ck_assert(inherited.sockets[i].is_shared);
        ck_assert_int_eq(fcntl(inherited.sockets[i].fd, F_GETFD), FD_CLOEXEC);
    }

    /* A free port goes by setting and words, all else by the address. */
    struct listener http = open_listener("127.0.0.1:0", "listen.http");
    struct listener again = open_listener(ipv6.name, "listen.websocket");
    struct listener fresh = open_listener("[::1]:0", "listen.websocket");
    ck_assert(is_same_socket(http.fd, other_port.fd));
    ck_assert(is_same_socket(again.fd, ipv6.fd));
    ck_assert(!is_same_socket(fresh.fd, ipv6.fd));
    ck_assert(!fresh.is_shared);
    struct listener *taken[] = {&http, &again, &fresh};
    for (size_t i = 0; i < 3; i++)
        listener_close(taken[i]);
    for (size_t i = 0; i < 4; i++)
        listener_close(all[i]);
}
END_TEST

START_TEST(test_one_is_taken_once)
{
    struct listener first = open_listener("127.0.0.1:0", "listen.websocket");
    struct listener second = open_listener("127.0.0.1:0", "listen.websocket");
    struct listener *both[] = {&first, &second};
    hand_over(both, 2);
    struct listener a = open_listener("127.0.0.1:0", "listen.websocket");
    struct listener b = open_listener("127.0.0.1:0", "listen.websocket");
    struct listener c = open_listener("127.0.0.1:0", "listen.websocket");
    ck_assert(is_same_socket(a.fd, first.fd));
    ck_assert(is_same_socket(b.fd, second.fd));
    ck_assert_str_ne(c.name, first.name);
    ck_assert_str_ne(c.name, second.name);
    listener_close(&a);
    listener_close(&b);
    listener_close(&c);
    listener_close(&first);
    listener_close(&second);
}
END_TEST

START_TEST(test_who_leaves_disturbs_nobody)
{
    struct listener old = open_listener(unix_address("a"), "listen.websocket");
    struct listener *one = &old;
    hand_over(&one, 1);
    struct listener new = open_listener(unix_address("a"), "listen.websocket");
    listener_leave(&old);
    listener_close(&old);
    ck_assert(is_accepted_from(unix_address("a")));
    new.is_shared = false;
    listener_close(&new);
    ck_assert(!is_accepted_from(unix_address("a")));
    ck_assert_int_ne(access(strchr(unix_address("a"), '/'), F_OK), 0);
}
END_TEST

START_TEST(test_a_successor_that_fails_disturbs_nobody)
{
    struct listener old = open_listener(unix_address("a"), "listen.websocket");
    struct listener other = open_listener(unix_address("b"), "listen.websocket");
    struct listener *both[] = {&old, &other};
    hand_over(both, 2);
    struct listener new = open_listener(unix_address("a"), "listen.websocket");
    listener_close(&new);
    inherited_finish(&inherited, false);
    ck_assert(is_accepted_from(unix_address("a")));
    ck_assert(is_accepted_from(unix_address("b")));
    listener_close(&old);
    listener_close(&other);
    ck_assert(!is_accepted_from(unix_address("a")));
}
END_TEST

/* Such as those of a service manager, which goes on listening. */
START_TEST(test_sockets_of_others_stay)
{
    struct listener others = open_listener(unix_address("a"), "listen.http");
    others.is_ours = false;
    struct listener *one = &others;
    hand_over(&one, 1);
    struct listener ours = open_listener(unix_address("a"), "listen.http");
    ours.is_shared = false;
    listener_close(&ours);
    ck_assert(is_accepted_from(unix_address("a")));
    listener_close(&others);
}
END_TEST

START_TEST(test_what_nobody_takes_ends_with_its_file)
{
    struct listener old = open_listener(unix_address("a"), "listen.websocket");
    struct listener *one = &old;
    hand_over(&one, 1);
    inherited_finish(&inherited, true);
    ck_assert_ptr_nonnull(strstr(logged, "its address is not in `listen`"));
    ck_assert_ptr_nonnull(strstr(logged, unix_address("a")));
    ck_assert_int_ne(access(strchr(unix_address("a"), '/'), F_OK), 0);
    listener_leave(&old);
    listener_close(&old);
}
END_TEST

START_TEST(test_none)
{
    hand_over(NULL, 0);
    ck_assert_uint_eq(inherited.count, 0);
}
END_TEST

START_TEST(test_many)
{
    struct listener one = open_listener("127.0.0.1:0", "listen.websocket");
    struct listener *list[HANDOVER_SOCKETS_MAX + 1];
    for (size_t i = 0; i <= HANDOVER_SOCKETS_MAX; i++)
        list[i] = &one;
    ck_assert_int_eq(handover_send(ends[0], list, HANDOVER_SOCKETS_MAX + 1, -1), -1);
    ck_assert_int_eq(errno, EMSGSIZE);
    ck_assert_int_eq(handover_send(ends[0], list, HANDOVER_SOCKETS_MAX, one.fd), 0);
    ck_assert_int_eq(handover_receive(ends[1], &inherited, &revocations), 0);
    ck_assert_uint_eq(inherited.count, HANDOVER_SOCKETS_MAX);
    ck_assert(is_same_socket(revocations, one.fd));
    close(revocations);
    listener_close(&one);
}
END_TEST

START_TEST(test_other_versions)
{
    ck_assert_int_eq(receive_text("toni 2\nsocket\n"), -1);
    ck_assert_ptr_nonnull(strstr(logged, "it speaks another version"));
    ck_assert_int_eq(receive_text("hello"), -1);
    /* What a later host adds is skipped; a socket that did not come is none. */
    ck_assert_int_eq(receive_text("toni 1\nmood=good\nsocket\nsetting=listen.http\ncolour=red\n"),
                     0);
    ck_assert_uint_eq(inherited.count, 0);
    ck_assert_int_eq(receive_text("toni 1\nrevocations\n"), 0); /* that did not come either */
    ck_assert_int_eq(revocations, -1);
    close(ends[0]);
    ck_assert_int_eq(handover_receive(ends[1], &inherited, &revocations), -1);
    ck_assert_ptr_nonnull(strstr(logged, "it is gone"));
}
END_TEST

/* --- Answers */

START_TEST(test_answers)
{
    static char text[HANDOVER_TEXT_SIZE];
    static char much[HANDOVER_TEXT_SIZE + 100];
    ck_assert_int_eq(handover_read(ends[0], text), HANDOVER_NOTHING);
    handover_send_fault(ends[1], "a fault\nand more", strlen("a fault\nand"));
    ck_assert_int_eq(handover_read(ends[0], text), HANDOVER_FAULT);
    ck_assert_str_eq(text, "a fault\nand");
    memset(much, 'x', sizeof much);
    handover_send_fault(ends[1], much, sizeof much);
    ck_assert_int_eq(handover_read(ends[0], text), HANDOVER_FAULT);
    ck_assert_uint_gt(strlen(text), HANDOVER_TEXT_SIZE - 16);
    ck_assert_int_ge(send(ends[1], "later words", 11, 0), 0);
    ck_assert_int_eq(handover_read(ends[0], text), HANDOVER_NOTHING);
    ck_assert_int_eq(handover_send_ready(ends[1]), 0);
    ck_assert_int_eq(handover_read(ends[0], text), HANDOVER_READY);
    close(ends[1]);
    ck_assert_int_eq(handover_read(ends[0], text), HANDOVER_END);
}
END_TEST

START_TEST(test_a_host_that_is_gone)
{
    close(ends[0]);
    handover_send_fault(ends[1], "fault", 5);
    ck_assert_int_eq(handover_send_ready(ends[1]), -1);
}
END_TEST

/* --- The variable */

START_TEST(test_the_variable)
{
    static const char *const bad[] = {"", "x", "3x", "-1", "0", "2", "99999", "99999999999"};
    char good[16];
    ck_assert_int_eq(handover_find(), -1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv(HANDOVER_VARIABLE, bad[i], 1);
        ck_assert_int_eq(handover_find(), -1);
        ck_assert_ptr_null(getenv(HANDOVER_VARIABLE));
    }
    ck_assert_int_eq(fcntl(ends[1], F_SETFD, 0), 0);
    (void)snprintf(good, sizeof good, "%d", ends[1]);
    setenv(HANDOVER_VARIABLE, good, 1);
    ck_assert_int_eq(handover_find(), ends[1]);
    ck_assert_ptr_null(getenv(HANDOVER_VARIABLE));
    ck_assert_int_eq(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handover");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_sockets_come_with_what_they_are_for);
    tcase_add_test(tests, test_one_is_taken_once);
    tcase_add_test(tests, test_who_leaves_disturbs_nobody);
    tcase_add_test(tests, test_a_successor_that_fails_disturbs_nobody);
    tcase_add_test(tests, test_sockets_of_others_stay);
    tcase_add_test(tests, test_what_nobody_takes_ends_with_its_file);
    tcase_add_test(tests, test_none);
    tcase_add_test(tests, test_many);
    tcase_add_test(tests, test_other_versions);
    tcase_add_test(tests, test_answers);
    tcase_add_test(tests, test_a_host_that_is_gone);
    tcase_add_test(tests, test_the_variable);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
