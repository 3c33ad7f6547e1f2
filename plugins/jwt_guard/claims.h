/* What a token says: checked against what is wanted, and handed on. Knows no host. */
#ifndef JWT_GUARD_CLAIMS_H
#define JWT_GUARD_CLAIMS_H

#include "verdict.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <toni/error.h>
#include <toni/str.h>

#define CLAIMS_SUBJECT_MAX 256 /* bytes */

/** The last second that a time may name: that of the year 9999. */
#define CLAIMS_TIME_MAX INT64_C(253402300799)

/** What is wanted; all borrowed. */
struct claim_rules {
    const toni_str *audiences; /* one of them has to be in `aud` */
    size_t audience_count;     /* 0: a token that has an `aud` is refused */
    toni_str issuer;           /* empty: any */
    int64_t leeway_s;          /* that clocks may differ by */
    bool needs_expiry;
};

/** What of it every client has. */
struct claims {
    toni_str subject; /* in the payload */
    int64_t issued_s; /* 0: not known */
    int64_t ends_s;   /* `exp` and the leeway; 0: never */
};

/** Checks the claims of RFC 7519, section 4.1, at a moment.
 * @param payload  Its signature was verified. @param now_s  Unix time.
 * @param claims   Set, as far as it was read: an empty subject is not known.
 * @param why      For the log: a literal; set unless it is accepted.
 * @return TOKEN_ACCEPTED, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, TOKEN_AUDIENCE, TOKEN_ISSUER,
 * TOKEN_CLAIMS. */
enum token_verdict claims_check(const json_t *payload, const struct claim_rules *rules,
                                int64_t now_s, struct claims *claims, const char **why);

/** Takes one value of a claim. @return TONI_OK to go on. */
typedef int32_t (*claim_value_fn)(void *context, toni_str value);

/** Hands on each value of a claim as a text: a string as it is; a number, `true` or `false` as JSON
 * writes them, and so an object; each item of a list by itself. null, and a claim that is not
 * there, has none.
 * @param value  Of the claim; NULL is fine.
 * @return What @p take returned that was not TONI_OK; TONI_ERR_NO_MEMORY; else TONI_OK. */
int32_t claim_each_value(const json_t *value, claim_value_fn take, void *context);

#endif
