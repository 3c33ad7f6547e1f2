/* See jwt_fixture.h. */
#include "jwt_fixture.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

EVP_PKEY *jwt_make_key(const char *type)
{
    EVP_PKEY *key = NULL;
    if (strcmp(type, "RSA") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, type, (size_t)2048);
    else if (strcmp(type, "EC") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, type, "P-256");
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, type);
    ck_assert_ptr_nonnull(key);
    return key;
}

char *jwt_pem(EVP_PKEY *key)
{
    char *bytes;
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    const long size = BIO_get_mem_data(bio, &bytes);
    char *text = calloc(1, (size_t)size + 1); /* what BIO has does not end with a NUL */
    ck_assert_ptr_nonnull(text);
    memcpy(text, bytes, (size_t)size);
    BIO_free(bio);
    return text;
}

char *jwt_encode(const void *bytes, size_t size)
{
    char *text = malloc(4 * (size / 3) + 5);
    int length = EVP_EncodeBlock((unsigned char *)text, bytes, (int)size);
    while (length > 0 && text[length - 1] == '=')
        length--;
    text[length] = '\0';
    for (int i = 0; i < length; i++) {
        if (text[i] == '+')
            text[i] = '-';
        else if (text[i] == '/')
            text[i] = '_';
    }
    return text;
}

/* @return `a.b`, to be freed; both are freed. */
static char *join(char *a, char *b)
{
    char *text = malloc(strlen(a) + strlen(b) + 2);
    (void)sprintf(text, "%s.%s", a, b);
    free(a);
    free(b);
    return text;
}

static char *encode_parts(const char *header, const char *payload)
{
    return join(jwt_encode(header, strlen(header)), jwt_encode(payload, strlen(payload)));
}

/* @return Two numbers of 32 bytes each. */
static void make_raw(const unsigned char *der, size_t size, unsigned char raw[64])
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)size);
    ck_assert_ptr_nonnull(pair);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32), 32);
    ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32), 32);
    ECDSA_SIG_free(pair);
}

char *jwt_sign(EVP_PKEY *key, const char *header, const char *payload)
{
    char *text = encode_parts(header, payload);
    unsigned char signature[1024], raw[64];
    size_t size = sizeof signature;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const char *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : "SHA256";
    ck_assert_int_eq(EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, key, NULL), 1);
    ck_assert_int_eq(EVP_DigestSign(context, signature, &size, (unsigned char *)text, strlen(text)),
                     1);
    EVP_MD_CTX_free(context);
    if (!EVP_PKEY_is_a(key, "EC"))
        return join(text, jwt_encode(signature, size));
    make_raw(signature, size, raw);
    return join(text, jwt_encode(raw, sizeof raw));
}

char *jwt_sign_hmac(const void *secret, size_t size, const char *header, const char *payload)
{
    char *text = encode_parts(header, payload);
    unsigned char mac[32];
    unsigned length = sizeof mac;
    ck_assert_ptr_nonnull(
        HMAC(EVP_sha256(), secret, (int)size, (unsigned char *)text, strlen(text), mac, &length));
    return join(text, jwt_encode(mac, length));
}

void jwt_add_jwks(struct key_set *set, const char *text)
{
    struct key_fault fault = {.text = ""};
    ck_assert_msg(key_set_add_jwks(set, toni_str_of(text), &fault) == 0, "%s", fault.text);
}
