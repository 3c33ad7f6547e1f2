/* Whether one of the keys has signed a token. Knows no host. */
#ifndef JWT_GUARD_VERIFY_H
#define JWT_GUARD_VERIFY_H

#include "keys.h"
#include "token.h"

/** How many keys are tried for one token. */
#define VERIFY_KEYS_MAX 16

/** Verifies a token's signature: by the keys of the algorithm that it names, and of those by the
 * ones that have its `kid`; if there are none, or it has no `kid`, by those without an id, or all.
 * @return TOKEN_ACCEPTED, TOKEN_ALGORITHM, TOKEN_UNKNOWN_KEY, TOKEN_SIGNATURE or TOKEN_FAILED.
 * @thread Any. */
enum token_verdict verify_signature(const struct key_set *keys, const struct token *token);

#endif
