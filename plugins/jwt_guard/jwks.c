/* JSON Web Key Sets (RFC 7517, 7518 section 6, 8037); see keys.h. */
#include "base64url.h"
#include "keys.h"
#include "strict_json.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

/* What a member decodes to, and one byte more that a point needs in front. */
#define MEMBER_MAX (KEY_RSA_BITS_MAX / 8)

struct member {
    size_t size;
    unsigned char bytes[BASE64URL_DECODED(MEMBER_MAX * 4 / 3 + 4)];
};

static const char *text_of(const json_t *jwk, const char *name)
{
    return json_string_value(json_object_get(jwk, name));
}

/* @param wanted  How many bytes; 0: any but none. */
static int read_member(const json_t *jwk, const char *name, size_t wanted, struct member *member,
                       struct key_fault *fault)
{
    const json_t *value = json_object_get(jwk, name);
    const toni_str text = toni_str_make(json_string_value(value), json_string_length(value));
    member->size = 0;
    if (!text.data || BASE64URL_DECODED(text.size) > sizeof member->bytes)
        return key_fault(fault, "a key has no `%s`, or one that is no text or too long", name);
    const ssize_t size = base64url_decode(text, member->bytes);
    member->size = size < 0 ? 0 : (size_t)size;
    if (member->size == 0 || (wanted > 0 && member->size != wanted))
        return key_fault(fault, "a key has a `%s` that is not base64url%s", name,
                         wanted > 0 ? " of 32 bytes" : "");
    return 0;
}

/* @return NULL: these make no key. */
static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    if (context && parameters && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *make_rsa(const struct member *modulus, const struct member *exponent)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus->bytes, (int)modulus->size, NULL);
    BIGNUM *e = BN_bin2bn(exponent->bytes, (int)exponent->size, NULL);
    if (build && n && e && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        key = make_key("RSA", build);
    BN_free(e);
    BN_free(n);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static EVP_PKEY *make_p256(const struct member *x, const struct member *y)
{
    unsigned char point[65] = {0x04}; /* that both numbers follow */
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    memcpy(point + 1, x->bytes, 32);
    memcpy(point + 33, y->bytes, 32);
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1)
        key = make_key("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* --- The four types */

/* @param made  Taken over; NULL: nothing came of it. */
static int add_made(struct key_set *set, const json_t *jwk, EVP_PKEY *made, struct key_fault *fault)
{
    if (!made)
        return key_fault(fault, "a key of type `%s` is not valid", text_of(jwk, "kty"));
    const int result = key_set_add_public(set, made, text_of(jwk, "kid"), fault);
    EVP_PKEY_free(made);
    return result;
}

static int add_rsa(struct key_set *set, const json_t *jwk, struct key_fault *fault)
{
    struct member modulus, exponent;
    if (read_member(jwk, "n", 0, &modulus, fault) || read_member(jwk, "e", 0, &exponent, fault))
        return -1;
    return add_made(set, jwk, make_rsa(&modulus, &exponent), fault);
}

static int add_p256(struct key_set *set, const json_t *jwk, struct key_fault *fault)
{
    struct member x, y;
    if (read_member(jwk, "x", 32, &x, fault) || read_member(jwk, "y", 32, &y, fault))
        return -1;
    return add_made(set, jwk, make_p256(&x, &y), fault);
}

static int add_ed25519(struct key_set *set, const json_t *jwk, struct key_fault *fault)
{
    struct member x;
    if (read_member(jwk, "x", 32, &x, fault))
        return -1;
    return add_made(set, jwk, EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.bytes, x.size),
                    fault);
}

static int add_secret(struct key_set *set, const json_t *jwk, struct key_fault *fault)
{
    struct member secret;
    if (read_member(jwk, "k", 0, &secret, fault))
        return -1;
    const int result =
        key_set_add_secret(set, secret.bytes, secret.size, text_of(jwk, "kid"), fault);
    OPENSSL_cleanse(&secret, sizeof secret);
    return result;
}

static const struct key_type {
    const char *type, *curve, *algorithm; /* curve: NULL if the type has none */
    int (*add)(struct key_set *set, const json_t *jwk, struct key_fault *fault);
} types[] = {
    {"RSA", NULL, "RS256", add_rsa},
    {"EC", "P-256", "ES256", add_p256},
    {"OKP", "Ed25519", "EdDSA", add_ed25519},
    {"oct", NULL, "HS256", add_secret},
};

/* --- Which of them are meant */

static bool is_equal(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

/* Whether a key says that it is for this, as far as it says anything. */
static bool is_for_verifying(const json_t *jwk)
{
    const json_t *use = json_object_get(jwk, "use"), *uses = json_object_get(jwk, "key_ops"), *one;
    size_t i;
    if (use && !is_equal(json_string_value(use), "sig"))
        return false;
    json_array_foreach(uses, i, one)
    {
        if (is_equal(json_string_value(one), "verify"))
            return true;
    }
    return !uses;
}

/* @return NULL: a key of a type, curve or algorithm that is not known here. */
static const struct key_type *find_type(const json_t *jwk)
{
    const json_t *algorithm = json_object_get(jwk, "alg");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct key_type *type = &types[i];
        if (is_equal(text_of(jwk, "kty"), type->type) &&
            (!type->curve || is_equal(text_of(jwk, "crv"), type->curve)) &&
            (!algorithm || is_equal(json_string_value(algorithm), type->algorithm)))
            return type;
    }
    return NULL;
}

static int add_jwk(struct key_set *set, const json_t *jwk, struct key_fault *fault)
{
    const json_t *id = json_object_get(jwk, "kid");
    if (!json_is_object(jwk) || !text_of(jwk, "kty") || (id && !json_is_string(id)))
        return key_fault(fault, "one of `keys` is no object with a text `kty`, and maybe `kid`");
    const struct key_type *type = find_type(jwk);
    if (!type || !is_for_verifying(jwk)) {
        set->skipped++;
        return 0;
    }
    if (json_object_get(jwk, "d"))
        return key_fault(fault, "it holds a private key (`d`), which only who makes tokens may "
                                "have; expected the public one");
    return type->add(set, jwk, fault);
}

int key_set_add_jwks(struct key_set *set, toni_str text, struct key_fault *fault)
{
    const size_t before = set->count;
    size_t i;
    const json_t *jwk;
    json_t *json = strict_json_read(text);
    const json_t *keys = json_object_get(json, "keys");
    int result = 0;
    if (!json_is_array(keys)) {
        result = key_fault(fault,
                           "it is no JSON object with a list `keys`, no member twice, and "
                           "at most %d levels",
                           STRICT_JSON_DEPTH_MAX);
    }
    json_array_foreach(keys, i, jwk)
    {
        if (result == 0)
            result = add_jwk(set, jwk, fault);
    }
    json_decref(json);
    if (result == 0 && set->count == before)
        return key_fault(fault, "it holds no key that tokens can be verified with; expected RSA "
                                "(RS256), P-256 (ES256), Ed25519 (EdDSA) or oct (HS256)");
    return result;
}
