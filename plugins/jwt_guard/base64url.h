/* base64url as RFC 7515 has it: without padding, and with one text for each run of bytes. */
#ifndef JWT_GUARD_BASE64URL_H
#define JWT_GUARD_BASE64URL_H

#include <sys/types.h>
#include <toni/str.h>

/** How many bytes a text of that size decodes to, at most. */
#define BASE64URL_DECODED(size) ((size) / 4 * 3 + 2)

/** Decodes a text.
 * @param to  BASE64URL_DECODED(text.size) bytes.
 * @return How many were written; -1: a byte that is not of the alphabet, padding, a length that no
 * bytes have, or bits behind the last byte that are not zero. */
ssize_t base64url_decode(toni_str text, unsigned char *to);

#endif
