/* The keys of session tickets; see tickets.h. */
#include "tls/tickets.h"

#include "base/clock.h"
#include "base/random.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE "ticket_key="

/* How OpenSSL wants its answer. */
enum { CALLBACK_FAILS = -1, IS_UNKNOWN = 0, IS_CURRENT = 1, IS_OLD = 2 };

struct ticket_key {
    uint8_t name[16];
    uint8_t cipher[32];
    uint8_t mac[32];
};

/* The newest key is the first. It may be a wall clock that is set: then a key is used for longer,
 * or not as long, and nothing else. */
static struct {
    pthread_mutex_t lock; /* a leaf */
    struct ticket_key keys[TICKET_KEYS];
    size_t count;
    uint64_t made_s; /* when the newest was made */
    uint64_t advance_s;
} tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t now_s(void)
{
    return (uint64_t)clock_wall_s() + tickets.advance_s;
}

/* The kernel's bytes: OpenSSL 3.0 crashes where it has no memory for a generator of its own. */
static int make_key(uint64_t made_s)
{
    struct ticket_key key;
    if (random_bytes(&key, sizeof key))
        return -1;
    memmove(&tickets.keys[1], &tickets.keys[0], (TICKET_KEYS - 1) * sizeof key);
    tickets.keys[0] = key;
    tickets.made_s = made_s;
    if (tickets.count < TICKET_KEYS)
        tickets.count++;
    OPENSSL_cleanse(&key, sizeof key);
    return 0;
}

/* What nobody has used for hours leaves nothing behind that opens old tickets. */
static int rotate(void)
{
    const uint64_t now = now_s();
    if (tickets.count > 0 && now >= tickets.made_s &&
        now - tickets.made_s >= (uint64_t)TICKET_KEY_S * TICKET_KEYS) {
        OPENSSL_cleanse(tickets.keys, sizeof tickets.keys);
        tickets.count = 0;
    }
    while (tickets.count > 0 && now >= tickets.made_s && now - tickets.made_s >= TICKET_KEY_S) {
        if (make_key(tickets.made_s + TICKET_KEY_S))
            return -1;
    }
    if (tickets.count == 0 || now < tickets.made_s)
        return make_key(now);
    return 0;
}

/* @return CALLBACK_FAILS, IS_UNKNOWN, IS_CURRENT or IS_OLD. */
static int find_key(const uint8_t name[16], struct ticket_key *key)
{
    int result = IS_UNKNOWN;
    pthread_mutex_lock(&tickets.lock);
    if (rotate())
        result = CALLBACK_FAILS;
    for (size_t i = 0; i < tickets.count && result == IS_UNKNOWN; i++) {
        if (memcmp(tickets.keys[i].name, name, sizeof key->name) == 0) {
            *key = tickets.keys[i];
            result = i == 0 ? IS_CURRENT : IS_OLD;
        }
    }
    pthread_mutex_unlock(&tickets.lock);
    return result;
}

static int newest_key(struct ticket_key *key)
{
    pthread_mutex_lock(&tickets.lock);
    const int failed = rotate();
    *key = tickets.keys[0];
    pthread_mutex_unlock(&tickets.lock);
    return failed;
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

static int seal(struct ticket_key *key, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    if (newest_key(key) || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
        return CALLBACK_FAILS;
    memcpy(name, key->name, sizeof key->name);
    if (EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv, NULL) != 1 ||
        !set_mac(mac, key))
        return CALLBACK_FAILS;
    return IS_CURRENT;
}

/* A ticket of TLS 1.3 is for one use, so a resumed session always gets a new one. */
static int open_ticket(struct ticket_key *key, const unsigned char *name, unsigned char *iv,
                       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const int found = find_key(name, key);
    if (found <= IS_UNKNOWN)
        return found;
    if (EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv, NULL) != 1 ||
        !set_mac(mac, key))
        return CALLBACK_FAILS;
    return found;
}

static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_sealed)
{
    struct ticket_key key = {0};
    int result =
        is_sealed ? seal(&key, name, iv, cipher, mac) : open_ticket(&key, name, iv, cipher, mac);
    if (result == IS_CURRENT && !is_sealed && SSL_version(ssl) == TLS1_3_VERSION)
        result = IS_OLD;
    OPENSSL_cleanse(&key, sizeof key);
    return result;
}

static bool has_ended(const X509 *certificate)
{
    time_t now = clock_wall_s();
    return X509_cmp_time(X509_get0_notAfter(certificate), &now) <= 0;
}

/* OpenSSL takes up a session without another look at the certificate in it, and each gets a new
 * ticket: so a client's certificate would hold for ever. One that has ended makes the ticket none,
 * and a whole handshake follows, which refuses it. */
static SSL_TICKET_RETURN on_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                   size_t name_size, SSL_TICKET_STATUS status, void *data)
{
    (void)ssl, (void)name, (void)name_size, (void)data;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    const X509 *certificate = SSL_SESSION_get0_peer(session);
    if (certificate && has_ended(certificate))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tls_tickets_use(SSL_CTX *context)
{
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
    (void)SSL_CTX_set_session_ticket_cb(context, NULL, on_opened, NULL);
}

/* --- From one process to the next */

static char *put_hex(char *to, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    *to = '\0';
    return to;
}

void tls_tickets_export(char text[TICKET_TEXT_SIZE])
{
    char *to = text;
    *to = '\0';
    pthread_mutex_lock(&tickets.lock);
    (void)rotate();
    for (size_t i = 0; i < tickets.count; i++) {
        to += snprintf(to, 64, LINE "%llu ",
                       (unsigned long long)(tickets.made_s - i * (uint64_t)TICKET_KEY_S));
        to = put_hex(to, (const uint8_t *)&tickets.keys[i], sizeof tickets.keys[i]);
        *to++ = '\n';
        *to = '\0';
    }
    pthread_mutex_unlock(&tickets.lock);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(const char *text, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const int high = digit(text[2 * i]);
        const int low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * size] == '\0';
}

void tls_tickets_import(const char *line)
{
    struct ticket_key key;
    char *end;
    if (strncmp(line, LINE, strlen(LINE)) != 0)
        return;
    const uint64_t made_s = strtoull(line + strlen(LINE), &end, 10);
    if (*end != ' ' || !take_hex(end + 1, (uint8_t *)&key, sizeof key))
        return;
    pthread_mutex_lock(&tickets.lock);
    if (tickets.count == 0)
        tickets.made_s = made_s;
    if (tickets.count < TICKET_KEYS)
        tickets.keys[tickets.count++] = key;
    pthread_mutex_unlock(&tickets.lock);
    OPENSSL_cleanse(&key, sizeof key);
}

void tls_tickets_advance(uint64_t seconds)
{
    pthread_mutex_lock(&tickets.lock);
    tickets.advance_s += seconds;
    pthread_mutex_unlock(&tickets.lock);
}
