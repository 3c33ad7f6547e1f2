/* Authorities of clients; see authorities.h. */
#include "tls/authorities.h"

#include "tls/material.h"
#include "tls/reason.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

static bool add_all(struct authorities *authorities, BIO *bio)
{
    X509 *x509;
    while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        if (sk_X509_num(authorities->listed) >= AUTHORITIES_MAX ||
            sk_X509_push(authorities->listed, x509) == 0) {
            X509_free(x509);
            return false;
        }
        if (X509_STORE_add_cert(authorities->store, x509) != 1)
            return false;
    }
    return true;
}

/* What is read ends at what is damaged; so all that begins has to be there. */
static bool is_whole(const char *text, int count)
{
    int begun = 0;
    for (const char *at = strstr(text, "-----BEGIN "); at; at = strstr(at + 1, "-----BEGIN "))
        begun++;
    return count > 0 && begun == count;
}

static bool parse(struct authorities *authorities, const char *text, size_t size,
                  const struct value *setting, struct fault_list *faults)
{
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    authorities->store = X509_STORE_new();
    authorities->listed = sk_X509_new_null();
    tls_reason_clear();
    const bool is_kept =
        bio && authorities->store && authorities->listed && add_all(authorities, bio);
    BIO_free(bio);
    if (!is_kept) {
        fault_at(faults, setting,
                 "`client_authorities` of `tls` is `%s`, which can't be used (%s); it may hold %d "
                 "certificates",
                 value_string(setting), tls_reason(), AUTHORITIES_MAX);
    } else if (!is_whole(text, sk_X509_num(authorities->listed))) {
        fault_at(faults, setting,
                 "`client_authorities` of `tls` is `%s`, of which %d certificates can be read, and "
                 "what follows can't (%s); expected certificates as PEM and nothing else",
                 value_string(setting), sk_X509_num(authorities->listed), tls_reason());
    } else {
        return true;
    }
    return false;
}

bool authorities_read(struct authorities *authorities, const struct tls_settings *settings,
                      const char *folder, struct fault_list *faults)
{
    *authorities = (struct authorities){0};
    if (settings->clients == TLS_CLIENTS_UNASKED)
        return true;
    size_t size;
    char *text = material_read(settings->authorities, folder, false, &size, faults);
    if (!text)
        return false;
    const bool is_good = parse(authorities, text, size, settings->authorities, faults);
    /* One rule more or less is another context. */
    (void)EVP_Digest(text, size, authorities->session_context, NULL, EVP_sha256(), NULL);
    authorities->session_context[0] ^= (uint8_t)settings->clients;
    material_free(text, size);
    tls_reason_clear();
    return is_good;
}

/* The client is told whose certificates are taken, so that it can choose. */
static bool tell(const struct authorities *authorities, SSL_CTX *context)
{
    for (int i = 0; i < sk_X509_num(authorities->listed); i++) {
        if (SSL_CTX_add_client_CA(context, sk_X509_value(authorities->listed, i)) != 1)
            return false;
    }
    return true;
}

bool authorities_use(const struct authorities *authorities, SSL_CTX *context,
                     const struct tls_settings *settings, struct fault_list *faults)
{
    bool is_good = SSL_CTX_set_session_id_context(context, authorities->session_context,
                                                  sizeof authorities->session_context) == 1;
    if (authorities->store) {
        const int required =
            settings->clients == TLS_CLIENTS_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, NULL);
        is_good = is_good && SSL_CTX_set1_verify_cert_store(context, authorities->store) == 1 &&
                  tell(authorities, context);
    }
    if (!is_good)
        fault_at(faults, settings->at, "`tls` can't be used: %s", tls_reason());
    return is_good;
}

void authorities_finish(struct authorities *authorities)
{
    X509_STORE_free(authorities->store);
    sk_X509_pop_free(authorities->listed, X509_free);
    *authorities = (struct authorities){0};
}
