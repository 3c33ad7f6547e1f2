/* The codec beside the plain reader, and where it drops from each cut on, too: the input says where
 * a stream of frames is cut, then the stream. The first byte: whether permessage-deflate is agreed
 * on, and how many cuts there are; then two bytes for each of them. */
#include "fuzz_file.h"

#include "ws_model.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT = 1000, CUTS_MAX = 15 };

static int ascending(const void *a, const void *b)
{
    const size_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

static void require_same(const char *wrong)
{
    if (wrong)
        (void)fprintf(stderr, "%s\n", wrong);
    FUZZ_REQUIRE(!wrong);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer stream;
    struct ws_log expected;
    size_t cuts[CUTS_MAX];
    if (size == 0)
        return 0;
    bool inflates = data[0] & 1;
    size_t count = data[0] >> 4;
    if (size < 1 + 2 * count)
        return 0;
    const uint8_t *bytes = data + 1 + 2 * count;
    const size_t length = size - 1 - 2 * count;
    for (size_t i = 0; i < count; i++)
        cuts[i] = ((size_t)data[1 + 2 * i] << 8 | data[2 + 2 * i]) % (length + 1);
    qsort(cuts, count, sizeof cuts[0], ascending);
    buffer_init(&stream);
    ws_log_init(&expected);
    FUZZ_REQUIRE(!buffer_append(&stream, bytes, length));
    ws_model_read(&expected, &stream, inflates, LIMIT);
    require_same(ws_model_compare(&expected, &stream, inflates, LIMIT, cuts, count));
    for (size_t i = 0; i < count; i++)
        require_same(
            ws_model_compare_drop(&stream, inflates, LIMIT, cuts[i], cuts + i + 1, count - i - 1));
    if (length < 300)
        require_same(ws_model_compare_all(&expected, &stream, inflates, LIMIT));
    if (length < 60)
        require_same(ws_model_compare_drop_all(&stream, inflates, LIMIT));
    ws_log_finish(&expected);
    buffer_finish(&stream);
    return 0;
}
