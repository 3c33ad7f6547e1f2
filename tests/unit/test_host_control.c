/* The control socket: who gets its path, and what a request gets for an answer. Real sockets, since
 * those are what it is about; time does not pass here, so deadlines are the integration tests'. */
#include "base/log.h"
#include "host/control.h"
#include "temporary_folder.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CROWDED "too many ask at once, and this request was not complete\n"
#define ENDED "the host ends, and has not done that\n"

static uv_loop_t loop;
static uv_async_t alive; /* the handles of a control socket don't keep the loop going */
static struct control *control;
static struct control *successor;
static struct control_request *pending[32]; /* that `later` was called for */
static size_t pending_count;
static char logged[8192];

/* --- Commands */

static void handle_echo(void *data, struct control_request *request, const char *arguments)
{
    ck_assert_ptr_null(data);
    control_answer(request, EXIT_CLEAN, arguments);
}

static void handle_later(void *data, struct control_request *request, const char *arguments)
{
    (void)data, (void)arguments;
    pending[pending_count++] = request;
}

static void handle_name(void *data, struct control_request *request, const char *arguments)
{
    ck_assert_str_eq(arguments, "");
    control_answer(request, EXIT_USAGE, data);
}

static char first_name[] = "first";
static char second_name[] = "second";
static const struct control_command first_commands[] = {
    {"echo", handle_echo, NULL},
    {"later", handle_later, NULL},
    {"name", handle_name, first_name},
    {0},
};
static const struct control_command second_commands[] = {
    {"name", handle_name, second_name},
    {0},
};

/* --- Fixture */

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    const size_t used = strlen(logged);
    (void)data, (void)level;
    ck_assert_uint_lt(used + length, sizeof logged);
    memcpy(logged + used, line, length);
    logged[used + length] = '\0';
}

static void on_alive(uv_async_t *async)
{
    (void)async;
}

static void setup(void)
{
    testing_setup();
    (void)signal(SIGPIPE, SIG_IGN); /* as the host does */
    log_set_sink(keep_line, NULL);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(uv_async_init(&loop, &alive, on_alive), 0);
    control = control_create(first_commands, &loop);
    successor = control_create(second_commands, &loop);
    ck_assert(control && successor);
}

static void teardown(void)
{
    control_close(control);
    control_close(successor);
    uv_close((uv_handle_t *)&alive, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    control_destroy(control);
    control_destroy(successor);
    ck_assert_int_eq(uv_loop_close(&loop), 0); /* so no handle is left */
    testing_teardown();
}

static struct config_control place(const char *name, bool is_default)
{
    static char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", testing_path(name));
    return (struct config_control){.path = path, .is_default = is_default};
}

static int open_and_claim(struct control *at, const char *name, pid_t predecessor)
{
    const struct config_control where = place(name, false);
    return control_open(at, &where) || control_claim(at, predecessor) ? -1 : 0;
}

static void start(void)
{
    ck_assert_int_eq(open_and_claim(control, "c.sock", 0), 0);
}

/* Checks how many files there are in the folder, whatever their names. */
static void expect_files(size_t expected)
{
    size_t count = 0;
    DIR *folder = opendir(test_folder);
    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    ck_assert_uint_eq(count, expected);
}

/* --- Clients */

static int client(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", testing_path("c.sock"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static bool loop_is_idle(void)
{
    struct pollfd waiting = {.fd = uv_backend_fd(&loop), .events = POLLIN};
    return poll(&waiting, 1, 0) == 0;
}

/* Turns the loop until nothing waits for it. How much one turn does is libuv's affair: 1.44 accepts
 * all who are in the queue, 1.50 accepts one. What the last turn began is not seen from outside
 * before the next: so it must have been idle before these turns, too. */
static void turn(void)
{
    bool was_idle;
    do {
        was_idle = loop_is_idle();
        for (int i = 0; i < 8; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
    } while (!was_idle || !loop_is_idle());
}

static void say(int fd, const void *bytes, size_t size)
{
    ck_assert_int_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static int ask(const char *line)
{
    int fd = client();
    say(fd, line, strlen(line));
    return fd;
}

static bool has_answer(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    turn();
    return poll(&readable, 1, 0) == 1;
}

/* Reads to the end, and closes. */
static void expect(int fd, enum exit_code code, const char *text)
{
    char got[4096], expected[4096];
    size_t length = 0;
    for (ssize_t more = 1; more > 0; length += (size_t)more) {
        while (!has_answer(fd))
            continue; /* the kernel is under way; the test's time limit is the end of that */
        more = recv(fd, got + length, sizeof got - length - 1, 0);
        ck_assert_int_ge(more, 0);
    }
    got[length] = '\0';
    (void)snprintf(expected, sizeof expected, "%d %zu\n%s", (int)code, strlen(text), text);
    ck_assert_str_eq(got, expected);
    close(fd);
}

/* --- Requests */

START_TEST(a_command_gets_what_follows_it)
{
    start();
    expect(ask("echo two words\n"), EXIT_CLEAN, "two words");
    expect(ask("echo\n"), EXIT_CLEAN, "");
    expect(ask("echo \n"), EXIT_CLEAN, "");
    expect(ask("echo caf\xc3\xa9\n"), EXIT_CLEAN, "caf\xc3\xa9");
    expect(ask("name\n"), EXIT_USAGE, "first");
}
END_TEST

START_TEST(a_line_may_come_in_pieces)
{
    start();
    int fd = client();
    for (const char *at = "echo abc\n"; *at; at++) {
        ck_assert(!has_answer(fd));
        say(fd, at, 1);
    }
    expect(fd, EXIT_CLEAN, "abc");
}
END_TEST

START_TEST(bad_requests)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *answer;
    } bad[] = {
#define BAD(bytes, answer) {bytes, sizeof(bytes) - 1, answer}
        BAD("frobnicate now\n", "this host does not know `frobnicate`\n"),
        BAD("\n", "this host does not know ``\n"),
        BAD(" echo\n", "this host does not know ``\n"),
        BAD("ech\n", "this host does not know `ech`\n"),
        BAD("echo\0hidden\n", "a request is one line of UTF-8\n"),
        BAD("echo \x1b[2J\n", "a request is one line of UTF-8\n"),
        BAD("echo\r\n", "a request is one line of UTF-8\n"),
        BAD("\xff\xfe\xfd\n", "a request is one line of UTF-8\n"),
        BAD("\x16\x03\x01\x02\n", "a request is one line of UTF-8\n"),
    };
    start();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int fd = client();
        say(fd, bad[i].bytes, bad[i].size);
        expect(fd, EXIT_USAGE, bad[i].answer);
    }
}
END_TEST

START_TEST(a_request_is_bounded)
{
    char line[2 * CONTROL_REQUEST_MAX];
    start();
    memset(line, 'x', sizeof line);
    memcpy(line, "echo ", 5);
    int fd = client();
    say(fd, line, CONTROL_REQUEST_MAX - 1);
    ck_assert(!has_answer(fd));
    say(fd, "x", 1);
    expect(fd, EXIT_USAGE, "the request has more than 1,024 bytes\n");

    line[CONTROL_REQUEST_MAX - 1] = '\n';
    fd = client();
    say(fd, line, CONTROL_REQUEST_MAX);
    line[CONTROL_REQUEST_MAX - 1] = '\0';
    expect(fd, EXIT_CLEAN, line + 5);
}
END_TEST

START_TEST(a_line_without_an_end)
{
    start();
    int fd = ask("echo abc");
    shutdown(fd, SHUT_WR);
    expect(fd, EXIT_USAGE, "the request has no line end\n");
    fd = client();
    shutdown(fd, SHUT_WR);
    while (!has_answer(fd))
        continue;
    char byte;
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0); /* who says nothing is told nothing */
    close(fd);
}
END_TEST

START_TEST(who_asks_may_shut_its_side)
{
    start();
    int fd = ask("echo abc\n");
    shutdown(fd, SHUT_WR);
    expect(fd, EXIT_CLEAN, "abc");
}
END_TEST

/* --- Answers */

START_TEST(an_answer_may_come_later)
{
    start();
    int one = ask("later\n"), two = ask("later\n");
    ck_assert(!has_answer(one));
    ck_assert(!has_answer(two));
    ck_assert_uint_eq(pending_count, 2);
    expect(ask("echo meanwhile\n"), EXIT_CLEAN, "meanwhile");
    control_answer(pending[1], EXIT_FAULT, "second\n");
    expect(two, EXIT_FAULT, "second\n");
    ck_assert(!has_answer(one));
    control_answer(pending[0], EXIT_CLEAN, "first\n");
    expect(one, EXIT_CLEAN, "first\n");
}
END_TEST

START_TEST(who_went_away_before_the_answer_harms_nobody)
{
    start();
    for (int i = 0; i < 20; i++) {
        close(ask("later\n"));
        turn();
        control_answer(pending[--pending_count], EXIT_CLEAN, "nobody hears that\n");
    }
    close(ask("echo unread\n"));
    close(client());
    expect(ask("echo abc\n"), EXIT_CLEAN, "abc");
}
END_TEST

START_TEST(the_17th_waits_for_one_of_16_to_be_over)
{
    int fds[16];
    start();
    for (size_t i = 0; i < 16; i++)
        fds[i] = ask("later\n");
    turn();
    ck_assert_uint_eq(pending_count, 16);
    int late = ask("echo late\n"), later = ask("echo later\n");
    ck_assert(!has_answer(late));
    control_answer(pending[7], EXIT_CLEAN, "");
    expect(fds[7], EXIT_CLEAN, "");
    expect(late, EXIT_CLEAN, "late");
    expect(later, EXIT_CLEAN, "later");
    for (size_t i = 0; i < 16; i++) {
        if (i == 7)
            continue;
        control_answer(pending[i], EXIT_CLEAN, "");
        expect(fds[i], EXIT_CLEAN, "");
    }
}
END_TEST

/* The longest silent makes room for the next one, who may be about to ask. */
START_TEST(silent_ones_keep_nobody_out)
{
    int silent[100];
    start();
    int half = ask("echo ab");
    for (size_t i = 0; i < 100; i++)
        silent[i] = client();
    expect(ask("echo abc\n"), EXIT_CLEAN, "abc");
    expect(half, EXIT_FAULT, CROWDED);
    expect(silent[0], EXIT_FAULT, CROWDED);
    expect(silent[84], EXIT_FAULT, CROWDED);
    ck_assert(!has_answer(silent[99]));
    for (size_t i = 85; i < 100; i++)
        close(silent[i]);
    for (size_t i = 1; i < 84; i++)
        close(silent[i]);
}
END_TEST

START_TEST(who_has_no_answer_at_the_end_is_told)
{
    start();
    int asked = ask("later\n"), silent = client(), half = ask("ech"), done = ask("echo abc\n");
    turn();
    control_close(control);
    control_close(control);
    expect_files(0);
    expect(asked, EXIT_FAULT, ENDED);
    expect(silent, EXIT_FAULT, ENDED);
    expect(half, EXIT_FAULT, ENDED);
    expect(done, EXIT_CLEAN, "abc");
}
END_TEST

/* --- The path */

START_TEST(only_its_user_may_open_the_file)
{
    const struct config_control where = place("c.sock", false);
    struct stat file;
    umask(0);
    ck_assert_int_eq(control_open(control, &where), 0);
    char temporary[PATH_MAX + 300];
    (void)snprintf(temporary, sizeof temporary, "%s.%d", where.path, (int)getpid());
    ck_assert_int_eq(lstat(temporary, &file), 0);
    ck_assert_uint_eq(file.st_mode, S_IFSOCK | 0600u);
    expect_files(1);
    ck_assert_int_eq(control_claim(control, 0), 0);
    ck_assert_int_eq(lstat(where.path, &file), 0);
    ck_assert_uint_eq(file.st_mode, S_IFSOCK | 0600u);
    expect_files(1);
}
END_TEST

START_TEST(switched_off)
{
    const struct config_control off = {0};
    ck_assert_int_eq(control_open(control, &off), 0);
    ck_assert_int_eq(control_claim(control, 0), 0);
    expect_files(0);
    ck_assert_str_eq(logged, "");
}
END_TEST

START_TEST(another_host_is_left_alone_and_named)
{
    char pid[32];
    start();
    logged[0] = '\0';
    ck_assert_int_eq(open_and_claim(successor, "c.sock", 0), -1);
    ck_assert_ptr_nonnull(strstr(logged, "another host runs with this control socket"));
    ck_assert_ptr_nonnull(strstr(logged, testing_path("c.sock")));
    (void)snprintf(pid, sizeof pid, "pid=%d\n", (int)getpid());
    ck_assert_ptr_nonnull(strstr(logged, pid));
    control_close(successor);
    expect_files(1);
    expect(ask("name\n"), EXIT_USAGE, "first");
}
END_TEST

/* It is no matter of a default: who comes second must not go on as if nobody could ask it. */
START_TEST(another_host_at_the_default_place)
{
    start();
    const struct config_control where = place("c.sock", true);
    ck_assert_int_eq(control_open(successor, &where), 0);
    ck_assert_int_eq(control_claim(successor, 0), -1);
    expect(ask("name\n"), EXIT_USAGE, "first");
}
END_TEST

START_TEST(a_successor_takes_the_path_over)
{
    const struct config_control where = place("c.sock", false);
    start();
    int under_way = ask("later\n");
    turn();
    ck_assert_int_eq(control_open(successor, &where), 0);
    expect(ask("name\n"), EXIT_USAGE, "first");
    ck_assert_int_eq(control_claim(successor, getpid()), 0);
    expect(ask("name\n"), EXIT_USAGE, "second");
    control_answer(pending[0], EXIT_CLEAN, "it has taken over\n");
    expect(under_way, EXIT_CLEAN, "it has taken over\n");
    control_close(control);
    expect(ask("name\n"), EXIT_USAGE, "second");
    expect_files(1);
    control_close(successor);
    expect_files(0);
}
END_TEST

START_TEST(only_of_its_predecessor)
{
    start();
    ck_assert_int_eq(open_and_claim(successor, "c.sock", getpid() + 1), -1);
    ck_assert_ptr_nonnull(strstr(logged, "another host runs"));
    expect(ask("name\n"), EXIT_USAGE, "first");
}
END_TEST

START_TEST(a_successor_whose_predecessor_has_gone)
{
    ck_assert_int_eq(open_and_claim(successor, "c.sock", getpid() + 1), 0);
    expect(ask("name\n"), EXIT_USAGE, "second");
}
END_TEST

static void leave_over(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", testing_path(name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    close(fd);
}

START_TEST(what_a_crash_left_over_is_replaced)
{
    char temporary[64];
    (void)snprintf(temporary, sizeof temporary, "c.sock.%d", (int)getpid());
    leave_over("c.sock");
    leave_over(temporary);
    expect_files(2);
    start();
    expect_files(1);
    expect(ask("name\n"), EXIT_USAGE, "first");
    control_close(control);
    expect_files(0);
}
END_TEST

START_TEST(a_file_that_another_put_there_is_not_removed)
{
    start();
    ck_assert_int_eq(unlink(testing_path("c.sock")), 0);
    leave_over("c.sock");
    control_close(control);
    expect_files(1);
}
END_TEST

/* What can't be had is an error where it was asked for, and a warning where it was not. */
static void expect_no_use(const char *name, const char *error)
{
    logged[0] = '\0';
    ck_assert_int_eq(open_and_claim(control, name, 0), -1);
    ck_assert_ptr_nonnull(strstr(logged, "level=error msg=\"the control socket is of no use"));
    ck_assert_ptr_nonnull(strstr(logged, error));
    control_close(control);

    logged[0] = '\0';
    const struct config_control where = place(name, true);
    ck_assert_int_eq(control_open(successor, &where), 0);
    ck_assert_int_eq(control_claim(successor, 0), 0);
    ck_assert_ptr_nonnull(strstr(logged, "level=warn msg=\"the host runs without"));
    ck_assert_ptr_nonnull(strstr(logged, error));
}

START_TEST(another_kind_of_file_is_not_touched)
{
    char *content;
    size_t size;
    testing_write_text("precious", "precious");
    expect_no_use("precious", "there is a file that is no socket of a host");
    content = testing_read(testing_path("precious"), &size);
    ck_assert_uint_eq(size, 8);
    free(content);
    expect_files(1);
}
END_TEST

START_TEST(a_link_is_not_followed)
{
    testing_write_text("precious", "precious");
    ck_assert_int_eq(symlink("precious", testing_path("link")), 0);
    expect_no_use("link", "there is a file that is no socket of a host");
    expect_files(2);
}
END_TEST

START_TEST(a_folder_that_is_not_there)
{
    expect_no_use("missing/c.sock", strerror(ENOENT));
    expect_files(0);
}
END_TEST

START_TEST(a_path_that_is_too_long)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%0*d", 120, 0);
    expect_no_use(name, "the path is too long");
    expect_files(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/control");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_command_gets_what_follows_it);
    tcase_add_test(cases, a_line_may_come_in_pieces);
    tcase_add_test(cases, bad_requests);
    tcase_add_test(cases, a_request_is_bounded);
    tcase_add_test(cases, a_line_without_an_end);
    tcase_add_test(cases, who_asks_may_shut_its_side);
    tcase_add_test(cases, an_answer_may_come_later);
    tcase_add_test(cases, who_went_away_before_the_answer_harms_nobody);
    tcase_add_test(cases, the_17th_waits_for_one_of_16_to_be_over);
    tcase_add_test(cases, silent_ones_keep_nobody_out);
    tcase_add_test(cases, who_has_no_answer_at_the_end_is_told);
    tcase_add_test(cases, only_its_user_may_open_the_file);
    tcase_add_test(cases, switched_off);
    tcase_add_test(cases, another_host_is_left_alone_and_named);
    tcase_add_test(cases, another_host_at_the_default_place);
    tcase_add_test(cases, a_successor_takes_the_path_over);
    tcase_add_test(cases, only_of_its_predecessor);
    tcase_add_test(cases, a_successor_whose_predecessor_has_gone);
    tcase_add_test(cases, what_a_crash_left_over_is_replaced);
    tcase_add_test(cases, a_file_that_another_put_there_is_not_removed);
    tcase_add_test(cases, another_kind_of_file_is_not_touched);
    tcase_add_test(cases, a_link_is_not_followed);
    tcase_add_test(cases, a_folder_that_is_not_there);
    tcase_add_test(cases, a_path_that_is_too_long);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
