/* What becomes of a token: one list makes the constants, the figures, and what client and log are
 * told. */
#ifndef JWT_GUARD_VERDICT_H
#define JWT_GUARD_VERDICT_H

/* X(name, figure, text for the client, which says no more than what mends it, for the log). A
 * quotation mark or backslash would break the header field that it stands in. */
#define TOKEN_VERDICTS(X)                                                                          \
    X(ACCEPTED, "accepted", "")                                                                    \
    X(MISSING, "missing", "a token is needed")                                                     \
    X(AMBIGUOUS, "ambiguous", "the request has more than one token")                               \
    X(TOO_LONG, "too_long", "the token is too long")                                               \
    X(MALFORMED, "malformed", "the token is malformed")                                            \
    X(ALGORITHM, "algorithm", "the token is signed by an algorithm that is not accepted")          \
    X(UNKNOWN_KEY, "unknown_key", "the token is signed by a key that is not known")                \
    X(SIGNATURE, "signature", "the token's signature is not valid")                                \
    X(EXPIRED, "expired", "the token has expired")                                                 \
    X(NOT_YET_VALID, "not_yet_valid", "the token is not valid yet")                                \
    X(AUDIENCE, "audience", "the token is for another audience")                                   \
    X(ISSUER, "issuer", "the token is from another issuer")                                        \
    X(CLAIMS, "claims", "the token's claims are not accepted")                                     \
    X(FAILED, "failed", "the token could not be checked")

enum token_verdict {
#define TOKEN_VERDICT_NAME(name, figure, text) TOKEN_##name,
    TOKEN_VERDICTS(TOKEN_VERDICT_NAME)
#undef TOKEN_VERDICT_NAME
        TOKEN_VERDICT_COUNT
};

#endif
