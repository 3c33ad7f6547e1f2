/** @file
 * Guards that wait: for a database, a token server, or whatever else takes longer than a callback
 * may. Meanwhile the client is not answered, and nobody else waits for it.
 *
 * The guard takes a *ticket* from the request, hands it to whoever finds out, and returns
 * TONI_LATER. The ticket is decided once, from any thread. What the guard knows of the client can
 * be read through the ticket until then.
 *
 *     struct question {
 *         toni_guard_ticket *ticket;
 *         int32_t answer;
 *     };
 *
 *     static int32_t look_up(void *data) // a job of toni_work: it may block
 *     {
 *         struct question *question = data;
 *         toni_str token;
 *         const toni_request *request = toni_guard_request(question->ticket);
 *         if (toni_request_header(request, "Authorization", &token) != TONI_OK)
 *             question->answer = TONI_ERR_UNAUTHORIZED;
 *         else
 *             question->answer = ask_the_token_server(token);
 *         return TONI_OK;
 *     }
 *
 *     static void answer(void *data) // the release: called whatever happens to the job
 *     {
 *         struct question *question = data;
 *         toni_guard_decide(question->ticket, question->answer);
 *         free(question);
 *     }
 *
 *     static int32_t guard(void *self, const toni_request *request)
 *     {
 *         struct gateway *gateway = self;
 *         struct question *question = malloc(sizeof *question);
 *         if (!question)
 *             return TONI_ERR_NO_MEMORY;
 *         question->ticket = toni_guard_wait(request);
 *         question->answer = TONI_ERR_FORBIDDEN;
 *         if (!question->ticket)
 *             free(question);
 *         else if (toni_work(gateway->context, look_up, NULL, question, answer) != TONI_OK)
 *             answer(question);
 *         return TONI_LATER;
 *     }
 *
 * The host goes on without the ticket, and answers 503, when `guard_ms` of gateways.conf is over,
 * the gateway is swapped or removed, or the host stops; and it forgets a client that has gone. The
 * ticket is *cancelled* then: it has to be decided all the same, which frees it, and changes
 * nothing else. That may be late: also after `destroy` of the instance whose guard took it.
 *
 * @since ABI 1.0
 */
#ifndef TONI_GUARD_H
#define TONI_GUARD_H

#include <toni/host.h>

/** What a guard returns that has taken a ticket; no error, and no yes. Without a ticket, that is of
 * a guard that has not asked for one, it is a refusal like any other, and logged. */
#define TONI_LATER 1

/** Takes a ticket, in a guard, for the request that it is asked about.
 * @param request  Of the running guard.
 * @return A ticket: the guard must return TONI_LATER, and toni_guard_decide must be called once. If
 * the guard returns anything else, that counts, and the ticket is cancelled. NULL: too many wait
 * already (`guards_waiting` of gateways.conf), or there is no memory; return TONI_LATER all the
 * same, and the client is answered 503. NULL also if the guard has a ticket for this request
 * already, and where no guard runs.
 * @thread The guard's. @since ABI 1.0 */
static inline toni_guard_ticket *toni_guard_wait(const toni_request *request)
{
    return toni_host_of(request)->guard_wait(request);
}

/** @param ticket  Not decided yet; cancelled is fine.
 * @return The request, with all its headers; it and what is read from it are valid until
 * toni_guard_decide.
 * @thread Any. @since ABI 1.0 */
static inline const toni_request *toni_guard_request(const toni_guard_ticket *ticket)
{
    return toni_host_of(ticket)->guard_request(ticket);
}

/** Tells whether nobody waits for the decision any more, so that long work can stop early.
 * @param ticket  Not decided yet.
 * @return 1, which it stays, or 0. @thread Any. @since ABI 1.0 */
static inline int32_t toni_guard_is_cancelled(const toni_guard_ticket *ticket)
{
    return toni_host_of(ticket)->guard_is_cancelled(ticket);
}

/** Decides: the last that is done with a ticket. It never calls back, so it may be called under a
 * lock, also before the guard has returned; and never waits.
 * @param ticket  Not decided yet, cancelled or not; gone after that. A second call for it is an
 * error of the plugin's, which the host ignores and logs as long as it remembers the ticket: for
 * some hundred decisions more. NULL does nothing.
 * @param result  As a guard returns it: TONI_OK lets the client in, TONI_ERR_UNAUTHORIZED answers
 * 401, toni_guard_refuse what it was given, everything else 403.
 * @thread Any. @since ABI 1.0 */
static inline void toni_guard_decide(toni_guard_ticket *ticket, int32_t result)
{
    if (ticket)
        toni_host_of(ticket)->guard_decide(ticket, result);
}

/* --- What a guard leaves beside its decision, before it returns; or, once it has a ticket, through
 * toni_guard_request(ticket), before that is decided. Elsewhere each call gives TONI_ERR_INVALID. A
 * ticket that the guard took, and did not wait for, takes along what was left. */

/** Leaves a value for the gateway's `on_connect`: who the client is, what it may do. It is gone
 * when that has returned.
 * @param name   A token (RFC 9110, section 5.6.2), such as "user". A second value replaces the
 * first.
 * @param value  Any bytes; copied.
 * @return TONI_OK; TONI_ERR_INVALID (the name), TONI_ERR_LIMIT (more than 16), TONI_ERR_TOO_BIG
 * (more than 8,192 bytes of all, with their names), TONI_ERR_NO_MEMORY.
 * @thread The guard's; through a ticket any, one at a time. @since ABI 1.0 */
static inline int32_t toni_guard_leave_value(const toni_request *request, toni_str name,
                                             toni_str value)
{
    return toni_host_of(request)->guard_leave_value(request, name, value);
}

/** Reads what the guard has left: in the guard itself, and in `on_connect`.
 * @param request  In `on_connect` toni_client_request(client).
 * @param value    Set to the value; left alone on an error. Valid until the callback returns, the
 * ticket is decided, or another value takes its place.
 * @return TONI_OK, or TONI_ERR_NOT_FOUND.
 * @thread The callback's. @since ABI 1.0 */
static inline int32_t toni_request_value(const toni_request *request, toni_str name,
                                         toni_str *value)
{
    return toni_host_of(request)->request_value(request, name, value);
}

/** Adds a header field to the answer of the handshake: to the 101, or to the refusal if the
 * guard refuses. A WWW-Authenticate takes the place of the one that a 401 of toni_guard_refuse has.
 * @param value  Copied; not empty.
 * @return TONI_OK; TONI_ERR_INVALID (not a legal name or value; or one that the answer has of its
 * own: Connection, Content-Length, Content-Type, Date, Trailer, Transfer-Encoding, Upgrade, and all
 * that begin with Sec-WebSocket-), TONI_ERR_LIMIT (more than 16), TONI_ERR_TOO_BIG (more than 4,032
 * bytes of all, names and values), TONI_ERR_NO_MEMORY.
 * @thread As toni_guard_leave_value. @since ABI 1.0 */
static inline int32_t toni_guard_add_header(const toni_request *request, toni_str name,
                                            toni_str value)
{
    return toni_host_of(request)->guard_add_header(request, name, value);
}

/** Chooses the subprotocol, instead of the one that would be agreed on by the descriptor's list.
 * `on_connect` reads it by toni_request_subprotocol.
 * @param name  One that the client offers, whether or not the descriptor lists it; empty: none.
 * @return TONI_OK; TONI_ERR_INVALID (it is not offered), TONI_ERR_NO_MEMORY.
 * @thread As toni_guard_leave_value. @since ABI 1.0 */
static inline int32_t toni_guard_choose_subprotocol(const toni_request *request, toni_str name)
{
    return toni_host_of(request)->guard_choose_subprotocol(request, name);
}

/** Takes query parameters out of the request: a token, a password. Neither the guards after this
 * one nor the gateway find them, toni_request_query is without them, and the connection keeps no
 * copy. What this guard has read of the query before is not valid any more.
 * @param name  As it stands in the query, percent-decoded; all parameters of that name are meant.
 * @return How many there were, 0 included; TONI_ERR_LIMIT (more than 16 names), TONI_ERR_TOO_BIG
 * (more than 8,192 bytes of them), TONI_ERR_NO_MEMORY.
 * @thread As toni_guard_leave_value. @since ABI 1.0 */
static inline int32_t toni_guard_drop_parameter(const toni_request *request, toni_str name)
{
    return toni_host_of(request)->guard_drop_parameter(request, name);
}

/** Refuses with a status and a text of one's own: what it returns, the guard returns or decides.
 *
 *     return toni_guard_refuse(request, 429, TONI_LIT("five connections are enough"));
 *     toni_guard_decide(ticket, toni_guard_refuse(toni_guard_request(ticket), 402, text));
 *
 * If the guard lets the client in all the same, nothing comes of it.
 * @param status  400, 401, 402, 403, 404, 409, 410, 423, 429, 451, 500, 502, 503 or 504.
 * @param text    For people, sent as text/plain; UTF-8 without control characters, 1 to 256 bytes;
 * copied.
 * @return TONI_ERR_FORBIDDEN, of whose 403 these take the place. If they can't be sent, the client
 * is answered 403 alone: TONI_ERR_INVALID (status or text), TONI_ERR_TOO_BIG (the text),
 * TONI_ERR_NO_MEMORY.
 * @thread As toni_guard_leave_value. @since ABI 1.0 */
static inline int32_t toni_guard_refuse(const toni_request *request, uint32_t status, toni_str text)
{
    return toni_host_of(request)->guard_refuse(request, status, text);
}

#endif
