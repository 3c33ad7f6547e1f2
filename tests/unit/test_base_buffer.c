/* Tests of base/buffer. What happens without memory: test_base_no_memory.c. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "runner.h"

static void check_content(const struct buffer *buffer, const char *expected)
{
    ck_assert_uint_eq(buffer->length, strlen(expected));
    ck_assert_mem_eq(buffer->bytes, expected, buffer->length);
    ck_assert_uint_ge(buffer->capacity, buffer->length);
}

START_TEST(begins_empty_without_memory)
{
    struct buffer buffer;

    buffer_init(&buffer);
    ck_assert_ptr_null(buffer.bytes);
    ck_assert_uint_eq(buffer.length, 0);
    ck_assert_int_eq(buffer_append(&buffer, NULL, 0), 0);
    ck_assert_ptr_null(buffer.bytes);
    buffer_finish(&buffer);
}
END_TEST

START_TEST(appends_bytes_and_text)
{
    struct buffer buffer;

    buffer_init(&buffer);
    ck_assert_int_eq(buffer_append(&buffer, "abc", 3), 0);
    ck_assert_int_eq(buffer_appendf(&buffer, "-%d-%s", 7, "x"), 0);
    ck_assert_int_eq(buffer_appendf(&buffer, "%s", ""), 0);
    check_content(&buffer, "abc-7-x");
    ck_assert_int_eq(buffer_append(&buffer, "\0\xFF", 2), 0);
    ck_assert_uint_eq(buffer.length, 9);
    ck_assert_mem_eq(buffer.bytes, "abc-7-x\0\xFF", 9);
    buffer_finish(&buffer);
}
END_TEST

START_TEST(keeps_its_content_while_it_grows)
{
    struct buffer buffer;

    buffer_init(&buffer);
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(buffer_appendf(&buffer, "%04d", i), 0);
    ck_assert_uint_eq(buffer.length, 40000);
    ck_assert_mem_eq(buffer.bytes, "000000010002", 12);
    ck_assert_mem_eq(buffer.bytes + 39992, "99989999", 8);
    buffer_finish(&buffer);
}
END_TEST

START_TEST(what_was_reserved_does_not_move)
{
    struct buffer buffer;

    buffer_init(&buffer);
    ck_assert_int_eq(buffer_append(&buffer, "abc", 3), 0);
    ck_assert_int_eq(buffer_reserve(&buffer, 1000), 0);
    const char *before = buffer.bytes;
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(buffer_append(&buffer, "x", 1), 0);
    ck_assert_ptr_eq(buffer.bytes, before);
    buffer_finish(&buffer);
}
END_TEST

START_TEST(clear_keeps_the_memory_and_finish_does_not)
{
    struct buffer buffer;

    buffer_init(&buffer);
    ck_assert_int_eq(buffer_append(&buffer, "abc", 3), 0);
    const size_t capacity = buffer.capacity;
    buffer_clear(&buffer);
    ck_assert_uint_eq(buffer.length, 0);
    ck_assert_uint_eq(buffer.capacity, capacity);
    ck_assert_int_eq(buffer_append(&buffer, "de", 2), 0);
    check_content(&buffer, "de");

    buffer_finish(&buffer);
    ck_assert_ptr_null(buffer.bytes);
    buffer_finish(&buffer);
}
END_TEST

START_TEST(refuses_a_length_that_overflows)
{
    struct buffer buffer;

    buffer_init(&buffer);
    ck_assert_int_eq(buffer_append(&buffer, "abc", 3), 0);
    ck_assert_int_eq(buffer_reserve(&buffer, SIZE_MAX), -1);
    ck_assert_int_eq(buffer_reserve(&buffer, SIZE_MAX - 2), -1);
    check_content(&buffer, "abc");
    buffer_finish(&buffer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/buffer");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, begins_empty_without_memory);
    tcase_add_test(cases, appends_bytes_and_text);
    tcase_add_test(cases, keeps_its_content_while_it_grows);
    tcase_add_test(cases, what_was_reserved_does_not_move);
    tcase_add_test(cases, clear_keeps_the_memory_and_finish_does_not);
    tcase_add_test(cases, refuses_a_length_that_overflows);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
