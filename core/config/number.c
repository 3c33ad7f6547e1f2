/* See number.h. */
#include "config/number.h"

#include <inttypes.h>
#include <stdint.h>

#define NARROW_MAX 2147483647u

/* Digits from `length` on. @return Where they end; `value` stops at the largest number. */
static size_t take_digits(const struct source *source, size_t length, bool is_hex, uint64_t *value)
{
    const uint64_t base = is_hex ? 16 : 10;

    for (; number_is_digit(source_at(source, length), is_hex); length++) {
        const char c = source_at(source, length);
        const uint64_t digit = c <= '9' ? (uint64_t)(c - '0') : (uint64_t)((c | 0x20) - 'a' + 10);
        *value = *value > (UINT64_MAX - digit) / base ? UINT64_MAX : *value * base + digit;
    }
    return length;
}

static void check_number(const struct source *source, size_t length, uint64_t value, bool is_wide,
                         bool *lacks_l, struct fault_list *faults)
{
    const bool is_negative = source_at(source, 0) == '-';
    const uint64_t most = (is_wide ? (uint64_t)INT64_MAX : NARROW_MAX) + (is_negative ? 1 : 0);
    const int shown = length > 64 ? 64 : (int)length;

    if (value <= most)
        return;
    if (is_wide || value > (uint64_t)INT64_MAX + (is_negative ? 1 : 0)) {
        fault_add(faults, source->file, source->line,
                  "the number %.*s is out of range, expected %" PRId64 " to %" PRId64, shown,
                  source->bytes + source->at, INT64_MIN, INT64_MAX);
    } else {
        fault_add(faults, source->file, source->line,
                  "the number %.*s does not fit into 32 bits; write numbers below -2147483648 and "
                  "above 2147483647 with an L at their end: %.*sL",
                  shown, source->bytes + source->at, shown, source->bytes + source->at);
    }
    *lacks_l = !is_wide;
}

/* Fractions and exponents may have any value. @return Where they end. */
static size_t skip_fraction(const struct source *source, size_t length)
{
    uint64_t any = 0;

    if (source_at(source, length) == '.')
        length = take_digits(source, length + 1, false, &any);
    if ((source_at(source, length) | 0x20) != 'e')
        return length;
    const bool has_sign =
        source_at(source, length + 1) == '-' || source_at(source, length + 1) == '+';
    return take_digits(source, length + (has_sign ? 2 : 1), false, &any);
}

size_t number_take(const struct source *source, bool *lacks_l, struct fault_list *faults)
{
    const size_t sign = source_at(source, 0) == '-' || source_at(source, 0) == '+' ? 1 : 0;
    const bool is_hex = source_at(source, 0) == '0' && (source_at(source, 1) | 0x20) == 'x' &&
                        number_is_digit(source_at(source, 2), true);
    uint64_t value = 0;
    const size_t first = is_hex ? 2 : sign;
    const size_t digits = take_digits(source, first, is_hex, &value);
    size_t length = digits;

    *lacks_l = false;
    if (!is_hex && (source_at(source, length) == '.' || (source_at(source, length) | 0x20) == 'e'))
        return skip_fraction(source, length);
    while (source_at(source, length) == 'L' && length < digits + 2)
        length++;
    if (digits > first)
        check_number(source, digits, value, length > digits, lacks_l, faults);
    return length > 0 ? length : 1;
}
