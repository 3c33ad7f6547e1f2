/* The engine of the cluster; see engine.h. */
#include "graph/engine.h"

#include "config/name.h"

#include <stdlib.h>
#include <toni/engine.h>

#define INTERFACE "toni_engine"

static bool is_engine(const struct declared_provider *provider)
{
    return provider->provides && toni_str_equal(provider->provides->name, TONI_LIT(INTERFACE));
}

/* Those that it may be; of a library that can't be used nobody knows. */
static const char *nearest(const char *name, const struct declarations *declarations)
{
    const char **names = calloc(declarations->provider_count + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; names && i < declarations->provider_count; i++) {
        const struct declared_provider *provider = &declarations->providers[i];
        if (is_engine(provider) || provider->is_unknown)
            names[count++] = provider->self.name;
    }
    const char *found = names ? name_nearest(name, names, count) : NULL;
    free(names);
    return found;
}

static void refuse_missing(const struct config_cluster *cluster,
                           const struct declarations *declarations, struct fault_list *faults)
{
    const char *meant = nearest(cluster->engine, declarations);
    if (meant) {
        fault_at(faults, cluster->engine_at,
                 "`engine` of `cluster` is `%s`, which no module provides; did you mean `%s`?",
                 cluster->engine, meant);
    } else {
        fault_at(faults, cluster->engine_at,
                 "`engine` of `cluster` is `%s`, which no module provides; add a service of that "
                 "name whose library offers " INTERFACE,
                 cluster->engine);
    }
}

void engine_check(const struct config_cluster *cluster, const struct declarations *declarations,
                  struct fault_list *faults)
{
    if (!cluster->at || !cluster->engine)
        return;
    const size_t found = declarations_find(declarations, cluster->engine);
    if (found == NOBODY) {
        refuse_missing(cluster, declarations, faults);
        return;
    }
    const struct declared_provider *provider = &declarations->providers[found];
    if (provider->is_unknown || is_engine(provider))
        return;
    const toni_str offers =
        provider->provides ? provider->provides->name : TONI_LIT("no interface");
    fault_at(faults, cluster->engine_at,
             "`engine` of `cluster` is `%s`, whose library offers %.*s, expected " INTERFACE
             ": name a service that offers it",
             cluster->engine, TONI_STR_ARG(offers));
}
