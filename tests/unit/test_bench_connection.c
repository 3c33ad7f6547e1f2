/* A connection of the generator whose socket takes a part of what it is given: what the server
 * reads are whole frames all the same. Linked with a wrapper of stream_send. */
#include "client/connection.h"
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct connection connection;
static struct tally tally;

static size_t room; /* bytes that the socket takes before it takes none */
static uint8_t taken[1024];
static size_t taken_size;

ssize_t __wrap_stream_send(const struct stream *stream, const void *bytes, size_t size);

ssize_t __wrap_stream_send(const struct stream *stream, const void *bytes, size_t size)
{
    (void)stream;
    size = size < room ? size : room;
    if (size == 0) {
        errno = EAGAIN;
        return -1;
    }
    memcpy(taken + taken_size, bytes, size);
    taken_size += size;
    room -= size;
    return (ssize_t)size;
}

static void setup(void)
{
    connection = (struct connection){.stream.fd = -1, .ledger.tally = &tally};
    connection.replies = replies_create(&tally, false);
    ck_assert_ptr_nonnull(connection.replies);
    taken_size = 0;
}

static void teardown(void)
{
    connection_finish(&connection);
}

static void ping(const char *text)
{
    uint8_t frame[2 + CONTROL_MAX] = {0x80 | PING, (uint8_t)strlen(text)};
    for (size_t i = 0; text[i]; i++)
        frame[2 + i] = (uint8_t)text[i];
    ck_assert_int_eq(connection_take(&connection, frame, 2U + frame[1]), 0);
}

/* The frames that went out, as `opcode:payload;`. */
static const char *frames(void)
{
    static char text[1024];
    size_t used = 0;
    for (size_t at = 0; at < taken_size;) {
        const uint8_t *frame = taken + at;
        const size_t size = frame[1] & 0x7F;
        ck_assert_uint_le(at + 6 + size, taken_size);
        used += (size_t)snprintf(text + used, sizeof text - used, "%d:", frame[0] & 0x0F);
        for (size_t i = 0; i < size; i++)
            text[used++] = (char)(frame[6 + i] ^ frame[2 + i % 4]);
        text[used++] = ';';
        at += 6 + size;
    }
    text[used] = '\0';
    return text;
}

static int64_t say(const char *text)
{
    uint8_t frame[FRAME_HEAD_MAX + CONTROL_MAX];
    return connection_send(&connection, frame,
                           frame_write(frame, TEXT, (const uint8_t *)text, strlen(text)));
}

START_TEST(what_is_left_of_a_pong_goes_before_the_next_message)
{
    const size_t whole = 6 + strlen("are you there");
    for (size_t first = 0; first <= whole; first++) {
        taken_size = 0;
        room = first;
        ping("are you there");
        if (first < whole)
            ck_assert_int_eq(say("hi"), 0);
        room = sizeof taken;
        ck_assert_int_eq(say("hi"), 8);
        ck_assert_str_eq(frames(), "10:are you there;1:hi;");
    }
}
END_TEST

START_TEST(a_ping_that_comes_meanwhile_is_left_to_the_next)
{
    room = 3;
    ping("one");
    ping("two");
    room = sizeof taken;
    ck_assert_int_eq(say("hi"), 8);
    ping("three");
    ck_assert_str_eq(frames(), "10:one;1:hi;10:three;");
}
END_TEST

START_TEST(none_begins_within_a_message)
{
    room = sizeof taken;
    connection.sending = true;
    ping("one");
    ck_assert_uint_eq(taken_size, 0);
    connection.sending = false;
    ping("two");
    ck_assert_str_eq(frames(), "10:two;");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_connection");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_is_left_of_a_pong_goes_before_the_next_message);
    tcase_add_test(tests, a_ping_that_comes_meanwhile_is_left_to_the_next);
    tcase_add_test(tests, none_begins_within_a_message);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
