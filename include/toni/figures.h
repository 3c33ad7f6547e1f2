/** @file
 * Figures of a plugin's own in the host's `/metrics`: counters, gauges and histograms, each with
 * the instance's name as the label `instance`.
 *
 *     votes->cast = toni_counter(context, TONI_LIT("votes_cast_total"), TONI_LIT("Votes cast."));
 *     …
 *     toni_count(votes->cast, 1);
 *
 * Names are those of Prometheus: letters, digits and `_`, no digit first, 128 bytes at most. That
 * of a counter ends with `_total`, no other does. None begins with `toni_` or `process_`, or ends
 * with
 * `_bucket`, `_sum`, `_count` or `_info`. A name has one type in the whole host: an instance that
 * asks for it as another type gets nothing; those that ask for the same type share the family, each
 * with a figure of its own. An instance may have 64.
 *
 * A figure belongs to the instance's name: after a swap the new version that asks for it gets the
 * same one, and it goes on where it was. What the new version does not ask for is gone with the old
 * one, and all are with an instance that is removed.
 *
 * Who asks for what can't be, or when there is no memory, gets NULL, and the log says why. All
 * functions take NULL for a figure and then do nothing, so a plugin need not look. Adding takes no
 * lock and allocates nothing; it may be done from any thread, until `destroy` has returned.
 */
#ifndef TONI_FIGURES_H
#define TONI_FIGURES_H

#include <toni/host.h>

/** How many figures an instance may have. */
#define TONI_FIGURES_MOST 64

/** How many bounds a histogram may have. */
#define TONI_BOUNDS_MOST 32

/* Types of figures, for toni_host.figure_get. */
#define TONI_COUNTER 1u
#define TONI_GAUGE 2u
#define TONI_HISTOGRAM 3u

/** What only grows: events since the instance's name came to be.
 * @param context  The instance's.
 * @param name     See above; ends with `_total`.
 * @param help     One sentence: UTF-8 without control characters, 1 to 256 bytes.
 * @return The figure, valid until `destroy` has returned; NULL: see above.
 * @thread Any. @since ABI 1.0 */
static inline toni_figure *toni_counter(toni_context *context, toni_str name, toni_str help)
{
    return toni_host_of(context)->figure_get(context, TONI_COUNTER, name, help, NULL, 0);
}

/** What rises and falls: how much there is of something. Begins with 0.
 * @param name, help  As of toni_counter, but without `_total`.
 * @return As toni_counter. @thread Any. @since ABI 1.0 */
static inline toni_figure *toni_gauge(toni_context *context, toni_str name, toni_str help)
{
    return toni_host_of(context)->figure_get(context, TONI_GAUGE, name, help, NULL, 0);
}

/** How values are spread: how many were no larger than each bound.
 * @param name, help  As of toni_gauge.
 * @param bounds      @p count of them, 1 to TONI_BOUNDS_MOST, each finite and above the one before;
 * copied. A version that asks for other bounds than the one before it goes on with those until the
 * host is restarted.
 * @return As toni_counter. @thread Any. @since ABI 1.0 */
static inline toni_figure *toni_histogram(toni_context *context, toni_str name, toni_str help,
                                          const double *bounds, size_t count)
{
    return toni_host_of(context)->figure_get(context, TONI_HISTOGRAM, name, help, bounds, count);
}

/** Adds to a counter; does nothing to a figure of another type. @param more  Of what is counted.
 * @thread Any. @since ABI 1.0 */
static inline void toni_count(toni_figure *counter, uint64_t more)
{
    if (counter)
        toni_host_of(counter)->figure_count(counter, more);
}

/** Sets a gauge; does nothing to a figure of another type. @thread Any. @since ABI 1.0 */
static inline void toni_gauge_set(toni_figure *gauge, double value)
{
    if (gauge)
        toni_host_of(gauge)->figure_set(gauge, value);
}

/** Adds to a gauge; does nothing to a figure of another type. @param more  May be below 0.
 * @thread Any. @since ABI 1.0 */
static inline void toni_gauge_add(toni_figure *gauge, double more)
{
    if (gauge)
        toni_host_of(gauge)->figure_add(gauge, more);
}

/** Counts a value in a histogram; does nothing to a figure of another type, and for a value that is
 * no number or not finite. @thread Any. @since ABI 1.0 */
static inline void toni_observe(toni_figure *histogram, double value)
{
    if (histogram)
        toni_host_of(histogram)->figure_observe(histogram, value);
}

#endif
