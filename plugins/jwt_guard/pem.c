/* Public keys in PEM; see keys.h. */
#include "keys.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* @param name  Of the block, such as `PUBLIC KEY`. */
static int add_block(struct key_set *set, const char *name, const unsigned char *bytes, long size,
                     struct key_fault *fault)
{
    const unsigned char *end = bytes;
    if (strstr(name, "PRIVATE KEY"))
        return key_fault(fault, "it holds a private key, which only who makes tokens may have; "
                                "expected the public one: openssl pkey -pubout");
    if (strcmp(name, "PUBLIC KEY") != 0)
        return key_fault(fault, "it holds a block `%.40s`; expected `PUBLIC KEY`", name);
    EVP_PKEY *key = d2i_PUBKEY(NULL, &end, size);
    if (!key || end != bytes + size) {
        EVP_PKEY_free(key);
        return key_fault(fault, "it holds a block `PUBLIC KEY` that is no public key");
    }
    const int result = key_set_add_public(set, key, NULL, fault);
    EVP_PKEY_free(key);
    return result;
}

/* @return Whether there was a block; then @p result is set. */
static bool add_next(struct key_set *set, BIO *bio, int *result, struct key_fault *fault)
{
    char *name = NULL, *header = NULL;
    unsigned char *bytes = NULL;
    long size = 0;
    if (PEM_read_bio(bio, &name, &header, &bytes, &size) != 1)
        return false;
    *result = add_block(set, name, bytes, size, fault);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(bytes, (size_t)size);
    return true;
}

int key_set_add_pem(struct key_set *set, toni_str text, struct key_fault *fault)
{
    size_t found = 0;
    int result = 0;
    BIO *bio = text.size > 0 ? BIO_new_mem_buf(text.data, (int)text.size) : NULL;
    while (bio && result == 0 && add_next(set, bio, &result, fault))
        found++;
    /* Behind the last block nothing begins another one. */
    const bool is_whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    BIO_free(bio);
    ERR_clear_error();
    if (result != 0)
        return result;
    return found > 0 && is_whole
               ? 0
               : key_fault(fault, found > 0 ? "it holds a block that is damaged"
                                            : "it holds no public key in PEM; expected "
                                              "`-----BEGIN PUBLIC KEY-----`");
}
