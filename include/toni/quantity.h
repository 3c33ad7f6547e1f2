/** @file
 * Times and sizes as people write them, such as `30s` and `64KiB`: a whole number and its unit,
 * nothing between them.
 */
#ifndef TONI_QUANTITY_H
#define TONI_QUANTITY_H

#include <toni/error.h>
#include <toni/str.h>

/** A unit, and how many of the smallest it is. Internal to the functions below. */
typedef struct toni_unit {
    const char *name;
    int64_t worth;
} toni_unit;

/** For the functions below alone. @return TONI_OK or TONI_ERR_INVALID. */
static inline int32_t toni_quantity_parse(toni_str text, const toni_unit *units, size_t count,
                                          int64_t *value)
{
    size_t digits = 0;
    int64_t number = 0;
    while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9') {
        const int digit = text.data[digits] - '0';
        if (number > (INT64_MAX - digit) / 10)
            return TONI_ERR_INVALID;
        number = 10 * number + digit;
        digits++;
    }
    if (digits == 0)
        return TONI_ERR_INVALID;
    const toni_str unit = toni_str_make(text.data + digits, text.size - digits);
    for (size_t i = 0; i < count; i++) {
        if (!toni_str_equal(unit, toni_str_of(units[i].name)))
            continue;
        if (number > INT64_MAX / units[i].worth)
            return TONI_ERR_INVALID;
        *value = number * units[i].worth;
        return TONI_OK;
    }
    return TONI_ERR_INVALID;
}

/** Reads a duration: `250ms`, `30s`, `5min`, `2h` or `7d`.
 * @param text  Borrowed for the call.
 * @param ms    Set to milliseconds; left alone on an error.
 * @return TONI_OK; TONI_ERR_INVALID: it is none, or does not fit.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_duration_parse(toni_str text, int64_t *ms)
{
    static const toni_unit units[] = {
        {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    return toni_quantity_parse(text, units, sizeof units / sizeof units[0], ms);
}

/** Reads a size: `512B`, `64KiB`, `16MiB` or `2GiB`, by 1,024.
 * @param text   Borrowed for the call.
 * @param bytes  Set to bytes; left alone on an error.
 * @return TONI_OK; TONI_ERR_INVALID: it is none, or does not fit.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_size_parse(toni_str text, int64_t *bytes)
{
    static const toni_unit units[] = {
        {"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
    return toni_quantity_parse(text, units, sizeof units / sizeof units[0], bytes);
}

#endif
