/* Tokens and keys for tests of jwt_guard, made here. */
#ifndef JWT_FIXTURE_H
#define JWT_FIXTURE_H

#include "jwt_rfc.h"
#include "keys.h"

#include <check.h>

/** A key pair that is made for the test. @param type  "RSA", "EC" or "ED25519". @return The
 * caller's. */
EVP_PKEY *jwt_make_key(const char *type);

/** @return The public half in PEM, to be freed. */
char *jwt_pem(EVP_PKEY *key);

/** @return These bytes in base64url, to be freed. */
char *jwt_encode(const void *bytes, size_t size);

/** Signs with a key pair by its own algorithm, whatever the header says.
 * @return The token, to be freed. */
char *jwt_sign(EVP_PKEY *key, const char *header, const char *payload);

/** The same by HMAC with SHA-256. */
char *jwt_sign_hmac(const void *secret, size_t size, const char *header, const char *payload);

/** Adds a JWKS, which must be all right. */
void jwt_add_jwks(struct key_set *set, const char *text);

#endif
