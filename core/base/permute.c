/* Speck64/128, the block cipher with 64-bit blocks and 128-bit keys:
 * R. Beaulieu, D. Shors, J. Smith, S. Treatman-Clark, B. Weeks, L. Wingers, "The SIMON and SPECK
 * Families of Lightweight Block Ciphers", 2013, https://eprint.iacr.org/2013/404 */
#include "base/permute.h"

static uint32_t rotate_left(uint32_t word, unsigned bits)
{
    return (word << bits) | (word >> (32 - bits));
}

static uint32_t rotate_right(uint32_t word, unsigned bits)
{
    return (word >> bits) | (word << (32 - bits));
}

/* The paper uses the same round for the block and for the key schedule. */
static void speck_round(uint32_t *x, uint32_t *y, uint32_t key)
{
    *x = (rotate_right(*x, 8) + *y) ^ key;
    *y = rotate_left(*y, 3) ^ *x;
}

static void speck_unround(uint32_t *x, uint32_t *y, uint32_t key)
{
    *y = rotate_right(*y ^ *x, 3);
    *x = rotate_left((*x ^ key) - *y, 8);
}

void permute_init(struct permute *permute, const uint32_t key[PERMUTE_KEY_WORDS])
{
    uint32_t k = key[0];
    uint32_t l[PERMUTE_KEY_WORDS - 1] = {key[1], key[2], key[3]};

    for (uint32_t i = 0; i < PERMUTE_ROUNDS; i++) {
        permute->round_keys[i] = k;
        speck_round(&l[i % 3], &k, i);
    }
}

uint64_t permute_apply(const struct permute *permute, uint64_t value)
{
    uint32_t x = (uint32_t)(value >> 32);
    uint32_t y = (uint32_t)value;

    for (unsigned i = 0; i < PERMUTE_ROUNDS; i++)
        speck_round(&x, &y, permute->round_keys[i]);
    return (uint64_t)x << 32 | y;
}

uint64_t permute_invert(const struct permute *permute, uint64_t image)
{
    uint32_t x = (uint32_t)(image >> 32);
    uint32_t y = (uint32_t)image;

    for (unsigned i = PERMUTE_ROUNDS; i-- > 0;)
        speck_unround(&x, &y, permute->round_keys[i]);
    return (uint64_t)x << 32 | y;
}
