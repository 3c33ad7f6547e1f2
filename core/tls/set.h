/* The contexts of all addresses of a setting of `listen`, in their order. */
#ifndef TLS_SET_H
#define TLS_SET_H

#include "config/config.h"
#include "tls/context.h"

struct tls_set {
    struct tls_context **contexts; /* NULL: that address is plain */
    size_t count;
};

/** Loads what the addresses name.
 * @param set     Filled in; tls_set_finish must follow in any case.
 * @param folder  Of gateways.conf.
 * @return Whether all are good; if not, @p faults says why. */
bool tls_set_load(struct tls_set *set, const struct address_list *addresses, const char *folder,
                  struct fault_list *faults);

void tls_set_finish(struct tls_set *set);

#endif
