/* Certificates; see certificate.h. */
#include "tls/certificate.h"

#include "base/clock.h"
#include "tls/material.h"
#include "tls/names.h"
#include "tls/ocsp.h"
#include "tls/reason.h"

#include <inttypes.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHAIN_MAX 16

#define BEGIN_MARK "-----BEGIN "

/* --- Time */

static int64_t unix_time(const ASN1_TIME *time)
{
    struct tm fields = {0};
    return ASN1_TIME_to_tm(time, &fields) == 1 ? (int64_t)timegm(&fields) : 0;
}

static void print_time(const ASN1_TIME *time, char *text, size_t size)
{
    struct tm fields = {0};
    if (ASN1_TIME_to_tm(time, &fields) != 1 ||
        strftime(text, size, "%Y-%m-%d %H:%M:%S UTC", &fields) == 0)
        (void)snprintf(text, size, "an unreadable time");
}

static bool is_in_force(const X509 *x509, const struct tls_pair *pair, unsigned place,
                        struct fault_list *faults)
{
    const ASN1_TIME *begin = X509_get0_notBefore(x509), *end = X509_get0_notAfter(x509);
    const char *file = value_string(pair->certificate);
    time_t now = clock_wall_s();
    char when[40];
    if (X509_cmp_time(begin, &now) >= 0) { /* 0: it can't be read */
        print_time(begin, when, sizeof when);
        fault_at(
            faults, pair->certificate,
            "certificate %u in `%s` is not valid yet: it begins at %s; is this machine's clock "
            "right?",
            place, file, when);
        return false;
    }
    if (X509_cmp_time(end, &now) <= 0) {
        print_time(end, when, sizeof when);
        fault_at(faults, pair->certificate,
                 "certificate %u in `%s` has expired at %s; replace it by a new one", place, file,
                 when);
        return false;
    }
    return true;
}

/* --- Reading */

static unsigned count_marks(const char *text)
{
    unsigned count = 0;
    for (const char *at = strstr(text, BEGIN_MARK); at; at = strstr(at + 1, BEGIN_MARK))
        count++;
    return count;
}

/* @return Whether the first certificate was read, and all that follow. */
static bool parse(struct tls_certificate *certificate, const char *text, size_t size,
                  const struct tls_pair *pair, struct fault_list *faults)
{
    const char *file = value_string(pair->certificate);
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    certificate->chain = sk_X509_new_null();
    bool is_kept = bio && certificate->chain;
    unsigned count = 0;
    for (X509 *x509; is_kept && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
        if (count == 0)
            certificate->leaf = x509;
        else if (count > CHAIN_MAX || sk_X509_push(certificate->chain, x509) == 0) {
            X509_free(x509);
            is_kept = false;
        }
    }
    BIO_free(bio);
    if (!is_kept) {
        fault_at(faults, pair->certificate,
                 "`%s` can't be used: it holds more than %d certificates, or memory is out", file,
                 CHAIN_MAX + 1);
    } else if (count == 0 && count_marks(text) == 0) {
        fault_at(faults, pair->certificate,
                 "`%s` holds no certificate; expected one as PEM, which begins with `" BEGIN_MARK
                 "CERTIFICATE-----`",
                 file);
    } else if (count < count_marks(text)) {
        fault_at(faults, pair->certificate,
                 "certificate %u in `%s` is damaged or truncated, or is none (%s); write the file "
                 "anew: the host's certificate, then those that lead to its authority",
                 count + 1, file, tls_reason());
    } else {
        return true;
    }
    return false;
}

static bool read_chain(struct tls_certificate *certificate, const struct tls_pair *pair,
                       const char *folder, struct fault_list *faults)
{
    size_t size;
    char *text = material_read(pair->certificate, folder, false, &size, faults);
    if (!text)
        return false;
    tls_reason_clear();
    const bool is_good = parse(certificate, text, size, pair, faults);
    material_free(text, size);
    return is_good;
}

/* A key with a passphrase would have to be asked for. */
static int no_passphrase(char *buffer, int size, int is_written, void *data)
{
    (void)buffer, (void)size, (void)is_written;
    *(bool *)data = true;
    return -1;
}

static bool read_key(struct tls_certificate *certificate, const struct tls_pair *pair,
                     const char *folder, struct fault_list *faults)
{
    size_t size;
    bool is_encrypted = false;
    char *text = material_read(pair->key, folder, true, &size, faults);
    if (!text)
        return false;
    tls_reason_clear();
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    certificate->key =
        bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &is_encrypted) : NULL;
    BIO_free(bio);
    material_free(text, size);
    if (certificate->key)
        return true;
    if (is_encrypted) {
        fault_at(
            faults, pair->key,
            "the key in `%s` is encrypted, and the host asks nobody for a passphrase; store it "
            "without one, with mode 0600",
            value_string(pair->key));
    } else {
        fault_at(faults, pair->key, "`%s` holds no private key that can be read (%s)",
                 value_string(pair->key), tls_reason());
    }
    return false;
}

/* --- Checking */

static bool follows(X509 *subject, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return X509_check_issued(issuer, subject) == X509_V_OK && key && X509_verify(subject, key) == 1;
}

static bool check_chain(struct tls_certificate *certificate, const struct tls_pair *pair,
                        struct fault_list *faults)
{
    X509 *subject = certificate->leaf;
    if (!is_in_force(subject, pair, 1, faults))
        return false;
    certificate->ends_s = unix_time(X509_get0_notAfter(subject));
    for (int i = 0; i < sk_X509_num(certificate->chain); i++) {
        X509 *issuer = sk_X509_value(certificate->chain, i);
        if (!is_in_force(issuer, pair, (unsigned)i + 2, faults))
            return false;
        if (!follows(subject, issuer)) {
            fault_at(faults, pair->certificate,
                     "the chain in `%s` is broken: certificate %d has not signed certificate %d; "
                     "put them in order, each before the one that signed it",
                     value_string(pair->certificate), i + 2, i + 1);
            return false;
        }
        const int64_t ends_s = unix_time(X509_get0_notAfter(issuer));
        if (ends_s < certificate->ends_s)
            certificate->ends_s = ends_s;
        subject = issuer;
    }
    return true;
}

static bool check_key(const struct tls_certificate *certificate, const struct tls_pair *pair,
                      struct fault_list *faults)
{
    if (X509_check_private_key(certificate->leaf, certificate->key) == 1)
        return true;
    fault_at(faults, pair->key, "the key in `%s` is not that of the certificate in `%s`",
             value_string(pair->key), value_string(pair->certificate));
    return false;
}

static bool find_names(struct tls_certificate *certificate, const struct tls_pair *pair,
                       struct fault_list *faults)
{
    if (tls_names_read(certificate->leaf, &certificate->names, &certificate->name_count)) {
        fault_at(faults, pair->certificate,
                 "the names in `%s` can't be read: there are more than %d, or memory is out",
                 value_string(pair->certificate), TLS_NAMES_MAX);
        return false;
    }
    if (X509_check_purpose(certificate->leaf, X509_PURPOSE_SSL_SERVER, 0) == 1)
        return true;
    fault_at(faults, pair->certificate,
             "the certificate in `%s` is not one for servers, as its key usage says",
             value_string(pair->certificate));
    return false;
}

static bool read_ocsp(struct tls_certificate *certificate, const struct tls_pair *pair,
                      const char *folder, struct fault_list *faults)
{
    if (!pair->ocsp)
        return true;
    char *bytes = material_read(pair->ocsp, folder, false, &certificate->ocsp_size, faults);
    certificate->ocsp = (uint8_t *)bytes;
    if (!bytes)
        return false;
    const char *wrong = ocsp_check(certificate->ocsp, certificate->ocsp_size, certificate->leaf,
                                   certificate->chain, &certificate->ocsp_ends_s);
    if (wrong)
        fault_at(faults, pair->ocsp, "the OCSP response in `%s` can't be used: %s",
                 value_string(pair->ocsp), wrong);
    return !wrong;
}

bool tls_certificate_load(struct tls_certificate *certificate, const struct tls_pair *pair,
                          const char *folder, struct fault_list *faults)
{
    *certificate = (struct tls_certificate){0};
    bool is_good = read_chain(certificate, pair, folder, faults) &&
                   check_chain(certificate, pair, faults) && find_names(certificate, pair, faults);
    /* Both files are looked at, so that all is said at once. */
    const bool has_key = read_key(certificate, pair, folder, faults);
    is_good = is_good && has_key && check_key(certificate, pair, faults) &&
              read_ocsp(certificate, pair, folder, faults);
    tls_reason_clear();
    return is_good;
}

void tls_certificate_finish(struct tls_certificate *certificate)
{
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    tls_names_free(certificate->names, certificate->name_count);
    free(certificate->ocsp);
    *certificate = (struct tls_certificate){0};
}

const char *tls_certificate_title(const struct tls_certificate *certificate)
{
    return certificate->name_count > 0 ? certificate->names[0] : "?";
}

bool tls_certificate_is_for(const struct tls_certificate *certificate, const char *name)
{
    for (size_t i = 0; i < certificate->name_count; i++) {
        if (tls_name_covers(certificate->names[i], name))
            return true;
    }
    return false;
}
