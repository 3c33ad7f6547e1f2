/* Heads of requests by RFC 9112, row by row, and each of them cut at every place: the pieces that
 * bytes come in make no difference. TONI_TEST_SEED repeats the random cuts. */
#include "no_memory.h"
#include "runner.h"
#include "ws/field.h"
#include "ws/head.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINE "GET /rooms HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"

/* What stands behind a head is not read. */
#define ROW(status, bytes)                                                                         \
    {                                                                                              \
        status,                                                                                    \
        {                                                                                          \
            bytes, sizeof(bytes) - 1                                                               \
        }                                                                                          \
    }

struct row {
    unsigned status; /* 0: it is whole and good */
    toni_str bytes;
};

static const struct row rows[] = {
    ROW(0, LINE HOST END),
    ROW(0, LINE "hOSt:\ta:80 \t\r\nX-Empty:\r\n" END "\x81\0frames"),
    ROW(0, "GET / HTTP/1.0\r\n" END),
    ROW(0, "GET / HTTP/1.0\r\n" HOST END),
    ROW(0, "GET / HTTP/1.2\r\n" HOST END), /* RFC 9110, section 2.5: as the highest 1.x known */
    ROW(0, "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" END),
    ROW(0, "!#$%&'*+-.^_`|~09aZ / HTTP/1.1\r\n" HOST END),
    ROW(0, LINE HOST "X: a\tb \"(c)\" \x80\xff\r\n" END), /* obs-text and tabs are legal */
    ROW(0, LINE HOST "X:y:z\r\nx: again\r\n" END),

    /* Empty lines in front: section 2.2. */
    ROW(0, "\r\n" LINE HOST END),
    ROW(0, "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" LINE HOST END),
    ROW(400, "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" LINE HOST END),

    /* Lines end with CR LF. */
    ROW(400, "GET /rooms HTTP/1.1\nHost: a\n\n"),
    ROW(400, LINE "Host: a\n\r\n"),
    ROW(400, LINE "Host: a\n" END),
    ROW(400, LINE HOST "\n"),
    ROW(400, "\n" LINE HOST END),
    ROW(400, LINE "Host: a\r\r\n" END),
    ROW(400, LINE HOST "X: a\rb\r\n" END),
    ROW(400, "GET /ro\roms HTTP/1.1\r\n" HOST END),
    ROW(400, "\r" LINE HOST END),

    /* The request line: section 3. */
    ROW(400, "GET  /rooms HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /rooms  HTTP/1.1\r\n" HOST END),
    ROW(400, "GET\t/rooms HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /rooms\tHTTP/1.1\r\n" HOST END),
    ROW(400, " GET /rooms HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /rooms HTTP/1.1 \r\n" HOST END),
    ROW(400, "GET /rooms\r\n" HOST END),
    ROW(400, "GET\r\n" END),
    ROW(400, "GET \r\n" END),
    ROW(400, "GET  HTTP/1.1\r\n" HOST END),
    ROW(400, "GE(T /rooms HTTP/1.1\r\n" HOST END),
    ROW(400, "G\xc3\xa9T /rooms HTTP/1.1\r\n" HOST END),
    ROW(400, "hello\r\n\r\n"),
    ROW(400, "\x16\x03\x01\x02"), /* TLS: not one line is waited for */
    ROW(400, "GET /rooms http/1.1\r\n" HOST END),
    ROW(400, "GET /rooms HTTP/1.\r\n" HOST END),
    ROW(400, "GET /rooms HTTP/1\r\n" HOST END),
    ROW(400, "GET /rooms HTTP/1.1.1\r\n" HOST END),
    ROW(400, "GET /rooms HTTP/11\r\n" HOST END),
    ROW(400, "GET /rooms HTTP/a.1\r\n" HOST END),
    ROW(400, "GET /rooms HTTP/1.x\r\n" HOST END),
    ROW(505, "GET /rooms HTTP/2.0\r\n" HOST END),
    ROW(505, "GET /rooms HTTP/0.9\r\n" HOST END),
    ROW(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),

    /* The target: section 3.2. */
    ROW(0, "GET /echo?x=100% HTTP/1.1\r\n" HOST END),
    ROW(0, "GET /echo?x=%zz HTTP/1.1\r\n" HOST END),
    ROW(0, "GET /echo?x=%00 HTTP/1.1\r\n" HOST END),
    ROW(0, "GET /echo?a|b^c`d{e}f[g]\"<>\\ HTTP/1.1\r\n" HOST END),
    ROW(0, "GET /?a??b HTTP/1.1\r\n" HOST END),
    ROW(0, "GET /%65cho HTTP/1.1\r\n" HOST END),
    ROW(0, "GET http://a/ HTTP/1.1\r\n" HOST END),
    ROW(0, "GET WS://a:80?x HTTP/1.1\r\n" HOST END),
    ROW(0, "GET wss://[::1]:80/x HTTP/1.1\r\n" HOST END),
    ROW(0, "GET https://a HTTP/1.1\r\n" HOST END),
    ROW(400, "GET rooms HTTP/1.1\r\n" HOST END),
    ROW(400, "GET ?x HTTP/1.1\r\n" HOST END),
    ROW(400, "GET a:80 HTTP/1.1\r\n" HOST END),
    ROW(400, "GET ftp://a/ HTTP/1.1\r\n" HOST END),
    ROW(400, "GET http:/a HTTP/1.1\r\n" HOST END),
    ROW(400, "GET http:// HTTP/1.1\r\n" HOST END),
    ROW(400, "GET http:///x HTTP/1.1\r\n" HOST END),
    ROW(400, "GET http://me@a/ HTTP/1.1\r\n" HOST END),
    ROW(400, "GET http://a:b/ HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /rooms#x HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /rooms?x#y HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /r\xc3\xa4ume HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /rooms?\xff HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /100% HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /%zz HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /%4 HTTP/1.1\r\n" HOST END),
    ROW(400, "GET /rooms%00 HTTP/1.1\r\n" HOST END),
    ROW(405, "OPTIONS * HTTP/1.1\r\n" HOST END),
    ROW(405, "CONNECT a:80 HTTP/1.1\r\n" HOST END),

    /* Fields: section 5. */
    ROW(400, LINE HOST "X : y\r\n" END),
    ROW(400, LINE HOST "X\t: y\r\n" END),
    ROW(400, LINE HOST ": y\r\n" END),
    ROW(400, LINE HOST "X\r\n" END),
    ROW(400, LINE HOST "X y: z\r\n" END),
    ROW(400, LINE HOST "X(: z\r\n" END),
    ROW(400, LINE HOST "\xc3\xa4: z\r\n" END),
    ROW(400, LINE HOST "X: y\r\n z\r\n" END),
    ROW(400, LINE HOST "X: y\r\n\tz\r\n" END),
    ROW(400, LINE HOST "X: y\r\n \r\n" END),
    ROW(400, LINE " X: y\r\n" HOST END),
    ROW(400, LINE HOST "X: a\0b\r\n" END),
    ROW(400, LINE HOST "X: a\x01\r\n" END),
    ROW(400, LINE HOST "X: a\x7f\r\n" END),
    ROW(400, LINE HOST "X: a\x1b[1m\r\n" END),
    ROW(400, LINE HOST "X\0: a\r\n" END),

    /* Host: section 3.2. */
    ROW(400, LINE END),
    ROW(400, LINE "X: y\r\n" END),
    ROW(400, LINE HOST HOST END),
    ROW(400, LINE HOST "HOST: b\r\n" END),
    ROW(400, "GET / HTTP/1.0\r\n" HOST HOST END),
    ROW(400, "GET http://a/ HTTP/1.1\r\n" END),
    ROW(400, LINE "Host:\r\n" END),
    ROW(400, LINE "Host: a b\r\n" END),
    ROW(400, LINE "Host: a/b\r\n" END),
    ROW(400, LINE "Host: a, b\r\n" END),
    ROW(400, LINE "Host: me@a\r\n" END),
    ROW(400, LINE "Host: a:b\r\n" END),
    ROW(400, LINE "Host: [::1\r\n" END),
    ROW(400, "GET / HTTP/1.0\r\nHost: a/b\r\n" END),

    /* Where a body would end: section 6.3. */
    ROW(0, LINE HOST "Content-Length: 18446744073709551616\r\n" END),
    ROW(0, LINE HOST "Transfer-Encoding: chunked\r\n" END),
    ROW(400, LINE HOST "Content-Length: 5\r\ncontent-length: 5\r\n" END),
    ROW(400, LINE HOST "Content-Length: 5, 5\r\n" END),
    ROW(400, LINE HOST "Content-Length:\r\n" END),
    ROW(400, LINE HOST "Content-Length: +5\r\n" END),
    ROW(400, LINE HOST "Content-Length: -1\r\n" END),
    ROW(400, LINE HOST "Content-Length: 0x5\r\n" END),
    ROW(400, LINE HOST "Content-Length: 5 5\r\n" END),
    ROW(400, LINE HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END),
    ROW(400, "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END),
};

/* --- Cuts */

static struct head head;
static uint64_t random_state;

static uint32_t random_below(uint32_t count)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % count;
}

/* What is read of the head that these bytes begin with, in pieces that end at @p cuts; each time
 * from a copy that ends where the piece ends, so that a byte read behind it is found. */
static enum head_progress read_pieces(toni_str bytes, const size_t *cuts, size_t count)
{
    enum head_progress progress = HEAD_MORE;
    char *copy = NULL;
    head_init(&head);
    for (size_t i = 0; i <= count && progress == HEAD_MORE; i++) {
        const size_t size = i < count ? cuts[i] : bytes.size;
        free(copy);
        copy = malloc(size + 1);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, bytes.data, size);
        progress = head_read(&head, copy, size);
    }
    free(copy);
    head.bytes = bytes.data;
    return progress;
}

/* The same, of all that can be read of it. */
static void check_same(toni_str bytes, const size_t *cuts, size_t count)
{
    static struct head whole;
    const enum head_progress expected = read_pieces(bytes, NULL, 0);
    whole = head;
    const enum head_progress progress = read_pieces(bytes, cuts, count);
    ck_assert_int_eq(progress, expected);
    ck_assert_mem_eq(&head, &whole, offsetof(struct head, fields));
    ck_assert_mem_eq(head.fields, whole.fields, head.field_count * sizeof head.fields[0]);
}

START_TEST(a_row)
{
    const struct row *row = &rows[_i];
    const enum head_progress progress = read_pieces(row->bytes, NULL, 0);
    ck_assert_msg(progress == (row->status ? HEAD_FAULT : HEAD_DONE), "row %d: %.*s", _i,
                  TONI_STR_ARG(row->bytes));
    ck_assert_uint_eq(head.status, row->status);
    ck_assert(!row->status == !head.fault);
}
END_TEST

START_TEST(a_row_cut_at_every_place)
{
    const toni_str bytes = rows[_i].bytes;
    size_t each[512];
    for (size_t cut = 0; cut <= bytes.size; cut++) {
        each[cut] = cut;
        check_same(bytes, &cut, 1);
        check_same(bytes, (size_t[]){cut / 2, cut}, 2);
    }
    check_same(bytes, each, bytes.size);
}
END_TEST

/* Bytes of all rows, mixed: mostly wrong, in each way the same however they are cut. */
START_TEST(random_bytes_cut_at_random_places)
{
    char bytes[2048];
    size_t cuts[8];
    const char *given = getenv("TONI_TEST_SEED");
    random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("TONI_TEST_SEED=%" PRIu64 "\n", random_state);
    for (unsigned run = 0; run < 5000; run++) {
        size_t size = 0;
        for (unsigned parts = 1 + random_below(6); parts > 0; parts--) {
            const toni_str row = rows[random_below(sizeof rows / sizeof rows[0])].bytes;
            const size_t begin = random_below((uint32_t)row.size + 1);
            const size_t count = random_below((uint32_t)(row.size - begin) + 1);
            memcpy(bytes + size, row.data + begin, count);
            size += count;
        }
        if (size > 0 && random_below(2))
            bytes[random_below((uint32_t)size)] = (char)random_below(256);
        size_t count = random_below(sizeof cuts / sizeof cuts[0]), last = 0;
        for (size_t i = 0; i < count; i++)
            cuts[i] = last += random_below((uint32_t)(size - last) + 1);
        check_same(toni_str_make(bytes, size), cuts, count);
    }
}
END_TEST

/* --- What a head says */

static void read_good(const char *text)
{
    ck_assert_int_eq(read_pieces(toni_str_of(text), NULL, 0), HEAD_DONE);
}

static void check_text(toni_str found, const char *expected)
{
    ck_assert_msg(toni_str_equal(found, toni_str_of(expected)), "`%.*s` instead of `%s`",
                  TONI_STR_ARG(found), expected);
}

START_TEST(the_parts_of_a_request_line)
{
    read_good("\r\nDELETE /a%2Fb/../c?d=%31&e HTTP/1.1\r\nHost: h:1\r\n\r\nrest");
    check_text(head_method(&head), "DELETE");
    check_text(head_path(&head), "/a%2Fb/../c");
    check_text(head_query(&head), "d=%31&e");
    check_text(head_host(&head), "h:1");
    ck_assert_uint_eq(head.size,
                      strlen("\r\nDELETE /a%2Fb/../c?d=%31&e HTTP/1.1\r\nHost: h:1\r\n\r\n"));
    ck_assert(!head.is_old);
    read_good("GET /x HTTP/1.0\r\n\r\n");
    ck_assert(head.is_old);
    check_text(head_query(&head), "");
    check_text(head_host(&head), "");
}
END_TEST

/* Section 3.2.2: the authority takes the place of Host. */
START_TEST(absolute_form)
{
    read_good("GET http://one:81/a?b HTTP/1.1\r\nHost: two\r\n\r\n");
    check_text(head_host(&head), "one:81");
    check_text(head_path(&head), "/a");
    check_text(head_query(&head), "b");
    read_good("GET Ws://one?b/c HTTP/1.1\r\nHost: two\r\n\r\n");
    check_text(head_host(&head), "one");
    check_text(head_path(&head), "/");
    check_text(head_query(&head), "b/c");
    read_good("GET /http://one/ HTTP/1.1\r\nHost: two\r\n\r\n");
    check_text(head_host(&head), "two");
    check_text(head_path(&head), "/http://one/");
}
END_TEST

START_TEST(fields_by_name)
{
    toni_str value;
    char joined[64];
    unsigned index = 0;
    read_good(LINE HOST "X-One: 1, 2\r\ncookie: a=1\r\nx-oNE:\t 3 \r\nCookie: b\r\nX: y\r\n\r\n");
    check_text(head_field(&head, "x-one"), "1, 2");
    check_text(head_field(&head, "X-On"), "");
    check_text(head_field(&head, "x"), "y"); /* the beginning of another's name */
    ck_assert_uint_eq(head_count(&head, "X-ONE"), 2);
    ck_assert_uint_eq(head_count(&head, "X-Two"), 0);
    ck_assert(head_next_field(&head, toni_str_of("X-One"), &index, &value));
    ck_assert(head_next_field(&head, toni_str_of("X-One"), &index, &value));
    check_text(value, "3");
    ck_assert(!head_next_field(&head, toni_str_of("X-One"), &index, &value));
    ssize_t size = head_join(&head, toni_str_of("X-One"), joined);
    check_text(toni_str_make(joined, (size_t)size), "1, 2, 3");
    size = head_join(&head, toni_str_of("COOKIE"), joined);
    check_text(toni_str_make(joined, (size_t)size), "a=1; b");
    ck_assert_int_eq(head_join(&head, toni_str_of("None"), joined), -1);
}
END_TEST

START_TEST(tokens_in_lists)
{
    read_good(LINE HOST "Connection: keep-alive,\r\nconnection: ,UPGRADE\r\n\r\n");
    ck_assert(head_has_token(&head, "Connection", "upgrade"));
    ck_assert(head_has_token(&head, "Connection", "Keep-Alive"));
    ck_assert(!head_has_token(&head, "Connection", "keep"));
    ck_assert(!head_has_token(&head, "Upgrade", "upgrade"));
}
END_TEST

START_TEST(bodies_are_seen)
{
    static const struct {
        const char *field;
        bool has_body;
    } bodies[] = {
        {"X: y", false},
        {"Content-Length: 0", false},
        {"Content-Length: 000", false},
        {"Content-Length: 010", true},
        {"Content-Length: 99999999999999999999999999", true},
        {"Transfer-Encoding: chunked", true},
        {"Transfer-Encoding: ", true},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, LINE HOST "%s\r\n\r\n", bodies[i].field);
        read_good(text);
        ck_assert_msg(head.has_body == bodies[i].has_body, "%s", bodies[i].field);
    }
}
END_TEST

/* --- Bounds */

static char large[2 * HEAD_SIZE_MAX + 1];

/* A head of that size; what makes it so long is @p filler. */
static toni_str make_large(const char *before, const char *behind, size_t size)
{
    const size_t filled = size - strlen(before) - strlen(behind);
    memset(large, 'x', sizeof large);
    (void)sprintf(large, "%s", before);
    large[strlen(before)] = 'x';
    (void)sprintf(large + strlen(before) + filled, "%s", behind);
    return toni_str_make(large, size);
}

START_TEST(a_head_has_a_largest_size)
{
    const char *before = LINE HOST "X: ", *behind = "\r\n\r\n";
    const toni_str good = make_large(before, behind, HEAD_SIZE_MAX);
    ck_assert_int_eq(read_pieces(good, NULL, 0), HEAD_DONE);
    ck_assert_uint_eq(head.size, HEAD_SIZE_MAX);
    for (size_t cut = HEAD_SIZE_MAX - 4; cut < HEAD_SIZE_MAX; cut++)
        check_same(good, &cut, 1);

    const toni_str bad = make_large(before, behind, HEAD_SIZE_MAX + 1);
    ck_assert_int_eq(read_pieces(bad, NULL, 0), HEAD_FAULT);
    ck_assert_uint_eq(head.status, 431);
    for (size_t cut = HEAD_SIZE_MAX - 4; cut <= HEAD_SIZE_MAX + 1; cut++)
        check_same(bad, &cut, 1);

    ck_assert_int_eq(read_pieces(make_large(LINE, "", sizeof large - 1), NULL, 0), HEAD_FAULT);
    ck_assert_uint_eq(head.status, 431);
    ck_assert_int_eq(read_pieces(make_large("GET /", "", sizeof large - 1), NULL, 0), HEAD_FAULT);
    ck_assert_uint_eq(head.status, 414);
}
END_TEST

START_TEST(a_head_has_a_largest_number_of_fields)
{
    for (unsigned count = HEAD_FIELDS_MAX - 1; count <= HEAD_FIELDS_MAX; count++) {
        size_t size = (size_t)sprintf(large, "%s", LINE HOST);
        for (unsigned i = 0; i < count; i++)
            size += (size_t)sprintf(large + size, "X-%u: y\r\n", i);
        size += (size_t)sprintf(large + size, "\r\n");
        const bool is_good = count < HEAD_FIELDS_MAX; /* Host is one, too */
        ck_assert_int_eq(read_pieces(toni_str_make(large, size), NULL, 0),
                         is_good ? HEAD_DONE : HEAD_FAULT);
        ck_assert_uint_eq(head.status, is_good ? 0 : 431);
    }
}
END_TEST

START_TEST(a_query_has_a_largest_number_of_parameters)
{
    for (unsigned count = HEAD_PARAMETERS_MAX; count <= HEAD_PARAMETERS_MAX + 1; count++) {
        size_t size = (size_t)sprintf(large, "GET /?");
        for (unsigned i = 0; i < count; i++)
            size += (size_t)sprintf(large + size, "a&&"); /* empty ones are none */
        size += (size_t)sprintf(large + size, " HTTP/1.1\r\n" HOST "\r\n");
        const bool is_good = count == HEAD_PARAMETERS_MAX;
        ck_assert_int_eq(read_pieces(toni_str_make(large, size), NULL, 0),
                         is_good ? HEAD_DONE : HEAD_FAULT);
        ck_assert_uint_eq(head.status, is_good ? 0 : 414);
    }
}
END_TEST

START_TEST(a_head_allocates_nothing)
{
    static const char text[] = LINE HOST "Connection: Upgrade\r\nX: y\r\nx: z\r\n\r\n";
    char joined[sizeof text];
    bool has_token = false;
    ssize_t size = 0;
    for (size_t have = 1; have < sizeof text; have++) {
        WITH_ALLOCATIONS(0, {
            if (have == 1)
                head_init(&head);
            if (head_read(&head, text, have) == HEAD_DONE) {
                has_token = head_has_token(&head, "Connection", "Upgrade");
                size = head_join(&head, toni_str_of("X"), joined);
            }
        });
    }
    ck_assert(has_token);
    ck_assert_int_eq(size, 4);
    ck_assert(!allocation_failed());
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    Suite *suite = suite_create("ws/head");
    TCase *cases = tcase_create("rows");
    TCase *parts = tcase_create("parts");
    const int count = sizeof rows / sizeof rows[0];

    tcase_add_loop_test(cases, a_row, 0, count);
    tcase_add_loop_test(cases, a_row_cut_at_every_place, 0, count);
    tcase_add_test(cases, random_bytes_cut_at_random_places);
    tcase_add_test(parts, the_parts_of_a_request_line);
    tcase_add_test(parts, absolute_form);
    tcase_add_test(parts, fields_by_name);
    tcase_add_test(parts, tokens_in_lists);
    tcase_add_test(parts, bodies_are_seen);
    tcase_add_test(parts, a_head_has_a_largest_size);
    tcase_add_test(parts, a_head_has_a_largest_number_of_fields);
    tcase_add_test(parts, a_query_has_a_largest_number_of_parameters);
    tcase_add_test(parts, a_head_allocates_nothing);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, parts);

    return run_suite(suite);
}
