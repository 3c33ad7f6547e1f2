/* See verify.h. */
#include "verify.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

/* --- ES256: two numbers of 32 bytes (RFC 7518, 3.4), of which OpenSSL wants a DER sequence */

#define NUMBER_SIZE 32
#define DER_MAX (2 + 2 * (2 + 1 + NUMBER_SIZE))

/* @return Where the next one goes. */
static unsigned char *put_number(unsigned char *to, const unsigned char *number)
{
    size_t size = NUMBER_SIZE;
    while (size > 1 && *number == 0) {
        number++;
        size--;
    }
    const size_t zero = *number >= 0x80; /* or it would be below 0 */
    *to++ = 0x02;
    *to++ = (unsigned char)(size + zero);
    if (zero)
        *to++ = 0;
    memcpy(to, number, size);
    return to + size;
}

static size_t put_der(unsigned char der[DER_MAX], const unsigned char *signature)
{
    const unsigned char *end = put_number(put_number(der + 2, signature), signature + NUMBER_SIZE);
    der[0] = 0x30;
    der[1] = (unsigned char)(end - der - 2);
    return (size_t)(end - der);
}

/* --- One key */

static enum token_verdict verify_public(const struct key *key, const struct token *token,
                                        const unsigned char *signature, size_t size)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    enum token_verdict verdict = TOKEN_FAILED;
    if (context && EVP_MD_CTX_copy_ex(context, key->verifier) == 1) {
        verdict = EVP_DigestVerify(context, signature, size,
                                   (const unsigned char *)token->signed_part.data,
                                   token->signed_part.size) == 1
                      ? TOKEN_ACCEPTED
                      : TOKEN_SIGNATURE;
    }
    EVP_MD_CTX_free(context);
    return verdict;
}

static enum token_verdict verify_mac(const struct key *key, const struct token *token)
{
    unsigned char mac[32];
    size_t size = 0;
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(key->mac);
    enum token_verdict verdict = TOKEN_FAILED;
    if (context &&
        EVP_MAC_update(context, (const unsigned char *)token->signed_part.data,
                       token->signed_part.size) == 1 &&
        EVP_MAC_final(context, mac, &size, sizeof mac) == 1) {
        verdict = token->signature_size == size && CRYPTO_memcmp(mac, token->signature, size) == 0
                      ? TOKEN_ACCEPTED
                      : TOKEN_SIGNATURE;
    }
    EVP_MAC_CTX_free(context);
    return verdict;
}

static enum token_verdict verify_by(const struct key *key, const struct token *token)
{
    unsigned char der[DER_MAX];
    if (key->algorithm == KEY_HS256)
        return verify_mac(key, token);
    if (key->algorithm != KEY_ES256)
        return verify_public(key, token, token->signature, token->signature_size);
    if (token->signature_size != (size_t)2 * NUMBER_SIZE)
        return TOKEN_SIGNATURE;
    return verify_public(key, token, der, put_der(der, token->signature));
}

/* --- Which keys */

static bool is_of_algorithm(const struct key *key, const struct token *token)
{
    return strcmp(key_algorithm_name(key->algorithm), token->algorithm) == 0;
}

static bool has_id(const struct key *key, const struct token *token)
{
    return key->id && token->key_id && strcmp(key->id, token->key_id) == 0;
}

/* Of the keys of its algorithm. @param fits  Set. @return How many. */
static size_t choose(const struct key_set *keys, const struct token *token,
                     const struct key *fits[VERIFY_KEYS_MAX], bool *is_algorithm_known)
{
    size_t count = 0;
    bool is_id_known = false;
    *is_algorithm_known = false;
    for (size_t i = 0; i < keys->count; i++) {
        if (!is_of_algorithm(&keys->keys[i], token))
            continue;
        *is_algorithm_known = true;
        is_id_known = is_id_known || has_id(&keys->keys[i], token);
    }
    for (size_t i = 0; i < keys->count && count < VERIFY_KEYS_MAX; i++) {
        const struct key *key = &keys->keys[i];
        const bool fits_id = is_id_known ? has_id(key, token) : !token->key_id || !key->id;
        if (fits_id && is_of_algorithm(key, token))
            fits[count++] = key;
    }
    return count;
}

enum token_verdict verify_signature(const struct key_set *keys, const struct token *token)
{
    const struct key *fits[VERIFY_KEYS_MAX];
    bool is_algorithm_known;
    const size_t count = choose(keys, token, fits, &is_algorithm_known);
    enum token_verdict verdict = is_algorithm_known ? TOKEN_UNKNOWN_KEY : TOKEN_ALGORITHM;
    for (size_t i = 0; i < count && verdict != TOKEN_ACCEPTED; i++) {
        verdict = verify_by(fits[i], token);
        if (verdict != TOKEN_ACCEPTED)
            ERR_clear_error(); /* the thread's, which others read */
    }
    return verdict;
}
