/* Offers of permessage-deflate; see deflate_terms.h. */
#include "ws/deflate_terms.h"

#include "ws/deflate.h"

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

static bool is_equal(toni_str text, const char *other)
{
    return toni_str_equal(text, toni_str_of(other));
}

/* --- The header's words (RFC 6455, section 9.1) */

static void skip_space(const char **at)
{
    *at += strspn(*at, " \t");
}

/* @return Empty if there is none. */
static toni_str read_token(const char **at)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";
    skip_space(at);
    toni_str found = toni_str_make(*at, strspn(*at, token));
    *at += found.size;
    skip_space(at);
    return found;
}

static bool read_mark(const char **at, char mark)
{
    if (**at != mark)
        return false;
    ++*at;
    return true;
}

/* What follows a `=`; within quotes is a token, too. @return Empty if it is malformed. */
static toni_str read_value(const char **at)
{
    skip_space(at);
    bool is_quoted = read_mark(at, '"');
    toni_str value = read_token(at);
    if (is_quoted && !read_mark(at, '"'))
        return toni_str_make("", 0);
    skip_space(at);
    return value;
}

/* --- One offer */

struct offer {
    bool is_acceptable;
    bool has[PARAMETERS];
    uint32_t server_window_bits;
};

/* Section 7.1.2: 8 to 15, without a leading zero. @return 0 if it isn't that. */
static uint32_t window_bits(toni_str value)
{
    static const char *const numbers[] = {"8", "9", "10", "11", "12", "13", "14", "15"};
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (is_equal(value, numbers[i]))
            return 8 + i;
    }
    return 0;
}

/* Section 7.1: one that is unknown, given twice, or has a value that it may not have: the offer has
 * to be declined. */
static void note_parameter(struct offer *offer, toni_str name, bool has_value, toni_str value)
{
    unsigned i = 0;
    while (i < PARAMETERS && !is_equal(name, parameters[i].name))
        i++;
    if (i == PARAMETERS || offer->has[i] ||
        (has_value ? parameters[i].value == VALUE_FORBIDDEN || window_bits(value) == 0
                   : parameters[i].value == VALUE_NEEDED)) {
        offer->is_acceptable = false;
        return;
    }
    offer->has[i] = true;
    if (i == SERVER_MAX_WINDOW_BITS)
        offer->server_window_bits = window_bits(value);
}

/* @return Whether the header is well-formed up to the offer's end. */
static bool read_parameters(const char **at, struct offer *offer)
{
    while (read_mark(at, ';')) {
        toni_str name = read_token(at), value = toni_str_make("", 0);
        bool has_value = read_mark(at, '=');
        if (has_value)
            value = read_value(at);
        if (name.size == 0 || (has_value && value.size == 0))
            return false;
        note_parameter(offer, name, has_value, value);
    }
    return **at == ',' || **at == '\0';
}

struct deflate_terms deflate_terms_read(const char *header)
{
    struct deflate_terms terms = {.agreed = false};
    const char *at = header;
    do {
        struct offer offer = {.is_acceptable = true};
        toni_str name = read_token(&at);
        if (!read_parameters(&at, &offer)) /* malformed: then nothing is agreed on */
            return (struct deflate_terms){.agreed = false};
        if (!is_equal(name, DEFLATE_EXTENSION))
            continue;
        terms.offers++;
        if (offer.is_acceptable && !terms.agreed) {
            terms.agreed = true;
            terms.server_window_bits = offer.server_window_bits;
        }
    } while (read_mark(&at, ','));
    return terms;
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
