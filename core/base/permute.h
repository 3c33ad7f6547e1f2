/* A keyed permutation of the 64-bit values: turns a counter into ids that never repeat and don't
 * tell how many there are or which came first. Not for encrypting data: one block, no mode. */
#ifndef BASE_PERMUTE_H
#define BASE_PERMUTE_H

#include <stdint.h>

#define PERMUTE_KEY_WORDS 4
#define PERMUTE_ROUNDS 27

/** One permutation. Read-only once initialised, so that any thread may use it. */
struct permute {
    uint32_t round_keys[PERMUTE_ROUNDS];
};

/** Makes the permutation that belongs to @p key.
 * @param permute  Filled in; owns nothing, needs no finish.
 * @param key      128 bits, the lowest word first (the paper writes it last); random_bytes()
 *                 makes a good one.
 * @thread Any. */
void permute_init(struct permute *permute, const uint32_t key[PERMUTE_KEY_WORDS]);

/** Maps @p value; different values have different images.
 * @return The image; any 64-bit value, 0 included.
 * @thread Any. */
uint64_t permute_apply(const struct permute *permute, uint64_t value);

/** The way back: permute_apply() of the result is @p image.
 * @return The value.
 * @thread Any. */
uint64_t permute_invert(const struct permute *permute, uint64_t image);

#endif
