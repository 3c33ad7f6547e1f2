/* Filling in templates; see template.h. */
#include "new/template.h"

#include <string.h>

#define ONLY "@only"
#define ALL "@all"

/* A piece of a text. */
struct span {
    const char *at;
    size_t length;
};

static bool span_is(struct span span, const char *text)
{
    return strlen(text) == span.length && memcmp(span.at, text, span.length) == 0;
}

/* @return The word at the beginning, which ends with a space; *rest: what follows. */
static struct span take_word(struct span text, struct span *rest)
{
    size_t start = 0;
    while (start < text.length && text.at[start] == ' ')
        start++;
    size_t end = start;
    while (end < text.length && text.at[end] != ' ')
        end++;
    *rest = (struct span){text.at + end, text.length - end};
    return (struct span){text.at + start, end - start};
}

int template_holds(const char *facts, size_t length, const struct template_terms *terms)
{
    int holds = 1;
    struct span rest = {facts, length};
    for (struct span word = take_word(rest, &rest); word.length > 0;
         word = take_word(rest, &rest)) {
        const struct template_fact *fact = terms->facts;
        while (fact->name && !span_is(word, fact->name))
            fact++;
        if (!fact->name)
            return -1;
        holds &= fact->holds;
    }
    return holds;
}

static bool may_be_in_a_name(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

/* @return The length of the placeholder that a text begins with, both `@` included; 0: with none.
 */
static size_t placeholder_length(struct span text)
{
    size_t end = 1;
    while (end < text.length && may_be_in_a_name(text.at[end]))
        end++;
    return text.length > 0 && text.at[0] == '@' && end > 1 && end < text.length &&
                   text.at[end] == '@'
               ? end + 1
               : 0;
}

/* @return 0; 1: an unknown value; -1 on no memory. */
static int append_value(struct span placeholder, const struct template_terms *terms,
                        struct buffer *out)
{
    const struct span name = {placeholder.at + 1, placeholder.length - 2};
    const struct template_value *value = terms->values;
    while (value->name && !span_is(name, value->name))
        value++;
    return value->name ? buffer_append(out, value->text, strlen(value->text)) : 1;
}

/* @return As append_value. */
static int append_line(struct span line, const struct template_terms *terms, struct buffer *out)
{
    int result = 0;
    for (size_t i = 0; i < line.length && result == 0;) {
        const struct span rest = {line.at + i, line.length - i};
        const size_t length = placeholder_length(rest);
        if (length > 0)
            result = append_value((struct span){rest.at, length}, terms, out);
        else
            result = buffer_append(out, rest.at, 1);
        i += length > 0 ? length : 1;
    }
    return result;
}

/* @param shows  Set to whether the lines that follow are for this project.
 * @return 1 if the line is a directive, 0 if it is none; -1: of an unknown fact. */
static int read_directive(struct span line, const struct template_terms *terms, bool *shows)
{
    struct span rest;
    struct span word = take_word(line, &rest);
    if (span_is(word, "#") || span_is(word, "//"))
        word = take_word(rest, &rest);
    if (span_is(word, ALL) && take_word(rest, &rest).length == 0) {
        *shows = true;
        return 1;
    }
    if (!span_is(word, ONLY))
        return 0;
    const int holds = template_holds(rest.at, rest.length, terms);
    *shows = holds > 0;
    return holds < 0 ? -1 : 1;
}

int template_fill(const char *text, size_t length, const struct template_terms *terms,
                  struct buffer *out)
{
    bool shows = true;
    int number = 1;
    for (size_t i = 0; i < length; number++) {
        const char *end = memchr(text + i, '\n', length - i);
        const struct span line = {text + i, end ? (size_t)(end - text) - i : length - i};
        i += line.length + (end ? 1 : 0);
        const int directive = read_directive(line, terms, &shows);
        if (directive < 0)
            return number;
        if (directive > 0 || !shows)
            continue;
        const int result = append_line(line, terms, out);
        if (result != 0)
            return result > 0 ? number : -1;
        if (end && buffer_append(out, "\n", 1))
            return -1;
    }
    return 0;
}
