/* The contexts of all addresses of a setting of `listen`, in their order, and those of all
 * settings.
 */
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

/* Of all settings of `listen`. */
struct tls_sets {
    struct tls_set websocket, http, admin;
};

/** Loads what a configuration names. @param sets  Filled in; tls_sets_finish must follow.
 * @return Whether all are good; if not, @p faults says why. */
bool tls_sets_load(struct tls_sets *sets, const struct config *config, struct fault_list *faults);

/** @return On how many addresses others are shown than before; the addresses are the same. */
size_t tls_sets_differ(const struct tls_sets *before, const struct tls_sets *now);

void tls_sets_finish(struct tls_sets *sets);

#endif
