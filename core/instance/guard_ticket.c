/* Tickets of guards that wait; see guard_ticket.h. */
#include "instance/guard_ticket.h"

#include "base/log_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

/* --- All of them */

struct guard_tickets *guard_tickets_create(uint64_t waiting_max)
{
    struct guard_tickets *tickets = calloc(1, sizeof *tickets);

    if (!tickets)
        return NULL;
    if (pthread_mutex_init(&tickets->lock, NULL)) {
        free(tickets);
        return NULL;
    }
    tickets->waiting_max = waiting_max;
    return tickets;
}

/* Takes the lock along. */
static void free_all(struct guard_tickets *tickets)
{
    for (size_t i = 0; i < GUARD_TICKETS_REMEMBERED; i++)
        free(tickets->remembered[i]);
    pthread_mutex_unlock(&tickets->lock);
    pthread_mutex_destroy(&tickets->lock);
    free(tickets);
}

/* Releases the lock. */
static void unlock(struct guard_tickets *tickets)
{
    if (tickets->is_closed && counter_read(&tickets->held) == 0 && tickets->posted == 0)
        free_all(tickets);
    else
        pthread_mutex_unlock(&tickets->lock);
}

void guard_tickets_destroy(struct guard_tickets *tickets)
{
    if (!tickets)
        return;
    pthread_mutex_lock(&tickets->lock);
    tickets->is_closed = true;
    unlock(tickets);
}

/* Under the lock. */
static void count(struct counter *counter)
{
    counter_add(counter, 1);
}

static void count_back(struct counter *counter)
{
    counter_add(counter, (uint64_t)-1);
}

/* --- One */

/* Under the lock. What is over stays for a while, without its request, so that who decides it twice
 * meets no memory of another. */
static void end_if_over(toni_guard_ticket *ticket)
{
    struct guard_tickets *tickets = ticket->tickets;
    toni_guard_ticket **oldest = &tickets->remembered[tickets->next_remembered];

    if (ticket->has_waiter || ticket->has_decider || ticket->is_posted)
        return;
    request_destroy(ticket->request);
    guard_notes_destroy(ticket->notes);
    ticket->request = NULL;
    ticket->notes = NULL;
    free(*oldest);
    *oldest = ticket;
    tickets->next_remembered = (tickets->next_remembered + 1) % GUARD_TICKETS_REMEMBERED;
}

/* All that there are are kept. */
static int32_t find_no_header(void *context, toni_str name, toni_str *value)
{
    (void)context, (void)name, (void)value;
    return TONI_ERR_NOT_FOUND;
}

static struct guard_notes **find_notes(void *context)
{
    return &((toni_guard_ticket *)context)->notes;
}

toni_guard_ticket *guard_ticket_begin(struct guard_tickets *tickets, toni_guard_ticket *ticket,
                                      toni_request *request, const char *instance,
                                      void (*post)(toni_guard_ticket *ticket))
{
    static const struct request_source source = {.find_header = find_no_header,
                                                 .notes = find_notes,
                                                 .takes_notes = true,
                                                 .takes_identity = true};
    pthread_mutex_lock(&tickets->lock);
    const bool has_room =
        counter_read(&tickets->waiting) < tickets->waiting_max &&
        counter_read(&tickets->held) < GUARD_TICKETS_HELD_MAX * tickets->waiting_max;
    if (!ticket || !request || !has_room) {
        count(&tickets->outcomes[GUARD_REFUSED]);
        pthread_mutex_unlock(&tickets->lock);
        request_destroy(request);
        free(ticket);
        return NULL;
    }
    *ticket = (toni_guard_ticket){
        .host = request->host,
        .tickets = tickets,
        .request = request,
        .has_waiter = true,
        .has_decider = true,
        .post = post,
    };
    (void)snprintf(ticket->instance, sizeof ticket->instance, "%s", instance);
    request->source = &source;
    request->source_context = ticket;
    count(&tickets->waiting);
    count(&tickets->held);
    pthread_mutex_unlock(&tickets->lock);
    return ticket;
}

void guard_ticket_end(toni_guard_ticket *ticket, enum guard_outcome outcome)
{
    struct guard_tickets *tickets = ticket->tickets;

    pthread_mutex_lock(&tickets->lock);
    ticket->has_waiter = false;
    count_back(&tickets->waiting);
    count(&tickets->outcomes[outcome]);
    if (ticket->has_decider)
        count(&tickets->abandoned);
    end_if_over(ticket);
    unlock(tickets);
}

void guard_ticket_arrived(toni_guard_ticket *ticket)
{
    struct guard_tickets *tickets = ticket->tickets;

    pthread_mutex_lock(&tickets->lock);
    ticket->is_posted = false;
    tickets->posted--;
    end_if_over(ticket);
    unlock(tickets);
}

/* --- What plugins call */

static toni_guard_ticket *guard_wait(const toni_request *request)
{
    const struct request_source *source = request->source;

    return source && source->wait ? source->wait(request->source_context) : NULL;
}

static const toni_request *guard_request(const toni_guard_ticket *ticket)
{
    return ticket->request;
}

static int32_t guard_is_cancelled(const toni_guard_ticket *ticket)
{
    pthread_mutex_lock(&ticket->tickets->lock);
    const bool is_cancelled = !ticket->has_waiter;
    pthread_mutex_unlock(&ticket->tickets->lock);
    return is_cancelled;
}

/* Under the lock. */
static void decide(toni_guard_ticket *ticket, int32_t result)
{
    struct guard_tickets *tickets = ticket->tickets;

    ticket->has_decider = false;
    count_back(&tickets->held);
    if (ticket->has_waiter) {
        ticket->result = result;
        ticket->is_posted = true;
        tickets->posted++;
        ticket->post(ticket);
    } else {
        count(&tickets->ignored);
        count_back(&tickets->abandoned);
    }
    end_if_over(ticket);
}

static void guard_decide(toni_guard_ticket *ticket, int32_t result)
{
    struct guard_tickets *tickets = ticket->tickets;
    char instance[GUARD_TICKET_NAME_SIZE];

    pthread_mutex_lock(&tickets->lock);
    const bool is_first = ticket->has_decider;
    memcpy(instance, ticket->instance, sizeof instance); /* the ticket may go with the lock */
    if (is_first)
        decide(ticket, result);
    unlock(tickets);
    if (!is_first) {
        log_limited(LOG_LEVEL_ERROR,
                    "a guard's ticket is decided twice: ignored; toni_guard_decide ends a ticket",
                    log_str("instance", instance));
    }
}

void guard_fill_table(toni_host *table)
{
    table->guard_wait = guard_wait;
    table->guard_request = guard_request;
    table->guard_is_cancelled = guard_is_cancelled;
    table->guard_decide = guard_decide;
    guard_notes_fill_table(table);
}

/* --- What a guard has said */

enum guard_verdict guard_decision(int32_t result)
{
    if (result == TONI_OK)
        return GUARD_ALLOWS;
    return result == TONI_ERR_UNAUTHORIZED ? GUARD_UNAUTHORIZED : GUARD_FORBIDS;
}

enum guard_verdict guard_verdict(const char *instance, int32_t result, toni_guard_ticket *ticket,
                                 bool refused)
{
    if (result == TONI_LATER && ticket)
        return GUARD_WAITS;
    if (result == TONI_LATER && refused)
        return GUARD_IS_BUSY;
    if (result == TONI_LATER) {
        log_limited(LOG_LEVEL_WARN,
                    "a guard returned 1, which is TONI_LATER, and has no ticket: its client is "
                    "refused with 403; take one by toni_guard_wait, or return TONI_OK or an error",
                    log_str("instance", instance));
    } else if (ticket) {
        log_limited(LOG_LEVEL_WARN,
                    "a guard took a ticket and did not return TONI_LATER: what it returned counts, "
                    "the ticket is cancelled",
                    log_str("instance", instance), log_str("result", toni_error_name(result)));
        guard_ticket_end(ticket, GUARD_WITHDRAWN);
    }
    return guard_decision(result);
}
