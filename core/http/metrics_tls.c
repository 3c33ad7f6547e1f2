/* The figures of TLS; see metrics.h. */
#include "base/clock.h"
#include "http/admin.h"
#include "http/listener.h"
#include "http/metrics.h"
#include "http/server.h"
#include "net/listener.h"
#include "net/server.h"
#include "net/worker.h"
#include "tls/context.h"
#include "tls/failure.h"

#include <stdio.h>
#include <time.h>

struct tls_sums {
    uint64_t done, resumed, truncated;
    uint64_t failed[TLS_FAILURE_COUNT];
};

static void add(struct tls_sums *sums, const struct tls_figures *figures)
{
    sums->done += counter_read(&figures->done);
    sums->resumed += counter_read(&figures->resumed);
    sums->truncated += counter_read(&figures->truncated);
    for (unsigned why = 0; why < TLS_FAILURE_COUNT; why++)
        sums->failed[why] += counter_read(&figures->failed[why]);
}

static struct tls_sums add_up(const struct metrics_sources *sources)
{
    struct tls_sums sums = {0};
    for (uint32_t i = 0; i < sources->server->worker_count; i++)
        add(&sums, &sources->server->workers[i].streams.worker.figures);
    add(&sums, &sources->http->tls_figures);
    add(&sums, http_admin_tls_figures(sources->admin));
    return sums;
}

static void write_expiries(struct exposition *exposition, const char *address,
                           struct tls_port *port, time_t now)
{
    struct tls_context *context = tls_port_context(port);
    for (size_t i = 0; i < tls_context_count(context); i++) {
        const int64_t left_s = tls_context_ends_s(context, i) - (int64_t)now;
        exposition_real(exposition,
                        LABELS({"address", address}, {"name", tls_context_title(context, i)}),
                        (double)left_s);
    }
    tls_context_unref(context);
}

static void write_http_expiry(struct exposition *exposition, const struct http_listener *listener,
                              time_t now)
{
    if (listener->is_tls)
        write_expiries(exposition, listener->socket.name, (struct tls_port *)&listener->door.port,
                       now);
}

static void write_all_expiries(struct exposition *exposition, const struct metrics_sources *sources)
{
    const struct server *server = sources->server;
    const struct http_listener *listener;
    const time_t now = clock_wall_s();
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->ports[i].is_tls)
            write_expiries(exposition, server->listeners[i].name, &server->ports[i].tls, now);
    }
    for (size_t i = 0; i < sources->http->listener_count; i++)
        write_http_expiry(exposition, &sources->http->listeners[i], now);
    for (size_t i = 0; (listener = http_admin_http_listener(sources->admin, i)); i++)
        write_http_expiry(exposition, listener, now);
}

void metrics_write_tls(struct exposition *exposition, const struct metrics_sources *sources)
{
    const struct server *server = sources->server;
    const struct tls_sums sums = add_up(sources);
    exposition_gauge(exposition, "toni_tls_handshakes_running",
                     "TLS handshakes that have begun and are not over.",
                     atomic_load(&server->secure.handshakes));
    exposition_counter(exposition, "toni_tls_handshakes_total",
                       "TLS handshakes that were done, the resumed ones included.", sums.done);
    exposition_counter(exposition, "toni_tls_handshakes_resumed_total",
                       "Of these, those that took up an earlier session.", sums.resumed);
    exposition_family(exposition, "toni_tls_handshakes_failed_total", "counter",
                      "TLS handshakes that failed, by reason.");
    for (unsigned why = 0; why < TLS_FAILURE_COUNT; why++)
        exposition_number(exposition, LABELS({"reason", tls_failure_label(why)}), sums.failed[why]);
    exposition_counter(exposition, "toni_tls_truncated_total",
                       "Connections over TLS whose peer ended TCP without close_notify.",
                       sums.truncated);
    exposition_gauge(exposition, "toni_tls_unsent_bytes",
                     "Ciphertext that waits for sockets that don't take it; see tls_unsent_bytes.",
                     atomic_load(&server->secure.kept));
    exposition_family(exposition, "toni_tls_certificate_expiry_seconds", "gauge",
                      "Seconds until a certificate, or one of its chain, expires, by address and "
                      "the certificate's first name.");
    write_all_expiries(exposition, sources);
}
