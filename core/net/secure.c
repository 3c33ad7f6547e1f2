/* TLS of streams; see secure.h. */
#include "net/secure.h"

#include "base/log_limit.h"
#include "base/socket_bytes.h"

#include <stdlib.h>

/* What a record of a handshake begins with (RFC 8446, section 5.1). */
#define HANDSHAKE_RECORD 0x16

int secure_worker_init(struct secure_worker *worker, struct secure_totals *totals)
{
    worker->totals = totals;
    if (tls_output_init(&worker->output))
        return -1;
    worker->output.kept = &totals->kept;
    worker->output.kept_max = totals->kept_max;
    return 0;
}

void secure_worker_finish(struct secure_worker *worker)
{
    tls_output_finish(&worker->output);
}

/* --- Handshakes */

struct secure *secure_create(struct secure_worker *worker, struct tls_port *port, int fd,
                             const struct place *client, const char *address, void *stream)
{
    struct secure *secure = malloc(sizeof *secure);
    if (secure) {
        *secure = (struct secure){.worker = worker,
                                  .port = port,
                                  .fd = fd,
                                  .client = client,
                                  .address = address,
                                  .stream = stream};
    }
    return secure;
}

/* @return Whether it was ended for another. */
static bool leave_handshake(struct secure *secure, enum secure_state state)
{
    struct secure_totals *totals = secure->worker->totals;
    bool was_ended = false;
    if (secure->state == SECURE_SHAKING) {
        atomic_fetch_sub_explicit(&totals->handshakes, 1, memory_order_relaxed);
        was_ended = places_give_back(&totals->places, secure->place);
        free(secure->place);
        secure->place = NULL;
    }
    secure->state = (uint8_t)state;
    return was_ended;
}

static enum secure_step fail(struct secure *secure, enum tls_failure why)
{
    if (leave_handshake(secure, SECURE_FAILED))
        why = TLS_FAILED_BUSY;
    tls_figures_failed(&secure->worker->figures, why, secure->address);
    return SECURE_STEP_FAILED;
}

void secure_destroy(struct secure *secure)
{
    if (secure->state == SECURE_SHAKING)
        (void)fail(secure, TLS_FAILED_LOST);
    if (secure->session && tls_session_is_truncated(secure->session) &&
        secure->state == SECURE_OPEN)
        counter_add(&secure->worker->figures.truncated, 1);
    tls_turns_forget(&secure->waiter);
    tls_session_destroy(secure->session);
    free(secure);
}

bool secure_is_ended(struct secure *secure)
{
    return secure->place && places_has_ended(&secure->worker->totals->places, secure->place);
}

void secure_expire(struct secure *secure)
{
    if (secure->state == SECURE_SHAKING)
        (void)fail(secure, TLS_FAILED_LATE);
}

/* @return 0, or -1 on no memory. */
static int take_place(struct secure *secure)
{
    struct places *places = &secure->worker->totals->places;
    struct place *place = malloc(sizeof *place);
    if (!place || places_take_like(places, place, secure->fd, secure->client)) {
        free(place);
        return -1;
    }
    places_arrive(places, place);
    secure->place = place;
    return 0;
}

static enum secure_step refuse_newcomer(struct secure *secure, uint64_t others)
{
    places_make_room(&secure->worker->totals->places, others);
    log_limited(LOG_LEVEL_WARN,
                "a client is refused before its TLS handshake: as many as tls_handshakes are "
                "under way, and none of them has had its time to speak",
                log_str("address", secure->address));
    return fail(secure, TLS_FAILED_BUSY);
}

/* Before anything that costs something. If there are too many now, the address with the most of
 * them loses its oldest. */
static enum secure_step enter_handshake(struct secure *secure)
{
    struct secure_totals *totals = secure->worker->totals;
    const uint64_t others = atomic_fetch_add_explicit(&totals->handshakes, 1, memory_order_relaxed);
    const bool has_room = places_have_room(&totals->places, others);
    if (!has_room || take_place(secure)) {
        atomic_fetch_sub_explicit(&totals->handshakes, 1, memory_order_relaxed);
        return has_room ? fail(secure, TLS_FAILED_MEMORY) : refuse_newcomer(secure, others);
    }
    secure->state = SECURE_SHAKING;
    places_make_room(&totals->places, others + 1);
    return SECURE_STEP_DONE;
}

static bool make_session(struct secure *secure)
{
    struct tls_context *context = tls_port_context(secure->port);
    secure->session = tls_session_create(context, secure->fd, &secure->worker->output);
    tls_context_unref(context);
    return secure->session != NULL;
}

/* What begins with a letter may be HTTP. */
static enum secure_step begin(struct secure *secure)
{
    uint8_t first;
    const ssize_t size = recv(secure->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && socket_is_for_now(errno))
        return SECURE_STEP_WAITS;
    if (size <= 0) {
        secure->state = SECURE_FAILED; /* it has said nothing, so this was no handshake */
        return SECURE_STEP_FAILED;
    }
    if (first >= 'A' && first <= 'Z') {
        (void)fail(secure, TLS_FAILED_PLAIN);
        return SECURE_STEP_PLAIN;
    }
    if (first != HANDSHAKE_RECORD)
        return fail(secure, TLS_FAILED_PLAIN);
    if (enter_handshake(secure) != SECURE_STEP_DONE)
        return SECURE_STEP_FAILED;
    return make_session(secure) ? SECURE_STEP_DONE : fail(secure, TLS_FAILED_MEMORY);
}

enum secure_step secure_shake(struct secure *secure)
{
    enum tls_failure why;
    if (secure->state == SECURE_SILENT) {
        const enum secure_step step = begin(secure);
        if (step != SECURE_STEP_DONE)
            return step;
    }
    switch (tls_session_shake(secure->session, &why)) {
    case TLS_WAITS:
        return SECURE_STEP_WAITS;
    case TLS_FAILED:
        return fail(secure, why);
    case TLS_DONE:
        break;
    }
    (void)leave_handshake(secure, SECURE_OPEN);
    tls_figures_done(&secure->worker->figures, secure->session);
    return SECURE_STEP_DONE;
}
