/* Pieces of header fields and targets; see field.h. */
#include "ws/field.h"

#include <string.h>
#include <strings.h>

/* Without <ctype.h>: what is legal must not depend on the locale. */
static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool token_valid(toni_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (!is_letter_or_digit(c) && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return text.size > 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

toni_str field_trim(toni_str text)
{
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_space(text.data[0]))
        text = toni_str_make(text.data + 1, text.size - 1);
    return text;
}

bool field_equal(toni_str text, const char *other)
{
    return text.size == strlen(other) &&
           (text.size == 0 || strncasecmp(text.data, other, text.size) == 0);
}

bool field_value_valid(toni_str value)
{
    if (!value.data || value.size == 0 || value.data[0] == ' ' || value.data[value.size - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.size; i++) {
        const unsigned char byte = (unsigned char)value.data[i];
        if (byte < ' ' || byte == 0x7f)
            return false;
    }
    return true;
}

bool field_is_managed(toni_str name)
{
    static const char *const names[] = {"Connection", "Content-Length",    "Content-Type", "Date",
                                        "Trailer",    "Transfer-Encoding", "Upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (field_equal(name, names[i]))
            return true;
    }
    return false;
}

/* Takes off what stands before the next @p separator, or all. */
static toni_str take_until(toni_str *rest, char separator)
{
    toni_str taken = *rest;
    if (!toni_str_split_once(*rest, separator, &taken, rest))
        *rest = toni_str_make("", 0);
    return taken;
}

bool list_next(toni_str *list, toni_str *element)
{
    while (list->size > 0) {
        *element = field_trim(take_until(list, ','));
        if (element->size > 0)
            return true;
    }
    return false;
}

bool query_next(toni_str *query, toni_str *parameter)
{
    while (query->size > 0) {
        *parameter = take_until(query, '&');
        if (parameter->size > 0)
            return true;
    }
    return false;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* @return What the `%` at @p at stands for; -1 if two hexadecimal digits don't follow. */
static int encoded_at(toni_str text, size_t at)
{
    if (text.size - at < 3)
        return -1;
    const int high = digit_value(text.data[at + 1]), low = digit_value(text.data[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

size_t percent_decode(toni_str text, bool is_query, char *to)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        const int value = text.data[i] == '%' ? encoded_at(text, i) : -1;
        char byte = text.data[i];
        if (value >= 0) {
            byte = (char)value;
            i += 2;
        } else if (byte == '+' && is_query) {
            byte = ' ';
        }
        to[size++] = byte;
    }
    return size;
}

bool percent_valid(toni_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '%' && encoded_at(text, i) < 0)
            return false;
    }
    return true;
}
