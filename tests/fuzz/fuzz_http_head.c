/* What toni itself reads of an HTTP head, in any bytes: the first line is the request target, each
 * further one a header field, up to its colon the name. */
#include "fuzz_file.h"

#include "http/framing.h"
#include "http/path.h"

#include <string.h>
#include <strings.h>

static void check_target(const char *target)
{
    const size_t size = strlen(target);
    char *path = malloc(size + 1); /* exactly, so that a byte more is found */
    toni_str rest = {"?", 1};

    FUZZ_REQUIRE(path != NULL);
    if (size > HTTP_TARGET_BYTES)
        FUZZ_REQUIRE(http_target_problem(target) != NULL);
    (void)http_target_problem(target);
    const ssize_t length = http_path_decode(target, path);
    FUZZ_REQUIRE(length == -1 || (length >= 1 && (size_t)length <= size + 1 && path[0] == '/'));
    if (length > 0) {
        const toni_str whole = toni_str_make(path, (size_t)length);
        FUZZ_REQUIRE(http_path_below(whole, whole, &rest));
        FUZZ_REQUIRE(rest.size <= 1); /* a slash at its end */
        FUZZ_REQUIRE(http_path_below(whole, toni_str_of("/"), &rest));
    }
    free(path);
}

static bool begins(toni_str name, const char *with)
{
    return name.size >= strlen(with) && strncasecmp(name.data, with, strlen(with)) == 0;
}

/* @return Whether the field is about where the body ends. */
static bool take_line(struct http_framing *framing, char *line)
{
    char *colon = strchr(line, ':');
    const toni_str name = toni_str_make(line, colon ? (size_t)(colon - line) : strlen(line));

    http_framing_take(framing, name, toni_str_of(colon ? colon + 1 : ""));
    return begins(name, "Content-Length") || begins(name, "Transfer-Encoding");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_framing framing = {0};
    unsigned lengths = 0;
    uint32_t status;
    char *text = malloc(size + 1), *rest = text;

    FUZZ_REQUIRE(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_target(strsep(&rest, "\n"));
    while (rest)
        lengths += take_line(&framing, strsep(&rest, "\n"));
    for (unsigned is_old = 0; is_old < 2; is_old++) {
        const char *problem = http_framing_judge(&framing, is_old, &status);
        FUZZ_REQUIRE(!problem || status == 400 || status == 501);
        FUZZ_REQUIRE(problem || lengths <= 1); /* else where the body ends is a matter of opinion */
    }
    free(text);
    return 0;
}
