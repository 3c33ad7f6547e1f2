/* What OpenSSL last said is wrong. Its errors wait in a queue of the thread, so whatever looks at
 * them clears them before and after. */
#ifndef TLS_REASON_H
#define TLS_REASON_H

/** @return A few words; constant. */
const char *tls_reason(void);

void tls_reason_clear(void);

#endif
