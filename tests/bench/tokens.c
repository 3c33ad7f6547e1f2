/* What a token costs the worker that reads its handshake: taken apart, its signature verified, its
 * payload read, in processor time. The tokens and keys are those of RFC 7515 and 8037.
 *
 *     build/release/tests/bench/tokens
 *
 * Of several rounds the shortest counts: the others were disturbed. */
#include "jwt_rfc.h"
#include "token.h"
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 20
#define TIMES 1000 /* in a round */

static double processor_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void read_one(const struct key_set *keys, const char *text)
{
    struct token token;
    if (token_read(&token, toni_str_of(text)) != TOKEN_ACCEPTED ||
        verify_signature(keys, &token) != TOKEN_ACCEPTED) {
        (void)fprintf(stderr, "refused: %s\n", text);
        exit(1);
    }
    json_decref(token_read_payload(&token)); /* that of EdDSA is no JSON */
    token_finish(&token);
}

static double measure_us(const struct key_set *keys, const char *text)
{
    double least = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double begin = processor_us();
        for (int i = 0; i < TIMES; i++)
            read_one(keys, text);
        const double took = (processor_us() - begin) / TIMES;
        if (took < least)
            least = took;
    }
    return least;
}

int main(void)
{
    static const struct {
        const char *name, *key, *token;
    } rows[] = {
        {"HS256", JWKS(RFC_HS256_KEY), RFC_HS256_TOKEN},
        {"RS256, 2048 bits", JWKS(RFC_RS256_KEY), RFC_RS256_TOKEN},
        {"ES256", JWKS(RFC_ES256_KEY), RFC_ES256_TOKEN},
        {"EdDSA, Ed25519", JWKS(RFC_EDDSA_KEY), RFC_EDDSA_TOKEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct key_fault fault = {.text = ""};
        struct key_set *keys = key_set_create();
        if (!keys || key_set_add_jwks(keys, toni_str_of(rows[i].key), &fault)) {
            (void)fprintf(stderr, "no key: %s\n", fault.text);
            return 1;
        }
        (void)printf("%-16s %4zu bytes %6.1f us\n", rows[i].name, strlen(rows[i].token),
                     measure_us(keys, rows[i].token));
        key_set_unref(keys);
    }
    return 0;
}
