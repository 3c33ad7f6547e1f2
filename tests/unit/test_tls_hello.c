/* How long a hello claims to be is found in whatever records it comes, and however these arrive. */
#include "runner.h"
#include "tls/hello.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX 65536

static uint8_t bytes[BYTES_MAX];
static size_t size;

static void add_record(uint8_t type, const uint8_t *body, size_t body_size)
{
    const uint8_t head[] = {type, 3, 3, (uint8_t)(body_size >> 8), (uint8_t)body_size};
    ck_assert_uint_le(size + sizeof head + body_size, sizeof bytes);
    memcpy(bytes + size, head, sizeof head);
    memcpy(bytes + size + sizeof head, body, body_size);
    size += sizeof head + body_size;
}

/* In records of so many bytes. */
static void add_message(uint8_t type, size_t claimed, size_t body_size, size_t record_size)
{
    static uint8_t message[BYTES_MAX];
    memset(message, 1, sizeof message); /* looks like a hello, if one looks at the wrong place */
    message[0] = type;
    message[1] = (uint8_t)(claimed >> 16);
    message[2] = (uint8_t)(claimed >> 8);
    message[3] = (uint8_t)claimed;
    const size_t all = 4 + body_size;
    for (size_t at = 0; at < all; at += record_size)
        add_record(22, message + at, all - at < record_size ? all - at : record_size);
}

/* @return Whether it goes on to the end. */
static bool look(struct tls_hello *hello, size_t at_a_time)
{
    *hello = (struct tls_hello){0};
    for (size_t at = 0; at < size; at += at_a_time) {
        if (!tls_hello_look(hello, bytes + at, size - at < at_a_time ? size - at : at_a_time))
            return false;
    }
    return true;
}

static const size_t pieces[] = {1, 2, 3, 4, 5, 7, 64, 16384, BYTES_MAX};
#define PIECE_COUNT (sizeof pieces / sizeof pieces[0])

static void setup(void)
{
    size = 0;
}

START_TEST(a_hello_may_be_16_kib)
{
    struct tls_hello hello;
    add_message(1, 16384, 16384, (size_t)1 << (_i + 6));
    for (size_t i = 0; i < PIECE_COUNT; i++) {
        ck_assert(look(&hello, pieces[i]));
        ck_assert(hello.is_whole);
    }
    size--;
    ck_assert(look(&hello, 64));
    ck_assert(!hello.is_whole);
}
END_TEST

START_TEST(one_that_claims_more_is_found_by_its_head)
{
    struct tls_hello hello;
    static const size_t claims[] = {16385, 65536, 131000, 0xffffff};
    for (size_t claim = 0; claim < sizeof claims / sizeof claims[0]; claim++) {
        for (size_t record = 1; record <= 5; record++) {
            size = 0;
            add_message(1, claims[claim], 1, record);
            for (size_t i = 0; i < PIECE_COUNT; i++)
                ck_assert(!look(&hello, pieces[i]));
        }
    }
}
END_TEST

START_TEST(a_second_hello_is_looked_at)
{
    struct tls_hello hello;
    static const uint8_t one = 1;
    add_message(1, 300, 300, 100);
    add_record(20, &one, 1);
    add_message(1, 300, 300, 300);
    ck_assert(look(&hello, 3));
    add_message(1, 16385, 0, 2);
    ck_assert(!look(&hello, 3));
}
END_TEST

START_TEST(other_messages_and_records_are_passed_over)
{
    struct tls_hello hello;
    static const uint8_t sealed[] = {1, 255, 255, 255, 255};
    add_message(1, 300, 300, 300);
    add_message(11, 20000, 20000, 16384);
    add_record(23, sealed, sizeof sealed);
    for (size_t i = 0; i < PIECE_COUNT; i++)
        ck_assert(look(&hello, pieces[i]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_hello");
    TCase *tcase = tcase_create("hello");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, a_hello_may_be_16_kib, 0, 9);
    tcase_add_test(tcase, one_that_claims_more_is_found_by_its_head);
    tcase_add_test(tcase, a_second_hello_is_looked_at);
    tcase_add_test(tcase, other_messages_and_records_are_passed_over);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
