/* A request's head in any bytes, and the handshake that it may be: however the bytes are cut, the
 * answer is the same; what is read lies within them; what is answered fits. The input's first two
 * bytes say where it is cut. */
#include "fuzz_file.h"

#include "ws/field.h"
#include "ws/handshake.h"

#include <stdbool.h>
#include <string.h>

/* Reads pieces that end at @p cuts; each from a copy that ends there, so that a byte more is found.
 * @param copy  Set to the last one, to be freed. */
static enum head_progress read_pieces(struct head *head, toni_str bytes, const size_t *cuts,
                                      size_t count, char **copy)
{
    enum head_progress progress = HEAD_MORE;
    *copy = NULL;
    head_init(head);
    for (size_t i = 0; i <= count && progress == HEAD_MORE; i++) {
        const size_t size = i < count ? cuts[i] : bytes.size;
        free(*copy);
        *copy = malloc(size > 0 ? size : 1);
        FUZZ_REQUIRE(*copy);
        if (size > 0)
            memcpy(*copy, bytes.data, size);
        progress = head_read(head, *copy, size);
    }
    return progress;
}

static void check_same(const struct head *whole, enum head_progress expected, toni_str bytes,
                       const size_t *cuts, size_t count)
{
    static struct head head;
    char *copy;
    FUZZ_REQUIRE(read_pieces(&head, bytes, cuts, count, &copy) == expected);
    head.bytes = whole->bytes;
    FUZZ_REQUIRE(memcmp(&head, whole, offsetof(struct head, fields)) == 0);
    FUZZ_REQUIRE(memcmp(head.fields, whole->fields, whole->field_count * sizeof whole->fields[0]) ==
                 0);
    free(copy);
}

static void check_single_bytes(const struct head *whole, enum head_progress expected,
                               toni_str bytes)
{
    static struct head head;
    enum head_progress progress = HEAD_MORE;
    head_init(&head);
    for (size_t size = 0; size <= bytes.size && progress == HEAD_MORE; size++)
        progress = head_read(&head, bytes.data, size);
    head.bytes = whole->bytes;
    FUZZ_REQUIRE(progress == expected && memcmp(&head, whole, offsetof(struct head, fields)) == 0);
}

static void check_within(const struct head *head, toni_str text)
{
    FUZZ_REQUIRE(text.size == 0 ||
                 (text.data >= head->bytes && text.data + text.size <= head->bytes + head->size));
}

static void check_target(const struct head *head)
{
    static char decoded[HEAD_SIZE_MAX];
    toni_str query = head_query(head), parameter;
    unsigned count = 0;
    const size_t size = percent_decode(head_path(head), false, decoded);
    FUZZ_REQUIRE(size > 0 && decoded[0] == '/' && !memchr(decoded, '\0', size));
    while (query_next(&query, &parameter)) {
        FUZZ_REQUIRE(percent_decode(parameter, true, decoded) <= parameter.size);
        count++;
    }
    FUZZ_REQUIRE(count <= HEAD_PARAMETERS_MAX);
}

static void check_fields(const struct head *head)
{
    static char joined[HEAD_SIZE_MAX];
    check_within(head, head_method(head));
    check_within(head, head_query(head));
    check_within(head, head_host(head));
    for (unsigned i = 0; i < head->field_count; i++) {
        const struct head_span name = head->fields[i].name;
        const toni_str text = toni_str_make(head->bytes + name.at, name.size);
        toni_str value;
        unsigned index = i;
        check_within(head, text);
        FUZZ_REQUIRE(head_next_field(head, text, &index, &value) && index == i + 1);
        check_within(head, value);
        FUZZ_REQUIRE(head_join(head, text, joined) <= HEAD_SIZE_MAX);
    }
}

static void check_answer(const struct head *head, bool is_whole)
{
    static const toni_str one = TONI_LIT_INIT("one"), two = TONI_LIT_INIT("two");
    static const toni_str *const known[] = {&one, &two, NULL};
    static char answer[HANDSHAKE_ANSWER_SIZE];
    struct deflate_terms terms;
    const char *why = head->fault;
    const enum refusal refusal =
        is_whole ? handshake_check(head, &terms, &why) : handshake_fault(head);
    const size_t size = refusal == REFUSAL_NONE
                            ? handshake_accept(answer, head, handshake_choose(head, known), &terms)
                            : handshake_refuse(answer, refusal, why, false, 0);
    FUZZ_REQUIRE(size > 0 && size < sizeof answer && memmem(answer, size, "\r\n\r\n", 4));
    FUZZ_REQUIRE(is_whole || refusal_status(refusal) == head->status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct head head;
    char *copy;
    if (size < 2)
        return 0;
    const toni_str bytes = toni_str_make((const char *)data + 2, size - 2);
    size_t cuts[] = {data[0] * bytes.size / 256, data[1] * bytes.size / 256};
    if (cuts[0] > cuts[1])
        cuts[1] = cuts[0];
    const enum head_progress progress = read_pieces(&head, bytes, NULL, 0, &copy);
    check_same(&head, progress, bytes, cuts, 1);
    check_same(&head, progress, bytes, cuts, 2);
    check_single_bytes(&head, progress, bytes);
    if (progress == HEAD_DONE) {
        FUZZ_REQUIRE(head.size <= bytes.size);
        check_target(&head);
        check_fields(&head);
    }
    if (progress != HEAD_MORE)
        check_answer(&head, progress == HEAD_DONE);
    free(copy);
    return 0;
}
