/* What the host makes of what the process that tries libraries says, and of where it stops. Here
 * that process is this test's program: it is told what to say by its environment. What a real one
 * does is for integration tests. */
#include "plugin/trial.h"
#include "runner.h"
#include "temporary_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TOLD "what it is"

static struct trial_library library;

static void set_up(void)
{
    testing_setup();
    library = (struct trial_library){.path = "echo.so", .copy = "copy of echo.so"};
}

static void tear_down(void)
{
    free(library.bytes);
    testing_teardown();
}

/* --- The process */

static void add(char *text, size_t *at, struct trial_head head, const char *bytes)
{
    memcpy(text + *at, &head, sizeof head);
    memcpy(text + *at + sizeof head, bytes, head.size);
    *at += sizeof head + head.size;
}

/* All that there is to say of one library. */
static size_t compose(char text[256])
{
    size_t size = 0;

    add(text, &size, (struct trial_head){.word = TRIAL_BEGINS}, "");
    add(text, &size, (struct trial_head){.word = TRIAL_GOOD, .size = sizeof TOLD - 1}, TOLD);
    add(text, &size, (struct trial_head){.word = TRIAL_END, .number = 1}, "");
    return size;
}

static int try_libraries(void)
{
    const char *bytes = getenv("TEST_TRIAL_BYTES"), *gate = getenv("TEST_TRIAL_GATE");
    char text[256], byte;
    size_t size = compose(text);

    if (getenv("TEST_TRIAL_STOPPED"))
        (void)raise(SIGSTOP);
    while (read(TRIAL_FD, &byte, 1) > 0)
        continue;
    if (bytes)
        size = strtoul(bytes, NULL, 10);
    if (gate && open(gate, O_RDONLY) < 0) /* waits for who opens the other end */
        return 2;
    return write(TRIAL_FD, text, size) == (ssize_t)size ? 0 : 2;
}

static void run(const char *variable)
{
    char *environment[] = {(char *)(uintptr_t)variable, NULL};
    const struct trial_plan plan = {
        .program = "/proc/self/exe", .environment = environment, .limit_ms = 20000};

    trial_run(&plan, &library, 1);
}

static void check_taken(void)
{
    ck_assert_int_eq(library.result, TRIAL_TAKEN);
    ck_assert_str_eq(library.bytes, TOLD);
}

/* --- When it speaks */

static const char *gate_path; /* NULL: nothing is arranged */

ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);

/* Between the host's look at the socket and its look at the process, that says all and ends. */
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
    const ssize_t got = __real_recv(fd, bytes, size, flags);
    siginfo_t info;

    if (got >= 0 || errno != EAGAIN || !gate_path)
        return got;
    close(open(gate_path, O_WRONLY));
    gate_path = NULL;
    ck_assert_int_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    errno = EAGAIN;
    return -1;
}

START_TEST(what_it_says_just_before_it_ends_is_heard)
{
    char variable[PATH_MAX];

    gate_path = testing_path("gate");
    ck_assert_int_eq(mkfifo(gate_path, 0600), 0);
    (void)snprintf(variable, sizeof variable, "TEST_TRIAL_GATE=%s", gate_path);
    run(variable);
    check_taken();
}
END_TEST

/* --- How far it comes */

START_TEST(who_stops_anywhere_has_a_fault)
{
    char text[256], variable[64];
    const size_t size = compose(text);

    for (size_t bytes = 0; bytes < size; bytes++) {
        (void)snprintf(variable, sizeof variable, "TEST_TRIAL_BYTES=%zu", bytes);
        run(variable);
        ck_assert_msg(library.result == TRIAL_REFUSED, "after %zu bytes", bytes);
        ck_assert_ptr_nonnull(strstr(library.bytes, "`echo.so` ended the checking process: exit "
                                                    "status 0"));
        free(library.bytes);
        library.bytes = NULL;
    }
    run("TEST_TRIAL_ALL=1");
    check_taken();
}
END_TEST

/* --- One that does not listen */

#define MORE_THAN_FITS (8u << 20)

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);

/* The host's limit is of seconds. */
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    const struct timeval soon = {.tv_usec = 1000};
    if (level != SOL_SOCKET || name != SO_SNDTIMEO)
        return __real_setsockopt(fd, level, name, value, size);
    return __real_setsockopt(fd, level, name, &soon, sizeof soon);
}

START_TEST(one_that_is_stopped_before_it_reads_does_not_hold_the_host_up)
{
    char *copy = malloc(MORE_THAN_FITS + 1);

    ck_assert_ptr_nonnull(copy);
    memset(copy, 'x', MORE_THAN_FITS);
    copy[MORE_THAN_FITS] = '\0';
    library.copy = copy;
    run("TEST_TRIAL_STOPPED=1");
    free(copy);
    ck_assert_int_eq(library.result, TRIAL_REFUSED);
    ck_assert_ptr_nonnull(strstr(library.bytes, "the checking process has not begun or ended"));
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], TRIAL_COMMAND) == 0)
        return try_libraries();

    Suite *suite = suite_create("plugin_trial");
    TCase *cases = tcase_create("trial");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, what_it_says_just_before_it_ends_is_heard);
    tcase_add_test(cases, who_stops_anywhere_has_a_fault);
    tcase_add_test(cases, one_that_is_stopped_before_it_reads_does_not_hold_the_host_up);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
