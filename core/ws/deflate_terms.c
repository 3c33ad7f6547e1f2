/* Offers of permessage-deflate; see deflate_terms.h. */
#include "ws/deflate_terms.h"

#include "ws/deflate.h"
#include "ws/field.h"

#include <stdio.h>
#include <string.h>

enum parameter {
    SERVER_NO_CONTEXT_TAKEOVER,
    CLIENT_NO_CONTEXT_TAKEOVER,
    SERVER_MAX_WINDOW_BITS,
    CLIENT_MAX_WINDOW_BITS,
    PARAMETERS,
};

enum value { VALUE_FORBIDDEN, VALUE_OPTIONAL, VALUE_NEEDED };

static const struct {
    const char *name;
    enum value value;
} parameters[PARAMETERS] = {
    [SERVER_NO_CONTEXT_TAKEOVER] = {"server_no_context_takeover", VALUE_FORBIDDEN},
    [CLIENT_NO_CONTEXT_TAKEOVER] = {"client_no_context_takeover", VALUE_FORBIDDEN},
    [SERVER_MAX_WINDOW_BITS] = {"server_max_window_bits", VALUE_NEEDED},
    [CLIENT_MAX_WINDOW_BITS] = {"client_max_window_bits", VALUE_OPTIONAL},
};

/* What follows a `=`. No value of a parameter here has more than two characters. */
struct word {
    size_t size; /* 0: there is none */
    char text[2];
};

static bool is_equal(toni_str text, const char *other)
{
    return toni_str_equal(text, toni_str_of(other));
}

/* --- The header's words (RFC 6455, section 9.1) */

static void skip(toni_str *rest, size_t size)
{
    *rest = toni_str_make(rest->data + size, rest->size - size);
}

static void skip_space(toni_str *rest)
{
    while (rest->size > 0 && (*rest->data == ' ' || *rest->data == '\t'))
        skip(rest, 1);
}

static bool is_at_token(toni_str rest)
{
    return rest.size > 0 && token_valid(toni_str_make(rest.data, 1));
}

/* @return Empty if there is none. */
static toni_str read_token(toni_str *rest)
{
    skip_space(rest);
    toni_str found = toni_str_make(rest->data, 0);
    for (; is_at_token(*rest); skip(rest, 1))
        found.size++;
    skip_space(rest);
    return found;
}

static bool read_mark(toni_str *rest, char mark)
{
    if (rest->size == 0 || *rest->data != mark)
        return false;
    skip(rest, 1);
    return true;
}

/* A token, within quotes or not; within, any of its characters may have a backslash before it.
 * @return Whether it is well-formed. */
static bool read_value(toni_str *rest, struct word *value)
{
    skip_space(rest);
    const bool is_quoted = read_mark(rest, '"');
    for (;; skip(rest, 1)) {
        const bool is_escaped = is_quoted && read_mark(rest, '\\');
        if (!is_at_token(*rest)) {
            if (is_escaped || (is_quoted && !read_mark(rest, '"')))
                return false;
            break;
        }
        if (value->size < sizeof value->text)
            value->text[value->size] = *rest->data;
        value->size++;
    }
    skip_space(rest);
    return value->size > 0;
}

/* --- One offer */

struct offer {
    bool is_acceptable;
    bool has[PARAMETERS];
    uint32_t server_window_bits;
};

/* Section 7.1.2: 8 to 15, without a leading zero. @return 0 if it isn't that. */
static uint32_t window_bits(struct word value)
{
    static const char *const numbers[] = {"8", "9", "10", "11", "12", "13", "14", "15"};
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (value.size == strlen(numbers[i]) && memcmp(value.text, numbers[i], value.size) == 0)
            return 8 + i;
    }
    return 0;
}

/* Section 7.1: one that is unknown, given twice, or has a value that it may not have: the offer has
 * to be declined. */
static void note_parameter(struct offer *offer, toni_str name, struct word value)
{
    unsigned i = 0;
    while (i < PARAMETERS && !is_equal(name, parameters[i].name))
        i++;
    if (i == PARAMETERS || offer->has[i] ||
        (value.size > 0 ? parameters[i].value == VALUE_FORBIDDEN || window_bits(value) == 0
                        : parameters[i].value == VALUE_NEEDED)) {
        offer->is_acceptable = false;
        return;
    }
    offer->has[i] = true;
    if (i == SERVER_MAX_WINDOW_BITS)
        offer->server_window_bits = window_bits(value);
}

/* @return Whether the header is well-formed up to the offer's end. */
static bool read_parameters(toni_str *rest, struct offer *offer)
{
    while (read_mark(rest, ';')) {
        struct word value = {0};
        const toni_str name = read_token(rest);
        if (name.size == 0 || (read_mark(rest, '=') && !read_value(rest, &value)))
            return false;
        note_parameter(offer, name, value);
    }
    return rest->size == 0 || *rest->data == ',';
}

bool deflate_terms_read(struct deflate_terms *terms, toni_str line)
{
    do {
        struct offer offer = {.is_acceptable = true};
        const toni_str name = read_token(&line);
        const bool has_parameters = line.size > 0 && *line.data == ';';
        if (!read_parameters(&line, &offer) || (name.size == 0 && has_parameters))
            return false;
        if (!is_equal(name, DEFLATE_EXTENSION))
            continue;
        if (offer.is_acceptable && !terms->agreed) {
            terms->agreed = true;
            terms->server_window_bits = offer.server_window_bits;
        }
    } while (read_mark(&line, ','));
    return true;
}

bool deflate_terms_allow_sending(const struct deflate_terms *terms)
{
    return terms->agreed &&
           (terms->server_window_bits == 0 || terms->server_window_bits == DEFLATE_WINDOW_BITS);
}

size_t deflate_terms_write(const struct deflate_terms *terms, char *text)
{
    int length =
        snprintf(text, DEFLATE_TERMS_SIZE, "; %s; %s", parameters[SERVER_NO_CONTEXT_TAKEOVER].name,
                 parameters[CLIENT_NO_CONTEXT_TAKEOVER].name);
    if (terms->server_window_bits != 0)
        length += snprintf(text + length, DEFLATE_TERMS_SIZE - (size_t)length, "; %s=%u",
                           parameters[SERVER_MAX_WINDOW_BITS].name, terms->server_window_bits);
    return (size_t)length;
}
