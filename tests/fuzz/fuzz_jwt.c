/* Tokens in any bytes, to a guard's reader and keys of all four algorithms; and the same bytes as
 * header fields that may hold one. The keys are those of RFC 7515 and 8037, and the seeds their
 * tokens: what else would be accepted, nobody has signed. */
#include "fuzz_file.h"

#include "base64url.h"
#include "claims.h"
#include "jwt_rfc.h"
#include "sources.h"
#include "strict_json.h"
#include "token.h"
#include "verify.h"

#include <string.h>

static const char jwks[] =
    JWKS(RFC_HS256_KEY "," RFC_RS256_KEY "," RFC_ES256_KEY "," RFC_EDDSA_KEY);

static const struct key_set *get_keys(void)
{
    static struct key_set *keys;
    struct key_fault fault;
    if (!keys) {
        keys = key_set_create();
        FUZZ_REQUIRE(keys && key_set_add_jwks(keys, toni_str_of(jwks), &fault) == 0);
        FUZZ_REQUIRE(keys->count == 4);
    }
    return keys;
}

static int32_t take(void *context, toni_str value)
{
    size_t *taken = context;
    *taken += value.size;
    return TONI_OK;
}

static void check_claims(const json_t *payload)
{
    static const toni_str audience = TONI_LIT_INIT("a");
    const struct claim_rules rules = {.audiences = &audience, .audience_count = 1, .leeway_s = 30};
    struct claims claims;
    const char *why = NULL, *name;
    json_t *value;
    size_t taken = 0;
    const enum token_verdict verdict = claims_check(payload, &rules, 1000000, &claims, &why);
    FUZZ_REQUIRE(verdict == TOKEN_ACCEPTED || why);
    FUZZ_REQUIRE(claims.subject.size <= CLAIMS_SUBJECT_MAX);
    if (verdict == TOKEN_ACCEPTED)
        FUZZ_REQUIRE(claims.subject.size > 0 && (claims.ends_s == 0 || claims.ends_s > 1000000) &&
                     claims.issued_s >= 0 && claims.issued_s <= 1000030);
    json_object_foreach((json_t *)payload, name, value)
    {
        FUZZ_REQUIRE(claim_each_value(value, take, &taken) == TONI_OK);
    }
}

static bool is_of_the_rfcs(const struct token *token)
{
    return toni_str_equal(token->payload, TONI_LIT(RFC_PAYLOAD)) ||
           toni_str_equal(token->payload, TONI_LIT("RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"));
}

/* The payload is read once the signature is right; here whatever it is. */
static void check_token(toni_str text)
{
    struct token token;
    if (token_read(&token, text) != TOKEN_ACCEPTED)
        return;
    FUZZ_REQUIRE(text.size <= TOKEN_SIZE_MAX && token.signature_size <= TOKEN_SIGNATURE_MAX + 2);
    FUZZ_REQUIRE(verify_signature(get_keys(), &token) != TOKEN_ACCEPTED || is_of_the_rfcs(&token));
    json_t *payload = token_read_payload(&token);
    if (payload)
        check_claims(payload);
    json_decref(payload);
    token_finish(&token);
}

static void require_inside(const struct found_token *found, toni_str whole)
{
    const toni_str text = found->text;
    if (text.data)
        FUZZ_REQUIRE(text.data >= whole.data && text.data + text.size <= whole.data + whole.size);
}

static void check_sources(toni_str value)
{
    struct found_token authorization = {0}, cookie = {0}, subprotocol = {0};
    bool has_one = false;
    sources_authorization(&authorization, value);
    require_inside(&authorization, value);
    sources_cookie(&cookie, value, TONI_LIT("t"));
    require_inside(&cookie, value);
    (void)sources_subprotocol(&subprotocol, value, TONI_LIT("v1"), &has_one);
    require_inside(&subprotocol, value);
    FUZZ_REQUIRE(has_one == (subprotocol.text.data != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1); /* a copy, so that a byte behind it is found */
    FUZZ_REQUIRE(bytes != NULL);
    memcpy(bytes, data, size);
    bytes = realloc(bytes, size > 0 ? size : 1);
    const toni_str text = toni_str_make(bytes, size);
    check_token(text);
    check_sources(text);
    json_t *json = strict_json_read(text);
    if (json)
        check_claims(json);
    json_decref(json);
    free(bytes);
    return 0;
}
