/* See certificates.h. */
#include "certificates.h"

#include <check.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#define DAY_S 86400L

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ck_assert_ptr_nonnull(extension);
    ck_assert_int_eq(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

struct made made_create(const struct recipe *recipe)
{
    const bool has_times = recipe->begin_s != 0 || recipe->end_s != 0;
    struct made made = {.x509 = X509_new(), .key = EVP_EC_gen("P-256")};
    uint32_t serial;
    ck_assert_ptr_nonnull(made.key);
    ck_assert_int_eq(RAND_bytes((unsigned char *)&serial, sizeof serial), 1);
    X509_set_version(made.x509, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(made.x509), serial);
    X509_gmtime_adj(X509_getm_notBefore(made.x509), has_times ? recipe->begin_s : -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(made.x509), has_times ? recipe->end_s : 30 * DAY_S);
    X509_set_pubkey(made.x509, made.key);
    X509_NAME *subject = X509_get_subject_name(made.x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)recipe->name,
                               -1, -1, 0);
    X509 *issuer = recipe->issuer ? recipe->issuer->x509 : made.x509;
    X509_set_issuer_name(made.x509, X509_get_subject_name(issuer));
    add_extension(made.x509, issuer, NID_basic_constraints,
                  recipe->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (recipe->names)
        add_extension(made.x509, issuer, NID_subject_alt_name, recipe->names);
    ck_assert_int_gt(
        X509_sign(made.x509, recipe->issuer ? recipe->issuer->key : made.key, EVP_sha256()), 0);
    return made;
}

void made_finish(struct made *made)
{
    X509_free(made->x509);
    EVP_PKEY_free(made->key);
}

void made_write(const char *path, const struct made *const *certificates)
{
    FILE *out = fopen(path, "we");
    ck_assert_ptr_nonnull(out);
    for (; *certificates; certificates++)
        ck_assert_int_eq(PEM_write_X509(out, (*certificates)->x509), 1);
    ck_assert_int_eq(fclose(out), 0);
}

void made_write_key(const char *path, const struct made *made, unsigned mode)
{
    FILE *out = fopen(path, "we");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(PEM_write_PrivateKey(out, made->key, NULL, NULL, 0, NULL, NULL), 1);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}
