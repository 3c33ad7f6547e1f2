/* A signed JSON Web Token as it is sent (RFC 7519; compact JWS, RFC 7515): taken apart, nothing
 * believed yet. What its header names is compared with what the keys say, and never followed: no
 * `jku`, `x5u` or `jwk`, and a `kid` is no path. Knows no host. */
#ifndef JWT_GUARD_TOKEN_H
#define JWT_GUARD_TOKEN_H

#include "verdict.h"

#include <jansson.h>
#include <toni/str.h>

/** Of the whole text, in bytes. */
#define TOKEN_SIZE_MAX 8192

/** Of a signature: that of an RSA key of 8,192 bits. */
#define TOKEN_SIGNATURE_MAX 1024

struct token {
    toni_str signed_part; /* header and payload, as they were sent */
    toni_str payload;     /* encoded */
    json_t *header;
    const char *algorithm; /* in the header, as all below */
    const char *key_id;    /* NULL: none */
    size_t signature_size;
    unsigned char signature[TOKEN_SIGNATURE_MAX + 2]; /* as BASE64URL_DECODED wants it */
};

/** Takes a token apart, but for its payload.
 * @param text  Borrowed for as long as the token.
 * @return TOKEN_ACCEPTED, and then token_finish() is due; TOKEN_TOO_LONG, TOKEN_MALFORMED. */
enum token_verdict token_read(struct token *token, toni_str text);

/** Reads the payload, once the signature was verified.
 * @return An object, the caller's; NULL: it is none, or there is no memory. */
json_t *token_read_payload(const struct token *token);

void token_finish(struct token *token);

#endif
