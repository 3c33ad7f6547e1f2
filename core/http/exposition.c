/* Prometheus' text format; see exposition.h. */
#include "http/exposition.h"

#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for any number of seconds. */
#define SECONDS_SIZE 32

void exposition_init(struct exposition *exposition)
{
    *exposition = (struct exposition){.family = ""};
    buffer_init(&exposition->text);
}

void exposition_finish(struct exposition *exposition)
{
    buffer_finish(&exposition->text);
}

/* Appends nothing after the first failure: the text has a hole there. */
static void append(struct exposition *exposition, const char *bytes, size_t length)
{
    exposition->failed = exposition->failed || buffer_append(&exposition->text, bytes, length) != 0;
}

static void append_text(struct exposition *exposition, const char *text)
{
    append(exposition, text, strlen(text));
}

/* In a label's value `\`, `"` and a line's end are escaped; in a help text a quote is none. */
static void append_escaped(struct exposition *exposition, const char *text, const char *special)
{
    while (*text) {
        size_t plain = strcspn(text, special);
        append(exposition, text, plain);
        text += plain;
        if (*text) {
            append(exposition, "\\", 1);
            append(exposition, *text == '\n' ? "n" : text, 1);
            text++;
        }
    }
}

void exposition_family(struct exposition *exposition, const char *name, const char *type,
                       const char *help)
{
    exposition->family = name;
    append_text(exposition, "# HELP ");
    append_text(exposition, name);
    append_text(exposition, " ");
    append_escaped(exposition, help, "\\\n");
    append_text(exposition, "\n# TYPE ");
    append_text(exposition, name);
    append_text(exposition, " ");
    append_text(exposition, type);
    append_text(exposition, "\n");
}

static void append_label(struct exposition *exposition, const struct exposition_label *label,
                         bool is_first)
{
    append_text(exposition, is_first ? "{" : ",");
    append_text(exposition, label->name);
    append_text(exposition, "=\"");
    append_escaped(exposition, label->value, "\\\"\n");
    append_text(exposition, "\"");
}

/* @param bound  The label `le` of a bucket; NULL for all else. */
static void append_sample(struct exposition *exposition, const char *suffix,
                          const struct exposition_label *labels, const char *bound,
                          const char *value)
{
    const struct exposition_label le = {"le", bound};
    append_text(exposition, exposition->family);
    append_text(exposition, suffix);
    const struct exposition_label *label = labels;
    for (; label->name; label++)
        append_label(exposition, label, label == labels);
    if (bound)
        append_label(exposition, &le, label == labels);
    if (bound || label != labels)
        append_text(exposition, "}");
    append_text(exposition, " ");
    append_text(exposition, value);
    append_text(exposition, "\n");
}

static const char *number_text(char text[SECONDS_SIZE], uint64_t number)
{
    (void)snprintf(text, SECONDS_SIZE, "%" PRIu64, number);
    return text;
}

/* Exact, and whatever the locale's decimal point is. */
static const char *seconds_text(char text[SECONDS_SIZE], uint64_t ns)
{
    int length =
        snprintf(text, SECONDS_SIZE, "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '\0';
    return text;
}

void exposition_number(struct exposition *exposition, const struct exposition_label *labels,
                       uint64_t value)
{
    char text[SECONDS_SIZE];
    append_sample(exposition, "", labels, NULL, number_text(text, value));
}

void exposition_counter(struct exposition *exposition, const char *name, const char *help,
                        uint64_t value)
{
    exposition_family(exposition, name, "counter", help);
    exposition_number(exposition, NO_LABELS, value);
}

void exposition_gauge(struct exposition *exposition, const char *name, const char *help,
                      uint64_t value)
{
    exposition_family(exposition, name, "gauge", help);
    exposition_number(exposition, NO_LABELS, value);
}

void exposition_seconds(struct exposition *exposition, const struct exposition_label *labels,
                        uint64_t ns)
{
    char text[SECONDS_SIZE];
    append_sample(exposition, "", labels, NULL, seconds_text(text, ns));
}

void exposition_histogram(struct exposition *exposition, const struct exposition_label *labels,
                          const struct histogram_figures *figures)
{
    char bound[SECONDS_SIZE], text[SECONDS_SIZE];
    uint64_t count = 0;
    for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
        count += figures->buckets[i];
        append_sample(exposition, "_bucket", labels, seconds_text(bound, histogram_bounds_ns[i]),
                      number_text(text, count));
    }
    count += figures->buckets[HISTOGRAM_BOUNDS];
    append_sample(exposition, "_bucket", labels, "+Inf", number_text(text, count));
    append_sample(exposition, "_sum", labels, NULL, seconds_text(text, figures->sum_ns));
    append_sample(exposition, "_count", labels, NULL, number_text(text, count));
}

/* Enough for any double. */
#define REAL_SIZE 40

/* As short as reads back the same, and whatever the locale's decimal point is. */
static const char *real_text(char text[REAL_SIZE], double value)
{
    if (isnan(value))
        return "NaN";
    if (isinf(value))
        return value > 0 ? "+Inf" : "-Inf";
    (void)snprintf(text, REAL_SIZE, "%.15g", value);
    if (strtod(text, NULL) != value)
        (void)snprintf(text, REAL_SIZE, "%.17g", value);
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    return text;
}

void exposition_real(struct exposition *exposition, const struct exposition_label *labels,
                     double value)
{
    char text[REAL_SIZE];
    append_sample(exposition, "", labels, NULL, real_text(text, value));
}

void exposition_buckets(struct exposition *exposition, const struct exposition_label *labels,
                        const double *bounds, const uint64_t *counts, size_t count, double sum)
{
    char bound[REAL_SIZE], text[REAL_SIZE];
    uint64_t below = 0;
    for (size_t i = 0; i < count; i++) {
        below += counts[i];
        append_sample(exposition, "_bucket", labels, real_text(bound, bounds[i]),
                      number_text(text, below));
    }
    below += counts[count];
    append_sample(exposition, "_bucket", labels, "+Inf", number_text(text, below));
    append_sample(exposition, "_sum", labels, NULL, real_text(text, sum));
    append_sample(exposition, "_count", labels, NULL, number_text(text, below));
}
