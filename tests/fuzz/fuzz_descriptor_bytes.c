/* descriptor_read on any bytes: no descriptor, or one that is written as it was read. */
#include "fuzz_file.h"

#include "plugin/descriptor_bytes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    toni_plugin plugin, again;
    struct buffer bytes, twice;
    void *lists = descriptor_read((const char *)data, size, &plugin);

    if (!lists)
        return 0;
    buffer_init(&bytes);
    buffer_init(&twice);
    FUZZ_REQUIRE(descriptor_write(&plugin, &bytes) == 0);
    void *lists_again = descriptor_read(bytes.bytes, bytes.length, &again);
    FUZZ_REQUIRE(lists_again);
    FUZZ_REQUIRE(descriptor_write(&again, &twice) == 0);
    FUZZ_REQUIRE(bytes.length == twice.length &&
                 memcmp(bytes.bytes, twice.bytes, bytes.length) == 0);
    free(lists_again);
    free(lists);
    buffer_finish(&bytes);
    buffer_finish(&twice);
    return 0;
}
