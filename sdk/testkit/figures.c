/* What a fake host does with figures: it keeps their values for the test to read. */
#include "toni_testkit_private.h"

#include <math.h>
#include <string.h>

static toni_fake_figure *find(const toni_fake_host *host, toni_str name)
{
    for (size_t i = 0; i < host->figure_count; i++) {
        if (toni_str_equal(toni_str_of(host->figures[i].name), name))
            return (toni_fake_figure *)&host->figures[i];
    }
    return NULL;
}

static void check_wanted(uint32_t type, toni_str name, toni_str help, const double *bounds,
                         size_t count)
{
    ck_assert_uint_ge(type, TONI_COUNTER);
    ck_assert_uint_le(type, TONI_HISTOGRAM);
    ck_assert_msg(toni_fake_is_figure(type, name), "`%.*s` can't name this figure: see figures.h",
                  TONI_STR_ARG(name));
    ck_assert_msg(help.size > 0 && help.size <= 256, "`%.*s` has no help, or too long a one",
                  TONI_STR_ARG(name));
    if (type != TONI_HISTOGRAM)
        return;
    ck_assert_msg(count >= 1 && count <= TONI_BOUNDS_MOST, "a histogram has 1 to 32 bounds");
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(isfinite(bounds[i]) && (i == 0 || bounds[i] > bounds[i - 1]),
                      "the bounds of a histogram are finite and ascend");
}

static toni_figure *figure_get(toni_context *context, uint32_t type, toni_str name, toni_str help,
                               const double *bounds, size_t count)
{
    toni_fake_host *host = host_of_context(context);
    check_wanted(type, name, help, bounds, count);
    if (fake_result_of(host, "figure") < 0)
        return NULL;
    pthread_mutex_lock(&fake_lock);
    toni_fake_figure *figure = find(host, name);
    const int is_other = figure && figure->type != type;
    const int is_full = !figure && host->figure_count == TONI_FIGURES_MOST;
    if (!figure && !is_full) {
        figure = &host->figures[host->figure_count++];
        *figure = (toni_fake_figure){.host = &host->table, .type = type};
        memcpy(figure->name, name.data, name.size);
    }
    pthread_mutex_unlock(&fake_lock);
    ck_assert_msg(!is_other, "`%.*s` has another type already", TONI_STR_ARG(name));
    ck_assert_msg(!is_full, "more figures than a host lets an instance have");
    return (toni_figure *)figure;
}

/* Adds to a figure, or sets it, if it is of this type. */
static void change(toni_figure *handle, uint32_t type, double value, int sets)
{
    toni_fake_figure *figure = (toni_fake_figure *)handle;
    ck_assert_msg(figure->type == type, "`%s` is a figure of another type", figure->name);
    pthread_mutex_lock(&fake_lock);
    figure->value = sets ? value : figure->value + value;
    figure->count++;
    pthread_mutex_unlock(&fake_lock);
}

static void figure_count(toni_figure *figure, uint64_t more)
{
    change(figure, TONI_COUNTER, (double)more, 0);
}

static void figure_set(toni_figure *figure, double value)
{
    change(figure, TONI_GAUGE, value, 1);
}

static void figure_add(toni_figure *figure, double more)
{
    change(figure, TONI_GAUGE, more, 0);
}

static void figure_observe(toni_figure *figure, double value)
{
    if (isfinite(value))
        change(figure, TONI_HISTOGRAM, value, 0);
}

static const toni_fake_figure *get(const toni_fake_host *host, const char *name)
{
    const toni_fake_figure *figure = find(host, toni_str_of(name));
    ck_assert_msg(figure != NULL, "the plugin has asked for no figure `%s`", name);
    return figure;
}

double toni_fake_host_figure(const toni_fake_host *host, const char *name)
{
    const toni_fake_figure *figure = get(host, name);
    pthread_mutex_lock(&fake_lock);
    const double value = figure->value;
    pthread_mutex_unlock(&fake_lock);
    return value;
}

uint64_t toni_fake_host_observed(const toni_fake_host *host, const char *name)
{
    const toni_fake_figure *figure = get(host, name);
    ck_assert_msg(figure->type == TONI_HISTOGRAM, "`%s` is no histogram", name);
    pthread_mutex_lock(&fake_lock);
    const uint64_t count = figure->count;
    pthread_mutex_unlock(&fake_lock);
    return count;
}

void fake_figures_fill(toni_host *table)
{
    table->figure_get = figure_get;
    table->figure_count = figure_count;
    table->figure_set = figure_set;
    table->figure_add = figure_add;
    table->figure_observe = figure_observe;
}
