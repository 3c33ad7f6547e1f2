/* A real host: the process, its folder and its log. */
#include "toni_real_host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TONI_PROGRAM
#define TONI_PROGRAM "toni" /* in PATH */
#endif

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void name_file(const toni_real_host *host, char *path, size_t size, const char *name)
{
    const int length = snprintf(path, size, "%s/%s", host->folder, name);
    ck_assert(length > 0 && (size_t)length < size);
}

static void write_configuration(toni_real_host *host, const char *configuration)
{
    char path[128];
    (void)snprintf(host->folder, sizeof host->folder, "/tmp/toni-test-XXXXXX");
    ck_assert_msg(mkdtemp(host->folder) != NULL, "no folder in /tmp: %s", strerror(errno));
    name_file(host, path, sizeof path, "gateways.conf");
    FILE *file = fopen(path, "w");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    ck_assert(fputs(configuration, file) >= 0);
    ck_assert(fclose(file) == 0);
}

static void remove_folder(const toni_real_host *host)
{
    static const char *const names[] = {"gateways.conf", ".toni.sock"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        name_file(host, path, sizeof path, names[i]);
        (void)unlink(path); /* the host has removed its socket itself */
    }
    (void)rmdir(host->folder);
}

/* In the child: nothing but what may follow a fork. */
static void run(const char *program, const char *path, int log)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(log, STDERR_FILENO);
    (void)execlp(program, program, "run", "--allow-root", "-c", path, (char *)NULL);
    _exit(127);
}

/* Reads what has been logged. @return Whether more can come. */
static int read_log(toni_real_host *host, int64_t until_ms)
{
    struct pollfd fd = {.fd = host->log_fd, .events = POLLIN};
    const int64_t left = until_ms - now_ms();
    const size_t space = sizeof host->log - 1 - host->log_size;
    if (left <= 0 || space == 0 || poll(&fd, 1, (int)left) <= 0)
        return 0;
    const ssize_t size = read(host->log_fd, host->log + host->log_size, space);
    if (size <= 0)
        return 0;
    host->log_size += (size_t)size;
    host->log[host->log_size] = '\0';
    return 1;
}

static int wait_for_log(toni_real_host *host, const char *text)
{
    const int64_t until_ms = now_ms() + TONI_REAL_MOST_MS;
    while (!strstr(host->log, text)) {
        if (!read_log(host, until_ms))
            return 0;
    }
    return 1;
}

void toni_real_host_expect_log(toni_real_host *host, const char *text)
{
    ck_assert_msg(wait_for_log(host, text), "the host has not logged: %s\nbut:\n%s", text,
                  host->log);
}

/* @return The port of `listening protocol=… address=127.0.0.1:PORT`; 0: there is none. */
static unsigned find_port(const toni_real_host *host, const char *protocol)
{
    char start[64];
    (void)snprintf(start, sizeof start, "protocol=%s address=127.0.0.1:", protocol);
    const char *found = strstr(host->log, start);
    return found ? (unsigned)strtoul(found + strlen(start), NULL, 10) : 0;
}

void toni_real_host_start(toni_real_host *host, const char *configuration)
{
    int pipe_fds[2];
    char path[128];
    const char *program = getenv("TONI_PROGRAM");
    *host = (toni_real_host){0};
    write_configuration(host, configuration);
    name_file(host, path, sizeof path, "gateways.conf");
    ck_assert(pipe(pipe_fds) == 0);
    (void)fcntl(pipe_fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(pipe_fds[1], F_SETFD, FD_CLOEXEC);
    host->pid = (int)fork();
    ck_assert(host->pid >= 0);
    if (host->pid == 0)
        run(program ? program : TONI_PROGRAM, path, pipe_fds[1]);
    close(pipe_fds[1]);
    host->log_fd = pipe_fds[0];
    if (!wait_for_log(host, "msg=\"ready\"")) {
        remove_folder(host);
        ck_abort_msg("%s run is not ready:\n%s", program ? program : TONI_PROGRAM, host->log);
    }
    host->websocket_port = find_port(host, "websocket");
    host->http_port = find_port(host, "http");
    host->admin_port = find_port(host, "admin");
    ck_assert_msg(host->websocket_port > 0, "`listen` has no websocket = \"127.0.0.1:0\":\n%s",
                  host->log);
}

void toni_real_host_start_with(toni_real_host *host, const char *library, const char *options)
{
    char configuration[8192];
    char *file = realpath(library, NULL);
    ck_assert_msg(file != NULL, "%s: %s", library, strerror(errno));
    const int length = snprintf(
        configuration, sizeof configuration,
        "listen = { websocket = \"127.0.0.1:0\"; http = \"127.0.0.1:0\"; admin = \"127.0.0.1:0\"; "
        "};\n"
        "modules = ( { name = \"test\"; imports = [ \"broadcast\" ];\n"
        "  providers = ( { gateway = \"tested\"; library = \"%s\"; options = { %s }; } ); } );\n",
        file, options);
    free(file);
    ck_assert_msg(length > 0 && (size_t)length < sizeof configuration, "the options are too long");
    toni_real_host_start(host, configuration);
}

void toni_real_host_stop(toni_real_host *host)
{
    int status = 0;
    const int64_t until_ms = now_ms() + TONI_REAL_MOST_MS;
    ck_assert(kill(host->pid, SIGTERM) == 0);
    while (read_log(host, until_ms)) {
    }
    if (now_ms() >= until_ms)
        (void)kill(host->pid, SIGKILL);
    ck_assert(waitpid(host->pid, &status, 0) == host->pid);
    close(host->log_fd);
    remove_folder(host);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                  "the host did not end well (status %d):\n%s", status, host->log);
}
