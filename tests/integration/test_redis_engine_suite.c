/* The Redis engine keeps all that engine.h asks for, with a real server for each test, which fails
 * as servers do. */
#include "../unit/runner.h"
#include "toni_engine_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char all_folders[64]; /* of this run */
static char folder[96], socket_path[100];
static pid_t server;

/* --- The server: in a folder of its own, on a socket there */

static void run_server(pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails takes it along */
    if (getppid() != parent || chdir(folder) != 0)
        _exit(126);
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path, "--save", "",
           "--logfile", "redis.log", "--dir", folder, (char *)NULL);
    _exit(127);
}

/* @return A connection to it; -1: it is not there yet. */
static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Says a command, and waits for one line. @return The line's first byte; 0: it said nothing. */
static int say(const char *command)
{
    char line[256] = "";
    const int fd = dial();
    if (fd < 0)
        return 0;
    ck_assert_int_eq(write(fd, command, strlen(command)), (ssize_t)strlen(command));
    ssize_t size = read(fd, line, sizeof line);
    close(fd);
    return size > 0 ? line[0] : 0;
}

/* A server that loads its data answers with an error. */
static void start_server(void)
{
    const pid_t parent = getpid();
    int status;
    server = fork();
    ck_assert_int_ge(server, 0);
    if (server == 0)
        run_server(parent);
    for (int left = 1000; say("PING\r\n") != '+'; left--) {
        ck_assert_msg(left > 0 && waitpid(server, &status, WNOHANG) == 0,
                      "redis-server does not answer: see redis.log in %s", folder);
        (void)usleep(10000);
    }
}

static void wait_for_end(void)
{
    int status;
    ck_assert_int_eq(waitpid(server, &status, 0), server);
}

static void set_up(void)
{
    (void)snprintf(folder, sizeof folder, "%s/XXXXXX", all_folders);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(socket_path, sizeof socket_path, "%s/s", folder);
    start_server();
}

static void tear_down(void)
{
    ck_assert_int_eq(kill(server, SIGKILL), 0);
    wait_for_end();
}

/* --- What happens to it */

static void restart(toni_fake_node *node)
{
    (void)node;
    (void)say("SHUTDOWN SAVE\r\n");
    wait_for_end();
    start_server();
}

static void wipe(toni_fake_node *node)
{
    (void)node;
    ck_assert_int_eq(say("FLUSHALL\r\n"), '+');
}

static void save(toni_fake_node *node)
{
    (void)node;
    ck_assert_int_eq(say("SAVE\r\n"), '+');
}

static void fall_back(toni_fake_node *node)
{
    (void)node;
    tear_down();
    start_server();
}

/* Of a master that nobody can reach. */
static void make_read_only(toni_fake_node *node)
{
    (void)node;
    ck_assert_int_eq(say("REPLICAOF 127.0.0.1 1\r\n"), '+');
}

static void load(toni_fake_host *host)
{
    static char address[128];
    (void)snprintf(address, sizeof address, "unix:%s", socket_path);
    toni_fake_host_load(host, TEST_PLUGINS_DIR "/redis_engine.so");
    toni_fake_host_add_str(host, "servers", NULL, address);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

int main(void)
{
    static const toni_engine_subject subject = {.name = "redis_engine",
                                                .load = load,
                                                .set_up = set_up,
                                                .tear_down = tear_down,
                                                .restart = restart,
                                                .wipe = wipe,
                                                .save = save,
                                                .fall_back = fall_back,
                                                .make_read_only = make_read_only};
    strcpy(all_folders, "/tmp/toni-redis-XXXXXX");
    if (!mkdtemp(all_folders)) {
        perror(all_folders);
        return EXIT_FAILURE;
    }
    const int status = run_suite(toni_engine_suite(&subject));
    (void)nftw(all_folders, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return status;
}
