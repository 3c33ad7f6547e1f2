/* Sessions on a pair of sockets: what is left to be read, by whom it is told. The client is
 * OpenSSL's, on two buffers, so that the test decides which of its bytes arrive. */
#include "certificates.h"
#include "temporary_folder.h"
#include "tls/context.h"
#include "tls/session.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE 7

static struct tls_context *context;
static struct tls_output output;
static struct tls_session *session;
static SSL_CTX *client_context;
static SSL *client;
static BIO *come, *gone; /* what the client has got, and what it has to say */
static int sockets[2];   /* the session's, and the client's */
static int version;      /* that the client speaks */

/* What the session asks of the kernel. */
static unsigned reads, writes;
static bool is_write_ahead[16]; /* of each write: it goes with what follows */

/* The linker makes these names. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c) */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    const int fd = va_arg(arguments, int);
    void *bytes = va_arg(arguments, void *);
    const size_t size = va_arg(arguments, size_t);
    const int flags = va_arg(arguments, int);
    va_end(arguments);
    if (number == SYS_recvfrom) {
        reads++;
    } else {
        ck_assert_int_eq(number, SYS_sendto);
        ck_assert_uint_lt(writes, sizeof is_write_ahead / sizeof is_write_ahead[0]);
        is_write_ahead[writes++] = (flags & MSG_MORE) != 0;
    }
    return __real_syscall(number, fd, bytes, size, flags, NULL, 0);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c) */

static const struct value_place place = {.file = "gateways.conf", .line = LINE};

static void make_context(void)
{
    struct made host = made_create(&(struct recipe){.name = "host.example"});
    made_write(testing_path("host.pem"), (const struct made *const[]){&host, NULL});
    made_write_key(testing_path("host.key"), &host, 0600);
    made_finish(&host);
    struct value *group = value_group_create(place);
    value_add_string(group, "certificate", place, "host.pem");
    value_add_string(group, "key", place, "host.key");
    context = tls_context_create(group, test_folder, &faults);
    value_destroy(group);
    ck_assert_ptr_nonnull(context);
}

static void make_client(void)
{
    client_context = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_set_max_proto_version(client_context, version), 1);
    client = SSL_new(client_context);
    come = BIO_new(BIO_s_mem());
    gone = BIO_new(BIO_s_mem());
    SSL_set_bio(client, come, gone);
    SSL_set_connect_state(client);
}

static void transmit(const void *bytes, size_t size)
{
    ck_assert_int_eq(send(sockets[1], bytes, size, 0), (ssize_t)size);
}

static void receive_all(void)
{
    char bytes[16384];
    ssize_t size;
    while ((size = recv(sockets[1], bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        ck_assert_int_eq(BIO_write(come, bytes, (int)size), size);
}

/* @return What the client has to say, of which nothing has been sent yet. */
static size_t take_said(char *bytes, size_t most)
{
    const int size = BIO_read(gone, bytes, (int)most);
    return size > 0 ? (size_t)size : 0;
}

static void shake(void)
{
    char bytes[16384];
    enum tls_progress progress = TLS_WAITS;
    enum tls_failure why;
    while (progress == TLS_WAITS) {
        (void)SSL_do_handshake(client);
        transmit(bytes, take_said(bytes, sizeof bytes));
        progress = tls_session_shake(session, &why);
        receive_all();
    }
    ck_assert_int_eq(progress, TLS_DONE);
}

static void begin(int client_version)
{
    version = client_version;
    reads = writes = 0;
    testing_setup();
    make_context();
    make_client();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets),
                     0);
    ck_assert_int_eq(tls_output_init(&output), 0);
    session = tls_session_create(context, sockets[0], &output);
    ck_assert_ptr_nonnull(session);
}

static void setup(void)
{
    begin(TLS1_3_VERSION);
    shake();
}

static void begin_1_3(void)
{
    begin(TLS1_3_VERSION);
}

static void begin_1_2(void)
{
    begin(TLS1_2_VERSION);
}

static void teardown(void)
{
    tls_session_destroy(session);
    tls_output_finish(&output);
    close(sockets[0]);
    close(sockets[1]);
    SSL_free(client);
    SSL_CTX_free(client_context);
    tls_context_unref(context);
    testing_teardown();
}

/* @return The size of a record with these bytes. */
static size_t seal(const char *plain, char *record, size_t most)
{
    ck_assert_int_eq(SSL_write(client, plain, (int)strlen(plain)), (int)strlen(plain));
    return take_said(record, most);
}

static void expect_read(size_t most, const char *expected)
{
    char bytes[64];
    const ssize_t size = tls_session_read(session, bytes, most);
    ck_assert_int_eq(size, (ssize_t)strlen(expected));
    ck_assert_mem_eq(bytes, expected, strlen(expected));
}

/* Else its thread looks again and again, at full speed, for as long as the client likes. */
START_TEST(the_socket_tells_of_the_rest_of_a_record)
{
    char record[256];
    const size_t size = seal("hello", record, sizeof record);
    for (size_t i = 0; i < size - 1; i++) {
        transmit(record + i, 1);
        expect_read(64, "");
        ck_assert_msg(!tls_session_has_more(session), "after %zu bytes", i + 1);
    }
    transmit(record + size - 1, 1);
    expect_read(64, "hello");
    ck_assert(!tls_session_has_more(session));
}
END_TEST

START_TEST(half_a_record_behind_a_whole_one)
{
    char records[256];
    const size_t first = seal("hello", records, sizeof records);
    const size_t both = first + seal("there", records + first, sizeof records - first);
    transmit(records, both - 8);
    expect_read(64, "hello");
    ck_assert(!tls_session_has_more(session));
    transmit(records + both - 8, 8);
    expect_read(64, "there");
    ck_assert(!tls_session_has_more(session));
}
END_TEST

START_TEST(the_session_tells_of_what_it_has_taken)
{
    char records[256];
    const size_t first = seal("hello", records, sizeof records);
    const size_t both = first + seal("there", records + first, sizeof records - first);
    transmit(records, both);
    expect_read(3, "hel");
    ck_assert(tls_session_has_more(session));
    expect_read(2, "lo");
    ck_assert(tls_session_has_more(session));
    expect_read(64, "there");
    ck_assert(!tls_session_has_more(session));
}
END_TEST

START_TEST(the_session_tells_of_an_end_behind_bytes)
{
    char records[256], byte;
    size_t size = seal("hello", records, sizeof records);
    ck_assert_int_eq(SSL_shutdown(client), 0);
    size += take_said(records + size, sizeof records - size);
    transmit(records, size);
    expect_read(64, "hello");
    ck_assert(tls_session_has_more(session));
    ck_assert_int_eq(tls_session_read(session, &byte, 1), TLS_ENDED);
    ck_assert(!tls_session_is_truncated(session));
}
END_TEST

/* A request that comes in the same segment as the handshake's end. */
START_TEST(what_came_with_the_handshake_is_read_without_the_socket)
{
    char bytes[16384];
    enum tls_failure why;
    unsigned flights = 1;
    for (; SSL_do_handshake(client) != 1; flights++) { /* some are asked for another hello */
        transmit(bytes, take_said(bytes, sizeof bytes));
        ck_assert_int_eq(tls_session_shake(session, &why), TLS_WAITS);
        receive_all();
    }
    size_t size = take_said(bytes, sizeof bytes);
    size += seal("hello", bytes + size, sizeof bytes - size);
    transmit(bytes, size);
    ck_assert_int_eq(tls_session_shake(session, &why), TLS_DONE);
    ck_assert_uint_eq(reads, flights); /* whatever records each had */
    transmit(bytes, seal("there", bytes, sizeof bytes));
    const unsigned before = reads;
    expect_read(64, "hello");
    ck_assert_uint_eq(reads, before);
    ck_assert(!tls_session_has_more(session)); /* the socket tells of the rest */
    expect_read(64, "there");
    ck_assert_uint_eq(reads, before + 1);
}
END_TEST

static void expect_writes(const bool *expected, unsigned count)
{
    ck_assert_uint_eq(writes, count);
    for (unsigned i = 0; i < count; i++)
        ck_assert_msg(is_write_ahead[i] == expected[i], "write %u", i);
}

static void shake_answer_and_end(void)
{
    shake();
    ck_assert_int_eq(tls_session_write(session, "hello", 5), 5);
    tls_session_end(session);
}

/* A segment each for tickets and for close_notify costs both sides more than what is in it. */
START_TEST(tickets_go_with_the_answer_and_close_notify_with_the_end)
{
    shake_answer_and_end();
    expect_writes((const bool[]){false, true, false, true}, 4);
}
END_TEST

/* Its client waits for the handshake's end before it asks for something. */
START_TEST(in_tls_1_2_no_part_of_the_handshake_waits)
{
    shake_answer_and_end();
    expect_writes((const bool[]){false, false, false, true}, 4);
}
END_TEST

static void add_handshakes(Suite *suite)
{
    TCase *newest = tcase_create("handshakes"), *older = tcase_create("handshakes, TLS 1.2");
    tcase_add_checked_fixture(newest, begin_1_3, teardown);
    tcase_add_test(newest, what_came_with_the_handshake_is_read_without_the_socket);
    tcase_add_test(newest, tickets_go_with_the_answer_and_close_notify_with_the_end);
    suite_add_tcase(suite, newest);
    tcase_add_checked_fixture(older, begin_1_2, teardown);
    tcase_add_test(older, in_tls_1_2_no_part_of_the_handshake_waits);
    suite_add_tcase(suite, older);
}

int main(void)
{
    Suite *suite = suite_create("tls_session");
    TCase *tests = tcase_create("sessions");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_socket_tells_of_the_rest_of_a_record);
    tcase_add_test(tests, half_a_record_behind_a_whole_one);
    tcase_add_test(tests, the_session_tells_of_what_it_has_taken);
    tcase_add_test(tests, the_session_tells_of_an_end_behind_bytes);
    suite_add_tcase(suite, tests);
    add_handshakes(suite);
    return testing_run(suite);
}
