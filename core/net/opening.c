/* The opening handshake; see opening.h. */
#include "net/opening.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "base/utf8.h"
#include "instance/instance.h"
#include "net/access.h"
#include "net/closing.h"
#include "net/ending.h"
#include "net/forwarding.h"
#include "net/guard_report.h"
#include "net/guarding.h"
#include "net/opening_state.h"
#include "net/outbound.h"
#include "net/receiving.h"
#include "net/request_reading.h"
#include "net/server_data.h"
#include "net/watching.h"
#include "rooms/revoking.h"
#include "ws/frame.h"

#include <stdio.h>
#include <stdlib.h>

/* What a hello of TLS begins with, and no head of HTTP. */
#define TLS_HANDSHAKE 0x16

/* --- Refusing */

static void count_refusal(struct connection *connection, unsigned status)
{
    static const unsigned statuses[] = {
#define STATUS(status) status,
        REFUSAL_STATUSES(STATUS)
#undef STATUS
    };
    for (unsigned i = 0; i < REFUSAL_STATUS_COUNT; i++) {
        if (statuses[i] == status)
            counter_add(&connection->served.worker->figures.refused[i], 1);
    }
}

/* @return The size of an answer of HTTP. */
static size_t write_refusal(char *answer, const struct opening *opening, enum refusal refusal,
                            const struct guard_notes *notes, const char *why)
{
    const bool is_head = toni_str_equal(head_method(&opening->head), toni_str_of("HEAD"));
    size_t size;
    if (notes && notes->status != 0 && refusal == REFUSAL_FORBIDDEN) {
        const bool has_challenge = guard_notes_have_field(notes, "WWW-Authenticate");
        size = handshake_refuse_as(answer, notes->status, notes->text, has_challenge, is_head,
                                   clock_wall_s());
    } else {
        size = handshake_refuse(answer, refusal, why, is_head, clock_wall_s());
    }
    return guard_notes_put_fields(notes, answer, size);
}

/* @return As many of the bytes as are whole characters. */
static size_t utf8_whole(const char *text, size_t size)
{
    size_t whole = 0, next;
    while (whole < size && (next = utf8_character(text + whole, size - whole)) > 0)
        whole += next;
    return whole;
}

/* Code and reason of a page's CloseEvent: of a refused handshake it would learn nothing.
 * @return The size of an answer that lets in, with a close frame behind it. */
static size_t write_close(char *answer, struct opening *opening, enum refusal refusal,
                          const struct guard_notes *notes, const char *why)
{
    char reason[GUARD_TEXT_MAX + 16];
    const char *text = notes && refusal == REFUSAL_FORBIDDEN ? notes->text : "";
    if (text[0] == '\0')
        text = why ? why : refusal_text(refusal);
    (void)snprintf(reason, sizeof reason, "%u %.*s", guard_report_status(opening, refusal),
                   GUARD_TEXT_MAX, text);
    opening->terms.agreed = false;
    const toni_str subprotocol = opening->subprotocol.size > 0
                                     ? opening->subprotocol
                                     : handshake_choose_shortest(&opening->head);
    size_t size = guard_notes_put_fields(
        notes, answer, handshake_accept(answer, &opening->head, subprotocol, &opening->terms));
    const size_t length = utf8_whole(reason, strnlen(reason, FRAME_REASON_MAX));
    return size + frame_encode_close((uint8_t *)answer + size, 1008, reason, length);
}

static void refuse(struct connection *connection, enum refusal refusal, const char *why)
{
    struct opening *opening = connection->opening;
    char *answer = (char *)connection->served.worker->lane->scratch;
    const bool is_by_guard = refusal == REFUSAL_UNAUTHORIZED || refusal == REFUSAL_FORBIDDEN;
    const struct guard_notes *notes = is_by_guard ? opening->notes : NULL;
    const size_t size = is_by_guard && connection->limits->refuses_by_close
                            ? write_close(answer, opening, refusal, notes, why)
                            : write_refusal(answer, opening, refusal, notes, why);
    count_refusal(connection, guard_report_status(opening, refusal));
    connection_leave_admission(connection);
    opening->phase = OPENING_ANSWERED;
    /* It fits into a socket that nothing was written to; if not, it is cut. */
    if (stream_write(&connection->stream, answer, size) < 0)
        connection_abort(connection, END_BY_LOSS);
    else
        closing_written(connection);
    opening_free(opening);
    connection->opening = NULL;
}

/* --- Letting in */

/* What a refused client is told if the gateway doesn't say it itself. */
static uint16_t refusal_code(int32_t error)
{
    switch (error) {
    case TONI_ERR_LIMIT:
    case TONI_ERR_BUSY:
        return 1013;
    case TONI_ERR_UNAUTHORIZED:
    case TONI_ERR_FORBIDDEN:
    case TONI_ERR_MAY_NOT_PUBLISH:
    case TONI_ERR_INVALID:
        return 1008;
    default:
        return 1011;
    }
}

/* `on_connect` said no. Nothing of the client remains but its last words. */
static void turn_away(struct connection *connection, int32_t error)
{
    struct gateway_client *served = &connection->served;
    served->is_refused = true;
    if (client_is_open(served->client)) {
        const uint16_t code = refusal_code(error);
        if (code == 1011)
            gateway_refused(served, error);
        connection_end(connection, END_BY_REFUSAL, code, toni_str_of(toni_strerror(error)));
    }
    client_retire(served->client);
}

static void connect_client(struct connection *connection)
{
    struct opening *opening = connection->opening;
    toni_request *request = connection->served.client->request;
    request_reading_open_headers(opening, request);
    int32_t result = gateway_on_connect(&connection->served);
    request_reading_close_headers(opening, request);
    if (result != TONI_OK)
        turn_away(connection, result);
    else if (!slot_is_open(connection->served.slot)) /* removed since the handshake began */
        connection_drain(connection);
}

/* What its guards have said of it. */
static const struct identity_draft *said_of(const struct opening *opening)
{
    return opening->notes ? opening->notes->identity : NULL;
}

/* @param identity  Set to what the client is to be; NULL: nobody has said. @return 0, or -1 on no
 * memory. */
static int make_identity(const struct connection *connection, struct identity **identity)
{
    const struct identity_draft *said = said_of(connection->opening);
    *identity = NULL;
    if (!said)
        return 0;
    *identity = identity_create(said, &(struct identity_origin){
                                          .guard = said->guard,
                                          .gateway = connection->served.slot,
                                      });
    return *identity ? 0 : -1;
}

/* Who is revoked from now on is found by then. */
static void identify_client(toni_client *client, struct identity *identity)
{
    client_identify(client, identity);
    revoking_look(client);
}

/* @return 0, or -1 on no memory. */
static int make_client(struct connection *connection)
{
    struct gateway_client *served = &connection->served;
    struct opening *opening = connection->opening;
    struct server *server = served->worker->server;
    struct identity *identity;
    if (make_identity(connection, &identity))
        return -1;
    opening->request->deflates = deflate_terms_allow_sending(&opening->terms);
    served->client = client_create(served->slot->space, served->worker->lane, opening->request,
                                   connection->limits, &outbound_transport, connection);
    if (!served->client) {
        free(identity);
        return -1;
    }
    opening->request = NULL; /* the client's now */
    if (identity)
        identify_client(served->client, identity);
    served->client->receiver.gateway_figures = &served->slot->clients;
    atomic_fetch_add(&server->clients, 1);
    drain_expect(&served->worker->drain, &connection->drain);
    return 0;
}

/* What came behind the head are the first frames. */
static void take_early_bytes(struct connection *connection)
{
    struct opening *opening = connection->opening;
    const size_t head = opening->head.size;
    connection->opening = NULL;
    if (opening->bytes.length > head)
        receiving_take(connection, (uint8_t *)opening->bytes.bytes + head,
                       opening->bytes.length - head);
    opening_free(opening);
}

/* The request says which subprotocol was agreed on, so it is made anew if the guard has chosen
 * another. @return 0, or -1 on no memory. */
static int apply_subprotocol(struct connection *connection)
{
    struct opening *opening = connection->opening;
    if (!opening->notes || !opening->notes->subprotocol)
        return 0;
    const toni_str chosen = toni_str_of(opening->notes->subprotocol);
    const toni_str *const known[] = {&chosen, NULL};
    opening->subprotocol = handshake_choose(&opening->head, known);
    request_destroy(opening->request);
    opening->request = NULL;
    if (request_reading_make(connection))
        return -1;
    guard_notes_drop_parameters(opening->notes, opening->request);
    return 0;
}

/* Its token was good when a guard saw it; another guard may have taken its time since.
 * @return NULL, or what is wrong with it now. */
static const char *what_is_over(const struct connection *connection)
{
    const struct identity_draft *said = said_of(connection->opening);
    if (!said)
        return NULL;
    if (said->expires_s > 0 && said->expires_s <= clock_wall_s())
        return "the token has expired";
    return guard_report_is_revoked(connection) ? "the token is revoked" : NULL;
}

static void let_in(struct connection *connection)
{
    struct opening *opening = connection->opening;
    struct worker *worker = connection->served.worker;
    const char *over = what_is_over(connection);
    if (over) {
        guard_report_over(connection, over);
        refuse(connection, REFUSAL_UNAUTHORIZED, over);
        return;
    }
    if (apply_subprotocol(connection) || make_client(connection)) {
        log_limited(LOG_LEVEL_ERROR, "connection refused: out of memory",
                    log_str("address", connection->address));
        refuse(connection, REFUSAL_NO_MEMORY, NULL);
        return;
    }
    char *answer = (char *)worker->lane->scratch;
    const size_t size = guard_notes_put_fields(
        opening->notes, answer,
        handshake_accept(answer, &opening->head, opening->subprotocol, &opening->terms));
    opening->phase = OPENING_ANSWERED;
    connection_leave_place(connection);
    counter_add(&worker->figures.accepted, 1);
    codec_init(&connection->codec, opening->terms.agreed);
    connection->state = CONNECTION_OPEN;
    stream_listen(&connection->stream, STREAM_READ);
    if (stream_write(&connection->stream, answer, size) != (ssize_t)size) {
        /* A socket that nothing was written to takes an answer, unless it is broken. Its gateway
         * does not know the client yet. */
        connection->served.is_refused = true;
        connection_abort(connection, END_BY_LOSS);
        return;
    }
    connection->last_heard_ms = connection->last_message_ms = connection_now_ms(connection);
    rate_init(&connection->rate, connection->last_heard_ms);
    receiving_begin(connection);
    watching_look(connection);
    connect_client(connection);
    take_early_bytes(connection);
}

void opening_decided(struct connection *connection, enum refusal refusal, const char *why)
{
    if (refusal == REFUSAL_NONE)
        let_in(connection);
    else
        refuse(connection, refusal, why);
}

/* --- Deciding */

/* A browser says where the page comes from; any other client may leave it out. */
static bool is_origin_allowed(const struct connection *connection)
{
    const struct head *head = &connection->opening->head;
    const char *gateway = connection->served.slot->name;
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof local;
    const toni_str origin = head_field(head, "Origin"), host = head_host(head);
    if (head_count(head, "Origin") == 0)
        return true;
    (void)getsockname(connection->stream.fd, (struct sockaddr *)&local, &size);
    if (head_count(head, "Origin") == 1 &&
        access_allows_origin(connection->served.worker->server->access, gateway, origin, host,
                             (const struct sockaddr *)&local))
        return true;
    log_limited(LOG_LEVEL_WARN,
                "a handshake is refused: it comes from a page of another host; if that page may "
                "connect, add its Origin to `origins` in gateways.conf, or, if Host is a name of "
                "this host, that to `hosts`, without its port",
                log_str("gateway", gateway), log_brief("origin", origin.data, origin.size),
                log_brief("host", host.data, host.size), log_str("address", connection->address));
    return false;
}

static void choose_subprotocol(struct connection *connection)
{
    struct opening *opening = connection->opening;
    struct slot *slot = connection->served.slot;
    const struct instance *instance = slot_enter(slot);
    opening->subprotocol =
        handshake_choose(&opening->head, instance ? instance->descriptor->subprotocols : NULL);
    slot_exit(slot);
}

/* @param why  Set to a few words more, or NULL. */
static enum refusal judge(struct connection *connection, const char **why)
{
    struct opening *opening = connection->opening;
    struct gateway_client *served = &connection->served;
    struct server *server = served->worker->server;
    *why = NULL;
    if (atomic_load(&server->refusing))
        return REFUSAL_DRAINING;
    served->slot = slots_find_gateway(server->slots, request_reading_path(connection));
    if (!served->slot)
        return REFUSAL_NOT_FOUND;
    enum refusal refusal = handshake_check(&opening->head, &opening->terms, why);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!is_origin_allowed(connection))
        return REFUSAL_ORIGIN;
    connection->limits = slot_limits(served->slot);
    if (!admission_enter(&server->admission, &served->slot->connections,
                         connection->limits->connections, connection->address))
        return REFUSAL_FULL;
    connection->is_admitted = true;
    if (!connection->limits->deflate)
        opening->terms.agreed = false;
    choose_subprotocol(connection);
    if (request_reading_make(connection))
        return REFUSAL_NO_MEMORY;
    return REFUSAL_NONE;
}

static void decide(struct connection *connection)
{
    const char *why;
    connection->opening->phase = OPENING_DECIDING;
    enum refusal refusal = forwarding_read(connection, &why);
    if (refusal == REFUSAL_NONE)
        refusal = judge(connection, &why);
    if (refusal != REFUSAL_NONE || guarding_ask(connection, &refusal, opening_decided))
        opening_decided(connection, refusal, why);
}

/* --- Reading the head */

/* @return Whether bytes have come. */
static bool read_bytes(struct connection *connection)
{
    struct opening *opening = connection->opening;
    uint8_t *read = connection->served.worker->received;
    ssize_t taken = stream_read(&connection->stream, read, GUARDING_EARLY_MAX);
    if (taken > 0 && !buffer_append(&opening->bytes, read, (size_t)taken))
        return true;
    if (taken != 0) /* it has gone, or there is no memory */
        connection_abort(connection, END_BY_LOSS);
    return false;
}

/* Whoever mistakes the port: plain HTTP where TLS is spoken is told so; a hello of TLS where it is
 * not can't be answered in words that its sender reads. */
static bool is_of_other_kind(struct connection *connection)
{
    if (connection->stream.is_mistaken) {
        refuse(connection, REFUSAL_NEEDS_TLS, NULL);
        return true;
    }
    if (connection->stream.secure || connection->opening->bytes.bytes[0] != TLS_HANDSHAKE)
        return false;
    log_limited(LOG_LEVEL_WARN,
                "a client speaks TLS on an address that is plain: is it to connect to another "
                "port, or the address to have a group `tls`?",
                log_str("address", connection->address));
    connection_abort(connection, END_BY_LOSS);
    return true;
}

void opening_readable(struct connection *connection)
{
    if (!connection->opening)
        connection->opening = opening_new();
    struct opening *opening = connection->opening;
    if (opening && guarding_waits(connection)) {
        guarding_readable(connection);
        return;
    }
    if (!opening || opening->phase != OPENING_READING) {
        connection_abort(connection, END_BY_LOSS);
        return;
    }
    if (!read_bytes(connection) || is_of_other_kind(connection))
        return;
    switch (head_read(&opening->head, opening->bytes.bytes, opening->bytes.length)) {
    case HEAD_MORE:
        break;
    case HEAD_FAULT:
        refuse(connection, handshake_fault(&opening->head), opening->head.fault);
        break;
    case HEAD_DONE:
        decide(connection);
        break;
    }
}

void opening_expired(struct connection *connection)
{
    if (guarding_waits(connection)) {
        guarding_expired(connection);
        return;
    }
    const uint64_t left_ms = watching_left_to_open(connection);
    if (left_ms > 0) {
        connection_set_timeout(connection, left_ms);
        return;
    }
    counter_add(&connection->served.worker->figures.handshakes_late, 1);
    log_limited(LOG_LEVEL_DEBUG, "connection ended: handshake took too long",
                log_str("address", connection->address));
    stream_expire(&connection->stream);
    connection_abort(connection, END_BY_IDLENESS);
}
