/* Sets of keys that tokens are verified with. Each key has one algorithm, which its type decides
 * and no token can change. A set never changes once it is in use: another takes its place. Knows no
 * host. */
#ifndef JWT_GUARD_KEYS_H
#define JWT_GUARD_KEYS_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <toni/str.h>

#define KEYS_MAX 64
#define KEY_RSA_BITS_MIN 2048
#define KEY_RSA_BITS_MAX 8192
#define KEY_SECRET_MIN 32 /* bytes, as SHA-256 wants it (RFC 7518, 3.2) */

/** What a key verifies, by the name that tokens have for it. X(name, text) */
#define KEY_ALGORITHMS(X)                                                                          \
    X(HS256, "HS256")                                                                              \
    X(RS256, "RS256")                                                                              \
    X(ES256, "ES256")                                                                              \
    X(EDDSA, "EdDSA")

enum key_algorithm {
#define KEY_ALGORITHM_NAME(name, text) KEY_##name,
    KEY_ALGORITHMS(KEY_ALGORITHM_NAME)
#undef KEY_ALGORITHM_NAME
};

struct key {
    enum key_algorithm algorithm;
    char *id; /* that a `kid` is compared with; NULL: it has none */
    /* Made once, and copied for each token: what the algorithm needs is then found already. */
    EVP_MD_CTX *verifier; /* of a public key */
    EVP_MAC_CTX *mac;     /* of a secret */
};

struct key_set {
    atomic_size_t references;
    size_t count;
    size_t skipped; /* of a JWKS: what is for another purpose, or of an algorithm not known here */
    bool has_secrets;
    struct key keys[KEYS_MAX];
};

/** Why keys could not be read. */
struct key_fault {
    char text[384];
    bool is_passing; /* the host was short of something: the same file may do another time */
};

/** Says why. @return -1. */
__attribute__((format(printf, 2, 3))) int key_fault(struct key_fault *fault, const char *format,
                                                    ...);

/** The same, where the host was short of something. */
int key_fault_for_now(struct key_fault *fault, const char *text);

/** @return An empty set with one reference; NULL on no memory. */
struct key_set *key_set_create(void);

struct key_set *key_set_ref(struct key_set *set);

/** @param set  NULL is fine. */
void key_set_unref(struct key_set *set);

/** @return The name that tokens have for an algorithm. */
const char *key_algorithm_name(enum key_algorithm algorithm);

/** Adds a public key: RSA, P-256 or Ed25519.
 * @param key  Stays the caller's. @param id  NULL: none.
 * @return 0, or -1 and @p fault is set; so all below. */
int key_set_add_public(struct key_set *set, EVP_PKEY *key, const char *id, struct key_fault *fault);

/** Adds a secret for HS256. */
int key_set_add_secret(struct key_set *set, const unsigned char *bytes, size_t size, const char *id,
                       struct key_fault *fault);

/** Adds the public keys of a PEM file. */
int key_set_add_pem(struct key_set *set, toni_str text, struct key_fault *fault);

/** Adds the keys of a JSON Web Key Set (RFC 7517). */
int key_set_add_jwks(struct key_set *set, toni_str text, struct key_fault *fault);

#endif
