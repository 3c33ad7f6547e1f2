/* What of the engine for Redis knows no socket: commands and replies cut at all places, what
 * replies mean, addresses, numbers of 64 bits. */
#include "address.h"
#include "answer.h"
#include "batch.h"
#include "command.h"
#include "hex.h"
#include "incoming.h"
#include "outgoing.h"
#include "runner.h"
#include "waiting.h"
#include "warnings.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Numbers */

START_TEST(numbers_keep_all_bits_and_their_order)
{
    static const uint64_t numbers[] = {0,
                                       1,
                                       9,
                                       10,
                                       UINT32_MAX,
                                       (UINT64_C(1) << 53) - 1,
                                       UINT64_C(1) << 53,
                                       (UINT64_C(1) << 53) + 1,
                                       INT64_MAX,
                                       (uint64_t)INT64_MAX + 1,
                                       UINT64_MAX - 1,
                                       UINT64_MAX};
    char before[HEX_DIGITS] = {0};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[HEX_DIGITS];
        uint64_t back = 1;
        hex_put(text, sizeof text, numbers[i]);
        ck_assert(hex_get(text, sizeof text, &back));
        ck_assert_uint_eq(back, numbers[i]);
        ck_assert_int_gt(memcmp(text, before, sizeof text), 0);
        memcpy(before, text, sizeof text);
    }
    uint64_t kept = 7;
    ck_assert(!hex_get("00000000000000g0", HEX_DIGITS, &kept));
    ck_assert(!hex_get("000000000000000A", HEX_DIGITS, &kept));
    ck_assert_uint_eq(kept, 7);
}
END_TEST

/* --- What goes out */

START_TEST(a_command_is_what_redis_reads)
{
    struct outgoing outgoing = {.most = 1000};
    struct command command = {.prefix = TONI_LIT("p")};
    command_begin(&command);
    command_add(&command, TONI_LIT("EVAL"));
    command_add_key(&command, 'r', TONI_LIT("a\0b"));
    command_add(&command, toni_str_make(NULL, 0));
    command_add_hex(&command, 255, 4);
    command_add_number(&command, UINT64_MAX);
    ck_assert_int_eq(command_end(&command, &outgoing), 0);
    const toni_str expected = TONI_LIT("*5\r\n$4\r\nEVAL\r\n$7\r\np:r:a\0b\r\n$0\r\n\r\n"
                                       "$4\r\n00ff\r\n$20\r\n18446744073709551615\r\n");
    ck_assert_uint_eq(outgoing_size(&outgoing), expected.size);
    ck_assert_mem_eq(outgoing.bytes, expected.data, expected.size);
    outgoing_clear(&outgoing);
    command_finish(&command);
}
END_TEST

START_TEST(a_command_has_no_more_arguments_than_it_may)
{
    struct outgoing outgoing = {.most = 1000000};
    struct command command = {.prefix = TONI_LIT("p")};
    command_begin(&command);
    for (int i = 0; i < COMMAND_ARGUMENTS_MOST; i++)
        command_add(&command, TONI_LIT("x"));
    ck_assert_int_eq(command_end(&command, &outgoing), 0);
    command_begin(&command);
    for (int i = 0; i <= COMMAND_ARGUMENTS_MOST; i++)
        command_add_number(&command, 1);
    const size_t before = outgoing_size(&outgoing);
    ck_assert_int_eq(command_end(&command, &outgoing), -1);
    ck_assert_uint_eq(outgoing_size(&outgoing), before);
    command_begin(&command); /* the next is none the worse for it */
    command_add(&command, TONI_LIT("PING"));
    ck_assert_int_eq(command_end(&command, &outgoing), 0);
    outgoing_clear(&outgoing);
    command_finish(&command);
}
END_TEST

START_TEST(what_waits_is_bounded_and_keeps_its_order)
{
    struct outgoing outgoing = {.most = 100000};
    unsigned char put = 0, taken = 0;
    for (int round = 0; round < 1500; round++) {
        char *bytes = outgoing_add(&outgoing, 97);
        ck_assert_ptr_nonnull(bytes);
        for (size_t i = 0; i < 97; i++)
            bytes[i] = (char)put++;
        const size_t some = (size_t)round % 90;
        for (size_t i = 0; i < some; i++)
            ck_assert_uint_eq((unsigned char)outgoing.bytes[outgoing.start + i], taken++);
        outgoing_take(&outgoing, some);
    }
    const size_t left = outgoing_size(&outgoing);
    ck_assert_ptr_null(outgoing_add(&outgoing, 100001 - left));
    ck_assert_uint_eq(outgoing_size(&outgoing), left);
    ck_assert_ptr_nonnull(outgoing_add(&outgoing, 100000 - left));
    outgoing_clear(&outgoing);
}
END_TEST

/* --- Publishes that go together */

static toni_engine_publish publish_of(uint64_t number, const char *room, size_t size)
{
    static char body[200000];
    return (toni_engine_publish){.number = number,
                                 .incarnation = 1,
                                 .node = 2,
                                 .kind = 0xa,
                                 .room = toni_str_of(room),
                                 .body = toni_str_make(body, size)};
}

START_TEST(a_batch_keeps_what_it_was_given)
{
    struct batch batch = {0};
    char room[] = "/0";
    char body[] = "body 0";
    for (int i = 0; i < BATCH_MOST; i++) {
        room[1] = body[5] = (char)('A' + i);
        toni_engine_publish publish = publish_of((uint64_t)i, room, 0);
        publish.body = toni_str_of(body);
        ck_assert(batch_fits(&batch, &publish, 60000));
        ck_assert_int_eq(batch_add(&batch, &publish, 60000), 0);
    }
    const toni_engine_publish more = publish_of(99, "/more", 1);
    ck_assert(!batch_fits(&batch, &more, 60000));
    ck_assert_uint_eq(batch.count, BATCH_MOST);
    for (int i = 0; i < BATCH_MOST; i++) {
        room[1] = body[5] = (char)('A' + i);
        ck_assert_uint_eq(batch.list[i].number, (uint64_t)i);
        ck_assert(toni_str_equal(batch.list[i].room, toni_str_of(room)));
        ck_assert(toni_str_equal(batch.list[i].body, toni_str_of(body)));
    }
    batch_empty(&batch);
    ck_assert(batch_fits(&batch, &more, 1));
    batch_clear(&batch);
}
END_TEST

START_TEST(a_batch_has_in_common_what_is_said_once)
{
    struct batch batch = {0};
    const toni_engine_publish first = publish_of(1, "/a", 10);
    toni_engine_publish next = publish_of(2, "/b", 10);
    ck_assert_int_eq(batch_add(&batch, &first, 60000), 0);
    ck_assert(batch_fits(&batch, &next, 60000));
    ck_assert(!batch_fits(&batch, &next, 60001));
    next.node++;
    ck_assert(!batch_fits(&batch, &next, 60000));
    next.node--;
    next.incarnation++;
    ck_assert(!batch_fits(&batch, &next, 60000));
    batch_clear(&batch);
}
END_TEST

START_TEST(a_batch_is_bounded_and_a_large_one_goes_alone)
{
    struct batch batch = {0};
    const size_t rest = BATCH_BYTES - 2 * 2 - 1000;
    const toni_engine_publish first = publish_of(1, "/a", 1000), most = publish_of(2, "/b", rest),
                              more = publish_of(3, "/c", rest + 1),
                              large = publish_of(4, "/d", 200000), empty = publish_of(5, "/e", 0);
    ck_assert_int_eq(batch_add(&batch, &first, 60000), 0);
    ck_assert(!batch_fits(&batch, &more, 60000));
    ck_assert(batch_fits(&batch, &most, 60000));
    ck_assert_int_eq(batch_add(&batch, &most, 60000), 0);
    ck_assert_uint_eq(batch.size, BATCH_BYTES);
    ck_assert(!batch_fits(&batch, &empty, 60000));
    batch_empty(&batch);
    ck_assert_uint_eq(batch.room, BATCH_BYTES); /* the next needs none */
    ck_assert(batch_fits(&batch, &large, 60000));
    ck_assert_int_eq(batch_add(&batch, &large, 60000), 0);
    ck_assert_uint_eq(batch.list[0].body.size, 200000);
    ck_assert(!batch_fits(&batch, &empty, 60000));
    batch_empty(&batch);
    ck_assert_uint_eq(batch.room, 0);
    batch_clear(&batch);
}
END_TEST

START_TEST(replies_are_waited_for_in_order)
{
    struct waiting_list waiting = {0};
    struct waiting one;
    uint64_t put = 0, taken = 0;
    ck_assert(!waiting_take(&waiting, &one));
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 7; i++)
            ck_assert_int_eq(waiting_add(&waiting, (struct waiting){.request = put++}), 0);
        for (int i = 0; i < 5; i++) {
            ck_assert(waiting_take(&waiting, &one));
            ck_assert_uint_eq(one.request, taken++);
        }
    }
    while (waiting_add(&waiting, (struct waiting){.request = put}) == 0)
        put++;
    ck_assert_uint_eq(waiting.count, WAITING_MOST);
    while (waiting_take(&waiting, &one) && one.request == taken)
        taken++;
    ck_assert_uint_eq(put, taken);
    waiting_clear(&waiting);
}
END_TEST

/* --- What comes in */

static const toni_str stream = TONI_LIT_INIT("+OK\r\n"
                                             ":1234567890123\r\n"
                                             "$3\r\na\0b\r\n"
                                             "$-1\r\n"
                                             "-NOSCRIPT No matching script\r\n"
                                             "*3\r\n$7\r\nmessage\r\n$5\r\np:r:a\r\n$2\r\n\r\n\r\n"
                                             "*2\r\n:1\r\n$0\r\n\r\n");

static void check_replies(redisReply *const *replies)
{
    ck_assert_int_eq(replies[0]->type, REDIS_REPLY_STATUS);
    ck_assert_int_eq(replies[1]->integer, 1234567890123);
    ck_assert_uint_eq(replies[2]->len, 3);
    ck_assert_mem_eq(replies[2]->str, "a\0b", 3);
    ck_assert_int_eq(replies[3]->type, REDIS_REPLY_NIL);
    ck_assert_int_eq(replies[4]->type, REDIS_REPLY_ERROR);
    ck_assert_uint_eq(replies[5]->elements, 3);
    ck_assert_mem_eq(replies[5]->element[2]->str, "\r\n", 2);
    ck_assert_int_eq(replies[6]->element[0]->integer, 1);
}

/* Fed in two parts, and the second byte by byte. */
START_TEST(replies_may_be_cut_anywhere)
{
    struct incoming incoming;
    redisReply *replies[7], *reply;
    size_t count = 0;
    ck_assert_int_eq(incoming_init(&incoming, 1000), 0);
    for (size_t i = 0; i < stream.size;) {
        const size_t size = i == 0 && _i > 0 ? (size_t)_i : 1;
        ck_assert_ptr_null(incoming_feed(&incoming, stream.data + i, size));
        i += size;
        for (;;) {
            ck_assert_ptr_null(incoming_next(&incoming, &reply));
            if (!reply)
                break;
            ck_assert_uint_lt(count, 7);
            replies[count++] = reply;
        }
    }
    ck_assert_uint_eq(count, 7);
    ck_assert_uint_eq(incoming.waiting, 0);
    check_replies(replies);
    for (size_t i = 0; i < count; i++)
        incoming_free(replies[i]);
    incoming_finish(&incoming);
}
END_TEST

static const char *fault_of(struct incoming *incoming, const char *text)
{
    redisReply *reply = NULL;
    const char *fault = incoming_feed(incoming, text, strlen(text));
    if (!fault)
        fault = incoming_next(incoming, &reply);
    if (reply)
        incoming_free(reply);
    return fault;
}

START_TEST(what_is_no_reply_is_a_fault)
{
    static const struct {
        const char *text, *fault;
    } replies[] = {
        {"HTTP/1.1 200 OK\r\n", "Protocol error"},
        {"*1048577\r\n", "an array of more than 1,048,576 elements"},
        {"*1000000000\r\n", "an array of more than 1,048,576 elements"},
        {"$99999999999999999999\r\n", "Bad bulk string length"},
        {"*1\r\n*1\r\n", "an array within an array"},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
         "an array within an array"},
        {"*2\r\n:1\r\n*0\r\n", "an array within an array"},
    };
    struct incoming incoming;
    ck_assert_int_eq(incoming_init(&incoming, 1000), 0);
    const char *fault = fault_of(&incoming, replies[_i].text);
    ck_assert_ptr_nonnull(fault);
    ck_assert_msg(strncmp(fault, replies[_i].fault, strlen(replies[_i].fault)) == 0, "%s", fault);
    incoming_finish(&incoming);
}
END_TEST

START_TEST(a_reply_is_bounded_and_many_are_not)
{
    struct incoming incoming;
    char bytes[100];
    memset(bytes, 'x', sizeof bytes);
    ck_assert_int_eq(incoming_init(&incoming, 1000), 0);
    for (int i = 0; i < 500; i++)
        ck_assert_ptr_null(fault_of(&incoming, "+OK\r\n"));
    ck_assert_ptr_null(fault_of(&incoming, "$100000000\r\n"));
    for (int i = 0; i < 9; i++)
        ck_assert_ptr_null(incoming_feed(&incoming, bytes, sizeof bytes));
    ck_assert_str_eq(incoming_feed(&incoming, bytes, sizeof bytes),
                     "one reply is larger than `reply_size`");
    incoming_finish(&incoming);
}
END_TEST

/* Whoever waits for the end of a line looks through it for each piece that comes. */
START_TEST(a_line_ends_and_a_string_may_be_long)
{
    struct incoming incoming;
    redisReply *reply;
    char bytes[2048];
    size_t size = 0;
    const char *fault = NULL;
    memset(bytes, 'x', sizeof bytes);
    ck_assert_int_eq(incoming_init(&incoming, 1 << 20), 0);
    ck_assert_ptr_null(fault_of(&incoming, "$1000000\r\n"));
    for (; size + sizeof bytes < 1000000; size += sizeof bytes) {
        ck_assert_ptr_null(incoming_feed(&incoming, bytes, sizeof bytes));
        ck_assert_ptr_null(incoming_next(&incoming, &reply));
    }
    ck_assert_ptr_null(incoming_feed(&incoming, bytes, 1000000 - size));
    ck_assert_ptr_null(fault_of(&incoming, "\r\n+"));
    for (size = 0; !fault && size <= INCOMING_LINE_MOST; size += sizeof bytes) {
        ck_assert_ptr_null(incoming_feed(&incoming, bytes, sizeof bytes));
        fault = incoming_next(&incoming, &reply);
    }
    ck_assert_pstr_eq(fault, "a line does not end");
    incoming_finish(&incoming);
}
END_TEST

/* --- What it means */

static redisReply *reply_of(const char *text)
{
    struct incoming incoming;
    redisReply *reply = NULL;
    ck_assert_int_eq(incoming_init(&incoming, 100000), 0);
    ck_assert_ptr_null(incoming_feed(&incoming, text, strlen(text)));
    ck_assert_ptr_null(incoming_next(&incoming, &reply));
    ck_assert_ptr_nonnull(reply);
    incoming_finish(&incoming);
    return reply;
}

#define AT "00200000000000018000000000000000"

START_TEST(publishes)
{
    toni_engine_published published;
    redisReply *reply = reply_of("$41\r\nA" AT "00000011\r\n");
    ck_assert(answer_published(reply, &published));
    ck_assert_int_eq(published.answer, TONI_ENGINE_APPLIED);
    ck_assert_uint_eq(published.at.epoch, (UINT64_C(1) << 53) + 1);
    ck_assert_uint_eq(published.at.offset, UINT64_C(1) << 63);
    ck_assert_uint_eq(published.receivers, 17);
    incoming_free(reply);
    reply = reply_of("$33\r\nR" AT "\r\n");
    ck_assert(answer_published(reply, &published));
    ck_assert_int_eq(published.answer, TONI_ENGINE_REPEAT);
    incoming_free(reply);
    reply = reply_of("$1\r\nN\r\n");
    ck_assert(answer_published(reply, &published));
    ck_assert_int_eq(published.answer, TONI_ENGINE_NOT_RUN);
    incoming_free(reply);
}
END_TEST

START_TEST(what_no_publish_answers)
{
    static const char *const texts[] = {"$0\r\n\r\n",
                                        "+A\r\n",
                                        "$33\r\nA" AT "\r\n",
                                        "$41\r\nA" AT "0000000x\r\n",
                                        "$42\r\nA" AT "000000001\r\n",
                                        "$34\r\nR" AT "1\r\n",
                                        "+II\r\n",
                                        "+NN\r\n",
                                        "+X\r\n",
                                        ":1\r\n",
                                        "$-1\r\n",
                                        "*0\r\n"};
    toni_engine_published published;
    ck_assert_uint_eq(sizeof texts / sizeof texts[0], 12);
    redisReply *reply = reply_of(texts[_i]);
    ck_assert(!answer_published(reply, &published));
    incoming_free(reply);
}
END_TEST

START_TEST(each_publish_has_its_answer)
{
    toni_engine_published published;
    redisReply *reply = reply_of("*3\r\n$41\r\nA" AT "00000000\r\n-WRONGTYPE no\r\n$1\r\nL\r\n");
    ck_assert_ptr_null(answer_of(reply, 0, 2));
    ck_assert_ptr_null(answer_of(reply, 0, 4));
    ck_assert(answer_published(answer_of(reply, 0, 3), &published));
    ck_assert_int_eq(published.answer, TONI_ENGINE_APPLIED);
    ck_assert_int_eq(answer_of(reply, 1, 3)->type, REDIS_REPLY_ERROR);
    ck_assert_int_eq(answer_fault(answer_of(reply, 1, 3)).answer, TONI_ENGINE_ERROR);
    ck_assert(answer_published(answer_of(reply, 2, 3), &published));
    ck_assert_int_eq(published.answer, TONI_ENGINE_LOST);
    incoming_free(reply);
    reply = reply_of("*2\r\n:1\r\n$-1\r\n");
    for (size_t i = 0; i < 2; i++)
        ck_assert(!answer_published(answer_of(reply, i, 2), &published));
    incoming_free(reply);
}
END_TEST

START_TEST(one_answer_may_be_that_of_all)
{
    redisReply *reply = reply_of("-NOSCRIPT No matching script.\r\n");
    for (size_t i = 0; i < 5; i++)
        ck_assert_ptr_eq(answer_of(reply, i, 5), reply);
    incoming_free(reply);
}
END_TEST

#define ENTRY(offset, body) "$" offset "\r\n$8\r\n00000007\r\n$1\r\n" body "\r\n"

START_TEST(a_history_has_no_holes)
{
    struct answer_history history;
    redisReply *reply = reply_of("*13\r\n$32\r\n00000000000000770000000000000009\r\n" ENTRY(
        "3\r\n0-4", "a") ENTRY("3\r\n0-5", "b") ENTRY("3\r\n0-7", "c") ENTRY("3\r\n0-8", "d"));
    ck_assert(answer_history(reply, false, &history));
    ck_assert_uint_eq(history.top.offset, 9);
    ck_assert_uint_eq(history.count, 2);
    ck_assert_uint_eq(history.entries[0].offset, 7);
    ck_assert_uint_eq(history.entries[0].kind, 7);
    ck_assert_mem_eq(history.entries[0].body.data, "c", 1);
    free(history.entries);
    incoming_free(reply);
}
END_TEST

START_TEST(the_last_of_a_history_end_with_its_top)
{
    struct answer_history history;
    redisReply *reply = reply_of("*10\r\n$32\r\n00000000000000770000000200000000\r\n" ENTRY(
        "3\r\n2-0", "c") ENTRY("12\r\n1-4294967295", "b") ENTRY("12\r\n1-4294967293", "a"));
    ck_assert(answer_history(reply, true, &history));
    ck_assert_uint_eq(history.count, 2);
    ck_assert_uint_eq(history.entries[0].offset, (UINT64_C(2) << 32) - 1);
    ck_assert_uint_eq(history.entries[1].offset, UINT64_C(2) << 32);
    free(history.entries);
    incoming_free(reply);
    reply = reply_of("*4\r\n$32\r\n00000000000000770000000000000009\r\n" ENTRY("3\r\n0-8", "c"));
    ck_assert(answer_history(reply, true, &history));
    ck_assert_uint_eq(history.count, 0);
    free(history.entries);
    incoming_free(reply);
}
END_TEST

/* A stream that something else writes into, or a key that is none: all that is known is the top. */
START_TEST(a_history_of_somebody_else_is_none)
{
    static const char *const entries[] = {
        ENTRY("15\r\n1764000000000-0", "a"), /* as Redis numbers them by itself */
        ENTRY("1\r\n7", "a"),
        "$3\r\n0-9\r\n$4\r\nname\r\n$1\r\na\r\n",
        ENTRY("3\r\n0-9", "a") "$3\r\n0-8\r\n$8\r\n0000000x\r\n$1\r\na\r\n",
    };
    char text[256];
    for (size_t i = 0; i < 4; i++) {
        struct answer_history history;
        (void)snprintf(text, sizeof text, "*%d\r\n$32\r\n00000000000000770000000000000009\r\n%s",
                       i == 3 ? 7 : 4, entries[i]);
        redisReply *reply = reply_of(text);
        ck_assert(answer_history(reply, true, &history));
        ck_assert_uint_eq(history.top.offset, 9);
        ck_assert_uint_eq(history.count, 0);
        ck_assert(history.is_foreign);
        free(history.entries);
        incoming_free(reply);
    }
    struct answer_history history;
    redisReply *reply =
        reply_of("*2\r\n$32\r\n00000000000000770000000000000009\r\n-WRONGTYPE no\r\n");
    ck_assert(answer_history(reply, false, &history));
    ck_assert_uint_eq(history.top.epoch, 0x77);
    ck_assert_uint_eq(history.count, 0);
    ck_assert_ptr_eq(history.fault, reply->element[1]);
    ck_assert_ptr_nonnull(answer_fault(history.fault).mend);
    free(history.entries);
    incoming_free(reply);
    reply =
        reply_of("*4\r\n$32\r\n00000000000000770000000000000009\r\n$3\r\n0-9\r\n:7\r\n$1\r\na\r\n");
    ck_assert(!answer_history(reply, false, &history));
    incoming_free(reply);
}
END_TEST

START_TEST(errors_say_what_mends_them)
{
    static const struct {
        const char *text;
        int32_t answer;
    } errors[] = {
        {"-NOSCRIPT No matching script.\r\n", TONI_ENGINE_NOT_RUN},
        {"-READONLY You can't write against a read only replica.\r\n", TONI_ENGINE_READ_ONLY},
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", TONI_ENGINE_ERROR},
        {"-NOPERM no\r\n", TONI_ENGINE_ERROR},
        {"-MISCONF no\r\n", TONI_ENGINE_ERROR},
        {"-LOADING no\r\n", TONI_ENGINE_ERROR},
        {"-BUSY no\r\n", TONI_ENGINE_ERROR},
        {"-TONI_VERSION 6.0.16\r\n", TONI_ENGINE_ERROR},
    };
    redisReply *reply = reply_of(errors[_i].text);
    const struct answer_fault fault = answer_fault(reply);
    ck_assert_int_eq(fault.answer, errors[_i].answer);
    ck_assert_ptr_nonnull(fault.mend);
    incoming_free(reply);
}
END_TEST

START_TEST(an_error_is_of_one_room_or_of_all)
{
    static const struct {
        const char *text;
        bool is_for_all;
    } errors[] = {
        {"-MISCONF no\r\n", true},
        {"-NOPERM User toni has no permissions to run the 'evalsha' command\r\n", true},
        {"-ERR The user executing the script can't run this command or subcommand\r\n", true},
        {"-NOPERM No permissions to access a key\r\n", false},
        {"-OOM command not allowed\r\n", false},
        {"-NOSCRIPT No matching script.\r\n", false},
        {"-WRONGTYPE Operation against a key\r\n", false},
        {"-ERR what nobody knows\r\n", false},
    };
    redisReply *reply = reply_of(errors[_i].text);
    ck_assert_int_eq(answer_fault(reply).is_for_all, errors[_i].is_for_all);
    incoming_free(reply);
}
END_TEST

START_TEST(an_error_is_shown_without_the_line_of_its_script)
{
    redisReply *reply =
        reply_of("-OOM command not allowed. script: ea1861dc, on @user_script:40.\r\n");
    ck_assert(toni_str_equal(answer_said(reply), TONI_LIT("OOM command not allowed.")));
    incoming_free(reply);
    reply = reply_of("-ERR no\r\n");
    ck_assert(toni_str_equal(answer_said(reply), TONI_LIT("ERR no")));
    incoming_free(reply);
}
END_TEST

START_TEST(an_error_that_nobody_knows_is_one)
{
    redisReply *reply = reply_of("-\r\n");
    ck_assert_int_eq(answer_fault(reply).answer, TONI_ENGINE_ERROR);
    ck_assert_ptr_null(answer_fault(reply).mend);
    incoming_free(reply);
}
END_TEST

/* --- What is logged of it */

START_TEST(a_text_is_logged_once_a_minute_also_where_two_take_turns)
{
    struct warnings warnings = {0};
    for (int64_t now_ms = 1; now_ms < 180000; now_ms += 500) {
        const bool is_due = now_ms % 60000 == 1;
        ck_assert_int_eq(warnings_take(&warnings, "one", now_ms), is_due);
        ck_assert_int_eq(warnings_take(&warnings, "another", now_ms), is_due);
    }
}
END_TEST

START_TEST(of_texts_that_are_another_each_time_one_a_second_is_logged)
{
    struct warnings warnings = {0};
    char text[32];
    unsigned written = 0;
    for (int64_t now_ms = 1; now_ms < 60000; now_ms += 10) {
        (void)snprintf(text, sizeof text, "text %lld", (long long)now_ms);
        written += warnings_take(&warnings, text, now_ms) ? 1 : 0;
    }
    ck_assert_uint_le(written, WARNINGS_MOST + 60);
    ck_assert_uint_ge(written, 60);
    ck_assert(warnings_take(&warnings, "one of now", 61000)); /* they keep nothing else back */
    ck_assert(!warnings_take(&warnings, "one of now", 62000));
}
END_TEST

/* --- Addresses */

START_TEST(addresses)
{
    static const struct {
        const char *text, *host, *port;
        bool is_unix;
    } good[] = {
        {"a:1", "a", "1", false},
        {"a", "a", "6379", false},
        {"[::1]:65535", "::1", "65535", false},
        {"[::1]", "::1", "6379", false},
        {"unix:/run/r.sock", "/run/r.sock", "", true},
    };
    struct address address;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_ptr_null(address_read(&address, toni_str_of(good[i].text), "6379"));
        ck_assert_str_eq(address.host, good[i].host);
        ck_assert_str_eq(address.port, good[i].port);
        ck_assert_int_eq(address.is_unix, good[i].is_unix);
    }
}
END_TEST

START_TEST(what_is_no_address)
{
    static const char *const texts[] = {"",       ":1",    "a:",       "a:0",   "a:65536",
                                        "a:-1",   "a:1x",  "a:000001", "::1:6", "[::1",
                                        "[::1]6", "unix:", "unix:x"};
    char path[200] = "unix:/";
    struct address address;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_msg(address_read(&address, toni_str_of(texts[i]), "6379"), "%s is taken",
                      texts[i]);
    memset(path + 6, 'x', 150);
    ck_assert_ptr_nonnull(address_read(&address, toni_str_of(path), "6379"));
    ck_assert_ptr_nonnull(address_read(&address, TONI_LIT("a"), NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis_protocol");
    TCase *all = tcase_create("all");
    tcase_add_test(all, numbers_keep_all_bits_and_their_order);
    tcase_add_test(all, a_command_is_what_redis_reads);
    tcase_add_test(all, a_command_has_no_more_arguments_than_it_may);
    tcase_add_test(all, what_waits_is_bounded_and_keeps_its_order);
    tcase_add_test(all, a_batch_keeps_what_it_was_given);
    tcase_add_test(all, a_batch_has_in_common_what_is_said_once);
    tcase_add_test(all, a_batch_is_bounded_and_a_large_one_goes_alone);
    tcase_add_test(all, replies_are_waited_for_in_order);
    tcase_add_loop_test(all, replies_may_be_cut_anywhere, 0, (int)stream.size);
    tcase_add_loop_test(all, what_is_no_reply_is_a_fault, 0, 7);
    tcase_add_test(all, a_reply_is_bounded_and_many_are_not);
    tcase_add_test(all, a_line_ends_and_a_string_may_be_long);
    tcase_add_test(all, publishes);
    tcase_add_loop_test(all, what_no_publish_answers, 0, 12);
    tcase_add_test(all, each_publish_has_its_answer);
    tcase_add_test(all, one_answer_may_be_that_of_all);
    tcase_add_test(all, a_history_has_no_holes);
    tcase_add_test(all, the_last_of_a_history_end_with_its_top);
    tcase_add_test(all, a_history_of_somebody_else_is_none);
    tcase_add_loop_test(all, errors_say_what_mends_them, 0, 8);
    tcase_add_loop_test(all, an_error_is_of_one_room_or_of_all, 0, 8);
    tcase_add_test(all, an_error_is_shown_without_the_line_of_its_script);
    tcase_add_test(all, an_error_that_nobody_knows_is_one);
    tcase_add_test(all, a_text_is_logged_once_a_minute_also_where_two_take_turns);
    tcase_add_test(all, of_texts_that_are_another_each_time_one_a_second_is_logged);
    tcase_add_test(all, addresses);
    tcase_add_test(all, what_is_no_address);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
