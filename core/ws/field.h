/* What header fields and targets are written in: tokens, lists (RFC 9110, section 5.6),
 * percent-encoding. Each works on a piece of text alone; see head.h for whole heads. */
#ifndef WS_FIELD_H
#define WS_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <toni/str.h>

/** Tells whether @p text is a token (RFC 9110, section 5.6.2), as methods, names of header fields
 * and subprotocols are; not empty. */
bool token_valid(toni_str text);

/** @return @p text without the white space around it. */
toni_str field_trim(toni_str text);

/** Tells whether two texts are the same, if case makes no difference. */
bool field_equal(toni_str text, const char *other);

/** Tells whether @p value may be sent as a header field's (RFC 9110, section 5.5); not empty, and
 * without blanks around it. */
bool field_value_valid(toni_str value);

/** Tells whether a field is set by who writes answers, so that no plugin may: it says how the
 * message is framed, what the connection is for, or when the answer was made. */
bool field_is_managed(toni_str name);

/** Takes the next element off a comma-separated list; empty ones are skipped. Knows no quotes.
 * @param list     What is left; moved on.
 * @param element  Set to the element, without white space around it.
 * @return Whether there was one. */
bool list_next(toni_str *list, toni_str *element);

/** Takes the next parameter, `name=value` or `name`, off a query; empty ones are skipped.
 * @param query      What is left; moved on.
 * @param parameter  Set to it, still encoded.
 * @return Whether there was one. */
bool query_next(toni_str *query, toni_str *parameter);

/** Decodes `%41` and its kin as browsers do (WHATWG URL, percent-decode): a `%` without two
 * hexadecimal digits stays as it is.
 * @param is_query  A `+` is a space.
 * @param to        @p text.size bytes; may be where @p text lies.
 * @return How many bytes were written; no NUL. */
size_t percent_decode(toni_str text, bool is_query, char *to);

/** Tells whether each `%` in @p text has two hexadecimal digits behind it. */
bool percent_valid(toni_str text);

#endif
