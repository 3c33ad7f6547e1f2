/* Guards, and openings that wait for one; see guarding.h. */
#include "net/guarding.h"

#include "base/clock.h"
#include "instance/guard_ticket.h"
#include "net/ending.h"
#include "net/guard_report.h"
#include "net/opening_state.h"
#include "net/request_reading.h"
#include "net/server_data.h"

#include <stdlib.h>
#include <strings.h>

/* --- Waiting */

struct wait {
    toni_guard_ticket ticket; /* first: see guard_ticket_begin() */
    struct command command;   /* that brings the decision */
    struct lane *lane;
    struct connection *connection; /* as long as the ticket has a waiter */
};

static struct wait *wait_of(struct command *command)
{
    return (struct wait *)((char *)command - offsetof(struct wait, command));
}

static struct server *server_of(const struct connection *connection)
{
    return connection->served.worker->server;
}

static bool is_first_of_name(const struct head *head, unsigned index)
{
    const toni_str name = head_field_name(head, index);
    for (unsigned i = 0; i < index; i++) {
        const toni_str other = head_field_name(head, i);
        if (other.size == name.size && strncasecmp(other.data, name.data, name.size) == 0)
            return false;
    }
    return true;
}

/* What a ticket shows: it may outlive the connection, and is read by other threads.
 * @return NULL on no memory. */
static toni_request *copy_request(struct opening *opening)
{
    const toni_request *request = opening->request;
    struct request_field fields[HEAD_FIELDS_MAX];
    struct request_parts parts = {
        .path = request->path,
        .origin = request->origin,
        .user_agent = request->user_agent,
        .address = request->address,
        .subprotocol = request->subprotocol,
        .parameters = request->parameters,
        .parameter_count = request->parameter_count,
        .kept = fields,
        .is_secure = request->is_secure,
        .certificate = request->certificate,
    };
    for (unsigned i = 0; i < opening->head.field_count; i++) {
        if (!is_first_of_name(&opening->head, i))
            continue;
        struct request_field *field = &fields[parts.kept_count++];
        field->name = head_field_name(&opening->head, i);
        if (toni_host_of(request)->request_header(request, field->name, &field->value) != TONI_OK)
            return NULL;
    }
    return request_create(request->host, &parts);
}

static void post_decision(toni_guard_ticket *ticket)
{
    struct wait *wait = (struct wait *)ticket;
    lane_post_as_call(wait->lane, &wait->command);
}

static void end(struct connection *connection, enum guard_outcome outcome, enum refusal refusal)
{
    guard_report(connection, outcome == GUARD_LATE ? GUARD_TIMED_OUT : GUARD_WAS_ENDED, refusal);
    opening_end_wait(connection->opening, outcome);
    stream_listen(&connection->stream, STREAM_READ);
    connection->opening->decided(connection, refusal, NULL);
}

static enum refusal refusal_of(enum guard_verdict verdict)
{
    switch (verdict) {
    case GUARD_ALLOWS:
        return REFUSAL_NONE;
    case GUARD_UNAUTHORIZED:
        return REFUSAL_UNAUTHORIZED;
    case GUARD_IS_BUSY:
        return REFUSAL_GUARD_BUSY;
    case GUARD_FORBIDS:
    case GUARD_WAITS:
        break;
    }
    return REFUSAL_FORBIDDEN;
}

static void go_on(struct connection *connection, enum guard_verdict verdict);

/* One that waits has not answered yet. */
static void report(struct connection *connection, enum guard_verdict verdict)
{
    if (verdict == GUARD_ALLOWS)
        guard_report(connection, GUARD_LET_IN, REFUSAL_NONE);
    else if (verdict == GUARD_IS_BUSY)
        guard_report(connection, GUARD_WAS_BUSY, refusal_of(verdict));
    else if (verdict != GUARD_WAITS)
        guard_report(connection, GUARD_SAID_NO, refusal_of(verdict));
}

/* Whether the instances whose guard was asked are still those that answer there. */
static bool is_still_there(const struct connection *connection)
{
    return gateway_has_guard(&connection->served, &connection->opening->guards);
}

static void take_decision(struct connection *connection, int32_t result)
{
    struct opening *opening = connection->opening;
    if (!is_still_there(connection)) {
        guarding_withdraw(connection);
        return;
    }
    opening->notes = opening->ticket->notes; /* its decider has had its last word */
    opening->ticket->notes = NULL;
    guard_notes_drop_parameters(opening->notes, opening->request);
    opening_end_wait(opening, GUARD_DECIDED);
    const enum guard_verdict verdict = guard_decision(result);
    report(connection, verdict);
    go_on(connection, verdict);
}

static void deliver(struct command *command, struct lane *lane)
{
    struct wait *wait = wait_of(command);
    (void)lane;
    if (wait->ticket.has_waiter)
        take_decision(wait->connection, wait->ticket.result);
    guard_ticket_arrived(&wait->ticket);
}

static void drop(struct command *command)
{
    guard_ticket_arrived(&wait_of(command)->ticket);
}

/* @return Its ticket, which is freed with it by who lets go of it last; NULL on no memory. */
static toni_guard_ticket *create_wait(struct connection *connection)
{
    static const struct command_type type = {deliver, drop};
    struct wait *wait = malloc(sizeof *wait);
    if (!wait)
        return NULL;
    *wait = (struct wait){
        .command.type = &type,
        .lane = connection->served.worker->lane,
        .connection = connection,
    };
    return &wait->ticket;
}

/* What toni_guard_wait comes to, in the guard. */
static toni_guard_ticket *take_ticket(void *context)
{
    struct opening *opening = context;
    if (opening->ticket)
        return NULL;
    opening->ticket = guard_ticket_begin(server_of(opening->connection)->guard_tickets,
                                         create_wait(opening->connection), copy_request(opening),
                                         opening->guards.asked->name, post_decision);
    opening->is_ticket_refused = !opening->ticket;
    if (!opening->ticket)
        return NULL;
    opening->ticket->notes = opening->notes;
    opening->notes = NULL;
    return opening->ticket;
}

/* --- Asking */

static size_t room_for_early_bytes(const struct opening *opening)
{
    const size_t most = opening->head.size + (size_t)GUARDING_EARLY_MAX;
    return most > opening->bytes.length ? most - opening->bytes.length : 0;
}

static void listen_on(struct connection *connection)
{
    const bool has_room = room_for_early_bytes(connection->opening) > 0;
    stream_listen(&connection->stream, has_room ? STREAM_READ : STREAM_END);
}

/* From when it has a ticket, its notes are left through that. */
static struct guard_notes **find_notes(void *context)
{
    struct opening *opening = context;
    return opening->ticket ? NULL : request_reading_find_notes(opening);
}

static const struct request_source in_guard = {
    .find_header = request_reading_find_header,
    .wait = take_ticket,
    .notes = find_notes,
    .takes_notes = true,
    .takes_identity = true,
};

/* Asks one guard. @param verdict  Set to what it says. @return As gateway_guard(). */
static bool ask(struct connection *connection, enum guard_verdict *verdict)
{
    struct opening *opening = connection->opening;
    toni_request *request = opening->request;
    int32_t result = TONI_OK;
    opening->connection = connection;
    opening->is_ticket_refused = false;
    opening->asked_ns = clock_now_ns();
    request_reading_open_headers(opening, request);
    request->source = &in_guard;
    const bool is_asked = gateway_guard(&connection->served, &opening->guards, request, &result);
    request_reading_close_headers(opening, request);
    if (!is_asked)
        return false;
    *verdict = guard_verdict(opening->guards.asked->name, result, opening->ticket,
                             opening->is_ticket_refused);
    if (*verdict != GUARD_WAITS)
        opening->ticket = NULL;
    report(connection, *verdict);
    return true;
}

/* Asks one after the other, up to the first that doesn't let the client pass.
 * @param verdict  Of those that were asked. @param refusal  Set unless one waits.
 * @return Whether one waits. */
static bool ask_others(struct connection *connection, enum guard_verdict verdict,
                       enum refusal *refusal)
{
    struct opening *opening = connection->opening;
    guard_notes_asked(opening->notes, opening->guards.asked);
    while (verdict == GUARD_ALLOWS && !opening->guards.is_over) {
        if (!ask(connection, &verdict)) {
            *refusal = REFUSAL_GUARD_WITHDRAWN;
            return false;
        }
        guard_notes_asked(opening->notes, opening->guards.asked);
    }
    *refusal = refusal_of(verdict);
    return verdict == GUARD_WAITS;
}

/* What the client sends meanwhile is kept behind the head, which therefore moves once.
 * @return 0, or -1 on no memory. */
static int make_room(struct opening *opening)
{
    toni_str *subprotocol = &opening->subprotocol;
    const bool lies_in_head = subprotocol->size > 0;
    const size_t at = lies_in_head ? (size_t)(subprotocol->data - opening->bytes.bytes) : 0;
    if (buffer_reserve(&opening->bytes, GUARDING_EARLY_MAX))
        return -1;
    opening->head.bytes = opening->bytes.bytes;
    if (lies_in_head)
        subprotocol->data = opening->bytes.bytes + at;
    return 0;
}

/* The head is whole, so the client is no stranger that has still to speak. */
static int begin_wait(struct connection *connection)
{
    if (make_room(connection->opening))
        return -1;
    places_serve(&server_of(connection)->places, connection->place);
    connection_set_timeout(connection, connection->limits->guard_ms);
    listen_on(connection);
    return 0;
}

bool guarding_ask(struct connection *connection, enum refusal *refusal,
                  void (*decided)(struct connection *connection, enum refusal refusal,
                                  const char *why))
{
    if (!ask_others(connection, GUARD_ALLOWS, refusal))
        return true;
    connection->opening->decided = decided;
    if (!begin_wait(connection))
        return false;
    opening_end_wait(connection->opening, GUARD_WITHDRAWN);
    *refusal = REFUSAL_NO_MEMORY;
    return true;
}

/* One that waited has decided. If the next one waits, it waits for what is left of `guard_ms`. */
static void go_on(struct connection *connection, enum guard_verdict verdict)
{
    enum refusal refusal;
    if (ask_others(connection, verdict, &refusal))
        return;
    stream_listen(&connection->stream, STREAM_READ);
    connection->opening->decided(connection, refusal, NULL);
}

bool guarding_waits(const struct connection *connection)
{
    return connection->state == CONNECTION_OPENING && connection->opening &&
           connection->opening->ticket;
}

/* --- While it waits */

void guarding_readable(struct connection *connection)
{
    struct opening *opening = connection->opening;
    const size_t room = room_for_early_bytes(opening);
    uint8_t *read = connection->served.worker->received;
    const ssize_t taken = room > 0 ? stream_read(&connection->stream, read, room) : STREAM_ENDED;
    if (taken < 0 || buffer_append(&opening->bytes, read, (size_t)taken))
        connection_abort(connection, END_BY_LOSS);
    else
        listen_on(connection);
}

void guarding_expired(struct connection *connection)
{
    end(connection, GUARD_LATE, REFUSAL_GUARD_LATE);
}

void guarding_adopt(struct connection *connection)
{
    if (is_still_there(connection))
        connection->limits = slot_limits(connection->served.slot);
    else
        guarding_withdraw(connection);
}

void guarding_withdraw(struct connection *connection)
{
    const bool stops = atomic_load(&server_of(connection)->refusing);
    end(connection, GUARD_WITHDRAWN, stops ? REFUSAL_DRAINING : REFUSAL_GUARD_WITHDRAWN);
}
