/* X-Forwarded-For and Forwarded in any bytes, and CIDR: each line is a value of both. What a proxy
 * adds in a line of its own, or behind a list, decides whatever stands before. */
#include "fuzz_file.h"

#include "ws/forwarded.h"

#include <string.h>

static bool is_client(const struct forwarded *forwarded)
{
    static const uint8_t client[] = {203, 0, 113, 7};
    toni_ip address;
    return forwarded_end(forwarded, &address) && !address.is_ipv6 &&
           memcmp(address.bytes, client, sizeof client) == 0;
}

static void check_cidr(toni_str text)
{
    toni_cidr network;
    if (toni_cidr_read(text, &network) == TONI_OK)
        FUZZ_REQUIRE(toni_cidr_has(&network, &network.first));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    toni_cidr network;
    struct trusted_proxies trusted = {.networks = &network, .count = 1, .has_unix = true};
    struct forwarded list, elements;
    char *text = malloc(size + 1); /* of each line a copy would say more, but this is quick */
    int failed = 0;
    FUZZ_REQUIRE(text && toni_cidr_read(TONI_LIT("10.0.0.0/8"), &network) == TONI_OK);
    if (size > 0)
        memcpy(text, data, size);
    forwarded_begin(&list, &trusted);
    forwarded_begin(&elements, &trusted);
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - (text + at)) : size - at;
        const toni_str line = toni_str_make(text + at, length);
        check_cidr(line);
        forwarded_take_list(&list, line);
        failed |= forwarded_take_elements(&elements, line);
        at += length + 1;
    }
    forwarded_take_list(&list, TONI_LIT("203.0.113.7, 10.1.1.1"));
    FUZZ_REQUIRE(is_client(&list));
    FUZZ_REQUIRE(!forwarded_take_elements(&elements, TONI_LIT("for=203.0.113.7")));
    FUZZ_REQUIRE(failed || is_client(&elements));
    free(text);
    return 0;
}
