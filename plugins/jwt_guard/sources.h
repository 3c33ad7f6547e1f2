/* Where in a request a token may be. Knows no host: it reads the values of header fields. */
#ifndef JWT_GUARD_SOURCES_H
#define JWT_GUARD_SOURCES_H

#include "verdict.h"

#include <stdbool.h>
#include <toni/str.h>

/** What stands before a token that is offered as a subprotocol, since a page's script can set no
 * header field. */
#define SOURCES_PREFIX "bearer."

/** The token that has been found so far, and whether all that were found are the same. */
struct found_token {
    toni_str text; /* data is NULL: none yet */
    bool is_ambiguous;
};

/** Takes one more. */
void found_token_add(struct found_token *found, toni_str text);

/** @return TOKEN_ACCEPTED: there is one; TOKEN_MISSING, TOKEN_AMBIGUOUS. */
enum token_verdict found_token_verdict(const struct found_token *found);

/** Looks into an Authorization field. One of another scheme than Bearer has none. */
void sources_authorization(struct found_token *found, toni_str value);

/** Looks into a Cookie field. @param name  Of the cookie; case makes a difference. */
void sources_cookie(struct found_token *found, toni_str value, toni_str name);

/** Looks into a Sec-WebSocket-Protocol field.
 * @param beside   One that may be agreed on.
 * @param has_one  Set to whether there is a token; left alone if not.
 * @return Whether @p beside is offered, too. */
bool sources_subprotocol(struct found_token *found, toni_str value, toni_str beside, bool *has_one);

#endif
