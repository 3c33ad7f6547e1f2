/* The rules for names, and the edit distance that finds a near one. */
#include "config/name.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>
#include <toni/plugin.h>

/* Without <ctype.h>: what is legal must not depend on the locale. */
static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool consists_of(toni_str str, const char *others)
{
    for (size_t i = 0; i < str.size; i++) {
        const char c = str.data[i];

        if (!is_letter_or_digit(c) && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return str.size > 0;
}

bool name_valid(toni_str name)
{
    return consists_of(name, "_-.");
}

bool interface_name_valid(toni_str name)
{
    return consists_of(name, "_") && name.data[0] != '_' &&
           !(name.data[0] >= '0' && name.data[0] <= '9');
}

const char *path_problem(toni_str path)
{
    if (path.size == 0)
        return "is empty";
    if (path.data[0] != '/')
        return "does not begin with `/`";
    if (!utf8_valid(path.data, path.size))
        return "is not UTF-8";
    if (utf8_has_control(path.data, path.size))
        return "holds a control character";
    if (memchr(path.data, '?', path.size) || memchr(path.data, '#', path.size))
        return "holds a `?` or `#`, which end a path";
    return NULL;
}

static toni_str without_end_slash(toni_str path)
{
    while (path.size > 0 && path.data[path.size - 1] == '/')
        path.size--;
    return path;
}

bool paths_overlap(toni_str a, toni_str b)
{
    a = without_end_slash(a);
    b = without_end_slash(b);
    const toni_str upper = a.size <= b.size ? a : b;
    const toni_str lower = a.size <= b.size ? b : a;

    if (upper.size > 0 && memcmp(upper.data, lower.data, upper.size) != 0)
        return false;
    return lower.size == upper.size || lower.data[upper.size] == '/';
}

#define LONGEST_NAME 64 /* that is compared; no key of ours is nearly as long */

static size_t smallest(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Levenshtein's, one row at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    const size_t width = strlen(b);
    size_t row[LONGEST_NAME + 1];

    if (width > LONGEST_NAME || strlen(a) > LONGEST_NAME)
        return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;

    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = smallest(row[j] + 1, row[j - 1] + 1, replaced);
        }
    }
    return row[width];
}

const char *name_nearest(const char *name, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(name) / 3 + 1; /* more slips than that make another word */

    for (size_t i = 0; i < count; i++) {
        const size_t distance = edit_distance(name, candidates[i]);

        if (distance <= least && (!nearest || distance < least)) {
            nearest = candidates[i];
            least = distance;
        }
    }
    return nearest;
}

const char *kind_name(uint32_t kind)
{
    return (kind & TONI_GATEWAY) != 0 ? "gateway" : "service";
}

const char *kinds_name(uint32_t kinds)
{
    return kinds == (TONI_GATEWAY | TONI_SERVICE) ? "gateway and service" : kind_name(kinds);
}

bool kinds_declared_alike(uint32_t a, uint32_t b)
{
    return (a & TONI_GATEWAY) == (b & TONI_GATEWAY);
}
