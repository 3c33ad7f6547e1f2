/* Key sets in any bytes, and PEM: what is read is in bounds, and says why if it is refused. */
#include "fuzz_file.h"

#include "keys.h"

#include <string.h>

static void check(int (*add)(struct key_set *set, toni_str text, struct key_fault *fault),
                  toni_str text)
{
    struct key_fault fault = {.text = ""};
    struct key_set *set = key_set_create();
    FUZZ_REQUIRE(set != NULL);
    const int result = add(set, text, &fault);
    FUZZ_REQUIRE(result == 0 ? set->count > 0 : fault.text[0] != '\0');
    FUZZ_REQUIRE(set->count <= KEYS_MAX);
    for (size_t i = 0; result == 0 && i < set->count; i++) {
        const struct key *key = &set->keys[i];
        FUZZ_REQUIRE((key->algorithm == KEY_HS256) == (key->mac != NULL));
        FUZZ_REQUIRE((key->algorithm == KEY_HS256) == (key->verifier == NULL));
    }
    key_set_unref(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size > 0 ? size : 1); /* a copy, so that a byte behind it is found */
    FUZZ_REQUIRE(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size);
    check(key_set_add_jwks, toni_str_make(bytes, size));
    check(key_set_add_pem, toni_str_make(bytes, size));
    free(bytes);
    return 0;
}
