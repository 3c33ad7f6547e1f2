/* Any bytes as the payload of a message that says it has an envelope: what is read is within its
 * bounds and within the bytes, and has no other form. */
#include "fuzz_file.h"

#include "cluster/envelope.h"

#include <string.h>

static void check_names(const struct envelope_name *names, uint32_t count, const uint8_t *bytes,
                        size_t size)
{
    FUZZ_REQUIRE(count <= ENVELOPE_NAMES_MOST);
    for (uint32_t i = 0; i < count; i++) {
        const size_t at = (size_t)((const uint8_t *)names[i].bytes - bytes);
        FUZZ_REQUIRE(names[i].size >= 1 && names[i].size <= ENVELOPE_NAME_SIZE_MOST);
        FUZZ_REQUIRE(at <= size && names[i].size <= size - at);
    }
}

static void check(const struct envelope *envelope, const uint8_t *bytes, size_t size)
{
    check_names(envelope->rooms, envelope->room_count, bytes, size);
    check_names(envelope->gateways, envelope->gateway_count, bytes, size);
    FUZZ_REQUIRE(envelope->client_count <= ENVELOPE_IDS_MOST);
    FUZZ_REQUIRE(envelope->except_count <= ENVELOPE_IDS_MOST);
    FUZZ_REQUIRE(!envelope->is_all ||
                 envelope->room_count + envelope->gateway_count + envelope->client_count == 0);
    FUZZ_REQUIRE(envelope_size(envelope) == size);
    uint8_t *written = malloc(size);
    FUZZ_REQUIRE(written);
    envelope_write(envelope, written);
    FUZZ_REQUIRE(memcmp(written, bytes, size) == 0);
    free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envelope *envelope;
    size_t size_read;
    if (envelope_read(data, size, &envelope, &size_read) != CLUSTER_DONE)
        return 0;
    FUZZ_REQUIRE(size_read <= size);
    check(envelope, data, size_read);
    free(envelope);
    return 0;
}
