/* What a client offers of permessage-deflate in its handshake, and what it is answered (RFC 7692,
 * section 7.1). Knows the header's text alone; ws_handshake.c asks and answers. */
#ifndef WS_DEFLATE_TERMS_H
#define WS_DEFLATE_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/str.h>

#define DEFLATE_EXTENSION "permessage-deflate"

/* Fits what deflate_terms_write writes. */
#define DEFLATE_TERMS_SIZE 96

struct deflate_terms {
    bool agreed;
    uint32_t server_window_bits; /* that the client asks for; 0: it doesn't */
};

/** Reads one line Sec-WebSocket-Extensions, after those that came before it: of all their offers
 * the first that can be accepted counts.
 * @param terms  At first zero.
 * @return Whether it is well-formed (RFC 6455, section 9.1); if not, the handshake fails. */
bool deflate_terms_read(struct deflate_terms *terms, toni_str line);

/** @return Whether the host may compress what it sends. It has one window, the largest: who asked
 * for a smaller one (section 7.1.2.1) is promised that, and gets nothing compressed. */
bool deflate_terms_allow_sending(const struct deflate_terms *terms);

/** Writes the parameters that follow the extension's name in the answer: neither side keeps its
 * window from one message to the next.
 * @param text  DEFLATE_TERMS_SIZE bytes.
 * @return How many were written, without the NUL. */
size_t deflate_terms_write(const struct deflate_terms *terms, char *text);

#endif
