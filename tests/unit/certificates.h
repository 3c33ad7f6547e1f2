/* Certificates for tests, made when they are needed, so that none expires. */
#ifndef TEST_CERTIFICATES_H
#define TEST_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

struct made {
    X509 *x509;
    EVP_PKEY *key;
};

struct recipe {
    const char *name; /* the common name */
    const char
        *names; /* of the subjectAltName, such as "DNS:a.example, DNS:b.example"; NULL: none */
    const struct made *issuer; /* NULL: it signs itself */
    long begin_s, end_s;       /* from now; both 0: a month from yesterday */
    bool is_authority;
};

/** @return What the recipe says, with a P-256 key; made_finish must follow. */
struct made made_create(const struct recipe *recipe);

void made_finish(struct made *made);

/** Writes certificates one after the other into a file. The last is NULL. */
void made_write(const char *path, const struct made *const *certificates);

/** Writes a key, with that mode. */
void made_write_key(const char *path, const struct made *made, unsigned mode);

#endif
