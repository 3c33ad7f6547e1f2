/* Where the body of a request ends must not be a matter of opinion. */
#include "http/framing.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

/* @param fields  Lines `Name: value`, up to NULL. @return 0: nothing is wrong. */
static uint32_t judge(bool is_old, const char *const *fields)
{
    struct http_framing framing = {0};
    uint32_t status;

    for (; *fields; fields++) {
        const char *colon = strchr(*fields, ':');
        http_framing_take(&framing, toni_str_make(*fields, (size_t)(colon - *fields)),
                          toni_str_of(colon + 2));
    }
    const char *problem = http_framing_judge(&framing, is_old, &status);
    ck_assert(!problem || strchr(problem, '\n') == problem + strlen(problem) - 1);
    return problem ? status : 0;
}

#define JUDGE(is_old, ...) judge(is_old, (const char *const[]){__VA_ARGS__, NULL})
#define HOST "Host: a"

START_TEST(one_meaning)
{
    ck_assert_uint_eq(JUDGE(false, HOST), 0);
    ck_assert_uint_eq(JUDGE(false, HOST, "content-length: 5", "X: y"), 0);
    ck_assert_uint_eq(JUDGE(false, HOST, "Transfer-Encoding: Chunked"), 0);
    ck_assert_uint_eq(JUDGE(true, "X: y"), 0);
    ck_assert_uint_eq(JUDGE(false, HOST, "Length: 5", "X-Content-Length: 5"), 0);
}
END_TEST

START_TEST(two_meanings)
{
    ck_assert_uint_eq(JUDGE(false, "X: y"), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "HOST: b"), 400);
    ck_assert_uint_eq(JUDGE(true, HOST, HOST), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "Content-Length: 5", "content-length: 5"), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "Content-Length: 5", "Transfer-Encoding: chunked"), 400);
    ck_assert_uint_eq(
        JUDGE(false, HOST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400);
    ck_assert_uint_eq(JUDGE(true, HOST, "Transfer-Encoding: chunked"), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "Transfer-Encoding: gzip, chunked"), 501);
    ck_assert_uint_eq(JUDGE(false, HOST, "Transfer-Encoding: "), 501);
}
END_TEST

/* As libmicrohttpd 0.9.75 hands them on: what the second line holds is at the end of the name. */
START_TEST(folded_lines)
{
    ck_assert_uint_eq(JUDGE(false, HOST, "Content-Length43: "), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "content-length5: 4"), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "Transfer-Encodingchunked: "), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "Content-Length 43: "), 400);
    ck_assert_uint_eq(JUDGE(false, "Hosta: "), 400);
}
END_TEST

START_TEST(illegal_fields)
{
    ck_assert_uint_eq(JUDGE(false, HOST, "Content-Length : 5"), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "X: a\rb"), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, "X: a\nb"), 400);
    ck_assert_uint_eq(JUDGE(false, HOST, ": a"), 400);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/http_framing");
    TCase *cases = tcase_create("framing");

    tcase_add_test(cases, one_meaning);
    tcase_add_test(cases, two_meanings);
    tcase_add_test(cases, folded_lines);
    tcase_add_test(cases, illegal_fields);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
