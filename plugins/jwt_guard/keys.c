/* See keys.h. */
#include "keys.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int key_fault(struct key_fault *fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    fault->is_passing = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    ERR_clear_error(); /* the thread's, which others read */
    return -1;
}

int key_fault_for_now(struct key_fault *fault, const char *text)
{
    (void)key_fault(fault, "%s", text);
    fault->is_passing = true;
    return -1;
}

struct key_set *key_set_create(void)
{
    struct key_set *set = calloc(1, sizeof *set);
    if (set)
        atomic_init(&set->references, 1);
    return set;
}

struct key_set *key_set_ref(struct key_set *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void key_set_unref(struct key_set *set)
{
    if (!set || atomic_fetch_sub(&set->references, 1) > 1)
        return;
    for (size_t i = 0; i < set->count; i++) {
        free(set->keys[i].id);
        EVP_MD_CTX_free(set->keys[i].verifier);
        EVP_MAC_CTX_free(set->keys[i].mac);
    }
    free(set);
}

const char *key_algorithm_name(enum key_algorithm algorithm)
{
    static const char *const names[] = {
#define KEY_ALGORITHM_TEXT(name, text) text,
        KEY_ALGORITHMS(KEY_ALGORITHM_TEXT)
#undef KEY_ALGORITHM_TEXT
    };
    return names[algorithm];
}

/* @return The next place, not counted yet; NULL, and the fault is set. */
static struct key *next_place(struct key_set *set, const char *id, struct key_fault *fault)
{
    if (set->count == KEYS_MAX) {
        (void)key_fault(fault, "there are more than %d keys; take out those that are used no more",
                        KEYS_MAX);
        return NULL;
    }
    struct key *key = &set->keys[set->count];
    *key = (struct key){.id = id ? strdup(id) : NULL};
    if (id && !key->id) {
        (void)key_fault_for_now(fault, "out of memory");
        return NULL;
    }
    return key;
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32];
    return EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

/* @param digest  Set to its name; NULL: it has none of its own. */
static int choose_algorithm(const EVP_PKEY *pkey, enum key_algorithm *algorithm,
                            const char **digest, struct key_fault *fault)
{
    const int bits = EVP_PKEY_get_bits(pkey);
    *digest = "SHA256";
    if (EVP_PKEY_is_a(pkey, "RSA")) {
        *algorithm = KEY_RS256;
        return bits >= KEY_RSA_BITS_MIN && bits <= KEY_RSA_BITS_MAX
                   ? 0
                   : key_fault(fault, "an RSA key has %d bits; expected %d to %d", bits,
                               KEY_RSA_BITS_MIN, KEY_RSA_BITS_MAX);
    }
    if (EVP_PKEY_is_a(pkey, "EC") && is_p256(pkey)) {
        *algorithm = KEY_ES256;
        return 0;
    }
    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        *algorithm = KEY_EDDSA;
        *digest = NULL;
        return 0;
    }
    return key_fault(fault, "a key is of a type that is not known here; expected RSA, P-256 or "
                            "Ed25519");
}

/* Whether it is a key at all: a point on the curve, an odd modulus. */
static bool is_sound(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    const bool result = context && EVP_PKEY_public_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return result;
}

int key_set_add_public(struct key_set *set, EVP_PKEY *pkey, const char *id, struct key_fault *fault)
{
    const char *digest = NULL;
    enum key_algorithm algorithm = KEY_RS256;
    if (choose_algorithm(pkey, &algorithm, &digest, fault))
        return -1;
    if (algorithm != KEY_EDDSA && !is_sound(pkey))
        return key_fault(fault, "a key for %s is not valid", key_algorithm_name(algorithm));
    struct key *key = next_place(set, id, fault);
    if (!key)
        return -1;
    key->algorithm = algorithm;
    key->verifier = EVP_MD_CTX_new();
    set->count++;
    if (!key->verifier ||
        EVP_DigestVerifyInit_ex(key->verifier, NULL, digest, NULL, NULL, pkey, NULL) != 1)
        return key_fault(fault, "a key for %s can't be used by OpenSSL",
                         key_algorithm_name(algorithm));
    return 0;
}

static EVP_MAC_CTX *make_mac(const unsigned char *bytes, size_t size)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    if (mac && EVP_MAC_init(mac, bytes, size, parameters) == 1)
        return mac;
    EVP_MAC_CTX_free(mac);
    return NULL;
}

int key_set_add_secret(struct key_set *set, const unsigned char *bytes, size_t size, const char *id,
                       struct key_fault *fault)
{
    if (size < KEY_SECRET_MIN)
        return key_fault(fault, "a secret has %zu bytes; expected at least %d", size,
                         KEY_SECRET_MIN);
    struct key *key = next_place(set, id, fault);
    if (!key)
        return -1;
    key->algorithm = KEY_HS256;
    key->mac = make_mac(bytes, size);
    set->count++;
    set->has_secrets = true;
    return key->mac ? 0 : key_fault(fault, "a secret can't be used by OpenSSL");
}
