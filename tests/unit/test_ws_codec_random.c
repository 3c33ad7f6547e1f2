/* Random streams of frames, mostly good, some with a fault somewhere or cut off: the codec beside
 * the plain reader, for each cut, byte by byte, and for random pieces.
 *
 * TONI_TEST_SEED repeats one run, TONI_TEST_RUNS sets how many there are. */
#include "dice.h"
#include "runner.h"
#include "ws_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 1000 };

/* Mostly good: characters of one to four bytes. Some hold a byte that is wrong. */
static size_t random_payload(struct dice *dice, char *payload, size_t most)
{
    static const char *const characters[] = {
        "a", "abcdefgh", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "0123456789abcdef"};
    size_t size = 0, want = dice_below(dice, 8) == 0 ? most : dice_below(dice, 40);
    for (;;) {
        const char *next = characters[dice_below(dice, 6)];
        const size_t length = strlen(next);
        if (size + length > want)
            break;
        for (size_t i = 0; i < length; i++)
            payload[size + i] = next[i];
        size += length;
    }
    if (size > 0 && dice_below(dice, 40) == 0)
        payload[dice_below(dice, (uint32_t)size)] = (char)dice_below(dice, 256);
    return size;
}

static void append_control(struct buffer *stream, struct dice *dice)
{
    static const unsigned firsts[] = {PING, PONG, PING, PONG, PING, CLOSE};
    char payload[128];
    unsigned first = firsts[dice_below(dice, 6)];
    size_t size = random_payload(dice, payload, 125);
    if (first == CLOSE && size >= 2) {
        unsigned code = dice_below(dice, 2) ? 1000 + dice_below(dice, 20) : dice_below(dice, 5100);
        payload[0] = (char)(code >> 8);
        payload[1] = (char)code;
    }
    ws_model_append(stream, first, payload, size, (uint32_t)dice->state);
}

/* A message in fragments, which end anywhere in it. */
static void append_message(struct buffer *stream, struct dice *dice)
{
    char payload[LIMIT + 8];
    unsigned first = dice_below(dice, 2) ? TEXT_BEGINS : BINARY_BEGINS;
    size_t size = random_payload(dice, payload, LIMIT + 2), at = 0;
    if (dice_below(dice, 4) == 0)
        first |= RSV1;
    while (dice_below(dice, 3) == 0) {
        size_t part = dice_below(dice, (uint32_t)(size - at + 1));
        ws_model_append(stream, first, payload + at, part, (uint32_t)dice->state);
        at += part;
        first = CONTINUES;
        if (dice_below(dice, 3) == 0)
            append_control(stream, dice);
    }
    ws_model_append(stream, first | ENDS, payload + at, size - at, (uint32_t)dice->state);
}

static void append_random(struct buffer *stream, struct dice *dice)
{
    uint32_t frames = 1 + dice_below(dice, 8);
    for (uint32_t i = 0; i < frames; i++) {
        if (dice_below(dice, 5) == 0)
            append_control(stream, dice);
        else
            append_message(stream, dice);
    }
    if (dice_below(dice, 3) == 0) /* one bit is not what it should be */
        ((uint8_t *)stream->bytes)[dice_below(dice, (uint32_t)stream->length)] ^=
            (uint8_t)(1u << dice_below(dice, 8));
    if (dice_below(dice, 3) == 0)
        stream->length = dice_below(dice, (uint32_t)stream->length);
}

static int ascending(const void *a, const void *b)
{
    const size_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

static void require_same(const char *wrong, uint64_t seed)
{
    if (wrong)
        ck_abort_msg("repeat with TONI_TEST_SEED=%llu: %s", (unsigned long long)seed, wrong);
}

static void run(uint64_t seed)
{
    struct dice dice = {.state = seed};
    struct buffer stream;
    struct ws_log expected;
    bool inflates = dice_below(&dice, 2);
    buffer_init(&stream);
    ws_log_init(&expected);
    append_random(&stream, &dice);
    ws_model_read(&expected, &stream, inflates, LIMIT);
    require_same(ws_model_compare_all(&expected, &stream, inflates, LIMIT), seed);
    for (unsigned again = 0; again < 20; again++) {
        size_t cuts[16], count = dice_below(&dice, 17);
        for (size_t i = 0; i < count; i++)
            cuts[i] = dice_below(&dice, (uint32_t)stream.length + 1);
        qsort(cuts, count, sizeof cuts[0], ascending);
        require_same(ws_model_compare(&expected, &stream, inflates, LIMIT, cuts, count), seed);
        if (count > 0) {
            require_same(
                ws_model_compare_drop(&stream, inflates, LIMIT, cuts[0], cuts + 1, count - 1),
                seed);
        }
    }
    ws_log_finish(&expected);
    buffer_finish(&stream);
}

START_TEST(random_streams_agree_with_the_plain_reader)
{
    uint64_t seed = environment_number("TONI_TEST_SEED", 0);
    uint64_t runs = environment_number("TONI_TEST_RUNS", 400);
    for (uint64_t i = seed ? seed : 1; i <= (seed ? seed : runs); i++)
        run(i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws/codec_random");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, random_streams_agree_with_the_plain_reader);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
