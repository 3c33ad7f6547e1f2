/* Whose signatures on clients' certificates are good. */
#ifndef TLS_AUTHORITIES_H
#define TLS_AUTHORITIES_H

#include "tls/settings.h"

#include <stdint.h>

struct ssl_ctx_st;

#define AUTHORITIES_MAX 1000

struct authorities {
    struct x509_store_st *store;  /* NULL: clients are not asked */
    struct stack_st_X509 *listed; /* the same certificates, in their order */
    uint8_t session_context[32];  /* sessions begun under other rules are not resumed */
};

/** Reads the file that the settings name.
 * @param authorities  Filled in; authorities_finish must follow in any case.
 * @return Whether all is good. */
bool authorities_read(struct authorities *authorities, const struct tls_settings *settings,
                      const char *folder, struct fault_list *faults);

/** Has a context ask its clients. @return Whether it could be done. */
bool authorities_use(const struct authorities *authorities, struct ssl_ctx_st *context,
                     const struct tls_settings *settings, struct fault_list *faults);

void authorities_finish(struct authorities *authorities);

#endif
