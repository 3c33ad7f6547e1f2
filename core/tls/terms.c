/* The terms of TLS; see terms.h. */
#include "tls/terms.h"

#include "tls/reason.h"
#include "tls/tickets.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

/* Mozilla's intermediate configuration, but for DHE: its exchange costs a host so much more than a
 * client that it invites floods, and who knows TLS 1.2 knows ECDHE. */
#define DEFAULT_CIPHERS                                                                            \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define DEFAULT_SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* No large curves: a client may ask for the costliest. The first list is for OpenSSL 3.5 on. */
static const char *const groups[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};

/* As long as the keys of tickets last. */
#define SESSION_S (2L * TICKET_KEY_S)

/* Of a client's certificates: four of 2 KiB, and as many again. OpenSSL makes room for what a
 * client claims. */
#define CLIENT_CHAIN_MAX 32768L

/* HTTP/1.1 is all that is spoken. */
static int on_protocols(SSL *ssl, const unsigned char **chosen, unsigned char *size,
                        const unsigned char *offered, unsigned offered_size, void *data)
{
    static const char http[] = "http/1.1";
    (void)ssl, (void)data;
    for (unsigned at = 0; at < offered_size; at += 1u + offered[at]) {
        if (offered[at] == strlen(http) && at + offered[at] < offered_size &&
            memcmp(&offered[at + 1], http, strlen(http)) == 0) {
            *chosen = &offered[at + 1];
            *size = offered[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* --- Ciphers. OpenSSL has a list for TLS 1.3, whose names begin with `TLS_`, and one for what came
 * before; people have one. */

/* @param end  Of what the list holds so far; it has room. @return Its new end. */
static char *append(char *list, char *end, const char *name)
{
    if (end != list)
        *end++ = ':';
    return stpcpy(end, name);
}

/* @param old, new  As long as @p all. */
static void divide(char *all, char *old, char *new)
{
    char *rest = all, *old_end = old, *new_end = new;
    *old = *new = '\0';
    for (char *name = strsep(&rest, ": ,"); name; name = strsep(&rest, ": ,")) {
        if (strncmp(name, "TLS_", 4) == 0)
            new_end = append(new, new_end, name);
        else if (*name != '\0')
            old_end = append(old, old_end, name);
    }
}

/* OpenSSL passes over suites that it does not know, also if none is left. */
static bool has_suites(const SSL_CTX *context, const char *suites)
{
    const STACK_OF(SSL_CIPHER) *known = SSL_CTX_get_ciphers(context);
    while (*suites != '\0') {
        const size_t size = strcspn(suites, ":");
        bool is_known = false;
        for (int i = 0; i < sk_SSL_CIPHER_num(known) && !is_known; i++) {
            const char *name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(known, i));
            is_known = strlen(name) == size && strncmp(name, suites, size) == 0;
        }
        if (!is_known)
            return false;
        suites += size + (suites[size] == ':');
    }
    return true;
}

static bool apply_ciphers(SSL_CTX *context, const char *old, const char *suites)
{
    return SSL_CTX_set_cipher_list(context, *old ? old : DEFAULT_CIPHERS) == 1 &&
           SSL_CTX_set_ciphersuites(context, *suites ? suites : DEFAULT_SUITES) == 1 &&
           has_suites(context, suites);
}

static bool set_ciphers(SSL_CTX *context, const struct tls_settings *settings,
                        struct fault_list *faults)
{
    const struct value *setting = settings->ciphers;
    if (!setting)
        return apply_ciphers(context, "", "");
    char *all = strdup(value_string(setting));
    char *lists = all ? malloc(2 * (strlen(all) + 1)) : NULL;
    bool is_good = false;
    if (lists) {
        char *suites = lists + strlen(all) + 1;
        divide(all, lists, suites);
        is_good = apply_ciphers(context, lists, suites);
    }
    free(lists);
    free(all);
    if (!is_good) {
        fault_at(faults, setting,
                 "`ciphers` of `tls` is `%s`, which OpenSSL can't use (%s); expected names as "
                 "`openssl ciphers` lists them, with colons between them",
                 value_string(setting), tls_reason());
    }
    return is_good;
}

/* --- All of it */

static bool set_groups(SSL_CTX *context)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (SSL_CTX_set1_groups_list(context, groups[i]) == 1) {
            tls_reason_clear();
            return true;
        }
    }
    return false;
}

static bool set_terms(SSL_CTX *context, const struct tls_settings *settings,
                      struct fault_list *faults)
{
    /* Of what both know our first is taken, AES with 128 bits: a handshake costs less than with
     * 256, whose hash is SHA-384. Who puts ChaCha20 first has a processor without AES. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* An idle session keeps no buffers. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    /* One system call takes as many records as OpenSSL's buffer holds. */
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_max_cert_list(context, CLIENT_CHAIN_MAX);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets are all */
    SSL_CTX_set_timeout(context, SESSION_S);
    SSL_CTX_set_num_tickets(context, 1); /* a client of WebSocket opens one connection */
    SSL_CTX_set_max_early_data(context, 0);
    SSL_CTX_set_alpn_select_cb(context, on_protocols, NULL);
    const int version = settings->is_13_alone ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (SSL_CTX_set_min_proto_version(context, version) != 1 ||
        SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1 || !set_groups(context)) {
        fault_at(faults, settings->at, "OpenSSL refuses what toni asks of TLS: %s", tls_reason());
        return false;
    }
    return set_ciphers(context, settings, faults);
}

SSL_CTX *tls_terms_create(const struct tls_settings *settings, struct fault_list *faults)
{
    tls_reason_clear();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) {
        fault_at(faults, settings->at, "`tls` can't be read: %s", tls_reason());
    } else if (!set_terms(context, settings, faults)) {
        SSL_CTX_free(context);
        context = NULL;
    }
    tls_reason_clear();
    return context;
}
