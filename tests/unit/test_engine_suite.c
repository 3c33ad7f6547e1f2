/* The suite for engines finds what it is there to find: each fault here breaks one promise of an
 * engine that keeps them all, and a test of the named case has to fail. */
#include "runner.h"
#include "toni_engine_suite.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* X(fault, case): what is broken, and which case of the suite has to find it. */
#define FAULTS(X)                                                                                  \
    X(closed_is_not_told, "failures")                                                              \
    X(connected_is_told_twice, "hello")                                                            \
    X(told_after_close, "connections")                                                             \
    X(told_after_detach, "connections")                                                            \
    X(told_of_another_connection, "connections")                                                   \
    X(told_on_another_thread, "connections")                                                       \
    X(a_watch_is_left, "connections")                                                              \
    X(a_reply_is_late, "connections")                                                              \
    X(hello_leaves_old_connections, "hello")                                                       \
    X(hello_ends_others, "hello")                                                                  \
    X(the_incarnation_is_not_looked_at, "publishes")                                               \
    X(a_repeat_is_applied_twice, "publishes")                                                      \
    X(a_repeat_of_another_epoch_is_applied, "publishes")                                           \
    X(a_repeat_without_epoch_is_lost, "publishes")                                                 \
    X(nodes_share_their_numbers, "publishes")                                                      \
    X(a_later_one_may_overtake, "publishes")                                                       \
    X(numbers_are_doubles, "publishes")                                                            \
    X(epochs_are_doubles, "publishes")                                                             \
    X(the_offset_is_wrong, "publishes")                                                            \
    X(receivers_are_not_counted, "publishes")                                                      \
    X(kinds_have_8_bits, "publishes")                                                              \
    X(bodies_end_with_a_nul, "publishes")                                                          \
    X(keys_end_with_a_nul, "publishes")                                                            \
    X(keys_end_after_255_bytes, "publishes")                                                       \
    X(a_message_is_lost, "subscriptions")                                                          \
    X(a_message_comes_twice, "subscriptions")                                                      \
    X(messages_change_places, "subscriptions")                                                     \
    X(unsubscribe_does_nothing, "subscriptions")                                                   \
    X(a_second_subscribe_is_not_answered, "subscriptions")                                         \
    X(an_echo_is_early, "subscriptions")                                                           \
    X(an_echo_of_another_incarnation, "subscriptions")                                             \
    X(tops_are_in_another_order, "history")                                                        \
    X(a_history_has_a_hole, "history")                                                             \
    X(a_limit_takes_the_newest, "history")                                                         \
    X(a_history_of_another_epoch, "history")                                                       \
    X(a_history_has_no_end, "history")                                                             \
    X(a_history_is_not_trimmed, "history")                                                         \
    X(a_lease_is_new_each_time, "leases")                                                          \
    X(a_lease_is_not_restored, "leases")                                                           \
    X(a_lease_is_too_long, "leases")                                                               \
    X(the_boot_floor_is_not_looked_at, "leases")                                                   \
    X(the_last_id_key_is_told, "leases")                                                           \
    X(names_are_cut, "leases")

enum fault {
    NO_FAULT,
#define FAULT_ENUM(name, tcase) name,
    FAULTS(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

static const char *const fault_names[] = {"no fault",
#define FAULT_NAME(name, tcase) #name,
                                          FAULTS(FAULT_NAME)
#undef FAULT_NAME
};

static const char *const fault_cases[] = {NULL,
#define FAULT_CASE(name, tcase) tcase,
                                          FAULTS(FAULT_CASE)
#undef FAULT_CASE
};

static enum fault fault; /* that engines have now */

/* Stands between a node and its engine, and is each for the other. */
struct proxy {
    toni_engine engine; /* first: what the engine gets */
    toni_engine *node;
    const struct toni_engine_table *table;
    void *self;
    uint64_t connection, incarnation, epoch;
    uint64_t number, highest; /* of the publish that is under way; of all */
    uint64_t id_key, request;
    uint32_t times;
    int64_t watch;
    int wake[2];
    int has_held; /* a reply that is late */
    uint64_t held_number;
    toni_engine_published held;
    char held_body[8];
    toni_position held_at;
};

static struct proxy proxies[2];
static size_t proxy_count;

static bool is(enum fault one)
{
    return fault == one;
}

static struct proxy *of(toni_engine *engine)
{
    return (struct proxy *)engine;
}

static toni_str cut(toni_str text, size_t size)
{
    return toni_str_make(text.data, text.size < size ? text.size : size);
}

static toni_str cut_at_nul(toni_str text)
{
    return cut(text, text.size > 0 ? strnlen(text.data, text.size) : 0);
}

static toni_str fault_of_key(toni_str key)
{
    if (is(keys_end_with_a_nul) && key.data[0] != '\0')
        return cut_at_nul(key);
    return is(keys_end_after_255_bytes) ? cut(key, 255) : key;
}

/* --- What the engine tells */

static void connected(toni_engine *engine, uint32_t server, uint64_t connection)
{
    toni_engine_connected(of(engine)->node, server, connection);
    if (is(connected_is_told_twice))
        toni_engine_connected(of(engine)->node, server, connection);
}

static void closed(toni_engine *engine, uint32_t server, uint64_t connection, toni_str why)
{
    if (!is(closed_is_not_told))
        toni_engine_closed(of(engine)->node, server, connection, why);
}

static void hello_reply(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                        uint64_t incarnation, uint64_t engine_id)
{
    of(engine)->incarnation = incarnation;
    toni_engine_hello_reply(of(engine)->node, server, connection, request, incarnation, engine_id);
}

static void release_held(struct proxy *proxy)
{
    if (proxy->has_held)
        toni_engine_published_reply(proxy->node, 0, proxy->connection, proxy->held_number,
                                    &proxy->held);
    proxy->has_held = 0;
}

struct told_elsewhere {
    struct proxy *proxy;
    toni_engine_published reply;
};

static void *tell_elsewhere(void *data)
{
    const struct told_elsewhere *told = data;
    toni_engine_published_reply(told->proxy->node, 0, told->proxy->connection, told->proxy->number,
                                &told->reply);
    return NULL;
}

static void published(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t number,
                      const toni_engine_published *reply)
{
    struct proxy *proxy = of(engine);
    struct told_elsewhere told = {proxy, *reply};
    (void)number; /* the fault may have changed it */
    told.reply.at.offset += is(the_offset_is_wrong) && reply->answer == TONI_ENGINE_APPLIED;
    if (is(receivers_are_not_counted))
        told.reply.receivers = 0;
    if (is(told_on_another_thread)) {
        pthread_t thread;
        ck_assert_int_eq(pthread_create(&thread, NULL, tell_elsewhere, &told), 0);
        (void)pthread_join(thread, NULL);
    } else if (is(a_reply_is_late) && !proxy->has_held) {
        proxy->has_held = 1;
        proxy->held_number = proxy->number;
        proxy->held = told.reply;
    } else {
        toni_engine_published_reply(proxy->node, server, connection, proxy->number, &told.reply);
        release_held(proxy);
    }
}

static void subscribed(toni_engine *engine, uint32_t server, uint64_t connection, toni_str room,
                       uint32_t is_subscribed)
{
    struct proxy *proxy = of(engine);
    if (is(a_second_subscribe_is_not_answered) && is_subscribed && ++proxy->times == 2)
        return;
    toni_engine_subscribed(proxy->node, server, connection, room, is_subscribed);
}

static void message(toni_engine *engine, uint32_t server, uint64_t connection, toni_str room,
                    toni_position at, uint32_t kind, toni_str body)
{
    struct proxy *proxy = of(engine);
    const uint32_t times = ++proxy->times;
    if (is(a_message_is_lost) && times % 5 == 0)
        return;
    if (is(messages_change_places) && times % 5 == 3) { /* of one room */
        proxy->held_at = at;
        return;
    }
    if (is(bodies_end_with_a_nul))
        body = cut_at_nul(body);
    toni_engine_message(proxy->node, server, connection + (is(told_of_another_connection) ? 1 : 0),
                        room, at, is(kinds_have_8_bits) ? kind & 255 : kind, body);
    if (is(a_message_comes_twice) && times % 5 == 0)
        toni_engine_message(proxy->node, server, connection, room, at, kind, body);
    if (proxy->held_at.epoch != 0)
        toni_engine_message(proxy->node, server, connection, room, proxy->held_at, kind, body);
    proxy->held_at.epoch = 0;
}

static void probe_reply(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                        int32_t answer)
{
    struct proxy *proxy = of(engine);
    toni_engine_probe_reply(proxy->node, server, connection, request, answer);
    if (is(answer == TONI_ENGINE_APPLIED ? an_echo_is_early : an_echo_of_another_incarnation))
        toni_engine_probe_echo(proxy->node, server, connection, request);
}

static void probe_echo(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request)
{
    if (!is(an_echo_is_early))
        toni_engine_probe_echo(of(engine)->node, server, connection, request);
}

static void tops_reply(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                       const toni_position *tops, uint32_t count)
{
    toni_position other[TONI_ENGINE_KEYS_MOST];
    for (uint32_t i = 0; i < count; i++)
        other[i] = tops[is(tops_are_in_another_order) ? count - 1 - i : i];
    toni_engine_tops_reply(of(engine)->node, server, connection, request, other, count);
}

static void history_reply(toni_engine *engine, uint32_t server, uint64_t connection,
                          uint64_t request, toni_position top, const toni_engine_entry *entries,
                          uint32_t count)
{
    struct proxy *proxy = of(engine);
    toni_engine_entry other[1000];
    const bool has_hole = is(a_history_has_a_hole) && count > 2;
    for (uint32_t i = 0; i < count; i++)
        other[i] = entries[i];
    if (has_hole)
        other[1] = entries[--count];
    toni_engine_history_reply(proxy->node, server, connection, request, top, other, count);
}

/* NOLINTNEXTLINE(readability-function-size): as many parameters as toni_engine_lease_reply has */
static void lease_reply(toni_engine *engine, uint32_t server, uint64_t connection, uint64_t request,
                        uint32_t slot, uint64_t boot, uint64_t id_key,
                        const toni_engine_leased *leases, uint32_t count)
{
    struct proxy *proxy = of(engine);
    toni_engine_leased other[64];
    for (uint32_t i = 0; i < count; i++) {
        other[i] = leases[i];
        other[i].name = is(names_are_cut) ? cut(leases[i].name, 63) : leases[i].name;
    }
    toni_engine_lease_reply(proxy->node, server, connection, request, slot, boot,
                            is(the_last_id_key_is_told) ? proxy->id_key : id_key, other, count);
}

static void request_failed(toni_engine *engine, uint32_t server, uint64_t connection,
                           uint64_t request, int32_t answer)
{
    toni_engine_request_failed(of(engine)->node, server, connection, request, answer);
}

static int64_t watch(toni_engine *engine, int32_t fd, uint32_t events, toni_engine_ready_fn ready,
                     void *data)
{
    return toni_engine_watch(of(engine)->node, fd, events, ready, data);
}

static int32_t rewatch(toni_engine *engine, int64_t one, uint32_t events)
{
    return toni_engine_rewatch(of(engine)->node, one, events);
}

static void unwatch(toni_engine *engine, int64_t one)
{
    toni_engine_unwatch(of(engine)->node, one);
}

static int32_t post(toni_engine *engine, toni_engine_posted_fn run, void *data)
{
    return toni_engine_post(of(engine)->node, run, data);
}

static const struct toni_engine_host host_table = {
    .struct_size = sizeof host_table,
    .connected = connected,
    .closed = closed,
    .hello_reply = hello_reply,
    .published = published,
    .subscribed = subscribed,
    .message = message,
    .probe_reply = probe_reply,
    .probe_echo = probe_echo,
    .tops_reply = tops_reply,
    .history_reply = history_reply,
    .lease_reply = lease_reply,
    .request_failed = request_failed,
    .watch = watch,
    .rewatch = rewatch,
    .unwatch = unwatch,
    .post = post,
};

/* --- What the node asks for */

static void never_ready(void *data, uint32_t events)
{
    (void)data;
    (void)events;
}

static int32_t attach(void *self, toni_engine *engine, const toni_str **servers, uint32_t *count)
{
    struct proxy *proxy = self;
    proxy->node = engine;
    if (is(a_watch_is_left))
        (void)toni_engine_watch(engine, ((toni_fake_node *)engine)->wake[0], 0, never_ready, NULL);
    return proxy->table->attach(proxy->self, &proxy->engine, servers, count);
}

static void detach(void *self)
{
    struct proxy *proxy = self;
    proxy->table->detach(proxy->self);
    if (is(told_after_detach))
        toni_engine_closed(proxy->node, 0, proxy->connection, TONI_LIT("detached"));
}

static void open_connection(void *self, uint32_t server, uint64_t connection)
{
    struct proxy *proxy = self;
    proxy->connection = connection;
    proxy->table->open(proxy->self, server, connection);
}

static void close_connection(void *self, uint32_t server, uint64_t connection)
{
    struct proxy *proxy = self;
    proxy->table->close(proxy->self, server, connection);
    if (is(told_after_close))
        toni_engine_closed(proxy->node, server, connection, TONI_LIT("as was asked"));
}

static void hello(void *self, uint32_t server, uint64_t request, const toni_engine_hello *asked)
{
    struct proxy *proxy = self;
    toni_engine_hello other = *asked;
    if (is(hello_leaves_old_connections))
        other.node = 1000 + (uint64_t)(proxy - proxies);
    if (is(hello_ends_others))
        other.node = 1000;
    proxy->table->hello(proxy->self, server, request, &other);
}

static uint64_t as_double(uint64_t number)
{
    return (uint64_t)(double)(number < (UINT64_C(1) << 62) ? number : UINT64_C(1) << 62);
}

static void publish(void *self, uint32_t server, const toni_engine_publish *asked)
{
    struct proxy *proxy = self;
    toni_engine_publish other = *asked;
    other.room = fault_of_key(asked->room);
    proxy->number = asked->number;
    if (is(the_incarnation_is_not_looked_at))
        other.incarnation = proxy->incarnation;
    if (is(a_repeat_is_applied_twice))
        other.number = ++proxy->highest;
    if (is(a_repeat_of_another_epoch_is_applied) && asked->epoch != 0)
        other.is_repeat = 0;
    if (is(a_repeat_without_epoch_is_lost) && asked->is_repeat && asked->epoch == 0)
        other.epoch = 1;
    if (is(a_later_one_may_overtake))
        other.after = 0;
    if (is(nodes_share_their_numbers))
        other.node = 1;
    if (is(numbers_are_doubles))
        other.number = as_double(asked->number);
    if (is(epochs_are_doubles))
        other.proposed = as_double(asked->proposed);
    if (is(a_history_has_no_end))
        other.keep_seconds = 600;
    if (is(a_history_is_not_trimmed) && asked->keep_messages > 0)
        other.keep_messages = 1000;
    proxy->table->publish(proxy->self, server, &other);
}

static void subscribe(void *self, uint32_t server, const toni_str *rooms, uint32_t count)
{
    struct proxy *proxy = self;
    toni_str others[TONI_ENGINE_KEYS_MOST];
    for (uint32_t i = 0; i < count; i++)
        others[i] = fault_of_key(rooms[i]);
    proxy->table->subscribe(proxy->self, server, others, count);
}

static void unsubscribe(void *self, uint32_t server, const toni_str *rooms, uint32_t count)
{
    struct proxy *proxy = self;
    for (uint32_t i = 0; is(unsubscribe_does_nothing) && i < count; i++)
        toni_engine_subscribed(proxy->node, server, proxy->connection, rooms[i], 0);
    if (!is(unsubscribe_does_nothing))
        proxy->table->unsubscribe(proxy->self, server, rooms, count);
}

static void tops(void *self, uint32_t server, uint64_t request, const toni_str *rooms,
                 uint32_t count)
{
    struct proxy *proxy = self;
    toni_str others[TONI_ENGINE_KEYS_MOST];
    for (uint32_t i = 0; i < count; i++)
        others[i] = fault_of_key(rooms[i]);
    proxy->table->tops(proxy->self, server, request, others, count);
}

static void history(void *self, uint32_t server, uint64_t request, const toni_engine_history *asked)
{
    struct proxy *proxy = self;
    toni_engine_history other = *asked;
    other.room = fault_of_key(asked->room);
    if (is(a_limit_takes_the_newest) && asked->since.epoch != 0)
        other.is_last = 1;
    if (is(a_history_of_another_epoch) && !asked->is_last) {
        other.is_last = 1;
        other.limit = 100;
    }
    proxy->table->history(proxy->self, server, request, &other);
}

static void probe(void *self, uint32_t server, uint64_t request, uint64_t incarnation)
{
    struct proxy *proxy = self;
    proxy->table->probe(proxy->self, server, request, incarnation);
}

static void lease(void *self, uint32_t server, uint64_t request, const toni_engine_lease *asked)
{
    struct proxy *proxy = self;
    toni_engine_lease other = *asked;
    proxy->id_key = asked->id_key;
    if (is(a_lease_is_new_each_time))
        other.slot = 0;
    if (is(a_lease_is_not_restored))
        other.may_restore = 0;
    if (is(a_lease_is_too_long))
        other.ttl_ms *= 100;
    if (is(the_boot_floor_is_not_looked_at))
        other.boot_floor = 0;
    proxy->table->lease(proxy->self, server, request, &other);
}

static void flush(void *self)
{
    struct proxy *proxy = self;
    release_held(proxy);
    proxy->table->flush(proxy->self);
}

static const struct toni_engine_table faulty_table = {
    .struct_size = sizeof faulty_table,
    .attach = attach,
    .detach = detach,
    .open = open_connection,
    .close = close_connection,
    .hello = hello,
    .publish = publish,
    .subscribe = subscribe,
    .unsubscribe = unsubscribe,
    .tops = tops,
    .history = history,
    .probe = probe,
    .lease = lease,
    .flush = flush,
};

/* --- The subject */

static void load(toni_fake_host *host)
{
    toni_fake_host_load(host, TEST_PLUGINS_DIR "/memory_engine.so");
    toni_fake_host_set_bool(host, "faults", 1);
}

static void restart(toni_fake_node *node)
{
    toni_fake_exchange exchange;
    toni_fake_exchange_init(&exchange, &node->host, "POST", "/memory-engine/restart");
    ck_assert_int_eq(toni_fake_exchange_run(&exchange), TONI_OK);
}

static void wrap(toni_fake_node *node)
{
    struct proxy *proxy = &proxies[proxy_count++ % 2];
    *proxy = (struct proxy){.engine.host = &host_table, .table = node->table, .self = node->self};
    node->table = &faulty_table;
    node->self = proxy;
}

static const toni_engine_subject subject = {
    .name = "faulty_engine", .load = load, .restart = restart, .wrap = wrap, .patience_ms = 300};

/* --- All faults, before Check runs what looks at them */

static int found[FAULT_COUNT];
static char found_by[FAULT_COUNT][256];

static void run_with(enum fault one)
{
    fault = one;
    SRunner *runner = srunner_create(toni_engine_suite(&subject));
    srunner_run(runner, NULL, fault_cases[one], CK_SILENT);
    found[one] = srunner_ntests_failed(runner);
    if (found[one] > 0) {
        TestResult **failures = srunner_failures(runner);
        (void)snprintf(found_by[one], sizeof found_by[one], "%s: %s", tr_tcname(failures[0]),
                       tr_msg(failures[0]));
        free(failures);
    }
    srunner_free(runner);
    if (one != NO_FAULT)
        printf("%-40s %3d %s\n", fault_names[one], found[one], found_by[one]);
}

START_TEST(without_a_fault_nothing_is_found)
{
    ck_assert_msg(found[NO_FAULT] == 0, "%d tests fail: %s", found[NO_FAULT], found_by[NO_FAULT]);
}
END_TEST

START_TEST(a_fault_is_found)
{
    ck_assert_msg(found[_i] > 0, "no test of the case \"%s\" finds that %s", fault_cases[_i],
                  fault_names[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_suite");
    TCase *faults = tcase_create("faults");
    for (int i = 0; i < FAULT_COUNT; i++)
        run_with((enum fault)i);
    tcase_add_test(faults, without_a_fault_nothing_is_found);
    tcase_add_loop_test(faults, a_fault_is_found, NO_FAULT + 1, FAULT_COUNT);
    suite_add_tcase(suite, faults);
    return run_suite(suite);
}
