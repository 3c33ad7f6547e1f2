/* Random operations on the tasks of instances. First by one thread, beside a plain model that knows
 * what must run in which order on each instance, also while others are held up; then by several
 * threads that ask and cancel while instances are destroyed and made anew: each task must be
 * released exactly once, and nothing that was refused or cancelled runs. TONI_TEST_SEED chooses
 * other random numbers. */
#include "tasks_fixture.h"

#include "base/clock.h"
#include "runner.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { INSTANCES = 4 };

static struct fixture fixture;
static unsigned seed;

static unsigned below(unsigned *dice, unsigned limit)
{
    *dice = *dice * 1103515245u + 12345u;
    return (*dice >> 8) % limit;
}

static void set_up(void)
{
    fixture_init(&fixture);
}

static void tear_down(void)
{
    fixture_finish(&fixture);
}

/* --- One thread and a model */

enum { TASKS = 2000, OPERATIONS = 4000 };

/* A task that was asked for: what the model knows of it, and what was seen of it. */
struct token {
    char word[16];
    unsigned instance;
    bool is_timer, is_every;
    bool is_over;
    int64_t id;
    uint64_t due_ms, period_ms;
    _Atomic unsigned releases;
};

static struct token tokens[TASKS]; /* in the order of asking */
static unsigned token_count;
static struct instance *instances[INSTANCES];

/* What ran on an instance, and what should have. */
struct record {
    char words[65536];
    size_t length;
};

static struct record seen[INSTANCES], expected[INSTANCES];

/* Why nothing runs on an instance at the moment. */
static enum hold {
    GOES_ON,
    HELD_LOCK,  /* as by a callback on another thread */
    HELD_TASK,  /* by a task that does not end */
    HELD_ASIDE, /* as in a swap */
    HOLDS
} held[INSTANCES];

static struct plugin_call entered[INSTANCES];

static uint64_t now_ms(void)
{
    return fixture_now_ns() / NS_PER_MS;
}

/* One thread at a time: the one that serves the instance, or that of the test. */
static void write_word(struct record *record, const struct token *token)
{
    const size_t space = sizeof record->words - record->length;

    record->length += (size_t)snprintf(record->words + record->length, space, "%s ", token->word);
    ck_assert_uint_lt(record->length, sizeof record->words);
}

static void run_token(void *self, void *data)
{
    const struct token *token = data;

    ck_assert_ptr_eq(self, instances[token->instance]);
    ck_assert_uint_eq(token->releases, 0);
    write_word(&seen[token->instance], token);
}

static int32_t work_token(void *data)
{
    const struct token *token = data;

    return (int32_t)token->instance;
}

static void end_token(void *self, void *data, int32_t result)
{
    const struct token *token = data;

    ck_assert_uint_eq(token->instance, (unsigned)result);
    run_token(self, data);
}

static void release_token(void *data)
{
    struct token *token = data;

    atomic_fetch_add(&token->releases, 1);
}

/* Of those that are due at the same time, the one that was asked for first. */
static struct token *first_due(void)
{
    struct token *first = NULL;

    for (unsigned i = 0; i < token_count; i++) {
        struct token *token = &tokens[i];
        if (!token->is_over && held[token->instance] == GOES_ON && token->due_ms <= now_ms() &&
            (first == NULL || token->due_ms < first->due_ms))
            first = token;
    }
    return first;
}

static void run_model(void)
{
    for (struct token *token = first_due(); token != NULL; token = first_due()) {
        write_word(&expected[token->instance], token);
        token->is_over = !token->is_every;
        if (token->is_every) {
            token->due_ms += token->period_ms;
            while (token->due_ms < now_ms())
                token->due_ms += token->period_ms;
        }
    }
}

/* Has both run all that is due, and compares. */
static void settle(void)
{
    for (unsigned i = 0; i < INSTANCES; i++) {
        if (held[i] == GOES_ON)
            fixture_fence(instances[i]);
    }
    run_model();
    for (unsigned i = 0; i < INSTANCES; i++) {
        ck_assert_uint_eq(seen[i].length, expected[i].length);
        ck_assert_mem_eq(seen[i].words, expected[i].words, expected[i].length);
        seen[i].length = expected[i].length = 0;
    }
    for (unsigned i = 0; i < token_count; i++) {
        if (held[tokens[i].instance] == GOES_ON)
            ck_assert_uint_eq(tokens[i].releases, tokens[i].is_over);
        else
            ck_assert_uint_le(tokens[i].releases, tokens[i].is_over);
    }
}

static struct token *add_token(unsigned *dice, uint64_t delay_ms)
{
    struct token *token = &tokens[token_count];

    *token = (struct token){.instance = below(dice, INSTANCES), .due_ms = now_ms() + delay_ms};
    (void)snprintf(token->word, sizeof token->word, "%u", token_count++);
    return token;
}

static void ask_post(unsigned *dice)
{
    struct token *token = add_token(dice, 0);

    ck_assert_int_eq(
        toni_post(instance_context(instances[token->instance]), run_token, token, release_token),
        TONI_OK);
}

static void ask_after(unsigned *dice)
{
    const uint64_t delay_ms = below(dice, 40);
    struct token *token = add_token(dice, delay_ms);

    token->is_timer = true;
    token->id = toni_after(instance_context(instances[token->instance]), delay_ms, run_token, token,
                           release_token);
    ck_assert_int_gt(token->id, 0);
}

static void ask_every(unsigned *dice)
{
    const uint64_t period_ms = 1 + below(dice, 40);
    struct token *token = add_token(dice, period_ms);

    token->is_timer = token->is_every = true;
    token->period_ms = period_ms;
    token->id = toni_every(instance_context(instances[token->instance]), period_ms, run_token,
                           token, release_token);
    ck_assert_int_gt(token->id, 0);
}

/* When a job ends is nobody's to say: it is waited for, so that the model knows. */
static void ask_work(unsigned *dice)
{
    settle();
    struct token *token = add_token(dice, 0);
    if (held[token->instance] != GOES_ON) {
        token->is_over = true; /* it was never asked for */
        token->releases = 1;
        return;
    }

    ck_assert_int_eq(toni_work(instance_context(instances[token->instance]), work_token, end_token,
                               token, release_token),
                     TONI_OK);
    while (atomic_load(&token->releases) == 0)
        sched_yield();
}

static void cancel_any(unsigned *dice)
{
    if (token_count == 0)
        return;
    settle();
    struct token *token = &tokens[below(dice, token_count)];
    const bool is_there = token->is_timer && !token->is_over;
    const int32_t result =
        toni_cancel_timer(instance_context(instances[token->instance]), token->id);

    ck_assert_int_eq(result, is_there ? TONI_OK : TONI_ERR_NOT_FOUND);
    if (is_there)
        token->is_over = true;
}

/* --- Holding an instance up */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_in[INSTANCES], may_end[INSTANCES];
} hold = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void stay(void *self, void *data)
{
    const size_t number = (size_t)((bool *)data - hold.is_in);

    (void)self;
    pthread_mutex_lock(&hold.mutex);
    hold.is_in[number] = true;
    pthread_cond_broadcast(&hold.changed);
    while (!hold.may_end[number])
        pthread_cond_wait(&hold.changed, &hold.mutex);
    hold.is_in[number] = false;
    pthread_mutex_unlock(&hold.mutex);
}

static void begin_stay(unsigned number)
{
    hold.may_end[number] = false;
    ck_assert_int_eq(
        toni_post(instance_context(instances[number]), stay, &hold.is_in[number], NULL), TONI_OK);
    pthread_mutex_lock(&hold.mutex);
    while (!hold.is_in[number])
        pthread_cond_wait(&hold.changed, &hold.mutex);
    pthread_mutex_unlock(&hold.mutex);
}

static void end_stay(unsigned number)
{
    pthread_mutex_lock(&hold.mutex);
    hold.may_end[number] = true;
    pthread_cond_broadcast(&hold.changed);
    pthread_mutex_unlock(&hold.mutex);
}

static void let_go_on(unsigned number)
{
    if (held[number] == HELD_LOCK)
        instance_leave(instances[number], &entered[number]);
    else if (held[number] == HELD_TASK)
        end_stay(number);
    else if (held[number] == HELD_ASIDE)
        tasks_go_on(instances[number]);
    held[number] = GOES_ON;
}

/* Nothing is due when it begins, so what was taken before it is over. */
static void hold_up(unsigned number, enum hold how)
{
    settle();
    if (held[number] != GOES_ON)
        return;
    if (how == HELD_LOCK)
        instance_enter(instances[number], "test", &entered[number]);
    else if (how == HELD_TASK)
        begin_stay(number);
    else if (how == HELD_ASIDE)
        tasks_set_aside(instances[number]);
    held[number] = how;
}

static void renew(unsigned number)
{
    let_go_on(number);
    settle();
    instance_destroy(instances[number]);
    for (unsigned i = 0; i < token_count; i++) {
        if (tokens[i].instance != number)
            continue;
        tokens[i].is_over = true;
        ck_assert_uint_eq(tokens[i].releases, 1);
    }
    instances[number] = fixture_make(&fixture);
}

static void operate(unsigned *dice)
{
    const unsigned choice = below(dice, 110);

    if (choice < 15 && token_count < TASKS)
        ask_post(dice);
    else if (choice < 35 && token_count < TASKS)
        ask_after(dice);
    else if (choice < 45 && token_count < TASKS)
        ask_every(dice);
    else if (choice < 50 && token_count < TASKS)
        ask_work(dice);
    else if (choice < 75)
        cancel_any(dice);
    else if (choice < 98)
        fixture_advance(&fixture, below(dice, 30));
    else if (choice < 100)
        renew(below(dice, INSTANCES));
    else if (choice < 105)
        hold_up(below(dice, INSTANCES), 1 + below(dice, HOLDS - 1));
    else
        let_go_on(below(dice, INSTANCES));
    /* Without a look in between, what is asked for later than a step of the clock would meet what
     * was due before it: the tasks' thread may or may not have begun on that. */
    if (choice >= 75)
        settle();
}

START_TEST(does_what_the_model_does)
{
    unsigned dice = seed;

    for (unsigned i = 0; i < INSTANCES; i++)
        instances[i] = fixture_make(&fixture);
    for (unsigned i = 0; i < OPERATIONS; i++)
        operate(&dice);
    for (unsigned i = 0; i < INSTANCES; i++)
        let_go_on(i);
    settle();
    for (unsigned i = 0; i < INSTANCES; i++)
        instance_destroy(instances[i]);
    for (unsigned i = 0; i < token_count; i++)
        ck_assert_uint_eq(tokens[i].releases, 1);
}
END_TEST

/* --- Several threads */

enum { THREADS = 4, ASKED_BY_EACH = 4000, OFFSPRING = 8000 };

/* Where an instance is, as long as the plugin's threads may use it. */
struct site {
    _Atomic(struct instance *) instance;
    _Atomic unsigned users;
    _Atomic int inside;
    bool is_serialised;
};

/* A task that was asked for, and what became of it. */
struct ticket {
    struct site *site;
    _Atomic int64_t id;
    _Atomic bool was_accepted;
    _Atomic bool cancelled_itself;
    _Atomic unsigned runs, jobs, dones, releases;
    bool is_every;
};

static struct site sites[INSTANCES];
static struct ticket tickets[THREADS * ASKED_BY_EACH + OFFSPRING];
static _Atomic unsigned offspring;
static _Atomic unsigned threads_left;

static void ask_any(struct ticket *ticket, toni_context *context, unsigned *dice);

static void enter_site(struct ticket *ticket)
{
    const int others = atomic_fetch_add(&ticket->site->inside, 1);

    ck_assert_uint_eq(ticket->releases, 0);
    ck_assert(!ticket->site->is_serialised || others == 0);
}

static void leave_site(struct ticket *ticket)
{
    atomic_fetch_sub(&ticket->site->inside, 1);
}

/* Tasks ask for tasks, and cancel themselves. */
static void run_ticket(void *self, void *data)
{
    struct ticket *ticket = data;
    unsigned dice = (unsigned)(uintptr_t)data + ticket->runs;

    enter_site(ticket);
    ck_assert(!ticket->cancelled_itself);
    atomic_fetch_add(&ticket->runs, 1);
    const int64_t id = ticket->id; /* 0 as long as whoever asked has not been told */
    if (ticket->is_every && id > 0 && below(&dice, 4) == 0 &&
        toni_cancel_timer(self, id) == TONI_OK)
        ticket->cancelled_itself = true;
    if (below(&dice, 3) == 0) {
        const unsigned number = atomic_fetch_add(&offspring, 1);
        if (number < OFFSPRING) {
            struct ticket *child = &tickets[THREADS * ASKED_BY_EACH + number];
            child->site = ticket->site;
            ask_any(child, self, &dice);
        }
    }
    leave_site(ticket);
}

static int32_t work_ticket(void *data)
{
    struct ticket *ticket = data;

    ck_assert_uint_eq(ticket->releases, 0);
    atomic_fetch_add(&ticket->jobs, 1);
    return 5;
}

static void end_ticket(void *self, void *data, int32_t result)
{
    struct ticket *ticket = data;

    (void)self;
    enter_site(ticket);
    ck_assert_int_eq(result, 5);
    ck_assert_uint_eq(ticket->jobs, 1);
    atomic_fetch_add(&ticket->dones, 1);
    leave_site(ticket);
}

static void release_ticket(void *data)
{
    struct ticket *ticket = data;

    enter_site(ticket);
    atomic_fetch_add(&ticket->releases, 1);
    leave_site(ticket);
}

static void ask_any(struct ticket *ticket, toni_context *context, unsigned *dice)
{
    int64_t result;

    switch (below(dice, 4)) {
    case 0:
        result = toni_post(context, run_ticket, ticket, release_ticket);
        break;
    case 1:
        result = toni_work(context, work_ticket, end_ticket, ticket, release_ticket);
        break;
    case 2:
        result = toni_after(context, below(dice, 5), run_ticket, ticket, release_ticket);
        ticket->id = result > 0 ? result : 0;
        break;
    default:
        ticket->is_every = true; /* before it can run */
        result = toni_every(context, 1 + below(dice, 5), run_ticket, ticket, release_ticket);
        ticket->id = result > 0 ? result : 0;
        break;
    }
    ck_assert(result >= 0 || result == TONI_ERR_CLOSING);
    ticket->was_accepted = result >= 0;
}

static void *ask_often(void *data)
{
    struct ticket *own = data;
    unsigned dice = seed + (unsigned)(own - tickets);

    for (unsigned i = 0; i < ASKED_BY_EACH; i++) {
        struct site *site = own[i].site = &sites[below(&dice, INSTANCES)];
        atomic_fetch_add(&site->users, 1);
        struct instance *instance = site->instance;
        if (instance != NULL) {
            const struct ticket *older = &own[below(&dice, i + 1)];
            ask_any(&own[i], instance_context(instance), &dice);
            if (older->id > 0)
                (void)toni_cancel_timer(instance_context(instance), older->id);
        }
        atomic_fetch_sub(&site->users, 1);
        if (below(&dice, 4) == 0)
            fixture_advance(&fixture, 1);
    }
    atomic_fetch_sub(&threads_left, 1);
    return NULL;
}

/* As a plugin's `destroy` has to: its threads must not use the context any more. */
static void end_use(void *self)
{
    for (unsigned i = 0; i < INSTANCES; i++) {
        if (sites[i].instance != self)
            continue;
        sites[i].instance = NULL;
        while (atomic_load(&sites[i].users) > 0)
            sched_yield();
    }
}

static void open_site(struct site *site)
{
    fixture.plugin.descriptor.flags = site->is_serialised ? 0 : TONI_CONCURRENT;
    site->instance = fixture_make(&fixture);
}

static void check_ticket(const struct ticket *ticket)
{
    ck_assert_uint_eq(ticket->releases, ticket->was_accepted);
    ck_assert(ticket->was_accepted || ticket->runs + ticket->jobs + ticket->dones == 0);
    ck_assert(ticket->is_every || ticket->runs <= 1);
    ck_assert_uint_le(ticket->jobs, 1);
    ck_assert_uint_le(ticket->dones, ticket->jobs);
}

START_TEST(each_is_released_once_whatever_threads_do)
{
    pthread_t threads[THREADS];
    unsigned ran = 0;

    fixture.plugin.descriptor.destroy = end_use;
    threads_left = THREADS;
    for (unsigned i = 0; i < INSTANCES; i++) {
        sites[i].is_serialised = i > 0;
        open_site(&sites[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, &tickets[i * ASKED_BY_EACH]),
                         0);
    for (unsigned i = 0; threads_left > 0; i++) {
        struct instance *aside = sites[(i + 1) % INSTANCES].instance;
        tasks_set_aside(aside); /* as a swap that is given up */
        for (unsigned n = 0; n < 50; n++)
            sched_yield();
        tasks_go_on(aside);
        instance_destroy(sites[i % INSTANCES].instance);
        open_site(&sites[i % INSTANCES]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < INSTANCES; i++)
        instance_destroy(sites[i].instance);
    for (unsigned i = 0; i < sizeof tickets / sizeof tickets[0]; i++) {
        check_ticket(&tickets[i]);
        ran += tickets[i].runs + tickets[i].dones;
    }
    ck_assert_uint_gt(ran, 0);
}
END_TEST

int main(void)
{
    const char *chosen = getenv("TONI_TEST_SEED");
    Suite *suite = suite_create("instance_tasks_model");
    TCase *cases = tcase_create("all");

    seed = chosen != NULL ? (unsigned)strtoul(chosen, NULL, 10) : 1;
    (void)printf("TONI_TEST_SEED=%u\n", seed);
    tcase_set_timeout(cases, 500);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, does_what_the_model_does);
    tcase_add_test(cases, each_is_released_once_whatever_threads_do);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
