/* The names that a certificate is for: those of its subjectAltName, or, if it has none there, the
 * common name (RFC 6125). */
#ifndef TLS_NAMES_H
#define TLS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct x509_st;

/** @param names  Set to allocated names in lower case; NULL: there are none.
 * @return 0, or -1: too many, or no memory; there are none then. */
int tls_names_read(struct x509_st *certificate, char ***names, size_t *count);

void tls_names_free(char **names, size_t count);

/** @param pattern  Of a certificate: a name, or `*.` and a name, for one label before it.
 * @param name      Both in lower case. */
bool tls_name_covers(const char *pattern, const char *name);

#endif
