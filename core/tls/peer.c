/* Clients' certificates; see peer.h. */
#include "tls/peer.h"

#include "base/buffer.h"
#include "tls/reason.h"
#include "tls/session_private.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define FINGERPRINT_SIZE 64

/* Texts, one behind the other, each with a NUL: the subject, the fingerprint, then names. */
struct texts {
    struct buffer bytes;
    uint32_t count;
    int failed;
};

static void add(struct texts *texts, const char *text, size_t size)
{
    texts->failed = texts->failed || buffer_append(&texts->bytes, text, size) ||
                    buffer_append(&texts->bytes, "", 1);
    texts->count++;
}

/* UTF-8 as it is, other bytes and what RFC 2253 sets apart escaped. */
static void add_subject(struct texts *texts, const X509 *x509)
{
    char *text = NULL;
    long size = 0;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0,
                                  XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        size = BIO_get_mem_data(bio, &text);
    if (size > PEER_TEXT_MAX)
        size = 0;
    if (bio)
        add(texts, text ? text : "", (size_t)size);
    else
        texts->failed = -1;
    BIO_free(bio);
}

static void add_fingerprint(struct texts *texts, const X509 *x509)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[FINGERPRINT_SIZE + 1] = "";
    unsigned size = 0;
    if (X509_digest(x509, EVP_sha256(), digest, &size) != 1)
        size = 0;
    for (unsigned i = 0; i < size && i < FINGERPRINT_SIZE / 2; i++)
        (void)snprintf(text + (size_t)2 * i, 3, "%02x", digest[i]);
    add(texts, text, strlen(text));
}

/* A name with control characters would forge another in a log. */
static void add_string(struct texts *texts, const char *kind, const ASN1_IA5STRING *string)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(string);
    const int length = ASN1_STRING_length(string);
    char text[PEER_TEXT_MAX];
    if (length <= 0 || length > PEER_TEXT_MAX - 16)
        return;
    for (int i = 0; i < length; i++) {
        if (bytes[i] < ' ' || bytes[i] > '~')
            return;
    }
    const int size = snprintf(text, sizeof text, "%s:%.*s", kind, length, (const char *)bytes);
    add(texts, text, (size_t)size);
}

static void add_address(struct texts *texts, const ASN1_OCTET_STRING *address)
{
    const int length = ASN1_STRING_length(address);
    char text[INET6_ADDRSTRLEN + 4] = "IP:";
    if (length != 4 && length != 16)
        return;
    if (inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text + 3,
                  INET6_ADDRSTRLEN))
        add(texts, text, strlen(text));
}

static void add_names(struct texts *texts, const X509 *x509)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    const int count = names ? sk_GENERAL_NAME_num(names) : 0;
    for (int i = 0; i < count && i < PEER_NAMES_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        switch (name->type) {
        case GEN_DNS:
            add_string(texts, "DNS", name->d.dNSName);
            break;
        case GEN_EMAIL:
            add_string(texts, "email", name->d.rfc822Name);
            break;
        case GEN_URI:
            add_string(texts, "URI", name->d.uniformResourceIdentifier);
            break;
        case GEN_IPADD:
            add_address(texts, name->d.iPAddress);
            break;
        default:
            break;
        }
    }
    GENERAL_NAMES_free(names);
}

/* @return One allocation: the struct, its names, and all texts. NULL on no memory. */
static toni_certificate *pack(const struct texts *texts)
{
    const uint32_t name_count = texts->count - 2;
    toni_certificate *packed =
        malloc(sizeof *packed + name_count * sizeof(toni_str) + texts->bytes.length);
    if (!packed)
        return NULL;
    toni_str *names = (toni_str *)(packed + 1);
    char *at = (char *)(names + name_count);
    memcpy(at, texts->bytes.bytes, texts->bytes.length);
    *packed =
        (toni_certificate){.struct_size = sizeof *packed, .name_count = name_count, .names = names};
    packed->subject = toni_str_of(at);
    at += packed->subject.size + 1;
    packed->fingerprint = toni_str_of(at);
    at += packed->fingerprint.size + 1;
    for (uint32_t i = 0; i < name_count; i++) {
        names[i] = toni_str_of(at);
        at += names[i].size + 1;
    }
    return packed;
}

int tls_session_certificate(const struct tls_session *session, toni_certificate **found)
{
    struct texts texts = {.count = 0};
    X509 *x509 = SSL_get1_peer_certificate(session->ssl);
    *found = NULL;
    if (!x509)
        return 0;
    buffer_init(&texts.bytes);
    add_subject(&texts, x509);
    add_fingerprint(&texts, x509);
    add_names(&texts, x509);
    X509_free(x509);
    tls_reason_clear();
    if (!texts.failed)
        *found = pack(&texts);
    buffer_finish(&texts.bytes);
    return *found ? 0 : -1;
}
