/* permessage-deflate's payloads (RFC 7692, section 7.2): what is compressed inflates to the same,
 * what others compress too, and nothing else does. What rooms do with it is test_rooms_deflate's.
 */
#include "dice.h"
#include "runner.h"

#include "ws/deflate.h"
#include "ws/frame.h"

#include <stdlib.h>
#include <string.h>

/* Text that shrinks to some half, different for each number. A string for the caller to free. */
static char *prose(size_t size, uint64_t number)
{
    struct dice dice = {.state = number};
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + dice_below(&dice, 16));
    text[size] = '\0';
    return text;
}

static struct inflater *inflater;
static struct buffer inflated;

static void begin_inflating(void)
{
    inflater = inflater_create();
    ck_assert_ptr_nonnull(inflater);
    buffer_init(&inflated);
}

static void finish_inflating(void)
{
    inflater_destroy(inflater);
    inflater_destroy(NULL);
    buffer_finish(&inflated);
}

static enum inflated inflate_bytes(const void *bytes, size_t size, size_t limit)
{
    enum inflated result;
    buffer_clear(&inflated);
    inflater_begin(inflater, bytes, size);
    do
        result = inflater_step(inflater, limit, &inflated);
    while (result == INFLATED_MORE);
    return result;
}

static toni_message *shrink(const void *bytes, size_t size)
{
    struct deflaters deflaters;
    deflaters_init(&deflaters);
    toni_message message = toni_binary(toni_str_make(bytes, size));
    toni_message *made = deflaters_shrink(&deflaters, &message);
    deflaters_finish(&deflaters);
    return made;
}

START_TEST(what_was_compressed_inflates_up_to_the_limit)
{
    begin_inflating();
    static const size_t sizes[] = {20,    100,   1025,   16383, 16384,
                                   16385, 65535, 300000, 32768, 5000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *text = prose(sizes[i], i);
        memset(text, 'x', sizes[i] / 2);
        toni_message *made = shrink(text, sizes[i]);
        ck_assert_ptr_nonnull(made);
        ck_assert_uint_eq(made->kind, TONI_BINARY | FRAME_COMPRESSED);
        ck_assert_int_eq(inflate_bytes(made->body.data, made->body.size, sizes[i]), INFLATED);
        ck_assert_uint_eq(inflated.length, sizes[i]);
        ck_assert_mem_eq(inflated.bytes, text, sizes[i]);
        ck_assert_int_eq(inflate_bytes(made->body.data, made->body.size, sizes[i] - 1),
                         INFLATED_TOO_BIG);
        free(made);
        free(text);
    }
    finish_inflating();
}
END_TEST

START_TEST(a_bomb_is_not_inflated_past_the_limit)
{
    begin_inflating();
    size_t size = 50000000;
    char *zeros = calloc(1, size);
    toni_message *bomb = shrink(zeros, size);
    free(zeros);
    ck_assert_uint_lt(bomb->body.size, 60000);
    ck_assert_int_eq(inflate_bytes(bomb->body.data, bomb->body.size, 100000), INFLATED_TOO_BIG);
    ck_assert_uint_le(inflated.length, 100000);
    ck_assert_uint_le(inflated.capacity, 131072);
    free(bomb);
    /* And the inflater is as good as new. */
    ck_assert_int_eq(inflate_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 5), INFLATED);
    ck_assert_mem_eq(inflated.bytes, "Hello", 5);
    finish_inflating();
}
END_TEST

/* RFC 7692, section 7.2.3, and what it rules out. */
static const struct {
    const char *bytes;
    size_t size;
    const char *text; /* NULL: invalid */
} messages[] = {
    {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"},
    {"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello"},
    {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello"},
    {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello"},
    {"\x00", 1, ""},
    {"", 0, NULL},
    {"\xf2\x48\xcd\xc9\xc9\x07", 6, NULL},
    {"\xf2\x48\xcd", 3, NULL},
    {"\xff\xff\xff", 3, NULL},
    {"\x06\x00", 2, NULL},
    {"\xf2\x00\x11\x00\x00", 5, NULL}, /* of the message before: its window */
    {"\xf2\x48\xcd\xc9\xc9\x07\x00\x07", 8, NULL},
};

START_TEST(messages_that_others_make)
{
    begin_inflating();
    ck_assert_int_eq(inflate_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 5), INFLATED);
    enum inflated result = inflate_bytes(messages[_i].bytes, messages[_i].size, 100);
    if (messages[_i].text) {
        ck_assert_int_eq(result, INFLATED);
        ck_assert_uint_eq(inflated.length, strlen(messages[_i].text));
        if (inflated.length > 0)
            ck_assert_mem_eq(inflated.bytes, messages[_i].text, inflated.length);
    } else {
        ck_assert_int_eq(result, INFLATED_INVALID);
    }
    finish_inflating();
}
END_TEST

START_TEST(anything_at_all_is_inflated_or_refused)
{
    begin_inflating();
    struct dice dice = {.state = environment_number("TONI_TEST_SEED", 1)};
    for (unsigned round = 0; round < 2000; round++) {
        char *text = prose(2000, round);
        toni_message *made = shrink(text, 2000);
        uint8_t *bytes = (uint8_t *)(uintptr_t)made->body.data;
        for (uint32_t changes = dice_below(&dice, 4); changes > 0; changes--)
            bytes[dice_below(&dice, (uint32_t)made->body.size)] ^=
                (uint8_t)(1u << dice_below(&dice, 8));
        size_t size =
            dice_chance(&dice, 30) ? dice_below(&dice, (uint32_t)made->body.size) : made->body.size;
        size_t limit = dice_below(&dice, 4000);
        enum inflated result = inflate_bytes(bytes, size, limit);
        ck_assert_int_ne(result, INFLATED_NO_MEMORY);
        ck_assert_uint_le(inflated.length, limit);
        free(made);
        free(text);
    }
    finish_inflating();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/deflate");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, what_was_compressed_inflates_up_to_the_limit);
    tcase_add_test(cases, a_bomb_is_not_inflated_past_the_limit);
    tcase_add_loop_test(cases, messages_that_others_make, 0, sizeof messages / sizeof messages[0]);
    tcase_add_test(cases, anything_at_all_is_inflated_or_refused);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
