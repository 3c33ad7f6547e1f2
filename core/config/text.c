/* One pass over each file: it follows strings and comments as libconfig's scanner does, puts what
 * is included in its place, and looks at numbers. */
#include "config/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines from `first` on are those of `file` from `line` on. */
struct config_text_part {
    unsigned first;
    const char *file;
    unsigned line;
};

/* A file that is being read, and those that include it. */
struct source {
    const struct source *parent;
    const char *file;
    struct value_place from; /* the `@include`; of the first file: the file itself */
    dev_t device;
    ino_t inode;
    const char *bytes;
    size_t length, at;
    unsigned line;
    unsigned depth;
};

struct reading {
    struct config_text *text;
    const char *folder;
    struct fault_list *faults;
    size_t bytes;    /* of all files */
    size_t includes; /* so far */
    unsigned lines;  /* of the text, so far; the one that is being written included */
    bool lacks_l;    /* the number that was looked at last: libconfig is given it as it is meant */
};

static int read_source(struct reading *reading, struct source *source);

/* --- The text that comes out. Each function returns 0, or -1 on no memory, which is reported. */

static int out_of_memory(const struct reading *reading, const struct source *source)
{
    fault_add(reading->faults, source->file, source->line, "out of memory while reading it");
    return -1;
}

static int put(struct reading *reading, const struct source *source, const char *bytes,
               size_t length)
{
    for (size_t i = 0; i < length; i++)
        reading->lines += bytes[i] == '\n' ? 1 : 0;
    return buffer_append(&reading->text->text, bytes, length) ? out_of_memory(reading, source) : 0;
}

/* From the line that is being written on, lines are those of the source from its own on. */
static int begin_part(struct reading *reading, const struct source *source)
{
    struct config_text *text = reading->text;
    struct config_text_part *parts =
        realloc(text->parts, (text->part_count + 1) * sizeof *parts); /* two for each include */

    if (!parts)
        return out_of_memory(reading, source);
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

/* --- Opening. Faults are of the `@include` that names the file. */

static int refuse(const struct reading *reading, const struct source *source, const char *problem,
                  const char *remedy)
{
    if (source->parent) {
        fault_add(reading->faults, source->from.file, source->from.line,
                  "`@include` of `%s`: %s; %s", source->file, problem, remedy);
    } else {
        fault_add(reading->faults, source->file, 0, "%s; %s", problem, remedy);
    }
    return -1;
}

static int refuse_open(const struct reading *reading, const struct source *source, int error)
{
    char problem[128];
    const char *remedy = source->parent ? "name a file that can be read; its path is relative to "
                                          "the folder of gateways.conf"
                                        : "name a file that can be read with -c";

    (void)snprintf(problem, sizeof problem, "can't be opened: %s", strerror(error));
    if (error == ENOENT && !source->parent)
        remedy = "expected a configuration; name the file with -c";
    if (error == EACCES)
        remedy = "make it readable for the user that runs toni";
    return refuse(reading, source, problem, remedy);
}

static bool includes_itself(const struct source *source)
{
    for (const struct source *other = source->parent; other; other = other->parent) {
        if (other->device == source->device && other->inode == source->inode)
            return true;
    }
    return false;
}

/* O_NONBLOCK: a FIFO would keep us waiting. @return The file, or -1 after a fault. */
static int open_source(const struct reading *reading, struct source *source)
{
    struct stat status;
    const int fd = open(source->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, &status)) {
        (void)refuse_open(reading, source, errno);
    } else if (S_ISDIR(status.st_mode)) {
        (void)refuse_open(reading, source, EISDIR);
    } else if (!S_ISREG(status.st_mode)) {
        (void)refuse(reading, source, "is no regular file",
                     "name one: a FIFO or a device has no end to wait for");
    } else {
        source->device = status.st_dev;
        source->inode = status.st_ino;
        if (!includes_itself(source))
            return fd;
        (void)refuse(reading, source, "is this file, or one that includes it",
                     "take it out: it would never end");
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* libconfig would end at the first byte of value 0. */
static int check_is_text(const struct reading *reading, const struct source *source)
{
    const char *zero = source->length > 0 ? memchr(source->bytes, '\0', source->length) : NULL;
    unsigned line = 1;

    if (!zero)
        return 0;
    for (const char *byte = source->bytes; byte < zero; byte++)
        line += *byte == '\n' ? 1 : 0;
    fault_add(reading->faults, source->file, line,
              "malformed: a byte of value 0; expected a file of text, is it the right one?");
    return -1;
}

/* @return 0, or -1 after a fault. */
static int load(struct reading *reading, struct source *source, struct buffer *content)
{
    const int fd = open_source(reading, source);
    ssize_t got = -1;

    if (fd < 0)
        return -1;
    for (;;) {
        if (buffer_reserve(content, 65536)) {
            (void)out_of_memory(reading, source);
            break;
        }
        got = read(fd, content->bytes + content->length, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            (void)refuse_open(reading, source, errno);
        if (got <= 0)
            break;
        content->length += (size_t)got;
        reading->bytes += (size_t)got;
        if (reading->bytes > CONFIG_BYTES_MAX) {
            (void)refuse(reading, source, "is too large: with all that is included more than 8 MiB",
                         "is it the right file?");
            got = -1;
            break;
        }
    }
    close(fd);
    source->bytes = content->bytes;
    source->length = content->length;
    return got ? -1 : check_is_text(reading, source);
}

/* --- Numbers. libconfig 1.5 takes what does not fit for another number, without a word. */

#define NARROW_MAX 2147483647u

static bool is_digit(char c, bool is_hex)
{
    return (c >= '0' && c <= '9') || (is_hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

static char at(const struct source *source, size_t offset)
{
    if (source->at + offset < source->length)
        return source->bytes[source->at + offset];
    return '\0';
}

/* Digits from `length` on. @return Where they end; `value` stops at the largest number. */
static size_t take_digits(const struct source *source, size_t length, bool is_hex, uint64_t *value)
{
    const uint64_t base = is_hex ? 16 : 10;

    for (; is_digit(at(source, length), is_hex); length++) {
        const char c = at(source, length);
        const uint64_t digit = c <= '9' ? (uint64_t)(c - '0') : (uint64_t)((c | 0x20) - 'a' + 10);
        *value = *value > (UINT64_MAX - digit) / base ? UINT64_MAX : *value * base + digit;
    }
    return length;
}

static void check_number(struct reading *reading, const struct source *source, size_t length,
                         uint64_t value, bool is_wide)
{
    const bool is_negative = at(source, 0) == '-';
    const uint64_t most = (is_wide ? (uint64_t)INT64_MAX : NARROW_MAX) + (is_negative ? 1 : 0);
    const int shown = length > 64 ? 64 : (int)length;

    if (value <= most)
        return;
    if (is_wide || value > (uint64_t)INT64_MAX + (is_negative ? 1 : 0)) {
        fault_add(reading->faults, source->file, source->line,
                  "the number %.*s is out of range, expected %" PRId64 " to %" PRId64, shown,
                  source->bytes + source->at, INT64_MIN, INT64_MAX);
    } else {
        fault_add(reading->faults, source->file, source->line,
                  "the number %.*s does not fit into 32 bits; write numbers below -2147483648 and "
                  "above 2147483647 with an L at their end: %.*sL",
                  shown, source->bytes + source->at, shown, source->bytes + source->at);
    }
    reading->lacks_l = !is_wide;
}

/* Fractions and exponents may have any value. @return Where they end. */
static size_t skip_fraction(const struct source *source, size_t length)
{
    uint64_t any = 0;

    if (at(source, length) == '.')
        length = take_digits(source, length + 1, false, &any);
    if ((at(source, length) | 0x20) != 'e')
        return length;
    const bool has_sign = at(source, length + 1) == '-' || at(source, length + 1) == '+';
    return take_digits(source, length + (has_sign ? 2 : 1), false, &any);
}

/* @return How long the number is that begins here. */
static size_t take_number(struct reading *reading, const struct source *source)
{
    const size_t sign = at(source, 0) == '-' || at(source, 0) == '+' ? 1 : 0;
    const bool is_hex =
        at(source, 0) == '0' && (at(source, 1) | 0x20) == 'x' && is_digit(at(source, 2), true);
    uint64_t value = 0;
    const size_t first = is_hex ? 2 : sign;
    const size_t digits = take_digits(source, first, is_hex, &value);
    size_t length = digits;

    if (!is_hex && (at(source, length) == '.' || (at(source, length) | 0x20) == 'e'))
        return skip_fraction(source, length);
    while (at(source, length) == 'L' && length < digits + 2)
        length++;
    if (digits > first)
        check_number(reading, source, digits, value, length > digits);
    return length > 0 ? length : 1;
}

/* --- Including */

#define DIRECTIVE "@include"

static size_t take_blanks(const struct source *source, size_t from)
{
    while (at(source, from) == ' ' || at(source, from) == '\t')
        from++;
    return from;
}

/* The name between quotes, from behind the first on, with its escapes taken out.
 * @return How much of the source that was, the last quote included; 0: there is none. */
static size_t take_name(const struct source *source, size_t from, char *name)
{
    size_t to = 0;

    for (;; from++) {
        char c = at(source, from);
        if (c == '\0' || c == '\n')
            return 0;
        if (c == '"')
            break;
        if (c == '\\' && (at(source, from + 1) == '"' || at(source, from + 1) == '\\'))
            c = at(source, ++from);
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
        return out_of_memory(reading, source);
    if (++reading->includes > CONFIG_INCLUDES_MAX || included.depth > CONFIG_INCLUDE_DEPTH) {
        (void)refuse(reading, &included, "there are too many, or too deep in each other",
                     "expected 1000 at most, and 10 in each other");
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
    if (quote == word + strlen(DIRECTIVE) || at(source, quote) != '"')
        return 0; /* a syntax error, as the parser will say */
    char *name = malloc(source->length - source->at);
    if (!name)
        return out_of_memory(reading, source);
    size_t length = take_name(source, quote + 1, name);
    int result = 0;
    if (length == 0) {
        fault_add(reading->faults, source->file, source->line,
                  "`@include` has no `\"` at the end of its file's name; add it");
        while (at(source, length) != '\0' && at(source, length) != '\n')
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

    while (source->at + length < source->length && at(source, length) != '"') {
        const char next = at(source, length + 1);
        length += at(source, length) == '\\' && (next == '"' || next == '\\') ? 2 : 1;
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

    while (is_letter(at(source, length)) || is_digit(at(source, length), false) ||
           at(source, length) == '-' || at(source, length) == '_')
        length++;
    return length;
}

/* @return How long the piece is that begins here. */
static size_t take_piece(struct reading *reading, const struct source *source, bool *is_whole)
{
    const char c = at(source, 0), next = at(source, 1);

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
    if (is_digit(c, false) || c == '-' || c == '+' || c == '.')
        return take_number(reading, source);
    return 1;
}

static void count_lines(struct source *source, size_t length)
{
    for (size_t i = 0; i < length; i++)
        source->line += at(source, i) == '\n' ? 1 : 0;
}

/* What a file that is included leaves open would go on behind it. */
static void refuse_open_end(const struct reading *reading, const struct source *source)
{
    if (source->parent)
        fault_add(reading->faults, source->file, source->line,
                  "the string or comment that begins here has no end in this file; end it");
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
        if (put(reading, source, source->bytes + source->at, length) ||
            (reading->lacks_l && put(reading, source, "L", 1)))
            return -1;
        begins_line = at(source, length - 1) == '\n';
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
    if (load(reading, source, &content))
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
    (void)out_of_memory(&reading, &source);
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
