/* A name that is no module is taken for the one that was probably meant, so that one slip does not
 * make ten faults. Names are looked up once; then rows of bits are joined, in the order of imports,
 * until nothing changes any more, which ends with rings too. */
#include "graph/sight.h"

#include "base/buffer.h"
#include "graph/order.h"

#include <stdlib.h>
#include <string.h>

/* --- Finding, by halves */

static int compare_modules(const void *a, const void *b, void *data)
{
    const struct declarations *declarations = data;
    const size_t one = *(const size_t *)a, other = *(const size_t *)b;
    const int names =
        strcmp(declarations->modules[one].self.name, declarations->modules[other].self.name);

    return names != 0 ? names : (one > other) - (one < other);
}

static int compare_providers(const void *a, const void *b, void *data)
{
    const struct declarations *declarations = data;
    const size_t one = *(const size_t *)a, other = *(const size_t *)b;
    const struct declared_provider *here = &declarations->providers[one];
    const struct declared_provider *there = &declarations->providers[other];
    const int names = strcmp(here->self.name, there->self.name);

    if (here->module != there->module)
        return here->module < there->module ? -1 : 1;
    return names != 0 ? names : (one > other) - (one < other);
}

static void sort_names(struct sight *sight)
{
    const struct declarations *declarations = sight->declarations;

    for (size_t m = 0; m < declarations->module_count; m++)
        sight->by_name[m] = m;
    for (size_t p = 0; p < declarations->provider_count; p++)
        sight->providers[p] = p;
    qsort_r(sight->by_name, declarations->module_count, sizeof *sight->by_name, compare_modules,
            (void *)declarations);
    qsort_r(sight->providers, declarations->provider_count, sizeof *sight->providers,
            compare_providers, (void *)declarations);
}

/* @return The first of that name, or NOBODY. */
static size_t find_module(const struct sight *sight, const char *name)
{
    const struct declarations *declarations = sight->declarations;
    size_t low = 0, high = declarations->module_count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(declarations->modules[sight->by_name[middle]].self.name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < declarations->module_count &&
                   strcmp(declarations->modules[sight->by_name[low]].self.name, name) == 0
               ? sight->by_name[low]
               : NOBODY;
}

/* @return The first of the module's of that name, or NOBODY. */
static size_t find_own_provider(const struct sight *sight, size_t module, const char *name)
{
    const struct declared_provider *providers = sight->declarations->providers;
    const size_t count = sight->declarations->provider_count;
    size_t low = 0, high = count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct declared_provider *provider = &providers[sight->providers[middle]];
        if (provider->module < module ||
            (provider->module == module && strcmp(provider->self.name, name) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == count)
        return NOBODY;
    const struct declared_provider *found = &providers[sight->providers[low]];
    return found->module == module && strcmp(found->self.name, name) == 0 ? sight->providers[low]
                                                                          : NOBODY;
}

/* @return NOBODY too on no memory: then there is no hint. */
static size_t find_near_module(const struct sight *sight, const char *name)
{
    const struct declarations *declarations = sight->declarations;
    const char **names = calloc(declarations->module_count + 1, sizeof *names);
    if (!names)
        return NOBODY;
    for (size_t m = 0; m < declarations->module_count; m++)
        names[m] = declarations->modules[m].self.name;
    const char *nearest = name_nearest(name, names, declarations->module_count);
    free(names);
    return nearest ? find_module(sight, nearest) : NOBODY;
}

/* @return The number of the import of that name, or NOBODY. */
static size_t find_import(const struct declared_module *module, const char *name)
{
    for (size_t i = 0; i < module->import_count; i++) {
        if (strcmp(module->imports[i].name, name) == 0)
            return i;
    }
    return NOBODY;
}

/* --- Imports */

static void report_import(const struct sight *sight, const struct declared_module *module,
                          const struct name_at *import, size_t near, struct fault_list *faults)
{
    const struct declarations *declarations = sight->declarations;
    struct buffer list;

    if (near != NOBODY) {
        fault_at_name(faults, import,
                      "module `%s` imports `%s`, which is no module; did you mean `%s`?",
                      module->self.name, import->name, declarations->modules[near].self.name);
        return;
    }
    buffer_init(&list);
    for (size_t m = 0; m < declarations->module_count; m++) {
        /* Without memory the message is short of a name; it still says what is wrong. */
        if (&declarations->modules[m] != module)
            (void)buffer_appendf(&list, "%s`%s`", list.length > 0 ? ", " : "",
                                 declarations->modules[m].self.name);
    }
    fault_at_name(
        faults, import, "module `%s` imports `%s`, which is no module; expected one of %.*s",
        module->self.name, import->name, (int)list.length, list.length > 0 ? list.bytes : "");
    buffer_finish(&list);
}

static int check_imports(struct sight *sight, size_t m, struct fault_list *faults)
{
    const struct declared_module *module = &sight->declarations->modules[m];
    size_t *imports = calloc(module->import_count + 1, sizeof *imports);

    sight->imports[m] = imports;
    if (!imports)
        return -1;
    for (size_t i = 0; i < module->import_count; i++) {
        const struct name_at *import = &module->imports[i];

        imports[i] = find_module(sight, import->name);
        if (imports[i] != NOBODY)
            continue;
        imports[i] = find_near_module(sight, import->name);
        report_import(sight, module, import, imports[i], faults);
        if (imports[i] == NOBODY)
            sight->uncertain[m] = true;
    }
    return 0;
}

static void report_ring(const struct declarations *declarations, const struct order *order,
                        const struct name_at *const *imports, struct fault_list *faults)
{
    struct buffer ring;

    buffer_init(&ring);
    for (size_t i = 0; i < order->ring_length; i++) {
        const struct order_edge *edge = &order->edges[order->ring[i]];
        (void)buffer_appendf(&ring, "%s -> ", declarations->modules[edge->user].self.name);
    }
    const size_t first = order->edges[order->ring[0]].user;
    fault_at_name(faults, imports[order->ring[0]],
                  "modules import each other in a ring, %.*s%s; expected none: remove one of these "
                  "imports, or put what is shared into a module of its own",
                  (int)ring.length, ring.length > 0 ? ring.bytes : "",
                  declarations->modules[first].self.name);
    buffer_finish(&ring);
}

/* Only of imports that are there. */
static int check_rings(struct sight *sight, struct fault_list *faults)
{
    const struct declarations *declarations = sight->declarations;
    size_t count = 0;
    for (size_t m = 0; m < declarations->module_count; m++)
        count += declarations->modules[m].import_count;

    struct order order;
    const struct name_at **imports = calloc(count + 1, sizeof *imports); /* by edge */
    const int result = order_init(&order, declarations->module_count, count);
    if (imports && !result) {
        for (size_t m = 0; m < declarations->module_count; m++) {
            const struct declared_module *module = &declarations->modules[m];

            for (size_t i = 0; i < module->import_count; i++) {
                const size_t used = find_module(sight, module->imports[i].name);
                if (used != NOBODY)
                    imports[order_add(&order, m, used)] = &module->imports[i];
            }
        }
        while (!order_sort(&order))
            report_ring(declarations, &order, imports, faults);
        memcpy(sight->order, order.nodes, order.node_count * sizeof *order.nodes);
    }
    order_finish(&order);
    const bool is_good = imports && !result;
    free(imports);
    return is_good ? 0 : -1;
}

/* --- Exports */

static uint64_t *row(const struct sight *sight, uint64_t *rows, size_t module)
{
    return rows + module * sight->row_words;
}

static void set(uint64_t *bits, size_t number)
{
    bits[number / 64] |= UINT64_C(1) << number % 64;
}

static bool is_set(const uint64_t *bits, size_t number)
{
    return (bits[number / 64] >> number % 64 & 1) != 0;
}

/* @return Whether that changed @p bits. */
static bool join(const struct sight *sight, uint64_t *bits, const uint64_t *others)
{
    uint64_t news = 0;

    for (size_t i = 0; i < sight->row_words; i++) {
        news |= others[i] & ~bits[i];
        bits[i] |= others[i];
    }
    return news != 0;
}

/* An export names a provider of the module, or else one of its imports. */
static int check_exports(struct sight *sight, size_t m, struct fault_list *faults)
{
    const struct declared_module *module = &sight->declarations->modules[m];
    size_t *passed_on = calloc(module->export_count + 1, sizeof *passed_on);

    sight->passed_on[m] = passed_on;
    if (!passed_on)
        return -1;
    for (size_t i = 0; i < module->export_count; i++) {
        const struct name_at *export = &module->exports[i];
        const size_t own = find_own_provider(sight, m, export->name);
        const size_t import = own == NOBODY ? find_import(module, export->name) : NOBODY;

        passed_on[i] = import != NOBODY ? sight->imports[m][import] : NOBODY;
        if (own != NOBODY) {
            set(row(sight, sight->exported, m), own);
        } else if (import == NOBODY) {
            sight->uncertain[m] = true;
            fault_at_name(faults, export,
                          "module `%s` exports `%s`, which it lacks; expected one of its providers "
                          "or imports",
                          module->self.name, export->name);
        }
    }
    return 0;
}

/* @return Whether that changed anything. */
static bool pass_on(struct sight *sight, size_t m)
{
    const struct declared_module *module = &sight->declarations->modules[m];
    bool is_new = false;

    for (size_t i = 0; i < module->import_count; i++) {
        const size_t from = sight->imports[m][i];

        if (from != NOBODY && sight->uncertain[from] && !sight->uncertain[m])
            is_new = sight->uncertain[m] = true;
    }
    for (size_t i = 0; i < module->export_count; i++) {
        const size_t from = sight->passed_on[m][i];

        if (from != NOBODY &&
            join(sight, row(sight, sight->exported, m), row(sight, sight->exported, from)))
            is_new = true;
    }
    return is_new;
}

/* Twice is enough, but for rings and names that were guessed. */
static bool pass_on_all(struct sight *sight)
{
    bool is_new = false;

    for (size_t i = 0; i < sight->declarations->module_count; i++)
        is_new |= pass_on(sight, sight->order[i]);
    return is_new;
}

/* --- What is in sight */

static void look(struct sight *sight)
{
    const struct declarations *declarations = sight->declarations;

    for (size_t p = 0; p < declarations->provider_count; p++)
        set(row(sight, sight->seen, declarations->providers[p].module), p);
    for (size_t m = 0; m < declarations->module_count; m++) {
        uint64_t *seen = row(sight, sight->seen, m);
        const size_t *imports = sight->imports[m];

        for (size_t i = 0; imports && i < declarations->modules[m].import_count; i++) {
            if (imports[i] != NOBODY)
                (void)join(sight, seen, row(sight, sight->exported, imports[i]));
        }
        for (size_t other = 0; other < declarations->module_count; other++) {
            if (declarations->modules[other].is_global)
                (void)join(sight, seen, row(sight, sight->exported, other));
        }
    }
}

/* --- All together */

static int allocate(struct sight *sight)
{
    const size_t modules = sight->declarations->module_count + 1; /* calloc(0) may return NULL */
    const size_t providers = sight->declarations->provider_count + 1;

    sight->row_words = providers / 64 + 1;
    sight->by_name = calloc(modules, sizeof *sight->by_name);
    sight->providers = calloc(providers, sizeof *sight->providers);
    sight->imports = calloc(modules, sizeof(size_t *));
    sight->passed_on = calloc(modules, sizeof(size_t *));
    sight->order = calloc(modules, sizeof *sight->order);
    sight->exported = calloc(modules * sight->row_words, sizeof *sight->exported);
    sight->seen = calloc(modules * sight->row_words, sizeof *sight->seen);
    sight->uncertain = calloc(modules, sizeof *sight->uncertain);
    return sight->by_name && sight->providers && sight->imports && sight->passed_on &&
                   sight->order && sight->exported && sight->seen && sight->uncertain
               ? 0
               : -1;
}

int sight_init(struct sight *sight, const struct declarations *declarations,
               struct fault_list *faults)
{
    *sight = (struct sight){.declarations = declarations};
    if (allocate(sight))
        return -1;
    sort_names(sight);
    for (size_t m = 0; m < declarations->module_count; m++) {
        if (check_imports(sight, m, faults) || check_exports(sight, m, faults))
            return -1;
    }
    if (check_rings(sight, faults))
        return -1;
    while (pass_on_all(sight))
        ;
    look(sight);
    return 0;
}

void sight_finish(struct sight *sight)
{
    for (size_t m = 0; sight->declarations && m < sight->declarations->module_count; m++) {
        if (sight->imports)
            free(sight->imports[m]);
        if (sight->passed_on)
            free(sight->passed_on[m]);
    }
    free(sight->by_name);
    free(sight->providers);
    free((void *)sight->imports);
    free((void *)sight->passed_on);
    free(sight->order);
    free(sight->exported);
    free(sight->seen);
    free(sight->uncertain);
    *sight = (struct sight){0};
}

bool sight_exports(const struct sight *sight, size_t module, size_t provider)
{
    return is_set(row(sight, sight->exported, module), provider);
}

bool sight_sees(const struct sight *sight, size_t module, size_t provider)
{
    return is_set(row(sight, sight->seen, module), provider);
}
