/* Tickets of guards that wait. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <pthread.h>

static toni_fake_ticket *ticket_of(const toni_guard_ticket *ticket)
{
    toni_fake_ticket *of = (toni_fake_ticket *)ticket;
    pthread_mutex_lock(&fake_lock);
    const int is_open = of->host && !of->is_decided;
    pthread_mutex_unlock(&fake_lock);
    ck_assert_msg(is_open, "a ticket that has been decided already");
    return of;
}

static toni_guard_ticket *guard_wait(const toni_request *request)
{
    toni_fake_host *host = host_of(request);
    toni_fake_client *client =
        (toni_fake_client *)((char *)request - offsetof(toni_fake_client, request));
    if (!client->in_guard || client->ticket)
        return NULL;
    fake_record(host, "guard_wait %" PRIu64 "\n", client->id);
    client->in_vain = fake_result_of(host, "guard_wait") < 0;
    if (client->in_vain)
        return NULL;
    toni_fake_ticket *ticket = host->tickets, *end = ticket + TONI_FAKE_MAX_TICKETS;
    pthread_mutex_lock(&fake_lock);
    while (ticket < end && ticket->host)
        ticket++;
    if (ticket < end)
        *ticket = (toni_fake_ticket){
            .host = &host->table, .id = client->id, .client = client, .request = request};
    pthread_mutex_unlock(&fake_lock);
    ck_assert_msg(ticket < end, "more tickets than the fake host takes: TONI_FAKE_MAX_TICKETS");
    client->ticket = ticket;
    return (toni_guard_ticket *)ticket;
}

static const toni_request *guard_request(const toni_guard_ticket *ticket)
{
    return ticket_of(ticket)->request;
}

static int32_t guard_is_cancelled(const toni_guard_ticket *ticket)
{
    const toni_fake_ticket *of = ticket_of(ticket);
    pthread_mutex_lock(&fake_lock);
    const int is_cancelled = !of->client;
    pthread_mutex_unlock(&fake_lock);
    return is_cancelled;
}

static void guard_decide(toni_guard_ticket *ticket, int32_t result)
{
    toni_fake_ticket *of = ticket_of(ticket);
    fake_record(host_of(ticket), "guard_decide %" PRIu64 " %" PRId32 "\n", of->id, result);
    pthread_mutex_lock(&fake_lock);
    of->result = result;
    of->is_decided = 1;
    if (!of->client)
        of->host = NULL;
    pthread_mutex_unlock(&fake_lock);
}

/* The client has no more to do with it. */
void fake_leave_ticket(toni_fake_client *client)
{
    toni_fake_ticket *ticket = client->ticket;
    client->ticket = NULL;
    pthread_mutex_lock(&fake_lock);
    ticket->client = NULL;
    if (ticket->is_decided)
        ticket->host = NULL;
    pthread_mutex_unlock(&fake_lock);
}

int fake_is_decided(const toni_fake_client *client)
{
    pthread_mutex_lock(&fake_lock);
    const int result = client->ticket->is_decided;
    pthread_mutex_unlock(&fake_lock);
    return result;
}

void fake_guard_fill(toni_host *table)
{
    table->guard_wait = guard_wait;
    table->guard_request = guard_request;
    table->guard_is_cancelled = guard_is_cancelled;
    table->guard_decide = guard_decide;
}
