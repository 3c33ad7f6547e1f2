/* Figures that plugins ask for (toni/figures.h): their names, who has them, and their values. Not
 * about how they are written (http/metrics_plugins.c), nor about what the host counts of instances
 * itself (figures.h).
 *
 * A family is a name and its type, in the whole host; a figure is an instance's share of it. It
 * belongs to the instance's slot, and lives as long as an instance has it: two, during a swap. */
#ifndef INSTANCE_PLUGIN_FIGURES_H
#define INSTANCE_PLUGIN_FIGURES_H

#include "base/counter.h"
#include "base/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/figures.h>

struct figure_family;
struct instance;
struct slot;

struct toni_figure {
    const toni_host *host;    /* first, for ever: see toni/abi.h */
    struct toni_figure *next; /* of the family */
    struct figure_family *family;
    const struct slot *slot;  /* whose it is */
    unsigned refs;            /* instances that have it; guarded by the lock of the families */
    struct counter count;     /* of a counter */
    _Atomic double value;     /* of a gauge; of a histogram the sum of all values */
    uint32_t bound_count;     /* of a histogram */
    const double *bounds;     /* lie behind the buckets */
    struct counter buckets[]; /* of values up to each bound and above the one before; one more for
                                 those above all */
};

struct figure_family {
    struct figure_family *next;
    uint32_t type;
    char *help;
    struct toni_figure *first;
    char name[];
};

/** All of a host. Zero is none. */
struct figure_families {
    struct lock lock;            /* a leaf, but for the slots' */
    struct figure_family *first; /* in the order of asking */
};

/** What an instance has. Zero is nothing. */
struct figure_holds {
    struct lock lock; /* before that of the families */
    size_t count;
    struct toni_figure *figures[TONI_FIGURES_MOST];
};

/** Lets go of all that an instance has; it gets none any more. */
void plugin_figures_drop(struct instance *instance);

/** Sets the functions of toni/figures.h in a table. Their contexts are those of
 * instance_context(). */
void plugin_figures_fill_table(toni_host *table);

/** What is wrong with a name. @return A few words that follow "which"; NULL: nothing. */
const char *figure_name_problem(uint32_t type, toni_str name);

#endif
