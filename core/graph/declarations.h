/* What gateways.conf and the descriptors of plugins declare about who shall get what: plain data,
 * all borrowed. sight.h and resolver.h work on it; graph.c and tests put it together. */
#ifndef GRAPH_DECLARATIONS_H
#define GRAPH_DECLARATIONS_H

#include "config/fault.h"
#include "config/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <toni/plugin.h>

/** No module, or no provider. */
#define NOBODY SIZE_MAX

struct declared_module {
    struct name_at self;
    const struct name_at *imports; /* of modules */
    size_t import_count;
    const struct name_at *exports; /* of its providers, or of modules among its imports */
    size_t export_count;
    bool is_global;
};

struct declared_provider {
    struct name_at self;
    size_t module;                       /* number of the module that declares it */
    const toni_interface *provides;      /* NULL: nothing */
    const toni_dependency *const *needs; /* ends with NULL; NULL: nothing */
    const struct declared_choice *choices;
    size_t choice_count;
    const struct name_at *guards; /* of a gateway, in the order in which they are asked */
    size_t guard_count;
    uint32_t kind;   /* TONI_GATEWAY or TONI_SERVICE, for messages */
    bool is_unknown; /* its library can't be used, so it may provide anything; reported elsewhere */
};

/** In the order of the file, which decides where nothing else does. */
struct declarations {
    const struct declared_module *modules;
    size_t module_count;
    const struct declared_provider *providers;
    size_t provider_count;
};

/** @return The number of the provider of that name, or NOBODY. */
static inline size_t declarations_find(const struct declarations *declarations, const char *name)
{
    for (size_t p = 0; p < declarations->provider_count; p++) {
        if (strcmp(declarations->providers[p].self.name, name) == 0)
            return p;
    }
    return NOBODY;
}

/** Adds a fault at the place of a name. */
#define fault_at_name(list, place, ...) fault_add((list), (place)->file, (place)->line, __VA_ARGS__)

#endif
