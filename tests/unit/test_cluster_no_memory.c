/* A node whose memory, server and connections fail at random. Whatever fails: each publish that was
 * taken has one result, and the right one; each room's messages come in order, once, and what is
 * missing is told; and when all is well again, all is caught up with. TONI_TEST_SEED chooses
 * another course. */
#include "cluster_fixture.h"
#include "dice.h"
#include "no_memory.h"
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOMS = 6, STEPS = 6000, COOKIES = STEPS + 1, FAULTS = 8 };

static struct dice dice;
static const char *const names[ROOMS] = {"a", "b", "c", "d", "e", "f"};

/* What was told of each room: what comes next has this number. */
static struct {
    bool is_begun;
    uint64_t epoch; /* 0: any */
    uint64_t next;
} told[ROOMS];

static bool was_taken[COOKIES];
static uint32_t results[COOKIES];
static enum publish_result result[COOKIES];
static uint32_t applied[COOKIES];
static uint32_t faults; /* counted: Check must not allocate while memory fails */
static char fault[FAULTS][128];
static bool has_lease;
static enum server_state state;
static uint32_t recoveries, delivered, gaps;

#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition) && faults++ < FAULTS)                                                     \
            (void)snprintf(fault[faults - 1], sizeof(fault[0]), __VA_ARGS__);                      \
    } while (0)

static uint32_t room_index(const struct output *output)
{
    return (uint32_t)(output->keys->list[0].bytes[0] - 'a');
}

static void take_delivery(const struct output *output)
{
    const uint32_t room = room_index(output);
    const struct position at = output->deliver.at;

    delivered++;
    EXPECT(!told[room].is_begun || told[room].epoch == 0 || told[room].epoch == at.epoch,
           "%s: an epoch changed untold", names[room]);
    EXPECT(!told[room].is_begun || told[room].next == at.offset, "%s: %d after %d", names[room],
           (int)at.offset, (int)told[room].next - 1);
    told[room].is_begun = true;
    told[room].epoch = at.epoch;
    told[room].next = at.offset + 1;
}

static void take_gap(const struct output *output)
{
    const uint32_t room = room_index(output);

    gaps++;
    EXPECT(output->gap.from == 0 || !told[room].is_begun || output->gap.from == told[room].next,
           "%s: a gap from %d after %d", names[room], (int)output->gap.from,
           (int)told[room].next - 1);
    told[room].is_begun = true;
    told[room].epoch = output->gap.next.epoch;
    told[room].next = output->gap.next.epoch != 0 ? output->gap.next.offset : 1;
}

static void take_recovered(const struct output *output)
{
    const struct entries *entries = output->recovered.entries;

    recoveries--;
    EXPECT(output->recovered.is_complete || !entries, "a part of a recovery");
    for (uint32_t i = 0; entries && i < entries->count; i++)
        EXPECT(entries->list[i].offset + entries->count - i - 1 == output->recovered.at.offset,
               "a hole in a recovery");
}

static void take_event(const struct output *output)
{
    switch (output->kind) {
    case OUTPUT_RESULT:
        results[output->result.cookie]++;
        result[output->result.cookie] = output->result.result;
        break;
    case OUTPUT_DELIVER:
        take_delivery(output);
        break;
    case OUTPUT_GAP:
        take_gap(output);
        break;
    case OUTPUT_RECOVERED:
        take_recovered(output);
        break;
    case OUTPUT_STATE:
        EXPECT(output->state.state != SERVER_UP || world.generation != 0, "up without a server");
        state = output->state.state;
        break;
    case OUTPUT_LEASE_HELD:
        EXPECT(!has_lease, "a second lease");
        has_lease = true;
        break;
    case OUTPUT_LEASE_LOST:
        EXPECT(has_lease, "a lease lost that was none");
        has_lease = false;
        break;
    default:
        break;
    }
}

static void note_applied(const char *text)
{
    applied[strtoul(text, NULL, 10)]++;
}

static void begin_all(void)
{
    world_begin(NULL);
    world.on_event = take_event;
    world.on_applied = note_applied;
    memset(told, 0, sizeof(told));
    memset(was_taken, 0, sizeof(was_taken));
    memset(results, 0, sizeof(results));
    memset(applied, 0, sizeof(applied));
    has_lease = false;
    faults = recoveries = delivered = gaps = 0;
    world_run();
    for (uint32_t i = 0; i < ROOMS; i++) {
        world_room(names[i])->keeps = i % 2 == 0;
        ck_assert_int_eq(world_subscribe(names[i]), CLUSTER_DONE);
        world_others_publish(names[i], "0");
    }
}

static void publish_one(const char *room)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", (unsigned)world.last_cookie + 1);
    const uint64_t before = world.last_cookie;
    const int status = world_publish(room, text);
    if (world.last_cookie > before)
        was_taken[world.last_cookie] = status == CLUSTER_DONE;
}

static void recover_one(const char *room)
{
    const struct world_room *engine = world_room(room);
    const uint64_t back = dice_below(&dice, 8);
    const struct position since = {engine->epoch,
                                   engine->offset > back ? engine->offset - back : 0};

    recoveries++;
    if (node_recover(world.node, (struct room_key){room, 1}, since, 100, 0, world.now_ms) !=
        CLUSTER_DONE)
        recoveries--;
    world_run();
}

static void step(void)
{
    const uint32_t roll = dice_below(&dice, 1000);
    const char *room = names[dice_below(&dice, ROOMS)];

    world.loses_messages = dice_chance(&dice, 10);
    world.is_stopped = world.is_stopped && !dice_chance(&dice, 3);
    world.is_away = world.is_away && !dice_chance(&dice, 3);
    if (roll < 400) {
        publish_one(room);
    } else if (roll < 700) {
        world_others_publish(room, "0");
    } else if (roll < 720) {
        recover_one(room);
    } else if (roll < 730) {
        if (world.generation != 0)
            world_break();
    } else if (roll < 733) {
        if (world.generation != 0)
            world_restart_empty();
    } else if (roll < 738) {
        world_room(room)->epoch = 0; /* evicted */
    } else if (roll < 748) {
        world.is_stopped = !world.is_stopped;
    } else if (roll < 753) {
        world.is_away = !world.is_away;
    } else if (roll < 763) {
        world.publish_answer = ENGINE_NOT_RUN;
        world.answers_left = 1 + dice_below(&dice, 3);
    } else if (roll < 766) {
        world.publish_answer = ENGINE_READ_ONLY;
        world.answers_left = 1;
    } else {
        world_pass(dice_below(&dice, 100));
    }
}

static void expect_all_told(void)
{
    world.is_stopped = world.is_away = world.loses_messages = false;
    world.answers_left = 0;
    world_run();
    world_pass(120000);
    for (uint32_t i = 0; i < faults && i < FAULTS; i++)
        printf("%s\n", fault[i]);
    ck_assert_uint_eq(faults, 0);
    ck_assert_int_eq(state, SERVER_UP);
    ck_assert(has_lease);
    ck_assert_uint_eq(recoveries, 0);
    for (uint32_t i = 0; i < ROOMS; i++) {
        const struct world_room *room = world_room(names[i]);
        if (room->epoch == 0 || room->incarnation != world.incarnation)
            continue;
        ck_assert_msg(told[i].epoch == room->epoch && told[i].next == room->offset + 1,
                      "%s: something was lost untold", names[i]);
    }
    for (uint32_t i = 1; i <= world.last_cookie; i++) {
        ck_assert_msg(results[i] == (was_taken[i] ? 1 : 0), "publish %u: %u results", i,
                      results[i]);
        ck_assert_msg(applied[i] <= 1, "publish %u was applied %u times", i, applied[i]);
        if (was_taken[i] && result[i] != PUBLISH_UNKNOWN) {
            ck_assert_msg(applied[i] == (result[i] == PUBLISH_OK ? 1 : 0),
                          "publish %u lied: result %d, applied %u times", i, (int)result[i],
                          applied[i]);
        }
    }
}

static void run(uint32_t percent_without_memory)
{
    begin_all();
    for (int i = 0; i < STEPS; i++) {
        if (dice_chance(&dice, percent_without_memory))
            allocations_left = dice_below(&dice, 12);
        step();
        allocations_left = NO_MEMORY_OFF;
    }
    expect_all_told();
    ck_assert_uint_gt(delivered, STEPS / 20);
    ck_assert_uint_gt(gaps, 10);
    world_end();
}

START_TEST(whatever_fails_is_told)
{
    run(0);
}
END_TEST

START_TEST(without_memory_too)
{
    run(30);
    ck_assert(allocation_failed());
}
END_TEST

START_TEST(a_node_that_can_not_be_made_is_none)
{
    const char *const servers[] = {"one:6379"};
    struct node_settings settings = {
        .servers = servers, .server_count = 1, .incarnation = 7, .seed = 1};
    unsigned count = 0;
    struct cluster_node *node = NULL;

    node_settings_defaults(&settings);
    while (!node) {
        WITH_ALLOCATIONS(count, node = node_create(&settings, 1));
        ck_assert_uint_lt(++count, 20);
    }
    ck_assert_uint_ge(count, 4);
    node_destroy(node);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster_no_memory");
    TCase *tcase = tcase_create("no_memory");

    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    dice.state = environment_number("TONI_TEST_SEED", 1);
    printf("TONI_TEST_SEED=%llu\n", (unsigned long long)dice.state);
    tcase_add_test(tcase, whatever_fails_is_told);
    tcase_add_test(tcase, without_memory_too);
    tcase_add_test(tcase, a_node_that_can_not_be_made_is_none);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
