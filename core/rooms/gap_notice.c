/* See gap_notice.h. */
#include "rooms/gap_notice.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Templates */

#define ROOM_NAME_SIZE 255
#define COUNT_DIGITS 10

static_assert(GAP_TEMPLATE_MAX + ROOM_NAME_SIZE + COUNT_DIGITS <= GAP_TEXT_MAX,
              "a notice has room for the names, each of which a template may have once");

enum piece_kind { PIECE_LITERAL, PIECE_COUNT, PIECE_ROOM, PIECE_FAULT };

struct piece {
    enum piece_kind kind;
    toni_str text; /* of a literal */
};

static toni_str skip(toni_str text, size_t bytes)
{
    return toni_str_make(text.data + bytes, text.size - bytes);
}

static bool take(toni_str *text, const char *beginning)
{
    const size_t size = strlen(beginning);
    if (text->size < size || memcmp(text->data, beginning, size) != 0)
        return false;
    *text = skip(*text, size);
    return true;
}

static size_t count_plain(toni_str text)
{
    size_t size = 0;
    while (size < text.size && text.data[size] != '{' && text.data[size] != '}')
        size++;
    return size;
}

/* Takes the next piece of what is left of a template, which is something. */
static struct piece next_piece(toni_str *left)
{
    if (take(left, "{count}"))
        return (struct piece){.kind = PIECE_COUNT};
    if (take(left, "{room}"))
        return (struct piece){.kind = PIECE_ROOM};
    toni_str text = toni_str_make(left->data, count_plain(*left));
    if (text.size == 0) { /* a brace that is doubled stands for itself */
        if (!take(left, "{{") && !take(left, "}}"))
            return (struct piece){.kind = PIECE_FAULT};
        text.size = 1;
        return (struct piece){.kind = PIECE_LITERAL, .text = text};
    }
    *left = skip(*left, text.size);
    return (struct piece){.kind = PIECE_LITERAL, .text = text};
}

const char *gap_template_fault(toni_str text)
{
    unsigned found[PIECE_FAULT + 1] = {0};
    if (text.size == 0)
        return "is empty";
    if (text.size > GAP_TEMPLATE_MAX)
        return "is longer than 512 bytes";
    if (!utf8_valid(text.data, text.size))
        return "is not UTF-8";
    while (text.size > 0) {
        const enum piece_kind kind = next_piece(&text).kind;
        if (kind == PIECE_FAULT)
            return "has a brace that belongs to neither `{count}` nor `{room}`";
        if (++found[kind] > 1 && kind != PIECE_LITERAL)
            return "has `{count}` or `{room}` twice";
    }
    return NULL;
}

static size_t append(char *text, size_t size, toni_str piece)
{
    memcpy(text + size, piece.data, piece.size);
    return size + piece.size;
}

size_t gap_template_write(const struct gap_notice *notice, toni_str room, uint32_t count,
                          char *text)
{
    char digits[COUNT_DIGITS + 1] = "?";
    size_t size = 0;
    if (count != GAP_COUNT_UNKNOWN)
        (void)snprintf(digits, sizeof digits, "%" PRIu32, count);
    for (toni_str left = notice->text; left.size > 0;) {
        const struct piece piece = next_piece(&left);
        if (piece.kind == PIECE_COUNT)
            size = append(text, size, toni_str_of(digits));
        else if (piece.kind == PIECE_ROOM)
            size = append(text, size, room.size > 0 ? room : toni_str_of("*"));
        else if (piece.kind == PIECE_LITERAL)
            size = append(text, size, piece.text);
    }
    return size;
}

/* --- Notices */

struct gap_notice *gap_notice_create(toni_str text, gap_notice_write *write)
{
    struct gap_notice *notice = malloc(sizeof *notice + text.size);
    if (!notice)
        return NULL;
    char *copy = (char *)(notice + 1);
    memcpy(copy, text.data, text.size);
    *notice = (struct gap_notice){.write = write, .text = toni_str_make(copy, text.size)};
    atomic_init(&notice->refs, 1);
    return notice;
}

struct gap_notice *gap_notice_ref(struct gap_notice *notice)
{
    if (notice)
        atomic_fetch_add_explicit(&notice->refs, 1, memory_order_relaxed);
    return notice;
}

void gap_notice_unref(struct gap_notice *notice)
{
    if (notice && atomic_fetch_sub_explicit(&notice->refs, 1, memory_order_acq_rel) == 1)
        free(notice);
}

bool gap_notice_equal(const struct gap_notice *a, const struct gap_notice *b)
{
    if (a == b || !a || !b)
        return a == b;
    return a->write == b->write && toni_str_equal(a->text, b->text);
}
