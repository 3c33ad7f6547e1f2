/* Contexts of TLS; see context.h. */
#include "tls/context.h"

#include "base/clock.h"
#include "tls/authorities.h"
#include "tls/context_private.h"
#include "tls/reason.h"
#include "tls/terms.h"
#include "tls/tickets.h"

#include <ctype.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SIZE 256

/* --- What OpenSSL asks while a handshake lasts */

/* @return Whether the client has named a host, in lower case. */
static bool read_name(SSL *ssl, char name[NAME_MAX_SIZE])
{
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t size = asked ? strlen(asked) : 0;
    if (size == 0 || size >= NAME_MAX_SIZE)
        return false;
    for (size_t i = 0; i <= size; i++)
        name[i] = (char)tolower((unsigned char)asked[i]);
    if (name[size - 1] == '.')
        name[size - 1] = '\0';
    return true;
}

/* A name of its own before one that a wildcard covers. */
static const struct tls_identity *find_identity(const struct tls_context *context, const char *name)
{
    const struct tls_identity *covering = NULL;
    for (size_t i = 0; i < context->count; i++) {
        const struct tls_certificate *certificate = &context->identities[i].certificate;
        for (size_t n = 0; n < certificate->name_count; n++) {
            if (strcmp(certificate->names[n], name) == 0)
                return &context->identities[i];
        }
        if (!covering && tls_certificate_is_for(certificate, name))
            covering = &context->identities[i];
    }
    return covering;
}

static int on_name(SSL *ssl, int *alert, void *data)
{
    const struct tls_context *context = data;
    char name[NAME_MAX_SIZE];
    (void)alert;
    const struct tls_identity *identity =
        read_name(ssl, name) ? find_identity(context, name) : NULL;
    if (!identity) /* it gets the first */
        return SSL_TLSEXT_ERR_NOACK;
    if (identity != &context->identities[0] && !SSL_set_SSL_CTX(ssl, identity->context))
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

/* One that is over is not shown any more: a client would take it for an attack. */
static int on_status(SSL *ssl, void *data)
{
    const struct tls_certificate *certificate = data;
    if (!certificate->ocsp ||
        (certificate->ocsp_ends_s > 0 && clock_wall_s() >= certificate->ocsp_ends_s))
        return SSL_TLSEXT_ERR_NOACK;
    unsigned char *copy = OPENSSL_memdup(certificate->ocsp, certificate->ocsp_size);
    if (!copy || !SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)certificate->ocsp_size)) {
        OPENSSL_free(copy);
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK;
}

/* --- Making */

static bool use_certificate(struct tls_identity *identity, const struct tls_pair *pair,
                            struct fault_list *faults)
{
    const struct tls_certificate *certificate = &identity->certificate;
    if (SSL_CTX_use_certificate(identity->context, certificate->leaf) == 1 &&
        SSL_CTX_use_PrivateKey(identity->context, certificate->key) == 1 &&
        SSL_CTX_set1_chain(identity->context, certificate->chain) == 1)
        return true;
    fault_at(faults, pair->certificate, "the certificate in `%s` can't be used: %s",
             value_string(pair->certificate), tls_reason());
    tls_reason_clear();
    return false;
}

static bool add_identity(struct tls_context *context, const struct tls_settings *settings,
                         size_t index, const char *folder, struct authorities *authorities,
                         struct fault_list *faults)
{
    struct tls_identity *identity = &context->identities[context->count++];
    const struct tls_pair *pair = &settings->pairs[index];
    if (!tls_certificate_load(&identity->certificate, pair, folder, faults))
        return false;
    identity->context = tls_terms_create(settings, faults);
    if (!identity->context || !use_certificate(identity, pair, faults) ||
        !authorities_use(authorities, identity->context, settings, faults))
        return false;
    tls_tickets_use(identity->context);
    SSL_CTX_set_tlsext_servername_callback(identity->context, on_name);
    SSL_CTX_set_tlsext_servername_arg(identity->context, context);
    SSL_CTX_set_tlsext_status_cb(identity->context, on_status);
    SSL_CTX_set_tlsext_status_arg(identity->context, &identity->certificate);
    return true;
}

/* Which of the two a client would get would depend on their order. */
static bool check_names(const struct tls_context *context, const struct tls_settings *settings,
                        size_t index, struct fault_list *faults)
{
    const struct tls_certificate *certificate = &context->identities[index].certificate;
    for (size_t n = 0; n < certificate->name_count; n++) {
        for (size_t i = 0; i < index; i++) {
            const struct tls_certificate *other = &context->identities[i].certificate;
            for (size_t o = 0; o < other->name_count; o++) {
                if (strcmp(other->names[o], certificate->names[n]) != 0)
                    continue;
                fault_at(faults, settings->pairs[index].certificate,
                         "the certificates in `%s` and `%s` are both for `%s`; remove one of them",
                         value_string(settings->pairs[i].certificate),
                         value_string(settings->pairs[index].certificate), certificate->names[n]);
                return false;
            }
        }
    }
    if (index > 0 && certificate->name_count == 0) {
        fault_warn_at(faults, settings->pairs[index].certificate,
                      "the certificate in `%s` names no host, so nobody will be shown it",
                      value_string(settings->pairs[index].certificate));
    }
    return true;
}

static bool fill(struct tls_context *context, const struct tls_settings *settings,
                 const char *folder, struct fault_list *faults)
{
    struct authorities authorities;
    bool is_good = authorities_read(&authorities, settings, folder, faults);
    for (size_t i = 0; i < settings->pair_count; i++) {
        is_good = add_identity(context, settings, i, folder, &authorities, faults) &&
                  check_names(context, settings, i, faults) && is_good;
    }
    authorities_finish(&authorities);
    return is_good;
}

struct tls_context *tls_context_create(const struct value *group, const char *folder,
                                       struct fault_list *faults)
{
    struct tls_settings settings;
    struct tls_context *context = NULL;
    if (!tls_settings_read(group, &settings, faults))
        goto finish;
    context = calloc(1, sizeof *context);
    if (context)
        context->identities = calloc(settings.pair_count, sizeof *context->identities);
    if (!context || !context->identities) {
        fault_at(faults, group, "`tls` can't be read: out of memory");
        free(context);
        context = NULL;
        goto finish;
    }
    atomic_init(&context->references, 1);
    if (!fill(context, &settings, folder, faults)) {
        tls_context_unref(context);
        context = NULL;
    }
finish:
    tls_settings_finish(&settings);
    return context;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->references, 1) > 1)
        return;
    for (size_t i = 0; i < context->count; i++) {
        SSL_CTX_free(context->identities[i].context);
        tls_certificate_finish(&context->identities[i].certificate);
    }
    free(context->identities);
    free(context);
}

size_t tls_context_count(const struct tls_context *context)
{
    return context->count;
}

const char *tls_context_title(const struct tls_context *context, size_t index)
{
    return tls_certificate_title(&context->identities[index].certificate);
}

static bool is_the_same(const struct tls_certificate *one, const struct tls_certificate *other)
{
    const int count = sk_X509_num(one->chain);
    bool same = X509_cmp(one->leaf, other->leaf) == 0 && count == sk_X509_num(other->chain);
    for (int i = 0; same && i < count; i++)
        same = X509_cmp(sk_X509_value(one->chain, i), sk_X509_value(other->chain, i)) == 0;
    return same;
}

bool tls_context_shows_the_same(const struct tls_context *one, const struct tls_context *other)
{
    bool same = tls_context_count(one) == tls_context_count(other);
    for (size_t i = 0; same && i < tls_context_count(one); i++)
        same = is_the_same(&one->identities[i].certificate, &other->identities[i].certificate);
    return same;
}

int64_t tls_context_ends_s(const struct tls_context *context, size_t index)
{
    return context->identities[index].certificate.ends_s;
}

/* --- Ports */

void tls_port_init(struct tls_port *port, struct tls_context *context)
{
    pthread_mutex_init(&port->lock, NULL);
    port->context = tls_context_ref(context);
}

void tls_port_finish(struct tls_port *port)
{
    tls_context_unref(port->context);
    pthread_mutex_destroy(&port->lock);
}

void tls_port_change(struct tls_port *port, struct tls_context *context)
{
    tls_context_ref(context);
    pthread_mutex_lock(&port->lock);
    struct tls_context *former = port->context;
    port->context = context;
    pthread_mutex_unlock(&port->lock);
    tls_context_unref(former);
}

struct tls_context *tls_port_context(struct tls_port *port)
{
    pthread_mutex_lock(&port->lock);
    struct tls_context *context = tls_context_ref(port->context);
    pthread_mutex_unlock(&port->lock);
    return context;
}
