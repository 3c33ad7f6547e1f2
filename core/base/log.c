/* The log: makes each line in a buffer on the stack and hands it to the sink whole, so that logging
 * needs no memory and no lines mix. Making one is async-signal-safe, but for doubles. */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log_stderr.h"
#include "base/log_thread.h"
#include "base/utf8.h"

_Static_assert(LOG_LINE_SIZE <= PIPE_BUF, "a pipe may tear a line that is longer");

#define CUT_MARK "\xE2\x80\xA6"

/* What must still fit when a line is full: a closing quote, a space with the mark, the newline. */
#define LINE_RESERVE (sizeof "\" " CUT_MARK "\n" - 1)
#define LINE_FULL (LOG_LINE_SIZE - LINE_RESERVE)

struct line {
    char *bytes; /* LOG_LINE_SIZE of them */
    size_t length;
};

/* The program's only global mutable state. The lock keeps a sink from being replaced while it is
 * being called; lines themselves don't exclude each other. */
static struct {
    _Atomic(enum log_level) threshold;
    pthread_rwlock_t lock;
    log_sink *sink;
    void *data;
} output = {
    .threshold = LOG_LEVEL_INFO,
    .lock = PTHREAD_RWLOCK_INITIALIZER,
    .sink = log_to_stderr,
};

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_ERROR] = "error",
};

void log_to_stderr(void *data, enum log_level level, const char *line, size_t length)
{
    (void)data;
    if (!log_thread_put(level, line, length))
        (void)log_stderr_write(level, line, length);
}

/* Appends where room is known to be: in the head of the line, or in the reserve. */
static void append(struct line *line, const char *bytes, size_t length)
{
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

static void append_text(struct line *line, const char *text)
{
    append(line, text, strlen(text));
}

static bool fits(const struct line *line, size_t length)
{
    return line->length <= LINE_FULL && length <= LINE_FULL - line->length;
}

/* The smallest piece of a value that must not be cut: a character, or its escape. */
struct atom {
    char bytes[sizeof "\\xNN\\xNN\\xNN"];
    size_t length; /* written */
    size_t taken;  /* read */
};

static void escape_bytes(struct atom *atom, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < count; i++) {
        const char escape[] = {'\\', 'x', digits[bytes[i] >> 4], digits[bytes[i] & 0xF]};
        memcpy(atom->bytes + atom->length, escape, sizeof escape);
        atom->length += sizeof escape;
    }
}

/* The letter that follows the backslash in the byte's escape, or 0 if it has none of its own. */
static char short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* Whether a character changes in which order a terminal shows others, or ends a line for some
 * readers: U+061C, U+200E and U+200F, U+2028 to U+202E, U+2066 to U+2069. With those a stranger
 * could make a line of the log read as another. */
static bool rearranges(const unsigned char *bytes, size_t size)
{
    if (size == 2)
        return bytes[0] == 0xD8 && bytes[1] == 0x9C;
    if (size != 3 || bytes[0] != 0xE2)
        return false;
    if (bytes[1] == 0x81)
        return bytes[2] >= 0xA6 && bytes[2] <= 0xA9;
    return bytes[1] == 0x80 &&
           (bytes[2] == 0x8E || bytes[2] == 0x8F || (bytes[2] >= 0xA8 && bytes[2] <= 0xAE));
}

static struct atom next_atom(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const size_t size = utf8_character(text, length);
    const char letter = short_escape(bytes[0]);
    struct atom atom = {.taken = size > 0 ? size : 1};

    if (letter != 0) {
        atom.bytes[0] = '\\';
        atom.bytes[1] = letter;
        atom.length = 2;
    } else if (size == 0 || utf8_has_control(text, size) || rearranges(bytes, size)) {
        escape_bytes(&atom, bytes, atom.taken);
    } else {
        memcpy(atom.bytes, text, size);
        atom.length = size;
    }
    return atom;
}

static bool is_bare(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        const struct atom atom = next_atom(text + i, length - i);

        /* An escape is always longer than what it stands for. */
        if (atom.length != atom.taken || text[i] == ' ' || text[i] == '=')
            return false;
        i += atom.taken;
    }
    return length > 0;
}

static bool put_atoms(struct line *line, const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        const struct atom atom = next_atom(text + i, length - i);

        if (!fits(line, atom.length))
            return false;
        append(line, atom.bytes, atom.length);
        i += atom.taken;
    }
    return true;
}

/* Returns whether all of it went in; if not, it ends with the mark. A quote is always closed. */
static bool put_string(struct line *line, const char *text, size_t length, bool quoted)
{
    if (quoted)
        append_text(line, "\"");
    const bool whole = put_atoms(line, text, length);
    if (!whole)
        append_text(line, CUT_MARK);
    if (quoted)
        append_text(line, "\"");
    return whole;
}

/* The beginning of a text that is longer than LOG_BRIEF_SIZE, whole characters of it, and the mark.
 * Returns whether that went in. */
static bool put_brief(struct line *line, const char *text, size_t length, bool quoted)
{
    char brief[LOG_BRIEF_SIZE + sizeof CUT_MARK];
    size_t used = 0;

    for (size_t next = 0; next <= LOG_BRIEF_SIZE;
         next += next_atom(text + used, length - used).taken)
        used = next;
    memcpy(brief, text, used);
    memcpy(brief + used, CUT_MARK, sizeof CUT_MARK);
    return put_string(line, brief, used + sizeof CUT_MARK - 1, quoted);
}

#define DIGITS_MAX 20

/* Not by snprintf: that is not said to be async-signal-safe. */
static bool put_natural(struct line *line, bool is_negative, uint64_t natural)
{
    char text[DIGITS_MAX + 1];
    size_t at = sizeof text;

    do {
        text[--at] = (char)('0' + natural % 10);
        natural /= 10;
    } while (natural > 0);
    if (is_negative)
        text[--at] = '-';
    return put_string(line, text + at, sizeof text - at, false);
}

static bool put_double(struct line *line, double real)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%g", real);
    return put_string(line, text, strlen(text), false);
}

static bool put_number(struct line *line, const struct log_field *field)
{
    const int64_t integer = field->value.integer;

    switch (field->kind) {
    case LOG_KIND_INT:
        return put_natural(line, integer < 0, integer < 0 ? -(uint64_t)integer : (uint64_t)integer);
    case LOG_KIND_UINT:
        return put_natural(line, false, field->value.natural);
    default:
        return put_double(line, field->value.real);
    }
}

/* Returns whether the line has room for more; if not, it ends with the mark. */
static bool put_field(struct line *line, const struct log_field *field)
{
    /* The opening quote is counted with the key, so that put_string() need not look. */
    if (!fits(line, strlen(field->key) + sizeof " =\"" - 1)) {
        append_text(line, " " CUT_MARK);
        return false;
    }
    append_text(line, " ");
    append_text(line, field->key);
    append_text(line, "=");

    if (field->kind != LOG_KIND_STRING && field->kind != LOG_KIND_BRIEF)
        return put_number(line, field);

    const bool bare = is_bare(field->value.text, field->length);
    if (field->kind == LOG_KIND_BRIEF && field->length > LOG_BRIEF_SIZE)
        return put_brief(line, field->value.text, field->length, !bare);
    return put_string(line, field->value.text, field->length, !bare);
}

size_t log_format(char bytes[LOG_LINE_SIZE], enum log_level level, const char *message,
                  const struct log_field *fields, size_t count)
{
    struct line line = {.bytes = bytes};
    char now[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_ms(), now);

    append_text(&line, "time=");
    append_text(&line, now);
    append_text(&line, " level=");
    append_text(&line, level_names[level]);
    append_text(&line, " msg=");

    bool room = put_string(&line, message, strlen(message), true);
    for (size_t i = 0; room && i < count; i++)
        room = put_field(&line, &fields[i]);
    append_text(&line, "\n");
    return line.length;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count)
{
    if (!log_enabled(level))
        return;

    const int saved_errno = errno;
    char line[LOG_LINE_SIZE]; /* not initialised: zeroes for each line would be for nothing */
    const size_t length = log_format(line, level, message, fields, count);

    /* Locking can fail only for misuse: never more readers than threads, and sinks don't log. */
    (void)pthread_rwlock_rdlock(&output.lock);
    output.sink(output.data, level, line, length);
    (void)pthread_rwlock_unlock(&output.lock);
    errno = saved_errno;
}

bool log_enabled(enum log_level level)
{
    return level >= atomic_load_explicit(&output.threshold, memory_order_relaxed);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&output.threshold, level, memory_order_relaxed);
}

int log_level_parse(const char *name)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0)
            return (int)i;
    }
    return -1;
}

void log_set_sink(log_sink *sink, void *data)
{
    (void)pthread_rwlock_wrlock(&output.lock);
    output.sink = sink ? sink : log_to_stderr;
    output.data = data;
    (void)pthread_rwlock_unlock(&output.lock);
}
