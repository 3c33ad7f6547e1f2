/* See token.h. */
#include "token.h"

#include "base64url.h"
#include "strict_json.h"

#include <stdbool.h>
#include <strings.h>

/* @return The JSON object that an encoded part holds; NULL: none. */
static json_t *read_part(toni_str part)
{
    unsigned char bytes[BASE64URL_DECODED(TOKEN_SIZE_MAX)];
    const ssize_t size = base64url_decode(part, bytes);
    return size < 0 ? NULL : strict_json_read(toni_str_make((const char *)bytes, (size_t)size));
}

/* A token of another kind, such as a logout token, is none to come in with (RFC 8725, 3.11). */
static bool is_type_known(const json_t *type)
{
    static const char *const types[] = {"JWT", "at+jwt", "application/at+jwt"};
    if (!type)
        return true;
    const char *name = json_string_value(type);
    for (size_t i = 0; name && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(name, types[i]) == 0)
            return true;
    }
    return false;
}

/* Nothing that `crit` may name is understood here, so all of it is refused (RFC 7515, 4.1.11). */
static bool read_header(struct token *token)
{
    const json_t *key_id = json_object_get(token->header, "kid");
    token->algorithm = json_string_value(json_object_get(token->header, "alg"));
    token->key_id = json_string_value(key_id);
    return token->algorithm && (!key_id || token->key_id) &&
           !json_object_get(token->header, "crit") &&
           is_type_known(json_object_get(token->header, "typ"));
}

static bool read_signature(struct token *token, toni_str part)
{
    if (BASE64URL_DECODED(part.size) > sizeof token->signature)
        return false;
    const ssize_t size = base64url_decode(part, token->signature);
    token->signature_size = size < 0 ? 0 : (size_t)size;
    return size >= 0;
}

enum token_verdict token_read(struct token *token, toni_str text)
{
    toni_str header, rest, signature;
    if (text.size > TOKEN_SIZE_MAX)
        return TOKEN_TOO_LONG;
    *token = (struct token){0};
    if (!toni_str_split_once(text, '.', &header, &rest) ||
        !toni_str_split_once(rest, '.', &token->payload, &signature))
        return TOKEN_MALFORMED;
    token->signed_part = toni_str_make(text.data, header.size + 1 + token->payload.size);
    token->header = read_part(header);
    if (token->header && read_header(token) && read_signature(token, signature))
        return TOKEN_ACCEPTED;
    token_finish(token);
    return TOKEN_MALFORMED;
}

json_t *token_read_payload(const struct token *token)
{
    return read_part(token->payload);
}

void token_finish(struct token *token)
{
    json_decref(token->header);
    token->header = NULL;
}
