/* The metrics that plugins ask for, each with the instance as its label. */
#include "http/metrics.h"
#include "instance/plugin_figures.h"

static bool is_shown(const struct toni_figure *figure)
{
    return !slot_is_vacant((struct slot *)figure->slot);
}

static bool has_shown(const struct figure_family *family)
{
    for (const struct toni_figure *figure = family->first; figure; figure = figure->next) {
        if (is_shown(figure))
            return true;
    }
    return false;
}

static void write_histogram(struct exposition *exposition, const struct toni_figure *figure)
{
    uint64_t counts[TONI_BOUNDS_MOST + 1];
    for (uint32_t i = 0; i <= figure->bound_count; i++)
        counts[i] = counter_read(&figure->buckets[i]);
    exposition_buckets(exposition, LABELS({"instance", figure->slot->name}), figure->bounds, counts,
                       figure->bound_count,
                       atomic_load_explicit(&figure->value, memory_order_relaxed));
}

static void write_figure(struct exposition *exposition, const struct toni_figure *figure)
{
    switch (figure->family->type) {
    case TONI_COUNTER:
        exposition_number(exposition, LABELS({"instance", figure->slot->name}),
                          counter_read(&figure->count));
        break;
    case TONI_GAUGE:
        exposition_real(exposition, LABELS({"instance", figure->slot->name}),
                        atomic_load_explicit(&figure->value, memory_order_relaxed));
        break;
    default:
        write_histogram(exposition, figure);
        break;
    }
}

void metrics_write_plugins(struct exposition *exposition, struct slots *slots)
{
    static const char *const types[] = {
        [TONI_COUNTER] = "counter", [TONI_GAUGE] = "gauge", [TONI_HISTOGRAM] = "histogram"};
    struct figure_families *families = &slots->plugin_figures;

    lock_take(&families->lock);
    for (const struct figure_family *family = families->first; family; family = family->next) {
        if (!has_shown(family))
            continue;
        exposition_family(exposition, family->name, types[family->type], family->help);
        for (const struct toni_figure *figure = family->first; figure; figure = figure->next) {
            if (is_shown(figure))
                write_figure(exposition, figure);
        }
    }
    lock_give(&families->lock);
}
