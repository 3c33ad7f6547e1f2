/* Connections that libmicrohttpd was handed and closes without a word: they must leave no trace,
 * also if their numbers are another's by then. */
#include "http/deadlines.h"
#include "runner.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_MS 60000

static struct http_deadlines deadlines;
static struct places places;
static struct http_load load;
static unsigned lost;

static void on_lost(void *data, struct http_connection *connection)
{
    ck_assert_ptr_eq(data, &lost);
    ck_assert(!connection->is_started);
    lost++;
}

static void set_up(void)
{
    lost = 0;
    load = (struct http_load){0};
    ck_assert_int_eq(places_init(&places, "listen.http", 100, 0), 0);
    ck_assert_int_eq(http_deadlines_init(&deadlines, LIMIT_MS, on_lost, &lost), 0);
}

static void tear_down(void)
{
    http_deadlines_finish(&deadlines);
    ck_assert_uint_eq(atomic_load(&load.connections), 0);
    ck_assert_uint_eq(places_count_addresses(&places), 0);
    places_finish(&places);
}

static int make_socket(void)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static struct http_connection *add(int fd)
{
    const struct sockaddr_storage peer = {.ss_family = AF_UNIX};
    struct http_connection *connection =
        http_deadlines_add(&deadlines, &places, &load, fd, &peer, PROXY_NONE, NULL);
    ck_assert_ptr_nonnull(connection);
    return connection;
}

START_TEST(one_that_was_closed_unsaid_is_lost)
{
    const int fd = make_socket();
    add(fd);
    http_deadlines_sweep(&deadlines);
    ck_assert_uint_eq(lost, 0);
    close(fd);
    http_deadlines_sweep(&deadlines);
    ck_assert_uint_eq(lost, 1);
    ck_assert_uint_eq(atomic_load(&load.connections), 0);
    ck_assert_uint_eq(places_count_addresses(&places), 0);
    http_deadlines_sweep(&deadlines);
    ck_assert_uint_eq(lost, 1);
}
END_TEST

START_TEST(also_if_its_number_is_anothers)
{
    const int fd = make_socket();
    add(fd);
    close(fd);
    ck_assert_int_eq(make_socket(), fd);
    struct http_connection *other = add(fd);
    http_deadlines_sweep(&deadlines);
    ck_assert_uint_eq(lost, 1);
    ck_assert_ptr_eq(http_deadlines_start(&deadlines, fd), other);
    http_deadlines_remove(&deadlines, other);
    close(fd);
}
END_TEST

START_TEST(one_that_a_thread_has_is_not)
{
    const int fd = make_socket();
    struct http_connection *connection = add(fd);
    ck_assert_ptr_eq(http_deadlines_start(&deadlines, fd), connection);
    close(fd);
    http_deadlines_sweep(&deadlines);
    ck_assert_uint_eq(lost, 0);
    http_deadlines_remove(&deadlines, connection);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/deadlines");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, one_that_was_closed_unsaid_is_lost);
    tcase_add_test(cases, also_if_its_number_is_anothers);
    tcase_add_test(cases, one_that_a_thread_has_is_not);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
