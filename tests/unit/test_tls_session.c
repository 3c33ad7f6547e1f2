/* Sessions on a pair of sockets: what is left to be read, by whom it is told. The client is
 * OpenSSL's, on two buffers, so that the test decides which of its bytes arrive. */
#include "certificates.h"
#include "temporary_folder.h"
#include "tls/context.h"
#include "tls/session.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE 7

static struct tls_context *context;
static struct tls_output output;
static struct tls_session *session;
static SSL_CTX *client_context;
static SSL *client;
static BIO *come, *gone; /* what the client has got, and what it has to say */
static int sockets[2];   /* the session's, and the client's */

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

static void setup(void)
{
    testing_setup();
    make_context();
    make_client();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets),
                     0);
    ck_assert_int_eq(tls_output_init(&output), 0);
    session = tls_session_create(context, sockets[0], &output);
    ck_assert_ptr_nonnull(session);
    shake();
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
    return testing_run(suite);
}
