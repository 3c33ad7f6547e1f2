/* Tickets of guards that wait: decided, cancelled, late, twice, and by many threads at once. */
#include "base/log.h"
#include "instance/guard_ticket.h"
#include "temporary_folder.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <toni/request.h>
#include <toni/toni.h>

static toni_host host;
static struct guard_tickets *tickets;
static char logged[4096];

static void write_log(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data, (void)level;
    strncat(logged, line,
            length < sizeof logged - strlen(logged) - 1 ? length
                                                        : sizeof logged - strlen(logged) - 1);
}

static void set_up(void)
{
    logged[0] = '\0';
    log_set_sink(write_log, NULL);
    request_fill_table(&host);
    guard_fill_table(&host);
    tickets = guard_tickets_create(4);
    ck_assert_ptr_nonnull(tickets);
}

static void tear_down(void)
{
    log_set_sink(NULL, NULL);
}

/* --- A waiter in memory: what is posted lies in a queue until the test takes it. */

struct waiter {
    toni_guard_ticket ticket; /* first: see guard_ticket_begin() */
    struct waiter *next;
};

static struct waiter *posted;

static void post(toni_guard_ticket *ticket)
{
    struct waiter *waiter = (struct waiter *)ticket;
    waiter->next = posted;
    posted = waiter;
}

static toni_request *make_request(void)
{
    const struct request_field fields[] = {
        {TONI_LIT_INIT("Authorization"), TONI_LIT_INIT("Bearer good")}};
    const struct request_parts parts = {
        .path = TONI_LIT_INIT("/lobby"), .kept = fields, .kept_count = 1};
    return request_create(&host, &parts);
}

static toni_guard_ticket *make_ticket(void)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    ck_assert_ptr_nonnull(waiter);
    return &waiter->ticket;
}

static toni_guard_ticket *begin(void)
{
    return guard_ticket_begin(tickets, make_ticket(), make_request(), "chat", post);
}

/* The waiter's thread takes the one decision that there is. */
static int32_t take_decision(void)
{
    toni_guard_ticket *ticket = &posted->ticket;
    ck_assert_ptr_nonnull(posted);
    ck_assert_ptr_null(posted->next);
    posted = NULL;
    ck_assert(ticket->has_waiter);
    const int32_t result = ticket->result;
    guard_ticket_end(ticket, GUARD_DECIDED);
    guard_ticket_arrived(ticket);
    return result;
}

static uint64_t outcomes(enum guard_outcome outcome)
{
    return counter_read(&tickets->outcomes[outcome]);
}

static void expect_idle(void)
{
    ck_assert_uint_eq(counter_read(&tickets->waiting), 0);
    ck_assert_uint_eq(counter_read(&tickets->held), 0);
    ck_assert_uint_eq(counter_read(&tickets->abandoned), 0);
    guard_tickets_destroy(tickets);
}

/* --- One ticket */

START_TEST(a_decision_comes_to_the_waiter)
{
    toni_guard_ticket *ticket = begin();

    ck_assert_uint_eq(counter_read(&tickets->waiting), 1);
    ck_assert_int_eq(toni_guard_is_cancelled(ticket), 0);
    toni_guard_decide(ticket, TONI_ERR_UNAUTHORIZED);
    ck_assert_uint_eq(counter_read(&tickets->waiting), 1); /* it has not arrived */
    ck_assert_int_eq(take_decision(), TONI_ERR_UNAUTHORIZED);
    ck_assert_uint_eq(outcomes(GUARD_DECIDED), 1);
    ck_assert_uint_eq(counter_read(&tickets->ignored), 0);
    expect_idle();
}
END_TEST

START_TEST(the_request_is_readable_until_the_decision)
{
    toni_guard_ticket *ticket = begin();
    toni_str value;

    guard_ticket_end(ticket, GUARD_GONE); /* also when nobody waits */
    const toni_request *request = toni_guard_request(ticket);
    ck_assert(toni_str_equal(toni_request_path(request), toni_str_of("/lobby")));
    ck_assert_int_eq(toni_request_header(request, TONI_LIT("authorization"), &value), TONI_OK);
    ck_assert(toni_str_equal(value, toni_str_of("Bearer good")));
    ck_assert_int_eq(toni_request_header(request, TONI_LIT("Cookie"), &value), TONI_ERR_NOT_FOUND);
    ck_assert_ptr_null(toni_guard_wait(request)); /* no guard runs */
    toni_guard_decide(ticket, TONI_OK);
    expect_idle();
}
END_TEST

START_TEST(a_late_decision_is_ignored)
{
    toni_guard_ticket *ticket = begin();

    guard_ticket_end(ticket, GUARD_LATE);
    ck_assert_int_eq(toni_guard_is_cancelled(ticket), 1);
    ck_assert_uint_eq(counter_read(&tickets->waiting), 0);
    ck_assert_uint_eq(counter_read(&tickets->abandoned), 1);
    toni_guard_decide(ticket, TONI_OK);
    ck_assert_ptr_null(posted);
    ck_assert_uint_eq(counter_read(&tickets->ignored), 1);
    ck_assert_uint_eq(outcomes(GUARD_LATE), 1);
    expect_idle();
}
END_TEST

START_TEST(a_decision_may_cross_the_end_of_the_wait)
{
    toni_guard_ticket *ticket = begin();

    toni_guard_decide(ticket, TONI_OK);
    guard_ticket_end(ticket, GUARD_GONE);
    ck_assert(!ticket->has_waiter); /* so whom it comes to does nothing */
    guard_ticket_arrived(ticket);
    posted = NULL;
    ck_assert_uint_eq(outcomes(GUARD_GONE), 1);
    expect_idle();
}
END_TEST

START_TEST(a_second_decision_is_ignored_and_logged)
{
    toni_guard_ticket *waiting = begin(), *over = begin();

    toni_guard_decide(waiting, TONI_ERR_FORBIDDEN);
    toni_guard_decide(waiting, TONI_OK);
    ck_assert_ptr_nonnull(strstr(logged, "decided twice"));
    ck_assert_ptr_nonnull(strstr(logged, "instance=chat"));
    logged[0] = '\0';
    ck_assert_int_eq(take_decision(), TONI_ERR_FORBIDDEN); /* the first */
    guard_ticket_end(over, GUARD_GONE);
    toni_guard_decide(over, TONI_OK);
    toni_guard_decide(over, TONI_OK);
    toni_guard_decide(waiting, TONI_OK);
    ck_assert_ptr_nonnull(strstr(logged, "decided twice"));
    ck_assert_ptr_null(posted);
    toni_guard_decide(NULL, TONI_OK);
    expect_idle();
}
END_TEST

START_TEST(a_decision_may_come_when_the_host_has_none_left_who_waits)
{
    toni_guard_ticket *ticket = begin(), *crossing = begin();

    guard_ticket_end(ticket, GUARD_WITHDRAWN);
    toni_guard_decide(crossing, TONI_OK);
    guard_ticket_end(crossing, GUARD_WITHDRAWN);
    posted = NULL;
    guard_tickets_destroy(tickets);
    guard_ticket_arrived(crossing); /* dropped with the lane's queue */
    ck_assert_int_eq(toni_guard_is_cancelled(ticket), 1);
    toni_guard_decide(ticket, TONI_OK); /* frees all: AddressSanitizer would tell */
}
END_TEST

/* --- How many */

START_TEST(so_many_may_wait)
{
    toni_guard_ticket *begun[4];

    for (size_t i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(begun[i] = begin());
    ck_assert_ptr_null(begin());
    ck_assert_uint_eq(outcomes(GUARD_REFUSED), 1);
    toni_guard_decide(begun[0], TONI_OK);
    ck_assert_ptr_null(begin()); /* its place is taken until it is answered */
    take_decision();
    ck_assert_ptr_nonnull(begun[0] = begin());
    for (size_t i = 0; i < 4; i++) {
        guard_ticket_end(begun[i], GUARD_GONE);
        toni_guard_decide(begun[i], TONI_OK);
    }
    expect_idle();
}
END_TEST

/* Clients that come and go must not pile up work for a guard that is slow. */
START_TEST(so_many_may_be_undecided)
{
    toni_guard_ticket *begun[4 * GUARD_TICKETS_HELD_MAX];
    const size_t count = sizeof begun / sizeof begun[0];

    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_nonnull(begun[i] = begin());
        guard_ticket_end(begun[i], GUARD_GONE);
    }
    ck_assert_uint_eq(counter_read(&tickets->abandoned), count);
    ck_assert_ptr_null(begin());
    for (size_t i = 0; i < count; i++)
        toni_guard_decide(begun[i], TONI_OK);
    ck_assert_uint_eq(counter_read(&tickets->ignored), count);
    toni_guard_ticket *next = begin();
    ck_assert_ptr_nonnull(next);
    toni_guard_decide(next, TONI_OK);
    take_decision();
    expect_idle();
}
END_TEST

START_TEST(without_memory_none_begins)
{
    ck_assert_ptr_null(guard_ticket_begin(tickets, NULL, make_request(), "chat", post));
    ck_assert_ptr_null(guard_ticket_begin(tickets, make_ticket(), NULL, "chat", post));
    ck_assert_uint_eq(outcomes(GUARD_REFUSED), 2);
    expect_idle();
}
END_TEST

/* --- What a guard returns */

START_TEST(what_guards_return_is_read)
{
    toni_guard_ticket *ticket = begin();

    ck_assert_int_eq(guard_verdict("g", TONI_OK, NULL, false), GUARD_ALLOWS);
    ck_assert_int_eq(guard_verdict("g", TONI_ERR_UNAUTHORIZED, NULL, false), GUARD_UNAUTHORIZED);
    ck_assert_int_eq(guard_verdict("g", TONI_ERR_NOT_FOUND, NULL, false), GUARD_FORBIDS);
    ck_assert_int_eq(guard_verdict("g", 7, NULL, false), GUARD_FORBIDS);
    ck_assert_int_eq(guard_verdict("g", TONI_ERR_UNAUTHORIZED, NULL, true), GUARD_UNAUTHORIZED);
    ck_assert_int_eq(guard_verdict("g", TONI_LATER, ticket, false), GUARD_WAITS);
    ck_assert_int_eq(guard_verdict("g", TONI_LATER, ticket, true), GUARD_WAITS);
    ck_assert_int_eq(guard_verdict("g", TONI_LATER, NULL, true), GUARD_IS_BUSY);
    ck_assert_str_eq(logged, "");
    ck_assert_int_eq(guard_verdict("g", TONI_LATER, NULL, false), GUARD_FORBIDS);
    ck_assert_ptr_nonnull(strstr(logged, "has no ticket"));
    ck_assert_int_eq(guard_verdict("g", TONI_OK, ticket, false), GUARD_ALLOWS);
    ck_assert_ptr_nonnull(strstr(logged, "did not return TONI_LATER"));
    ck_assert_int_eq(toni_guard_is_cancelled(ticket), 1);
    toni_guard_decide(ticket, TONI_ERR_FORBIDDEN);
    ck_assert_int_eq(guard_decision(TONI_OK), GUARD_ALLOWS);
    ck_assert_int_eq(guard_decision(TONI_LATER), GUARD_FORBIDS);
    expect_idle();
}
END_TEST

/* --- Many threads: deciders against a waiter's thread that takes what is posted, or waits no more
 */

#define DECIDERS 4
#define ROUNDS 20000

struct shared_queue {
    pthread_mutex_t lock;
    struct waiter *first;
};

static struct shared_queue posts = {PTHREAD_MUTEX_INITIALIZER, NULL};
static _Atomic(toni_guard_ticket *) offered[DECIDERS];
static atomic_bool is_over;

static void post_shared(toni_guard_ticket *ticket)
{
    struct waiter *waiter = (struct waiter *)ticket;
    pthread_mutex_lock(&posts.lock);
    waiter->next = posts.first;
    posts.first = waiter;
    pthread_mutex_unlock(&posts.lock);
}

static void *decide_what_is_offered(void *data)
{
    _Atomic(toni_guard_ticket *) *own = data;
    toni_str value;
    for (;;) {
        const bool is_last = atomic_load(&is_over);
        toni_guard_ticket *ticket = atomic_exchange(own, NULL);
        if (ticket) {
            (void)toni_guard_is_cancelled(ticket);
            ck_assert_int_eq(
                toni_request_header(toni_guard_request(ticket), TONI_LIT("authorization"), &value),
                TONI_OK);
            toni_guard_decide(ticket, TONI_OK);
        } else if (is_last) {
            return NULL;
        } else {
            sched_yield();
        }
    }
}

static size_t take_posted(void)
{
    size_t taken = 0;
    pthread_mutex_lock(&posts.lock);
    struct waiter *waiter = posts.first;
    posts.first = NULL;
    pthread_mutex_unlock(&posts.lock);
    for (struct waiter *next; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->ticket.has_waiter)
            guard_ticket_end(&waiter->ticket, GUARD_DECIDED);
        guard_ticket_arrived(&waiter->ticket);
        taken++;
    }
    return taken;
}

START_TEST(many_threads_decide)
{
    pthread_t threads[DECIDERS];
    size_t begun = 0, arrived = 0;
    guard_tickets_destroy(tickets);
    tickets = guard_tickets_create(64);
    atomic_store(&is_over, false);
    for (size_t i = 0; i < DECIDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, decide_what_is_offered, &offered[i]), 0);
    while (begun < ROUNDS) {
        _Atomic(toni_guard_ticket *) *to = &offered[begun % DECIDERS];
        arrived += take_posted();
        if (atomic_load(to)) {
            sched_yield();
            continue;
        }
        toni_guard_ticket *ticket =
            guard_ticket_begin(tickets, make_ticket(), make_request(), "chat", post_shared);
        if (!ticket)
            continue;
        const bool is_impatient = begun++ % 3 == 0;
        atomic_store(to, ticket);
        if (is_impatient) /* the decider may have been faster */
            guard_ticket_end(ticket, GUARD_GONE);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < DECIDERS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    arrived += take_posted();
    ck_assert_uint_eq(arrived + counter_read(&tickets->ignored), begun);
    ck_assert_uint_eq(outcomes(GUARD_DECIDED) + outcomes(GUARD_GONE), begun);
    expect_idle();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instance_guard_ticket");
    TCase *tests = tcase_create("tickets");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_decision_comes_to_the_waiter);
    tcase_add_test(tests, the_request_is_readable_until_the_decision);
    tcase_add_test(tests, a_late_decision_is_ignored);
    tcase_add_test(tests, a_decision_may_cross_the_end_of_the_wait);
    tcase_add_test(tests, a_second_decision_is_ignored_and_logged);
    tcase_add_test(tests, a_decision_may_come_when_the_host_has_none_left_who_waits);
    tcase_add_test(tests, so_many_may_wait);
    tcase_add_test(tests, so_many_may_be_undecided);
    tcase_add_test(tests, without_memory_none_begins);
    tcase_add_test(tests, what_guards_return_is_read);
    tcase_add_test(tests, many_threads_decide);
    suite_add_tcase(suite, tests);
    return testing_run(suite);
}
