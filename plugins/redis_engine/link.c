/* One socket: see link.h. */
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What is read in one go, and how often for one event: others wait meanwhile. */
#define CHUNK ((size_t)16 * 1024)
#define CHUNKS_MOST 32

/* What is handed to hiredis's reader in one go: for each KiB of replies it moves what is behind. */
#define PIECE ((size_t)2 * 1024)

/* --- Ending */

void link_close(struct link *link)
{
    if (!link->is_open)
        return;
    link->is_open = link->is_ready = false;
    link->life++;
    if (link->watch > 0)
        toni_engine_unwatch(link->with.engine, link->watch);
    if (link->ssl)
        SSL_free(link->ssl);
    close(link->fd);
    link->ssl = NULL;
    link->watch = 0;
    incoming_finish(&link->incoming);
    outgoing_clear(&link->outgoing);
}

void link_end(struct link *link, const char *why)
{
    (void)snprintf(link->why, sizeof link->why, "%s", why);
    link_close(link);
    link->with.calls->ended(link->with.data, link->why);
}

static void end_by_errno(struct link *link, const char *doing)
{
    char text[128], why[192];
    (void)snprintf(why, sizeof why, "%s: %s", doing, strerror_r(errno, text, sizeof text));
    link_end(link, why);
}

/* What TLS has to say against it: mostly about the certificate. */
static void end_by_tls(struct link *link, const char *doing)
{
    char text[160] = "the server has ended the connection", why[224];
    const long verdict = SSL_get_verify_result(link->ssl);
    const unsigned long error = ERR_peek_last_error();
    if (verdict != X509_V_OK) {
        (void)snprintf(text, sizeof text, "its certificate: %s",
                       X509_verify_cert_error_string(verdict));
    } else if (error != 0) {
        ERR_error_string_n(error, text, sizeof text);
    }
    ERR_clear_error();
    (void)snprintf(why, sizeof why, "%s: %s", doing, text);
    link_end(link, why);
}

/* --- Reading and writing: how many bytes; 0: none now; -1: it has ended */

static ssize_t take_tls(struct link *link, int result, const char *doing)
{
    if (result > 0)
        return result;
    switch (SSL_get_error(link->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_WANT_WRITE:
        link->wants_write = true;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        link_end(link, "the server has closed the connection");
        return -1;
    default:
        end_by_tls(link, doing);
        return -1;
    }
}

static ssize_t read_some(struct link *link, char *bytes, size_t size)
{
    if (link->ssl) {
        ERR_clear_error();
        return take_tls(link, SSL_read(link->ssl, bytes, (int)size), "reading");
    }
    const ssize_t got = read(link->fd, bytes, size);
    if (got > 0)
        return got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got < 0)
        end_by_errno(link, "reading");
    else
        link_end(link, "the server has closed the connection");
    return -1;
}

static ssize_t write_some(struct link *link, const char *bytes, size_t size)
{
    if (link->ssl) {
        const size_t most = (size_t)1 << 20;
        ERR_clear_error();
        return take_tls(link, SSL_write(link->ssl, bytes, (int)(size < most ? size : most)),
                        "writing");
    }
    const ssize_t put = send(link->fd, bytes, size, MSG_NOSIGNAL);
    if (put >= 0)
        return put;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    /* The other end is closed: whoever reads finds that, behind what the server had to say. */
    if (errno == EPIPE || errno == ECONNRESET)
        return 0;
    end_by_errno(link, "writing");
    return -1;
}

/* --- Events */

static void watch_again(struct link *link)
{
    const bool is_waiting = !link->is_ready
                                ? !link->ssl || link->wants_write
                                : link->wants_write || outgoing_size(&link->outgoing) > 0;
    const uint32_t events = TONI_READABLE | (is_waiting ? TONI_WRITABLE : 0);
    if (events == link->events)
        return;
    link->events = events;
    (void)toni_engine_rewatch(link->with.engine, link->watch, events);
}

void link_flush(struct link *link)
{
    if (!link->is_open || !link->is_ready)
        return;
    link->wants_write = false;
    while (outgoing_size(&link->outgoing) > 0) {
        const ssize_t put = write_some(link, link->outgoing.bytes + link->outgoing.start,
                                       outgoing_size(&link->outgoing));
        if (put < 0)
            return;
        if (put == 0)
            break;
        outgoing_take(&link->outgoing, (size_t)put);
    }
    watch_again(link);
}

/* Hands on the replies that are complete. @return Whether the link is still the same one. */
static bool hand_on(struct link *link)
{
    const uint64_t life = link->life;
    for (;;) {
        redisReply *reply;
        const char *fault = incoming_next(&link->incoming, &reply);
        if (fault) {
            char why[192];
            (void)snprintf(why, sizeof why, "what came is no reply of Redis: %s", fault);
            link_end(link, why);
            return false;
        }
        if (!reply)
            return true;
        link->with.calls->replied(link->with.data, reply);
        incoming_free(reply);
        if (link->life != life)
            return false;
    }
}

/* @return Whether the link is still the same one. */
static bool take_bytes(struct link *link, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += PIECE) {
        const size_t left = size - at;
        const char *fault = incoming_feed(&link->incoming, bytes + at, left < PIECE ? left : PIECE);
        if (fault) {
            link_end(link, fault);
            return false;
        }
        if (!hand_on(link))
            return false;
    }
    return true;
}

static void take_in(struct link *link)
{
    char bytes[CHUNK];
    for (int i = 0; i < CHUNKS_MOST || (link->ssl && SSL_pending(link->ssl) > 0); i++) {
        const ssize_t got = read_some(link, bytes, sizeof bytes);
        if (got < 0)
            return;
        if (got == 0)
            break;
        if (!take_bytes(link, bytes, (size_t)got))
            return;
        if (!link->ssl && (size_t)got < sizeof bytes)
            break;
    }
    link_flush(link);
}

/* --- Opening */

/* @return Whether it is ready now. */
static bool shake_hands(struct link *link)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0) {
        errno = error;
        end_by_errno(link, "connecting");
        return false;
    }
    if (link->ssl) {
        ERR_clear_error();
        link->wants_write = false;
        const ssize_t result = take_tls(link, SSL_connect(link->ssl), "agreeing on TLS");
        if (result == 0)
            watch_again(link);
        if (result <= 0)
            return false;
    }
    link->is_ready = true;
    return true;
}

static void ready(void *data, uint32_t events)
{
    struct link *link = data;
    const uint64_t life = link->life;
    if (!link->is_ready) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        /* A socket that connects still may be told to be readable by nobody. */
        if (!(events & TONI_WRITABLE) && !link->ssl &&
            getpeername(link->fd, (struct sockaddr *)&peer, &size) != 0 && errno == ENOTCONN)
            return;
        if (!shake_hands(link))
            return;
        link->with.calls->opened(link->with.data);
        if (link->life != life)
            return;
        link_flush(link);
        if (link->life == life && link->ssl)
            take_in(link);
        return;
    }
    if (events & TONI_WRITABLE)
        link_flush(link);
    if (link->life == life && (events & TONI_READABLE || link->wants_write))
        take_in(link);
}

static bool is_address(const char *name)
{
    struct in6_addr bytes;
    return inet_pton(AF_INET, name, &bytes) == 1 || inet_pton(AF_INET6, name, &bytes) == 1;
}

static int prepare_tls(struct link *link)
{
    const char *name = link->with.tls_name;
    link->ssl = SSL_new(link->with.tls);
    if (!link->ssl || SSL_set_fd(link->ssl, link->fd) != 1)
        return -1;
    SSL_set_connect_state(link->ssl);
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(link->ssl), name) == 1 ? 0 : -1;
    return SSL_set1_host(link->ssl, name) == 1 && SSL_set_tlsext_host_name(link->ssl, name) == 1
               ? 0
               : -1;
}

static void tune(int fd, int family)
{
    const int on = 1;
    if (family == AF_UNIX)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int fail(struct link *link, const char *why)
{
    link_close(link);
    (void)snprintf(link->why, sizeof link->why, "%s", why);
    return -1;
}

int link_open(struct link *link, const struct link_settings *settings, const struct place *place)
{
    char text[128];
    const int family = place->address.ss_family;
    link_close(link);
    link->with = *settings;
    link->events = TONI_READABLE | TONI_WRITABLE;
    link->wants_write = false;
    link->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) {
        (void)snprintf(link->why, sizeof link->why, "making a socket: %s",
                       strerror_r(errno, text, sizeof text));
        return -1;
    }
    link->is_open = true;
    tune(link->fd, family);
    link->outgoing.most = settings->output_most;
    if (incoming_init(&link->incoming, settings->reply_most) != 0)
        return fail(link, "no memory");
    if (connect(link->fd, (const struct sockaddr *)&place->address, place->size) != 0 &&
        errno != EINPROGRESS) {
        char why[160];
        (void)snprintf(why, sizeof why, "connecting: %s", strerror_r(errno, text, sizeof text));
        return fail(link, why);
    }
    if (settings->tls && prepare_tls(link) != 0)
        return fail(link, "TLS can't be begun");
    link->watch = toni_engine_watch(settings->engine, link->fd, link->events, ready, link);
    return link->watch > 0 ? 0 : fail(link, "its socket can't be watched");
}
