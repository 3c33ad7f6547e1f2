/* The page service against the fake host: one file, and nothing else. */
#include "runner.h"
#include "toni_testkit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static toni_fake_host host;
static toni_fake_exchange exchange;
static char folder[32], path[64];

static void set_up(void)
{
    strcpy(folder, "/tmp/toni-test-XXXXXX");
    ck_assert(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/page.html", folder);
    toni_fake_host_init(&host);
    toni_fake_host_load(&host, TEST_PLUGINS_DIR "/page_service.so");
    toni_fake_host_set_str(&host, "file", path);
}

static void tear_down(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void write_page(const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    ck_assert(file && fwrite(text, 1, size, file) == size && fclose(file) == 0);
}

static void start(void)
{
    write_page("<p>one", 6);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
}

static void ask(const char *method, const char *where)
{
    toni_fake_exchange_init(&exchange, &host, method, where);
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
}

#define FIELDS                                                                                     \
    "header Cache-Control: no-cache\nheader X-Content-Type-Options: nosniff\n"                     \
    "header Content-Security-Policy: frame-ancestors 'none'\n"

START_TEST(it_is_read_for_each_request)
{
    start();
    ask("GET", "/page");
    toni_fake_host_expect(&host, FIELDS "answer 200 text/html; charset=utf-8 <p>one\n");
    write_page("<p>another", 10);
    ask("GET", "/page");
    toni_fake_host_expect(&host, FIELDS "answer 200 text/html; charset=utf-8 <p>another\n");
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(the_type_can_be_another)
{
    toni_fake_host_set_str(&host, "type", "text/plain");
    start();
    ask("GET", "/page");
    toni_fake_host_expect(&host, FIELDS "answer 200 text/plain <p>one\n");
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(nothing_else_is_there)
{
    start();
    ask("GET", "/page/../etc/passwd");
    ck_assert_uint_eq(exchange.status, 404);
    ask("GET", "/page/");
    ck_assert_uint_eq(exchange.status, 404);
    toni_fake_host_clear(&host);
    ask("POST", "/page");
    toni_fake_host_expect(&host, "header Allow: GET, HEAD\n"
                                 "answer 405 text/plain; charset=utf-8 This can only be read.\n\n");
    toni_fake_host_stop(&host);
}
END_TEST

START_TEST(a_file_that_goes_is_told)
{
    start();
    ck_assert_int_eq(unlink(path), 0);
    ask("GET", "/page");
    ck_assert_uint_eq(exchange.status, 503);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* is not waited for */
    ask("GET", "/page");
    ck_assert_uint_eq(exchange.status, 503);
    toni_fake_host_stop(&host);
}
END_TEST

static void check_no_start(const char *why)
{
    char expected[128];
    (void)snprintf(expected, sizeof expected, "fail %s can't be read as a page: %s\n", path, why);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_ERR_INVALID);
    toni_fake_host_expect(&host, expected);
}

START_TEST(a_file_that_can_not_be_a_page_is_a_fault)
{
    static char large[1024 * 1024 + 1];
    check_no_start("No such file or directory");
    write_page(large, sizeof large);
    check_no_start("it has more than 1 MiB");
    write_page(large, sizeof large - 1);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_stop(&host);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    check_no_start("it is no regular file");
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page_service");
    TCase *cases = tcase_create("page_service");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, it_is_read_for_each_request);
    tcase_add_test(cases, the_type_can_be_another);
    tcase_add_test(cases, nothing_else_is_there);
    tcase_add_test(cases, a_file_that_goes_is_told);
    tcase_add_test(cases, a_file_that_can_not_be_a_page_is_a_fault);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
