/* SipHash-1-3: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012,
 * https://eprint.iacr.org/2012/351. One round per word and three at the end, which its authors hold
 * to be enough where, as in a hash table, nobody is shown the result. */
#include "base/hash.h"

#include <endian.h>
#include <string.h>

#define WORD_ROUNDS 1
#define FINAL_ROUNDS 3

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return (word << bits) | (word >> (64 - bits));
}

static inline void sip_rounds(struct state *s, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate_left(s->v1, 13) ^ s->v0;
        s->v3 = rotate_left(s->v3, 16) ^ s->v2;
        s->v0 = rotate_left(s->v0, 32);

        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate_left(s->v1, 17) ^ s->v2;
        s->v3 = rotate_left(s->v3, 21) ^ s->v0;
        s->v2 = rotate_left(s->v2, 32);
    }
}

static inline void mix_word(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_rounds(s, WORD_ROUNDS);
    s->v0 ^= word;
}

static inline uint64_t load_word(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

/* The last word: the bytes that fill no word, and the length's low byte on top. */
static inline uint64_t load_rest(const unsigned char *bytes, size_t count, size_t length)
{
    uint64_t word = (uint64_t)length << 56;

    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    struct state s = {
        .v0 = key->words[0] ^ UINT64_C(0x736f6d6570736575),
        .v1 = key->words[1] ^ UINT64_C(0x646f72616e646f6d),
        .v2 = key->words[0] ^ UINT64_C(0x6c7967656e657261),
        .v3 = key->words[1] ^ UINT64_C(0x7465646279746573),
    };

    size_t left = length;
    for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t)) {
        mix_word(&s, load_word(at));
        at += sizeof(uint64_t);
    }
    mix_word(&s, load_rest(at, left, length));

    s.v2 ^= 0xff;
    sip_rounds(&s, FINAL_ROUNDS);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
