/* A name that is no module is taken for the one that was probably meant, so that one slip does not
 * make ten faults. What is exported through imports is passed on until nothing changes any more;
 * that ends with rings too. */
#include "wiring/sight.h"

#include "base/buffer.h"
#include "wiring/order.h"

#include <stdlib.h>
#include <string.h>

/* --- Finding */

static size_t find_module(const struct declarations *declarations, const char *name)
{
    for (size_t m = 0; m < declarations->module_count; m++) {
        if (strcmp(declarations->modules[m].self.name, name) == 0)
            return m;
    }
    return NOBODY;
}

/* @return NOBODY too on no memory: then there is no hint. */
static size_t find_near_module(const struct declarations *declarations, const char *name)
{
    const char **names = calloc(declarations->module_count + 1, sizeof *names);
    if (!names)
        return NOBODY;
    for (size_t m = 0; m < declarations->module_count; m++)
        names[m] = declarations->modules[m].self.name;
    const char *nearest = name_nearest(name, names, declarations->module_count);
    free(names);
    return nearest ? find_module(declarations, nearest) : NOBODY;
}

/* The module that an import means, or was probably meant to. */
static size_t find_import(const struct declarations *declarations, const char *name)
{
    const size_t found = find_module(declarations, name);

    return found != NOBODY ? found : find_near_module(declarations, name);
}

static size_t find_own_provider(const struct declarations *declarations, size_t module,
                                const char *name)
{
    for (size_t p = 0; p < declarations->provider_count; p++) {
        const struct declared_provider *provider = &declarations->providers[p];

        if (provider->module == module && strcmp(provider->self.name, name) == 0)
            return p;
    }
    return NOBODY;
}

static bool is_import(const struct declared_module *module, const char *name)
{
    for (size_t i = 0; i < module->import_count; i++) {
        if (strcmp(module->imports[i].name, name) == 0)
            return true;
    }
    return false;
}

/* --- Imports */

static void report_import(const struct sight *sight, const struct declared_module *module,
                          const struct name_at *import, struct fault_list *faults)
{
    const struct declarations *declarations = sight->declarations;
    const size_t near = find_near_module(declarations, import->name);
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

static void check_imports(struct sight *sight, size_t m, struct fault_list *faults)
{
    const struct declared_module *module = &sight->declarations->modules[m];

    for (size_t i = 0; i < module->import_count; i++) {
        const struct name_at *import = &module->imports[i];

        if (find_module(sight->declarations, import->name) == NOBODY)
            report_import(sight, module, import, faults);
        if (find_import(sight->declarations, import->name) == NOBODY)
            sight->uncertain[m] = true;
    }
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

static int check_rings(const struct declarations *declarations, struct fault_list *faults)
{
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
                const size_t used = find_module(declarations, module->imports[i].name);
                if (used != NOBODY)
                    imports[order_add(&order, m, used)] = &module->imports[i];
            }
        }
        while (!order_sort(&order))
            report_ring(declarations, &order, imports, faults);
    }
    order_finish(&order);
    const bool is_good = imports && !result;
    free(imports);
    return is_good ? 0 : -1;
}

/* --- Exports */

static bool *exported(const struct sight *sight, size_t module)
{
    return sight->exported + module * sight->declarations->provider_count;
}

/* An export names a provider of the module, or else one of its imports. */
static void check_exports(struct sight *sight, size_t m, struct fault_list *faults)
{
    const struct declared_module *module = &sight->declarations->modules[m];

    for (size_t i = 0; i < module->export_count; i++) {
        const struct name_at *export = &module->exports[i];
        const size_t own = find_own_provider(sight->declarations, m, export->name);

        if (own != NOBODY) {
            exported(sight, m)[own] = true;
        } else if (!is_import(module, export->name)) {
            sight->uncertain[m] = true;
            fault_at_name(faults, export,
                          "module `%s` exports `%s`, which it lacks; expected one of its providers "
                          "or imports",
                          module->self.name, export->name);
        }
    }
}

/* Adds to what @p module exports what is exported by @p from. @return Whether that was new. */
static bool pass_on(struct sight *sight, size_t module, size_t from)
{
    bool is_new = false;

    for (size_t p = 0; p < sight->declarations->provider_count; p++) {
        if (exported(sight, from)[p] && !exported(sight, module)[p])
            is_new = exported(sight, module)[p] = true;
    }
    return is_new;
}

static bool pass_on_all(struct sight *sight)
{
    const struct declarations *declarations = sight->declarations;
    bool is_new = false;

    for (size_t m = 0; m < declarations->module_count; m++) {
        const struct declared_module *module = &declarations->modules[m];

        for (size_t i = 0; i < module->import_count; i++) {
            const size_t from = find_import(declarations, module->imports[i].name);

            if (from != NOBODY && sight->uncertain[from] && !sight->uncertain[m])
                is_new = sight->uncertain[m] = true;
        }
        for (size_t i = 0; i < module->export_count; i++) {
            const char *name = module->exports[i].name;
            const size_t from =
                find_own_provider(declarations, m, name) == NOBODY && is_import(module, name)
                    ? find_import(declarations, name)
                    : NOBODY;
            is_new |= from != NOBODY && pass_on(sight, m, from);
        }
    }
    return is_new;
}

/* --- All together */

int sight_init(struct sight *sight, const struct declarations *declarations,
               struct fault_list *faults)
{
    const size_t modules = declarations->module_count;

    *sight = (struct sight){.declarations = declarations};
    sight->exported = calloc(modules * declarations->provider_count + 1, sizeof *sight->exported);
    sight->uncertain = calloc(modules + 1, sizeof *sight->uncertain);
    if (!sight->exported || !sight->uncertain)
        return -1;
    for (size_t m = 0; m < modules; m++) {
        check_imports(sight, m, faults);
        check_exports(sight, m, faults);
    }
    while (pass_on_all(sight))
        ;
    return check_rings(declarations, faults);
}

void sight_finish(struct sight *sight)
{
    free(sight->exported);
    free(sight->uncertain);
    *sight = (struct sight){0};
}

bool sight_exports(const struct sight *sight, size_t module, size_t provider)
{
    return exported(sight, module)[provider];
}

bool sight_sees(const struct sight *sight, size_t m, size_t provider)
{
    const struct declarations *declarations = sight->declarations;
    const struct declared_module *module = &declarations->modules[m];

    if (declarations->providers[provider].module == m)
        return true;
    for (size_t i = 0; i < module->import_count; i++) {
        const size_t from = find_import(declarations, module->imports[i].name);
        if (from != NOBODY && sight_exports(sight, from, provider))
            return true;
    }
    for (size_t other = 0; other < declarations->module_count; other++) {
        if (declarations->modules[other].is_global && sight_exports(sight, other, provider))
            return true;
    }
    return false;
}
