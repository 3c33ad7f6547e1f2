/* A PROXY header in any bytes: however they come, the answer is the same; it lies within them; one
 * that is not whole is bounded. */
#include "fuzz_file.h"

#include "ws/proxy_header.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header whole, part;
    uint8_t *bytes = malloc(size > 0 ? size : 1); /* exactly, so that a byte more is found */
    FUZZ_REQUIRE(bytes);
    memcpy(bytes, data, size);
    const enum proxy_progress progress = proxy_header_read(&whole, bytes, size);
    FUZZ_REQUIRE(progress != PROXY_DONE || (whole.size > 0 && whole.size <= size));
    FUZZ_REQUIRE(progress != PROXY_MORE || size < PROXY_HEADER_MAX);
    FUZZ_REQUIRE(progress != PROXY_FAULT || whole.fault);
    enum proxy_progress before = PROXY_MORE;
    for (size_t i = 0; i <= size && i <= PROXY_HEADER_MAX && before == PROXY_MORE; i++)
        before = proxy_header_read(&part, bytes, i);
    FUZZ_REQUIRE(before == progress);
    if (progress == PROXY_DONE)
        FUZZ_REQUIRE(part.size == whole.size && part.client == whole.client &&
                     memcmp(&part.address, &whole.address, sizeof whole.address) == 0);
    free(bytes);
    return 0;
}
