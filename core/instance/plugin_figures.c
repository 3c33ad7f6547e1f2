/* See plugin_figures.h. */
#include "instance/plugin_figures.h"

#include "base/log_limit.h"
#include "base/utf8.h"
#include "instance/instance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 128
#define HELP_MAX_BYTES 256

/* --- Names */

static bool begins_with(toni_str text, const char *prefix)
{
    const size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static bool ends_with(toni_str text, const char *suffix)
{
    const size_t size = strlen(suffix);
    return text.size >= size && memcmp(text.data + text.size - size, suffix, size) == 0;
}

/* Without <ctype.h>: what is legal must not depend on the locale. */
static bool is_word(toni_str name)
{
    for (size_t i = 0; name.data && i < name.size; i++) {
        const char c = name.data[i];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.data && name.size > 0;
}

const char *figure_name_problem(uint32_t type, toni_str name)
{
    static const char *const series[] = {"_bucket", "_sum", "_count", "_info"};

    if (name.size > NAME_MAX_BYTES)
        return "is longer than 128 bytes";
    if (!is_word(name))
        return "is not made of letters, digits and `_`, or begins with a digit";
    if (begins_with(name, "toni_") || begins_with(name, "process_"))
        return "begins as the host's own do";
    if (ends_with(name, "_total") != (type == TONI_COUNTER))
        return "ends with `_total` though it is no counter, or is one and does not";
    for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) {
        if (ends_with(name, series[i]))
            return "ends as parts of a histogram do, or an info";
    }
    return NULL;
}

static const char *help_problem(toni_str help)
{
    const bool is_good = help.data && help.size > 0 && help.size <= HELP_MAX_BYTES &&
                         utf8_valid(help.data, help.size) &&
                         !utf8_has_control(help.data, help.size);
    return is_good ? NULL : "has no help of 1 to 256 bytes of UTF-8 without control characters";
}

static const char *bounds_problem(uint32_t type, const double *bounds, size_t count)
{
    if (type != TONI_HISTOGRAM)
        return NULL;
    if (count < 1 || count > TONI_BOUNDS_MOST)
        return "has not 1 to 32 bounds";
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
            return "has bounds that are not finite, or not each above the one before";
    }
    return NULL;
}

/* --- Families; under their lock */

static struct figure_family *find_family(const struct figure_families *families, toni_str name)
{
    for (struct figure_family *family = families->first; family; family = family->next) {
        if (toni_str_equal(toni_str_of(family->name), name))
            return family;
    }
    return NULL;
}

static struct figure_family *make_family(struct figure_families *families, uint32_t type,
                                         toni_str name, toni_str help)
{
    struct figure_family **last = &families->first;
    struct figure_family *family = calloc(1, sizeof *family + name.size + 1);
    char *text = strndup(help.data, help.size);

    if (!family || !text) {
        free(family);
        free(text);
        return NULL;
    }
    family->type = type;
    family->help = text;
    memcpy(family->name, name.data, name.size);
    while (*last)
        last = &(*last)->next;
    *last = family;
    return family;
}

static void end_if_empty(struct figure_families *families, struct figure_family *family)
{
    struct figure_family **place = &families->first;

    if (family->first)
        return;
    while (*place != family)
        place = &(*place)->next;
    *place = family->next;
    free(family->help);
    free(family);
}

/* --- Figures; under the same */

static struct toni_figure *find_figure(const struct figure_family *family, const struct slot *slot)
{
    for (struct toni_figure *figure = family->first; figure; figure = figure->next) {
        if (figure->slot == slot)
            return figure;
    }
    return NULL;
}

static struct toni_figure *make_figure(struct figure_family *family, const struct instance *owner,
                                       const double *bounds, size_t count)
{
    const size_t buckets = count + (count > 0);
    struct toni_figure **last = &family->first;
    struct toni_figure *figure =
        calloc(1, sizeof *figure + buckets * sizeof(struct counter) + count * sizeof *bounds);

    if (!figure)
        return NULL;
    double *copy = (double *)(void *)&figure->buckets[buckets];
    if (count > 0)
        memcpy(copy, bounds, count * sizeof *bounds);
    figure->host = owner->host;
    figure->family = family;
    figure->slot = owner->setup.slot;
    figure->bound_count = (uint32_t)count;
    figure->bounds = copy;
    while (*last)
        last = &(*last)->next;
    *last = figure;
    return figure;
}

static void unref(struct figure_families *families, struct toni_figure *figure)
{
    struct figure_family *family = figure->family;
    struct toni_figure **place = &family->first;

    if (--figure->refs > 0)
        return;
    while (*place != figure)
        place = &(*place)->next;
    *place = figure->next;
    free(figure);
    end_if_empty(families, family);
}

/* --- Asking */

struct wanted {
    uint32_t type;
    toni_str name, help;
    const double *bounds;
    size_t count;
};

static struct toni_figure *refuse(const struct instance *instance, const struct wanted *wanted,
                                  const char *why)
{
    log_limited_by(&instance->figures->refused_figure_lines, LOG_LEVEL_ERROR,
                   "a figure that a plugin asks for is refused",
                   log_str("instance", instance->setup.name),
                   log_brief("name", wanted->name.data, wanted->name.size), log_str("reason", why));
    return NULL;
}

static struct toni_figure *held(const struct figure_holds *holds, toni_str name)
{
    for (size_t i = 0; i < holds->count; i++) {
        if (toni_str_equal(toni_str_of(holds->figures[i]->family->name), name))
            return holds->figures[i];
    }
    return NULL;
}

/* Under the lock of the families. @param why  Set if the result is NULL. */
static struct toni_figure *take(struct figure_families *families, const struct instance *instance,
                                const struct wanted *wanted, const char **why)
{
    struct figure_family *family = find_family(families, wanted->name);

    *why = "that name has another type already, here or in another instance";
    if (family && family->type != wanted->type)
        return NULL;
    *why = "out of memory";
    if (!family)
        family = make_family(families, wanted->type, wanted->name, wanted->help);
    if (!family)
        return NULL;
    struct toni_figure *figure = find_figure(family, instance->setup.slot);
    if (!figure)
        figure = make_figure(family, instance, wanted->bounds, wanted->count);
    if (figure)
        figure->refs++;
    else
        end_if_empty(families, family);
    return figure;
}

/* Under the lock of the instance's holds. */
static struct toni_figure *get(struct instance *instance, const struct wanted *wanted,
                               const char **why)
{
    struct figure_families *families = &instance->setup.slot->slots->plugin_figures;
    struct figure_holds *holds = &instance->figure_holds;
    struct toni_figure *figure = held(holds, wanted->name);

    *why = "that name has another type already, in this instance";
    if (figure)
        return figure->family->type == wanted->type ? figure : NULL;
    *why = "the instance has 64 figures, or it has ended";
    if (holds->count >= TONI_FIGURES_MOST)
        return NULL;
    lock_take(&families->lock);
    figure = take(families, instance, wanted, why);
    lock_give(&families->lock);
    if (figure)
        holds->figures[holds->count++] = figure;
    return figure;
}

static toni_figure *figure_get(toni_context *context, uint32_t type, toni_str name, toni_str help,
                               const double *bounds, size_t count)
{
    struct instance *instance = instance_of(context);
    const struct wanted wanted = {type, name, help, bounds, type == TONI_HISTOGRAM ? count : 0};
    const char *why = type < TONI_COUNTER || type > TONI_HISTOGRAM ? "has no such type" : NULL;

    if (!why)
        why = figure_name_problem(type, name);
    if (!why)
        why = help_problem(help);
    if (!why)
        why = bounds_problem(type, bounds, count);
    if (why)
        return refuse(instance, &wanted, why);
    lock_take(&instance->figure_holds.lock);
    struct toni_figure *figure = get(instance, &wanted, &why);
    lock_give(&instance->figure_holds.lock);
    return figure ? figure : refuse(instance, &wanted, why);
}

void plugin_figures_drop(struct instance *instance)
{
    struct figure_families *families = &instance->setup.slot->slots->plugin_figures;
    struct figure_holds *holds = &instance->figure_holds;

    lock_take(&families->lock);
    for (size_t i = 0; i < holds->count; i++)
        unref(families, holds->figures[i]);
    lock_give(&families->lock);
    holds->count = 0;
}

/* --- Adding: from any thread, without a lock */

static void add_double(_Atomic double *sum, double more)
{
    double before = atomic_load_explicit(sum, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(sum, &before, before + more, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static void figure_count(toni_figure *figure, uint64_t more)
{
    if (figure->family->type == TONI_COUNTER)
        counter_add_shared(&figure->count, more);
}

static void figure_set(toni_figure *figure, double value)
{
    if (figure->family->type == TONI_GAUGE)
        atomic_store_explicit(&figure->value, value, memory_order_relaxed);
}

static void figure_add(toni_figure *figure, double more)
{
    if (figure->family->type == TONI_GAUGE)
        add_double(&figure->value, more);
}

static void figure_observe(toni_figure *figure, double value)
{
    uint32_t bucket = 0;

    if (figure->family->type != TONI_HISTOGRAM || !isfinite(value))
        return;
    while (bucket < figure->bound_count && value > figure->bounds[bucket])
        bucket++;
    counter_add_shared(&figure->buckets[bucket], 1);
    add_double(&figure->value, value);
}

void plugin_figures_fill_table(toni_host *table)
{
    table->figure_get = figure_get;
    table->figure_count = figure_count;
    table->figure_set = figure_set;
    table->figure_add = figure_add;
    table->figure_observe = figure_observe;
}
