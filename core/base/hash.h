/* A keyed hash of bytes, for hash tables whose keys a stranger may choose. Not a checksum, and not
 * fit to sign anything. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** The secret of a hash: random_bytes() fills it. Whoever doesn't know it can't make collisions. */
struct hash_key {
    uint64_t words[2];
};

/** Hashes @p bytes with SipHash-1-3. All 64 bits of the result are equally good.
 * @param key     Borrowed for the call.
 * @param bytes   Borrowed for the call; may be NULL when @p length is 0.
 * @param length  How many.
 * @return The hash; the same for the same key and bytes on every machine.
 * @thread Any. */
uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t length);

#endif
