/* The log: one line of logfmt per event, with typed fields, to stderr. Not for files, rotation or
 * shipping; whoever started the process does that with its stderr.
 *
 *     log_info("listening", log_str("address", text), log_uint("workers", count));
 *     time=2026-11-23T22:23:35.123Z level=info msg="listening" address=127.0.0.1:9000 workers=4
 *
 * The message is always quoted. A value is bare if it is not empty and consists of printable
 * characters other than space, `"`, `=` and `\`; else it is quoted, with \" \\ \n \r \t, and \xNN
 * for each byte of a control character or of what is not UTF-8. So nothing that a stranger sends
 * can forge a line or a field.
 *
 * All functions may be called from any thread, and leave errno as it was. Lines that strangers can
 * cause have a limit: log_limit.h. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** The longest line, its newline included; a longer one is cut and ends with `…`. */
#define LOG_LINE_SIZE 4096

/** What log_brief() writes of a value at most. */
#define LOG_BRIEF_SIZE 256

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR,
};

enum log_kind {
    LOG_KIND_STRING,
    LOG_KIND_BRIEF,
    LOG_KIND_INT,
    LOG_KIND_UINT,
    LOG_KIND_DOUBLE,
};

/** One key and its value, borrowed for the call. The functions below make them. */
struct log_field {
    const char *key; /* a word of the program's own; written as it is */
    enum log_kind kind;
    size_t length; /* of value.text */
    union {
        const char *text;
        int64_t integer;
        uint64_t natural;
        double real;
    } value;
};

/** A field of a string with a length; @p text may be NULL when @p length is 0. */
static inline struct log_field log_strn(const char *key, const char *text, size_t length)
{
    return (struct log_field){
        .key = key, .kind = LOG_KIND_STRING, .length = length, .value.text = text};
}

/** The same for what a stranger sent and may be long, such as a path: of it LOG_BRIEF_SIZE bytes
 * are written at most, and then `…`. */
static inline struct log_field log_brief(const char *key, const char *text, size_t length)
{
    return (struct log_field){
        .key = key, .kind = LOG_KIND_BRIEF, .length = length, .value.text = text};
}

/** A field of a NUL-terminated string; NULL counts as an empty one. */
static inline struct log_field log_str(const char *key, const char *text)
{
    return log_strn(key, text, text ? strlen(text) : 0);
}

static inline struct log_field log_int(const char *key, int64_t integer)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_INT, .value.integer = integer};
}

static inline struct log_field log_uint(const char *key, uint64_t natural)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_UINT, .value.natural = natural};
}

/** A field of a number that is written with six digits, as by `%g`. */
static inline struct log_field log_double(const char *key, double real)
{
    return (struct log_field){.key = key, .kind = LOG_KIND_DOUBLE, .value.real = real};
}

/** log_info("text", field…): a message and any number of fields, none included. The fields are not
 * evaluated when the level is below the threshold. */
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)

/** The same for a level that is computed. */
#define log_at(level, ...) LOG_WITH_FIELDS(level, __VA_ARGS__, log_no_field())

/* C17 knows neither empty arrays nor empty variable arguments, so each list ends with a field that
 * is not counted. */
#define LOG_WITH_FIELDS(level, message, ...)                                                       \
    (log_enabled(level)                                                                            \
         ? log_write((level), (message), (const struct log_field[]){__VA_ARGS__},                  \
                     sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field) -  \
                         1)                                                                        \
         : (void)0)

static inline struct log_field log_no_field(void)
{
    return (struct log_field){.key = NULL};
}

/** Writes one line, unless @p level is below the threshold. To stderr it goes in one system call,
 * which up to PIPE_BUF bytes means: whole, and never mixed with another process's. Once there is a
 * thread for that (log_thread.h), the caller does not wait for it. The process must ignore SIGPIPE
 * if its stderr may be a pipe.
 * @param level    From debug to error.
 * @param message  What happened; constant text, with the details in the fields.
 * @param fields   Written in this order; may be NULL when @p count is 0.
 * @param count    How many fields. */
void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

/** Makes a line, whatever its level, and hands it to nobody. Async-signal-safe, without a double.
 * @param line  Filled in, with a newline at its end, and no NUL.
 * @return Its length. */
size_t log_format(char line[LOG_LINE_SIZE], enum log_level level, const char *message,
                  const struct log_field *fields, size_t count);

/** Tells whether a line of @p level would be written. */
bool log_enabled(enum log_level level);

/** Sets the threshold; at the start it is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/** Reads a level's name: `debug`, `info`, `warn` or `error`.
 * @return The level, or -1 if it is none of these. */
int log_level_parse(const char *name);

/** Where lines go. Must not log. May be called by several threads at once.
 * @param data    As given to log_set_sink().
 * @param level   Of the line.
 * @param line    The line with its newline, not NUL-terminated, borrowed for the call.
 * @param length  With the newline. */
typedef void log_sink(void *data, enum log_level level, const char *line, size_t length);

/** The sink at the beginning; @p data is not used. Hands the line to the log's thread, if there is
 * one (log_thread.h), else writes it. */
void log_to_stderr(void *data, enum log_level level, const char *line, size_t length);

/** Replaces the sink. When it returns, the sink before is no longer being called.
 * @param sink  NULL is stderr again.
 * @param data  For the sink; must live until the sink is replaced. */
void log_set_sink(log_sink *sink, void *data);

#endif
