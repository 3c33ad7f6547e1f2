/* What an address needs to speak TLS: certificates chosen by the name that a client asks for, and
 * what else its settings say. Made and checked as a whole, never changed, shared by references; a
 * reload puts another one into the address's port, and clients keep the one that they began with.
 */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include "config/fault.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_context;

/** Loads and checks all that a group `tls` names.
 * @param group   Borrowed for the call.
 * @param folder  What paths are relative to.
 * @return One reference; NULL after a fault. */
struct tls_context *tls_context_create(const struct value *group, const char *folder,
                                       struct fault_list *faults);

/** @thread Any. */
struct tls_context *tls_context_ref(struct tls_context *context);

/** @param context  NULL is fine. @thread Any. */
void tls_context_unref(struct tls_context *context);

/* --- For who watches when they end */

/** @return How many certificates there are. @thread Any. */
size_t tls_context_count(const struct tls_context *context);

/** @return The first name of a certificate. @thread Any. */
const char *tls_context_title(const struct tls_context *context, size_t index);

/** @return When it, or one of its chain, ends, in Unix time. @thread Any. */
int64_t tls_context_ends_s(const struct tls_context *context, size_t index);

/** Tells whether clients of both are shown the same certificates and chains. @thread Any. */
bool tls_context_shows_the_same(const struct tls_context *one, const struct tls_context *other);

/* --- Ports */

/* Where a listening address keeps the context for its next client. */
struct tls_port {
    pthread_mutex_t lock; /* a leaf */
    struct tls_context *context;
};

/** @param context  The port takes a reference of its own. */
void tls_port_init(struct tls_port *port, struct tls_context *context);

void tls_port_finish(struct tls_port *port);

/** Has new clients get another one. @thread Any. */
void tls_port_change(struct tls_port *port, struct tls_context *context);

/** @return The one of the moment, with a reference of the caller's. @thread Any. */
struct tls_context *tls_port_context(struct tls_port *port);

#endif
