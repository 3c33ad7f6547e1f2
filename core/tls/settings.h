/* The group `tls` of an address, as gateways.conf writes it. Not about what the files hold that it
 * names; certificate.h is. */
#ifndef TLS_SETTINGS_H
#define TLS_SETTINGS_H

#include "config/fault.h"

#include <stdbool.h>
#include <stddef.h>

/* Of one address. */
#define TLS_PAIRS_MAX 256

enum tls_clients {
    TLS_CLIENTS_UNASKED,  /* no certificate of a client is asked for */
    TLS_CLIENTS_OPTIONAL, /* one that is shown must be good */
    TLS_CLIENTS_REQUIRED,
};

/* All strings; borrowed from the tree. */
struct tls_pair {
    const struct value *certificate; /* the path of its file, which holds the chain, too */
    const struct value *key;
    const struct value *ocsp; /* NULL: none */
};

struct tls_settings {
    const struct value *at; /* the group; borrowed */
    struct tls_pair *pairs; /* the first is for whoever names none of the others */
    size_t pair_count;
    const struct value *ciphers; /* NULL: the default */
    bool is_13_alone;
    enum tls_clients clients;
    const struct value *authorities; /* a path; NULL if clients are not asked */
};

/** Reads a group.
 * @param group     Of `tls`; outlives the settings.
 * @param settings  Filled in; tls_settings_finish must follow in any case.
 * @param faults    Gets what is wrong.
 * @return Whether it can be used. */
bool tls_settings_read(const struct value *group, struct tls_settings *settings,
                       struct fault_list *faults);

void tls_settings_finish(struct tls_settings *settings);

#endif
