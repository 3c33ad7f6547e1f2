/* Host and Origin in any bytes: the first line is the one, the second the other. */
#include "fuzz_file.h"

#include "ws/web_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static void require_inside(toni_str part, toni_str whole)
{
    FUZZ_REQUIRE(part.size > 0 && part.data >= whole.data &&
                 part.data + part.size <= whole.data + whole.size);
}

/* A host is the same as itself, and has no byte that would make it two. */
static void check_name(toni_str host)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000001)}};

    FUZZ_REQUIRE(web_name_equal(host, host));
    for (size_t i = 0; i < host.size; i++)
        FUZZ_REQUIRE(!strchr(" \t\r\n,/@?#[]%\\", host.data[i]) && host.data[i] != '\0');
    FUZZ_REQUIRE(!web_name_is_loopback(host) ||
                 !web_name_is_address(host, (const struct sockaddr *)&ipv4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy, so that a byte before or behind it is found. */
    char *bytes = malloc(size + 1);
    FUZZ_REQUIRE(bytes != NULL);
    memcpy(bytes, data, size);
    char *line = memchr(bytes, '\n', size);
    const size_t first = line ? (size_t)(line - bytes) : size;
    const toni_str host_text = toni_str_make(bytes, first);
    const toni_str origin_text =
        line ? toni_str_make(line + 1, size - first - 1) : toni_str_make("", 0);
    toni_str host, origin;
    const bool has_host = web_name_of_host(host_text, &host);
    const bool has_origin = web_name_of_origin(origin_text, &origin);

    if (has_host) {
        require_inside(host, host_text);
        check_name(host);
    }
    if (has_origin) {
        require_inside(origin, origin_text);
        check_name(origin);
    }
    if (has_host && has_origin)
        FUZZ_REQUIRE(web_name_equal(host, origin) == web_name_equal(origin, host));
    free(bytes);
    return 0;
}
