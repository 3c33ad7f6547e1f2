/* The page: which files there are, and how a request for one is answered. */
#include "base/log.h"
#include "http/exchange.h"
#include "http/page.h"
#include "runner.h"
#include "temporary_folder.h"

#include <toni/error.h>

#define DESCRIPTION "{\"a\": 1}"

static const char *const files[] = {"index.html",   "style.css",     "icon.svg",    "workbench.js",
                                    "host.js",      "console.js",    "composer.js", "rooms.js",
                                    "elsewhere.js", "events.js",     "messages.js", "text.js",
                                    "chat.js",      "connection.js", "protocol.js"};

static struct http_page *page;
static toni_host table;
static toni_exchange *exchange;
static const char *known_etags; /* If-None-Match, or NULL */
static char fields[2048];       /* "Name: value\n", of the answer */
static int32_t add_result;

static int32_t fake_header(const toni_exchange *asked, toni_str name, toni_str *value)
{
    (void)asked;
    if (!known_etags || !toni_str_equal(name, toni_str_of("If-None-Match")))
        return TONI_ERR_NOT_FOUND;
    *value = toni_str_of(known_etags);
    return TONI_OK;
}

static int32_t fake_add_header(toni_exchange *answered, toni_str name, toni_str value)
{
    (void)answered;
    size_t length = strlen(fields);
    (void)snprintf(fields + length, sizeof fields - length, "%.*s: %.*s\n", TONI_STR_ARG(name),
                   TONI_STR_ARG(value));
    return add_result;
}

static void setup(void)
{
    testing_setup();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        testing_write_text(files[i], files[i]);
    http_exchange_fill_table(&table);
    table.exchange_header = fake_header;
    table.exchange_add_header = fake_add_header;
    page = http_page_create(test_folder, DESCRIPTION);
    ck_assert_ptr_nonnull(page);
}

static void teardown(void)
{
    http_exchange_destroy(exchange);
    http_page_destroy(page);
    testing_teardown();
}

/* @return Whether the page has this path. */
static bool ask(const char *method, const char *path)
{
    http_exchange_destroy(exchange);
    fields[0] = '\0';
    exchange = calloc(1, sizeof *exchange);
    ck_assert_ptr_nonnull(exchange);
    exchange->host = &table;
    exchange->method = method;
    exchange->path = toni_str_of(path);
    return http_page_answer(page, exchange);
}

static void check_content(const char *path, const char *type, const char *content)
{
    ck_assert_msg(ask("GET", path), "%s", path);
    ck_assert_uint_eq(exchange->answer.status, 200);
    ck_assert_str_eq(exchange->answer.content_type, type);
    ck_assert_uint_eq(exchange->answer.content.length, strlen(content));
    ck_assert_mem_eq(exchange->answer.content.bytes, content, strlen(content));
}

/* Of the last answer. */
static const char *etag(void)
{
    static char text[64];
    const char *field = strstr(fields, "ETag: ");

    ck_assert_ptr_nonnull(field);
    ck_assert_int_eq(sscanf(field, "ETag: %63[^\n]\n", text), 1);
    return text;
}

START_TEST(serves_its_files)
{
    check_content("/", "text/html; charset=utf-8", "index.html");
    check_content("/style.css", "text/css; charset=utf-8", "style.css");
    check_content("/chat.js", "text/javascript; charset=utf-8", "chat.js");
    check_content("/connection.js", "text/javascript; charset=utf-8", "connection.js");
    check_content("/protocol.js", "text/javascript; charset=utf-8", "protocol.js");
    check_content("/workbench.js", "text/javascript; charset=utf-8", "workbench.js");
    check_content("/icon.svg", "image/svg+xml; charset=utf-8", "icon.svg");
    check_content("/toni.json", "application/json", DESCRIPTION);
}
END_TEST

START_TEST(serves_nothing_else)
{
    static const char *const others[] = {
        "",      "//",          "/index.html", "/chat.js/",    "/CHAT.JS",
        "/chat", "/../chat.js", "/./chat.js",  "/www/chat.js", "chat.js",
        "/toni"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_msg(!ask("GET", others[i]), "%s", others[i]);
    ck_assert(!ask("POST", "/nothing"));
    http_page_destroy(page);
    page = NULL;
    ck_assert(!ask("GET", "/"));
}
END_TEST

START_TEST(can_only_be_read)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        ck_assert(ask(methods[i], "/"));
        ck_assert_uint_eq(exchange->answer.status, 405);
    }
    ck_assert(ask("OPTIONS", "/chat.js"));
    ck_assert_uint_eq(exchange->answer.status, 204);
}
END_TEST

START_TEST(what_is_known_is_not_sent_again)
{
    char list[256];

    check_content("/chat.js", "text/javascript; charset=utf-8", "chat.js");
    char tag[64];
    (void)snprintf(tag, sizeof tag, "%s", etag());
    ck_assert_uint_eq(strlen(tag), 18);
    const struct {
        const char *before, *after;
    } lists[] = {{"", ""},
                 {"W/", ""},
                 {"\"a\", ", ""},
                 {"\"a\",W/", " ,\"b\""},
                 {" \t", " , \"b\""},
                 {",, , ", ", , ,,"}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        (void)snprintf(list, sizeof list, "%s%s%s", lists[i].before, tag, lists[i].after);
        known_etags = list;
        ck_assert(ask("GET", "/chat.js"));
        ck_assert_msg(exchange->answer.status == 304, "%s", list);
        ck_assert_uint_eq(exchange->answer.content.length, 0);
        ck_assert_str_eq(etag(), tag);
    }
    known_etags = "*";
    ck_assert(ask("GET", "/chat.js"));
    ck_assert_uint_eq(exchange->answer.status, 304);
}
END_TEST

START_TEST(what_is_not_known_is_sent)
{
    static const char *const bad[] = {"", ",", "\"\"", "\"0000000000000000\"", "W/", "**", "w/*"};
    char without_quotes[64];

    check_content("/chat.js", "text/javascript; charset=utf-8", "chat.js");
    (void)snprintf(without_quotes, sizeof without_quotes, "%.16s", etag() + 1);
    known_etags = without_quotes;
    check_content("/chat.js", "text/javascript; charset=utf-8", "chat.js");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        known_etags = bad[i];
        check_content("/chat.js", "text/javascript; charset=utf-8", "chat.js");
    }
}
END_TEST

START_TEST(an_etag_follows_the_content)
{
    char before[64];

    ask("GET", "/chat.js");
    (void)snprintf(before, sizeof before, "%s", etag());
    ask("GET", "/style.css");
    ck_assert_str_ne(etag(), before);

    http_page_destroy(page);
    page = http_page_create(test_folder, DESCRIPTION);
    ask("GET", "/chat.js");
    ck_assert_str_eq(etag(), before);

    http_page_destroy(page);
    testing_write_text("chat.js", "another one");
    page = http_page_create(test_folder, DESCRIPTION);
    ask("GET", "/chat.js");
    ck_assert_str_ne(etag(), before);
}
END_TEST

START_TEST(every_answer_is_guarded)
{
    for (int i = 0; i < 2; i++) {
        known_etags = i == 0 ? NULL : "*";
        ask("GET", "/");
        ck_assert_ptr_nonnull(strstr(fields, "Content-Security-Policy: default-src 'none'; "));
        ck_assert_ptr_nonnull(strstr(fields, "X-Content-Type-Options: nosniff\n"));
        ck_assert_ptr_nonnull(strstr(fields, "Referrer-Policy: no-referrer\n"));
        ck_assert_ptr_nonnull(strstr(fields, "Cache-Control: no-cache\n"));
    }
}
END_TEST

START_TEST(an_answer_that_lacks_a_field_is_not_sent)
{
    add_result = TONI_ERR_NO_MEMORY;
    ck_assert(ask("GET", "/"));
    ck_assert_uint_eq(exchange->answer.status, 500);
}
END_TEST

static char log_text[4096];

static void keep_line(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    (void)snprintf(log_text, sizeof log_text, "%.*s", (int)length, line);
}

START_TEST(a_file_that_is_missing_is_no_page)
{
    log_set_sink(keep_line, NULL);
    ck_assert_ptr_null(http_page_create(testing_path("nowhere"), DESCRIPTION));
    ck_assert_ptr_nonnull(strstr(log_text, "nowhere/index.html"));
    ck_assert_ptr_nonnull(strstr(log_text, "No such file"));
    ck_assert_ptr_nonnull(strstr(log_text, "level=warn"));

    ck_assert_int_eq(remove(testing_path("protocol.js")), 0);
    ck_assert_ptr_null(http_page_create(test_folder, DESCRIPTION));
    ck_assert_ptr_nonnull(strstr(log_text, "protocol.js"));

    ck_assert_int_eq(mkdir(testing_path("protocol.js"), 0700), 0);
    ck_assert_ptr_null(http_page_create(test_folder, DESCRIPTION));
    ck_assert_ptr_nonnull(strstr(log_text, "Is a directory"));

    ck_assert_ptr_null(http_page_create(test_folder, NULL));
    log_set_sink(NULL, NULL);
}
END_TEST

START_TEST(a_large_file_is_whole)
{
    static char large[100000];

    memset(large, 'x', sizeof large - 1);
    testing_write_text("chat.js", large);
    http_page_destroy(page);
    page = http_page_create(test_folder, DESCRIPTION);
    check_content("/chat.js", "text/javascript; charset=utf-8", large);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/http_page");
    TCase *cases = tcase_create("page");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, serves_its_files);
    tcase_add_test(cases, serves_nothing_else);
    tcase_add_test(cases, can_only_be_read);
    tcase_add_test(cases, what_is_known_is_not_sent_again);
    tcase_add_test(cases, what_is_not_known_is_sent);
    tcase_add_test(cases, an_etag_follows_the_content);
    tcase_add_test(cases, every_answer_is_guarded);
    tcase_add_test(cases, an_answer_that_lacks_a_field_is_not_sent);
    tcase_add_test(cases, a_file_that_is_missing_is_no_page);
    tcase_add_test(cases, a_large_file_is_whole);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
