/* Batches and outboxes: growth, slices, coalescing, the ring, and what one write takes; then random
 * operations beside a plain queue of frames. TONI_TEST_SEED repeats one run of these. */
#include "rooms_fixture.h"
#include "runner.h"

#include "rooms/outbox.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct batch *batch_of(uint32_t count, size_t size)
{
    static char payload[300000];
    struct batch *batch = batch_create(0);
    REQUIRE(batch && size <= sizeof payload);
    for (uint32_t i = 0; i < count; i++) {
        memset(payload, 'a' + (int)(i % 26), size);
        REQUIRE(!batch_append(batch, TONI_TEXT, payload, size));
    }
    return batch;
}

/* --- Batches */

START_TEST(a_batch_grows)
{
    struct batch *batch = batch_create_broadcast(NULL, 10);
    char text[16];
    uint32_t end = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        int size = snprintf(text, sizeof text, "%u", i);
        ck_assert_int_eq(batch_append(batch, TONI_TEXT, text, (size_t)size), 0);
        ck_assert_uint_eq(batch_offset(batch, i), end);
        end += (uint32_t)size + 2;
        ck_assert_uint_eq(batch_offset(batch, i + 1), end);
        ck_assert_uint_eq(batch->count, i + 1);
        ck_assert_uint_eq(batch->size, end);
    }
    struct wire_reader reader;
    struct wire_message message;
    wire_reader_init(&reader, batch->bytes, batch->size);
    for (uint32_t i = 0; i < 5000; i++) {
        int size = snprintf(text, sizeof text, "%u", i);
        ck_assert(wire_reader_next(&reader, &message));
        ck_assert_uint_eq(message.size, (size_t)size);
        ck_assert_mem_eq(message.payload, text, (size_t)size);
    }
    wire_reader_finish(&reader);
    batch_unref(batch_ref(batch));
    batch_unref(batch);
    batch_unref(NULL);
}
END_TEST

START_TEST(a_batch_takes_one_write_and_no_more)
{
    struct batch *batch = batch_of(3, 10000);
    uint64_t left = BATCH_MAX - batch->size;
    ck_assert(batch_has_room(batch, left));
    ck_assert(!batch_has_room(batch, left + 1));
    ck_assert(!batch_has_room(batch, UINT64_MAX / 2));
    ck_assert_uint_le(batch->capacity, BATCH_MAX);
    batch_unref(batch);
    batch = batch_of(1, 200000);
    ck_assert(!batch_has_room(batch, 0) && !batch_has_room(batch, 2));
    ck_assert_uint_eq(batch->capacity, batch->size);
    batch_unref(batch);
    ck_assert_ptr_null(batch_create((uint64_t)UINT32_MAX + 1));
}
END_TEST

/* While its maker appends, other threads read what they were told of. */
START_TEST(what_was_appended_never_moves)
{
    struct batch *batch = batch_create_broadcast(NULL, 10);
    ck_assert_int_eq(batch_append(batch, TONI_TEXT, "first", 5), 0);
    const uint8_t *bytes = batch->bytes;
    const uint32_t *ends = batch->ends;
    for (uint32_t i = 0; i < 5000; i++)
        ck_assert_int_eq(batch_append(batch, TONI_TEXT, "more", 4), 0);
    ck_assert_mem_eq(bytes,
                     "\x81\x05"
                     "first",
                     7);
    ck_assert_uint_eq(ends[0], 7);
    ck_assert_mem_eq(batch->bytes, bytes, 7);
    batch_unref(batch);
}
END_TEST

START_TEST(a_close_is_a_batch)
{
    struct batch *batch = batch_create_close(1000, toni_str_of("x"));
    ck_assert_uint_eq(batch->count, 1);
    ck_assert_uint_eq(batch->size, 5);
    ck_assert_mem_eq(batch->bytes, "\x88\x03\x03\xe8x", 5);
    batch_unref(batch);
}
END_TEST

/* --- Outboxes */

static uint8_t scratch[FRAME_MAX];

START_TEST(an_empty_outbox)
{
    struct outbox outbox;
    size_t size = 1;
    outbox_init(&outbox);
    ck_assert_ptr_null(outbox_peek(&outbox, scratch, &size));
    ck_assert_uint_eq(size, 0);
    ck_assert_uint_eq(outbox_clear(&outbox), 0);
}
END_TEST

START_TEST(consecutive_slices_become_one_and_are_not_copied)
{
    struct batch *batch = batch_of(10, 5);
    struct outbox outbox;
    size_t size;
    outbox_init(&outbox);
    ck_assert_int_eq(outbox_push(&outbox, batch, 2, 3), 0);
    ck_assert_int_eq(outbox_push(&outbox, batch, 5, 1), 0);
    ck_assert_uint_eq(outbox.count, 1);
    ck_assert_uint_eq(batch->refs, 2);
    ck_assert_uint_eq(outbox.messages, 4);
    ck_assert_uint_eq(outbox.bytes, 28);
    ck_assert_ptr_eq(outbox_peek(&outbox, scratch, &size), batch->bytes + 14);
    ck_assert_uint_eq(size, 28);
    ck_assert_int_eq(outbox_push(&outbox, batch, 8, 1), 0); /* 6 and 7 were not for this one */
    ck_assert_uint_eq(outbox.count, 2);
    ck_assert_ptr_eq(outbox_peek(&outbox, scratch, &size), scratch);
    ck_assert_uint_eq(size, 35);
    ck_assert_mem_eq(scratch, batch->bytes + 14, 28);
    ck_assert_mem_eq(scratch + 28, batch->bytes + 56, 7);
    ck_assert_uint_eq(outbox_clear(&outbox), 5);
    ck_assert_uint_eq(batch->refs, 1);
    batch_unref(batch);
}
END_TEST

START_TEST(a_write_takes_64_kib_of_whole_frames)
{
    struct batch *full = batch_of(6, 10000), *next = batch_of(2, 10000);
    struct outbox outbox;
    size_t size;
    outbox_init(&outbox);
    outbox_push(&outbox, full, 0, 6);
    outbox_push(&outbox, next, 0, 1);
    outbox_push(&outbox, full, 0, 1);
    ck_assert_ptr_eq(outbox_peek(&outbox, scratch, &size), full->bytes);
    ck_assert_uint_eq(size, 6 * 10004);
    outbox_consume(&outbox, size);
    ck_assert_uint_eq(outbox.messages, 2);
    ck_assert_ptr_eq(outbox_peek(&outbox, scratch, &size), scratch);
    ck_assert_uint_eq(size, 2 * 10004);
    outbox_consume(&outbox, size);
    ck_assert_uint_eq(outbox.messages + outbox.bytes + outbox.count, 0);
    outbox_clear(&outbox);
    batch_unref(full);
    batch_unref(next);
}
END_TEST

START_TEST(an_outbox_that_was_long_gives_its_memory_back)
{
    struct batch *batch = batch_of(2, 5);
    struct outbox outbox;
    size_t size;
    outbox_init(&outbox);
    for (uint32_t i = 0; i < 10000; i++)
        ck_assert_int_eq(outbox_push(&outbox, batch, 0, 1), 0);
    while (outbox.count > 0) {
        ck_assert_ptr_nonnull(outbox_peek(&outbox, scratch, &size));
        outbox_consume(&outbox, size);
    }
    ck_assert_uint_le(outbox.capacity, 16);
    ck_assert_uint_eq(outbox.messages + outbox.bytes, 0);
    ck_assert_int_eq(outbox_push(&outbox, batch, 0, 2), 0);
    ck_assert_ptr_eq(outbox_peek(&outbox, scratch, &size), batch->bytes);
    ck_assert_uint_eq(outbox_clear(&outbox), 2);
    batch_unref(batch);
}
END_TEST

START_TEST(a_large_message_goes_fragment_by_fragment)
{
    struct batch *large = batch_of(1, 2 * 65532 + 100), *small = batch_of(1, 10);
    struct outbox outbox;
    size_t size;
    outbox_init(&outbox);
    outbox_push(&outbox, small, 0, 1);
    outbox_push(&outbox, large, 0, 1);
    outbox_push(&outbox, small, 0, 1);
    ck_assert_ptr_eq(outbox_peek(&outbox, scratch, &size), small->bytes);
    ck_assert_uint_eq(size, 12); /* no fragment fits beside it */
    outbox_consume(&outbox, size);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_ptr_eq(outbox_peek(&outbox, scratch, &size), large->bytes + i * FRAME_MAX);
        ck_assert_uint_eq(size, FRAME_MAX);
        outbox_consume(&outbox, size);
        ck_assert_uint_eq(outbox.begun, (i + 1) * FRAME_MAX);
        ck_assert_uint_eq(outbox.messages, 2);
    }
    ck_assert_ptr_eq(outbox_peek(&outbox, scratch, &size), scratch);
    ck_assert_uint_eq(size, 102 + 12);
    outbox_consume(&outbox, 102);
    ck_assert_uint_eq(outbox.begun, 0);
    ck_assert_uint_eq(outbox.messages, 1);
    ck_assert_uint_eq(outbox_clear(&outbox), 1);
    batch_unref(large);
    batch_unref(small);
}
END_TEST

/* --- Beside a plain queue */

enum { QUEUE_MAX = 4000, BATCHES = 6 };

struct piece {
    const uint8_t *bytes;
    size_t size;
    bool last;
    bool direct;
};

/* The frames that wait, in order. */
struct queue {
    struct piece pieces[QUEUE_MAX];
    size_t count;
};

static void queue_push(struct queue *queue, const struct batch *batch, uint32_t first,
                       uint32_t count)
{
    const bool direct = !batch->is_broadcast;
    for (uint32_t i = first; i < first + count; i++) {
        size_t begin = batch_offset(batch, i), end = batch_offset(batch, i + 1);
        while (end - begin > FRAME_MAX) {
            queue->pieces[queue->count++] =
                (struct piece){batch->bytes + begin, FRAME_MAX, false, direct};
            begin += FRAME_MAX;
        }
        queue->pieces[queue->count++] =
            (struct piece){batch->bytes + begin, end - begin, true, direct};
    }
}

/* How many frames one write takes. */
static size_t queue_fit(const struct queue *queue, size_t *size)
{
    size_t count = 0;
    *size = 0;
    while (count < queue->count && *size + queue->pieces[count].size <= FRAME_MAX)
        *size += queue->pieces[count++].size;
    return count;
}

static void compare_peek(const struct outbox *outbox, const struct queue *queue)
{
    size_t size, expected, at = 0;
    size_t count = queue_fit(queue, &expected);
    const uint8_t *bytes = outbox_peek(outbox, scratch, &size);
    REQUIRE(size == expected);
    for (size_t i = 0; i < count; i++) {
        REQUIRE(memcmp(bytes + at, queue->pieces[i].bytes, queue->pieces[i].size) == 0);
        at += queue->pieces[i].size;
    }
    uint64_t waiting = 0, messages = 0;
    for (size_t i = 0; i < queue->count; i++) {
        waiting += queue->pieces[i].size;
        messages += queue->pieces[i].last;
    }
    REQUIRE(outbox->bytes == waiting && outbox->messages == messages);
}

/* What is held is charged once, and what of it is direct is known. */
static void hold(struct outbox *outbox, const struct queue *queue, struct budget *budget)
{
    uint64_t bytes = 0, messages = 0;
    outbox_hold(outbox, budget);
    for (size_t i = 0; i < queue->count; i++) {
        bytes += queue->pieces[i].direct ? queue->pieces[i].size : 0;
        messages += queue->pieces[i].direct && queue->pieces[i].last;
    }
    REQUIRE(outbox->held == outbox->count);
    REQUIRE(outbox->direct_bytes == bytes && outbox->direct_messages == messages);
    const uint64_t used = budget_used(budget);
    outbox_hold(outbox, budget);
    REQUIRE(budget_used(budget) == used && (used > 0 || outbox->count == 0));
}

/* As a socket takes it: all of a write, or any part of it. */
static void consume_some(struct outbox *outbox, struct queue *queue, struct dice *dice)
{
    size_t size;
    size_t count = 0;
    (void)queue_fit(queue, &size);
    size_t take = size > 0 && dice_chance(dice, 50) ? dice_below(dice, (uint32_t)size) : size;
    outbox_consume(outbox, take);
    while (take > 0 && take >= queue->pieces[count].size)
        take -= queue->pieces[count++].size;
    queue->count -= count;
    memmove(queue->pieces, queue->pieces + count, queue->count * sizeof *queue->pieces);
    if (take > 0) {
        queue->pieces[0].bytes += take;
        queue->pieces[0].size -= take;
    }
}

static struct batch *random_batch(struct dice *dice)
{
    if (dice_chance(dice, 25))
        return batch_of(1, 65530 + dice_below(dice, 200000));
    uint32_t count = 1 + dice_below(dice, 30);
    return batch_of(count, dice_below(dice, 65536 / count - 4));
}

static void run(uint64_t seed)
{
    static struct queue queue;
    struct dice dice = {.state = seed};
    struct batch *batches[BATCHES];
    struct outbox outbox;
    struct budget budget;
    budget_init(&budget, BUDGET_OUTBOX, UINT64_MAX, 0, NULL, NULL);
    fixture_set_note("repeat with TONI_TEST_SEED=%llu", (unsigned long long)seed);
    outbox_init(&outbox);
    queue.count = 0;
    for (uint32_t i = 0; i < BATCHES; i++)
        batches[i] = random_batch(&dice);
    for (uint32_t i = 0; i < BATCHES; i += 2)
        batches[i]->is_broadcast = true;
    for (uint32_t step = 0; step < 400; step++) {
        struct batch *batch = batches[dice_below(&dice, BATCHES)];
        uint32_t first = dice_below(&dice, batch->count);
        uint32_t count = 1 + dice_below(&dice, batch->count - first);
        if (!batch->is_broadcast) { /* direct sends are delivered whole, and once */
            first = 0;
            count = batch->count;
        }
        if (dice_chance(&dice, 45) && queue.count + 40 < QUEUE_MAX) {
            REQUIRE(!outbox_push(&outbox, batch, first, count));
            queue_push(&queue, batch, first, count);
        } else if (dice_chance(&dice, 1)) {
            uint64_t messages = outbox.messages;
            REQUIRE(outbox_clear(&outbox) == messages);
            queue.count = 0;
        } else {
            consume_some(&outbox, &queue, &dice);
        }
        compare_peek(&outbox, &queue);
        if (dice_chance(&dice, 40))
            hold(&outbox, &queue, &budget);
    }
    outbox_clear(&outbox);
    for (uint32_t i = 0; i < BATCHES; i++) {
        REQUIRE(batches[i]->refs == 1);
        batch_unref(batches[i]);
    }
    REQUIRE(budget_used(&budget) == 0);
}

START_TEST(random_operations_agree_with_a_plain_queue)
{
    uint64_t seed = environment_number("TONI_TEST_SEED", 0);
    for (uint64_t i = 1; seed == 0 && i <= 100; i++)
        run(i);
    if (seed != 0)
        run(seed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/outbox");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, a_batch_grows);
    tcase_add_test(cases, a_batch_takes_one_write_and_no_more);
    tcase_add_test(cases, what_was_appended_never_moves);
    tcase_add_test(cases, a_close_is_a_batch);
    tcase_add_test(cases, an_empty_outbox);
    tcase_add_test(cases, consecutive_slices_become_one_and_are_not_copied);
    tcase_add_test(cases, a_write_takes_64_kib_of_whole_frames);
    tcase_add_test(cases, an_outbox_that_was_long_gives_its_memory_back);
    tcase_add_test(cases, a_large_message_goes_fragment_by_fragment);
    tcase_add_test(cases, random_operations_agree_with_a_plain_queue);
    tcase_set_timeout(cases, 30);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
