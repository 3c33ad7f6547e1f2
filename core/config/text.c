/* One pass over each file: it follows strings and comments as libconfig's scanner does, puts what
 * is included in its place, and looks at numbers. */
#include "config/text.h"

#include "config/group_sizes.h"
#include "config/number.h"
#include "config/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Lines from `first` on are those of `file` from `line` on. */
struct config_text_part {
    unsigned first;
    const char *file;
    unsigned line;
};

struct reading {
    struct config_text *text;
    const char *folder;
    struct fault_list *faults;
    size_t bytes;    /* of all files */
    size_t includes; /* so far */
    unsigned lines;  /* of the text, so far; the one that is being written included */
    struct group_sizes sizes;
    bool lacks_l; /* the number that was looked at last: libconfig is given it as it is meant */
};

static int read_source(struct reading *reading, struct source *source);

/* --- The text that comes out. Each function returns 0, or -1 on no memory, which is a fault. */

static int put(struct reading *reading, const struct source *source, const char *bytes,
               size_t length)
{
    for (size_t i = 0; i < length; i++)
        reading->lines += bytes[i] == '\n' ? 1 : 0;
    return buffer_append(&reading->text->text, bytes, length)
               ? source_out_of_memory(source, reading->faults)
               : 0;
}

/* From the line that is being written on, lines are those of the source from its own on. */
static int begin_part(struct reading *reading, const struct source *source)
{
    struct config_text *text = reading->text;
    struct config_text_part *parts =
        realloc(text->parts, (text->part_count + 1) * sizeof *parts); /* two for each include */

    if (!parts)
        return source_out_of_memory(source, reading->faults);
    text->parts = parts;
    parts[text->part_count++] = (struct config_text_part){
        .first = reading->lines, .file = source->file, .line = source->line};
    return 0;
}

/* @return A copy that the text owns; NULL on no memory. */
static const char *keep_name(struct config_text *text, char *name)
{
    char **files = name ? realloc(text->files, (text->file_count + 1) * sizeof *files) : NULL;

    if (!files) {
        free(name);
        return NULL;
    }
    text->files = files;
    return files[text->file_count++] = name;
}

/* --- Including */

#define DIRECTIVE "@include"

static size_t take_blanks(const struct source *source, size_t from)
{
    while (source_at(source, from) == ' ' || source_at(source, from) == '\t')
        from++;
    return from;
}

/* The name between quotes, from behind the first on, with its escapes taken out.
 * @return How much of the source that was, the last quote included; 0: there is none. */
static size_t take_name(const struct source *source, size_t from, char *name)
{
    size_t to = 0;

    for (;; from++) {
        char c = source_at(source, from);
        if (c == '\0' || c == '\n')
            return 0;
        if (c == '"')
            break;
        if (c == '\\' &&
            (source_at(source, from + 1) == '"' || source_at(source, from + 1) == '\\'))
            c = source_at(source, ++from);
        name[to++] = c;
    }
    name[to] = '\0';
    return from + 1;
}

/* What is included begins a line of its own, and so does what follows it. */
static int put_included(struct reading *reading, struct source *source, char *name)
{
    char *path = NULL;

    if (name[0] == '/' || strcmp(reading->folder, ".") == 0)
        path = strdup(name);
    else if (asprintf(&path, "%s/%s", reading->folder, name) < 0)
        path = NULL;
    struct source included = {
        .parent = source,
        .file = keep_name(reading->text, path),
        .from = {.file = source->file, .line = source->line},
        .depth = source->depth + 1,
    };
    if (!included.file)
        return source_out_of_memory(source, reading->faults);
    if (++reading->includes > CONFIG_INCLUDES_MAX || included.depth > CONFIG_INCLUDE_DEPTH) {
        (void)source_refuse(&included, "there are too many, or too deep in each other",
                            "expected 1000 at most, and 10 in each other", reading->faults);
        return reading->includes > CONFIG_INCLUDES_MAX ? -1 : 0;
    }
    if (put(reading, source, "\n", 1) || read_source(reading, &included) ||
        put(reading, source, "\n", 1))
        return -1;
    return begin_part(reading, source);
}

/* At the beginning of a line. @return How much was taken; 0: it is no `@include`. -1: stop. */
static ssize_t take_include(struct reading *reading, struct source *source)
{
    const size_t word = take_blanks(source, 0);

    if (source->length - source->at < word + strlen(DIRECTIVE) ||
        memcmp(source->bytes + source->at + word, DIRECTIVE, strlen(DIRECTIVE)) != 0)
        return 0;
    const size_t quote = take_blanks(source, word + strlen(DIRECTIVE));
    if (quote == word + strlen(DIRECTIVE) || source_at(source, quote) != '"')
        return 0; /* a syntax error, as the parser will say */
    char *name = malloc(source->length - source->at);
    if (!name)
        return source_out_of_memory(source, reading->faults);
    size_t length = take_name(source, quote + 1, name);
    int result = 0;
    if (length == 0) {
        fault_add(reading->faults, source->file, source->line,
                  "`@include` has no `\"` at the end of its file's name; add it");
        while (source_at(source, length) != '\0' && source_at(source, length) != '\n')
            length++;
    } else {
        result = put_included(reading, source, name);
    }
    free(name);
    return result ? -1 : (ssize_t)length;
}

/* --- Going through a file */

/* How long a piece is that has to be looked at no further: up to its end, or that of the file.
 * `is_whole` tells which. */
static size_t take_until(const struct source *source, size_t from, const char *end, bool *is_whole)
{
    const char *bytes = source->bytes + source->at;
    const size_t left = source->length - source->at;
    const char *found = from < left ? memmem(bytes + from, left - from, end, strlen(end)) : NULL;

    *is_whole = found != NULL;
    return found ? (size_t)(found - bytes) + strlen(end) : left;
}

static size_t take_string(const struct source *source, bool *is_whole)
{
    size_t length = 1;

    while (source->at + length < source->length && source_at(source, length) != '"') {
        const char next = source_at(source, length + 1);
        length += source_at(source, length) == '\\' && (next == '"' || next == '\\') ? 2 : 1;
    }
    *is_whole = source->at + length < source->length;
    return *is_whole ? length + 1 : source->length - source->at;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static size_t take_word(const struct source *source)
{
    size_t length = 1;

    while (is_letter(source_at(source, length)) ||
           number_is_digit(source_at(source, length), false) || source_at(source, length) == '-' ||
           source_at(source, length) == '_')
        length++;
    return length;
}

/* @return How long the piece is that begins here. */
static size_t take_piece(struct reading *reading, const struct source *source, bool *is_whole)
{
    const char c = source_at(source, 0), next = source_at(source, 1);

    *is_whole = true;
    if (c == '"')
        return take_string(source, is_whole);
    if (c == '/' && next == '*')
        return take_until(source, 2, "*/", is_whole);
    if (c == '#' || (c == '/' && next == '/')) {
        const size_t length = take_until(source, 0, "\n", is_whole);
        *is_whole = true; /* a comment may end with its file */
        return length;
    }
    if (is_letter(c))
        return take_word(source);
    if (number_is_digit(c, false) || c == '-' || c == '+' || c == '.')
        return number_take(source, &reading->lacks_l, reading->faults);
    return 1;
}

static void count_lines(struct source *source, size_t length)
{
    for (size_t i = 0; i < length; i++)
        source->line += source_at(source, i) == '\n' ? 1 : 0;
}

/* An included file that leaves a string or a comment open would swallow what follows it. */
static void refuse_open_end(const struct reading *reading, const struct source *source)
{
    if (source->parent)
        fault_add(reading->faults, source->file, source->line,
                  "the string or comment that begins here has no end in this file; end it");
}

static int check_sizes(struct reading *reading, const struct source *source)
{
    const char *problem = group_sizes_note(&reading->sizes, source_at(source, 0));

    if (!problem)
        return 0;
    fault_add(reading->faults, source->file, source->line, "%s; is it the right file?", problem);
    return -1;
}

static int go_through(struct reading *reading, struct source *source)
{
    bool begins_line = true;

    while (source->at < source->length) {
        bool is_whole;
        const ssize_t included = begins_line ? take_include(reading, source) : 0;
        if (included < 0)
            return -1;
        begins_line = false;
        if (included > 0) {
            source->at += (size_t)included;
            continue;
        }
        reading->lacks_l = false;
        const size_t length = take_piece(reading, source, &is_whole);
        if (!is_whole)
            refuse_open_end(reading, source);
        if (length == 1 && check_sizes(reading, source))
            return -1;
        if (put(reading, source, source->bytes + source->at, length) ||
            (reading->lacks_l && put(reading, source, "L", 1)))
            return -1;
        begins_line = source_at(source, length - 1) == '\n';
        count_lines(source, length);
        source->at += length;
    }
    return 0;
}

/* A file that can't be included is left out, so that more can be found.
 * @return 0; -1 if the first can't be read, or there is no memory. */
static int read_source(struct reading *reading, struct source *source)
{
    struct buffer content;
    int result;

    buffer_init(&content);
    source->line = 1;
    if (source_load(source, &content, &reading->bytes, reading->faults))
        result = source->parent && reading->bytes <= CONFIG_BYTES_MAX ? 0 : -1;
    else
        result = begin_part(reading, source) || go_through(reading, source) ? -1 : 0;
    buffer_finish(&content);
    return result;
}

bool config_text_read(struct config_text *text, const char *path, const char *folder,
                      struct fault_list *faults)
{
    struct reading reading = {.text = text, .folder = folder, .faults = faults, .lines = 1};
    struct source source = {.file = path};

    *text = (struct config_text){0};
    buffer_init(&text->text);
    if (read_source(&reading, &source))
        return false;
    if (!buffer_append(&text->text, "", 1)) {
        text->text.length--;
        return true;
    }
    (void)source_out_of_memory(&source, faults);
    return false;
}

void config_text_finish(struct config_text *text)
{
    for (size_t i = 0; i < text->file_count; i++)
        free(text->files[i]);
    free((void *)text->files);
    free(text->parts);
    buffer_finish(&text->text);
}

struct value_place config_text_place(const struct config_text *text, unsigned line)
{
    size_t low = 0, high = text->part_count; /* the part is among [low, high) */

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (text->parts[middle].first <= line)
            low = middle;
        else
            high = middle;
    }
    const struct config_text_part *part = &text->parts[low];
    return (struct value_place){.file = part->file,
                                .line = line < part->first ? 0 : part->line + (line - part->first)};
}
