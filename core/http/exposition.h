/* Writes metrics in Prometheus' text format, version 0.0.4. Knows no metric: which there are is
 * metrics.h's. */
#ifndef HTTP_EXPOSITION_H
#define HTTP_EXPOSITION_H

#include "base/buffer.h"
#include "base/histogram.h"

#include <stdbool.h>
#include <stdint.h>

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
    struct buffer text;
    bool failed;        /* there was no memory: the text is not whole */
    const char *family; /* the name of the metric that samples are of */
};

struct exposition_label {
    const char *name;
    const char *value; /* any text */
};

/** The labels of a sample, in one expression: LABELS({"worker", "0"}, {"a", "b"}). */
#define LABELS(...) ((const struct exposition_label[]){__VA_ARGS__, {NULL, NULL}})
#define NO_LABELS ((const struct exposition_label[]){{NULL, NULL}})

void exposition_init(struct exposition *exposition);

void exposition_finish(struct exposition *exposition);

/** Begins a metric; its samples follow.
 * @param name  With its unit, and with `_total` at the end of a counter's; borrowed until the next.
 * @param type  `counter`, `gauge` or `histogram`.
 * @param help  One sentence. */
void exposition_family(struct exposition *exposition, const char *name, const char *type,
                       const char *help);

/** Writes a sample. @param labels  Ends with one without a name. */
void exposition_number(struct exposition *exposition, const struct exposition_label *labels,
                       uint64_t value);

/** Writes a whole metric without labels. */
void exposition_counter(struct exposition *exposition, const char *name, const char *help,
                        uint64_t value);
void exposition_gauge(struct exposition *exposition, const char *name, const char *help,
                      uint64_t value);

/** Writes a sample of nanoseconds, in seconds. */
void exposition_seconds(struct exposition *exposition, const struct exposition_label *labels,
                        uint64_t ns);

/** Writes all samples of a histogram, in seconds. */
void exposition_histogram(struct exposition *exposition, const struct exposition_label *labels,
                          const struct histogram_figures *figures);

/** Writes a sample that may be any number, or none. */
void exposition_real(struct exposition *exposition, const struct exposition_label *labels,
                     double value);

/** Writes all samples of a histogram of numbers.
 * @param bounds  @p count of them, ascending.
 * @param counts  Of values up to each bound and above the one before; one more for those above all.
 * @param sum     Of all values. */
void exposition_buckets(struct exposition *exposition, const struct exposition_label *labels,
                        const double *bounds, const uint64_t *counts, size_t count, double sum);

#endif
