/* The keys that session tickets are sealed with: one set for the whole process, so that a session
 * is resumed on any worker and any address, and after a restart. A new key is made every hour;
 * those of the two hours before still open tickets. Never written to a disk.
 *
 * @thread Any, unless something else is said. */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include <stddef.h>
#include <stdint.h>

struct ssl_ctx_st;

#define TICKET_KEYS 3
#define TICKET_KEY_S 3600

/* Enough for what tls_tickets_export writes. */
#define TICKET_TEXT_SIZE 1024

/** Has a context seal its tickets with them. */
void tls_tickets_use(struct ssl_ctx_st *context);

/** Writes the keys, for a successor of this process: lines that begin with `ticket_key=`.
 * @param text  Secret: to be wiped by the caller. */
void tls_tickets_export(char text[TICKET_TEXT_SIZE]);

/** Takes a key that the process before this one has used.
 * @param line  One of tls_tickets_export; what is none is ignored. In the order in which they were
 * written; before the first handshake. */
void tls_tickets_import(const char *line);

/** Does as if it were so many seconds later: for tests. */
void tls_tickets_advance(uint64_t seconds);

#endif
