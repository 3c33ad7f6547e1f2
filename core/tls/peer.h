/* The certificate that a client has shown, in the words that plugins read. */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include <toni/certificate.h>

struct tls_session;

/* More names than these, and longer texts, are left out. */
#define PEER_NAMES_MAX 64
#define PEER_TEXT_MAX 4096

/** @param session  Its handshake is done.
 * @param found     Set to one allocation, to be given to free(); NULL: it has shown none.
 * @return 0, or -1 on no memory. */
int tls_session_certificate(const struct tls_session *session, toni_certificate **found);

#endif
