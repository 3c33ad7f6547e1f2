/* From a configuration to a plan: load all, check each by itself, then resolve who gets what. All
 * is looked at, whatever was found before; a plan comes out only if nothing was found. */
#include "graph/graph.h"

#include "config/name.h"
#include "config/options.h"
#include "graph/engine.h"
#include "graph/resolver.h"
#include "plugin/descriptor.h"

#include <stdlib.h>
#include <string.h>
#include <toni/connections.h>

/* The instance of the built-in module, for the resolver; there is no such instance really. It is
 * the first provider: it is there before all others. */
#define CONNECTIONS 0u
static const toni_interface connections_interface = {
    .struct_size = sizeof(toni_interface),
    .version = 1,
    .name = TONI_LIT_INIT(TONI_CONNECTIONS_INTERFACE),
};
static const struct name_at connections_name = {TONI_CONNECTIONS_INTERFACE, "the host", 0};

/* What is being checked. */
struct candidate {
    const struct config_module *module;
    size_t number; /* of the module */
    const struct config_provider *provider;
    struct plugin *plugin; /* NULL: it can't be used */
    toni_str path;         /* empty: it answers nowhere */
};

#define TITLE_SIZE 256

struct plan {
    const struct config *config;
    struct fault_list *faults;
    struct candidate *candidates; /* in the order of the file */
    size_t candidate_count;
    struct declared_module *modules;     /* and last the built-in one */
    struct declared_provider *providers; /* the connections, then as the candidates */
    struct resolution resolution;
};

/* --- Each by itself */

static void check_kind(const struct plan *plan, const struct candidate *candidate)
{
    const struct config_provider *provider = candidate->provider;
    const char *declared = kind_name(provider->kind);
    const uint32_t kinds = candidate->plugin->descriptor.kind;

    fault_at(plan->faults, provider->at,
             "module `%s`: `%s` is declared as a %s, but library `%s` is a %s; write "
             "`%s = \"%s\";`",
             candidate->module->name, provider->name, declared, candidate->plugin->path,
             kinds_name(kinds), kind_name(kinds), provider->name);
}

/* gateways.conf overrides the plugin's own. */
static toni_str choose_path(const struct candidate *candidate)
{
    const struct value *path = candidate->provider->path;

    if (path)
        return toni_str_of(value_string(path));
    return candidate->plugin->descriptor.path;
}

/* What its library is, if that is known, or else what the file says. */
static uint32_t kinds_of(const struct candidate *candidate)
{
    return candidate->plugin ? candidate->plugin->descriptor.kind : candidate->provider->kind;
}

/* WebSocket and HTTP have addresses of their own; a service answers below its path too.
 * @return As what both of them collide, or 0. */
static uint32_t paths_collide(const struct candidate *a, const struct candidate *b)
{
    const uint32_t both = kinds_of(a) & kinds_of(b);

    if (a->path.size == 0 || b->path.size == 0)
        return 0;
    if ((both & TONI_GATEWAY) != 0 && toni_str_equal(a->path, b->path))
        return TONI_GATEWAY;
    return (both & TONI_SERVICE) != 0 && paths_overlap(a->path, b->path) ? TONI_SERVICE : 0;
}

static void check_path_is_free(const struct plan *plan, const struct candidate *candidate)
{
    const struct config_provider *provider = candidate->provider;
    const struct value *at = provider->path ? provider->path : provider->at;

    for (const struct candidate *other = plan->candidates; other < candidate; other++) {
        const uint32_t kind = paths_collide(candidate, other);

        if (kind == 0)
            continue;
        if (kind == TONI_GATEWAY) {
            fault_at(plan->faults, at,
                     "module `%s`: gateway `%s` has the path `%.*s`, on which gateway `%s` of "
                     "module `%s` answers already; give one of them another `path`",
                     candidate->module->name, provider->name, TONI_STR_ARG(candidate->path),
                     other->provider->name, other->module->name);
        } else {
            fault_at(plan->faults, at,
                     "module `%s`: service `%s` has the path `%.*s`, which overlaps with `%.*s` of "
                     "service `%s` of module `%s`: a service answers all below its path; give one "
                     "of them another `path`",
                     candidate->module->name, provider->name, TONI_STR_ARG(candidate->path),
                     TONI_STR_ARG(other->path), other->provider->name, other->module->name);
        }
    }
}

static void check_gateway(const struct plan *plan, struct candidate *candidate)
{
    const struct config_provider *provider = candidate->provider;

    candidate->path = choose_path(candidate);
    if (candidate->path.size == 0 && !value_get(provider->at, "path")) {
        fault_at(plan->faults, provider->at,
                 "module `%s`: gateway `%s` has no path, neither here nor in library `%s`; add "
                 "`path = \"/%s\";`",
                 candidate->module->name, provider->name, candidate->plugin->path, provider->name);
    }
}

/* A service is good for something: it offers an interface, or answers HTTP requests on a path. */
static void check_service(const struct plan *plan, struct candidate *candidate)
{
    const struct config_provider *provider = candidate->provider;
    const toni_plugin *descriptor = &candidate->plugin->descriptor;

    if (!descriptor->on_request && !descriptor->provides) {
        fault_at(plan->faults, provider->at,
                 "module `%s`: service `%s` offers no interface and answers no requests; expected "
                 "one of them: set .provides or .on_request in library `%s`",
                 candidate->module->name, provider->name, candidate->plugin->path);
    } else if (!descriptor->on_request && provider->path) {
        fault_at(plan->faults, provider->path,
                 "module `%s`: service `%s` has a path, but library `%s` answers no requests; "
                 "remove `path`",
                 candidate->module->name, provider->name, candidate->plugin->path);
    } else if (descriptor->on_request) {
        candidate->path = choose_path(candidate);
        if (candidate->path.size == 0 && !descriptor->provides &&
            !value_get(provider->at, "path")) {
            fault_at(plan->faults, provider->at,
                     "module `%s`: service `%s` offers no interface and has no path, neither here "
                     "nor in library `%s`; add `path = \"/%s\";`",
                     candidate->module->name, provider->name, candidate->plugin->path,
                     provider->name);
        }
    }
}

/* Its library can't be used; what the file says is known all the same. */
static void check_given_path(const struct plan *plan, struct candidate *candidate)
{
    if (candidate->provider->path)
        candidate->path = toni_str_of(value_string(candidate->provider->path));
    check_path_is_free(plan, candidate);
}

static void check_options(const struct plan *plan, const struct candidate *candidate)
{
    const struct config_provider *provider = candidate->provider;
    char title[TITLE_SIZE]; /* a longer name is cut */

    (void)snprintf(title, sizeof title, "`options` of %s `%s`", kind_name(provider->kind),
                   provider->name);
    options_check(candidate->plugin->descriptor.options, provider->options, provider->at, title,
                  plan->faults);
}

static void check_candidate(const struct plan *plan, struct candidate *candidate)
{
    const uint32_t kinds = candidate->plugin->descriptor.kind;

    if (candidate->provider->kind != ((kinds & TONI_GATEWAY) != 0 ? TONI_GATEWAY : TONI_SERVICE)) {
        check_kind(plan, candidate);
        check_given_path(plan, candidate);
        return;
    }
    check_options(plan, candidate);
    if ((kinds & TONI_GATEWAY) != 0) /* which may be a service too, on the same path */
        check_gateway(plan, candidate);
    else
        check_service(plan, candidate);
    check_path_is_free(plan, candidate);
}

/* --- Declarations for the resolver */

static struct name_at name_of(const char *name, const struct value *at)
{
    return (struct name_at){.name = name, .file = value_file(at), .line = value_line(at)};
}

static struct declared_provider declare_provider(const struct candidate *candidate, size_t module)
{
    const struct config_provider *provider = candidate->provider;
    struct declared_provider declared = {
        .self = name_of(provider->name, provider->at),
        .kind = provider->kind,
        .module = module,
        .is_unknown = !candidate->plugin,
        .choices = provider->choices,
        .choice_count = provider->choice_count,
        .guards = provider->guards,
        .guard_count = provider->guard_count,
    };

    if (candidate->plugin) {
        declared.provides = candidate->plugin->descriptor.provides;
        declared.needs = candidate->plugin->descriptor.needs;
    }
    return declared;
}

static void declare_built_in(struct plan *plan)
{
    const size_t module = plan->config->module_count;

    plan->modules[module] = (struct declared_module){
        .self = {BROADCAST_MODULE, connections_name.file, 0},
        .exports = &connections_name,
        .export_count = 1,
    };
    plan->providers[CONNECTIONS] = (struct declared_provider){
        .self = connections_name,
        .kind = TONI_SERVICE,
        .module = module,
        .provides = &connections_interface,
    };
}

static void add_all(struct plan *plan, struct plugin_set *plugins)
{
    for (size_t m = 0; m < plan->config->module_count; m++) {
        const struct config_module *module = &plan->config->modules[m];

        plan->modules[m] = (struct declared_module){
            .self = name_of(module->name, module->at),
            .imports = module->imports,
            .import_count = module->import_count,
            .exports = module->exports,
            .export_count = module->export_count,
            .is_global = module->is_global,
        };
        for (size_t p = 0; p < module->provider_count; p++) {
            const struct config_provider *provider = &module->providers[p];
            struct candidate *candidate = &plan->candidates[plan->candidate_count++];

            *candidate = (struct candidate){.module = module, .number = m, .provider = provider};
            candidate->plugin = plugin_set_add(plugins, value_string(provider->library),
                                               provider->library, plan->faults);
        }
    }
}

static void check_all(struct plan *plan)
{
    for (size_t i = 0; i < plan->candidate_count; i++) {
        struct candidate *candidate = &plan->candidates[i];
        const struct plugin *plugin = candidate->plugin;

        if (plugin && plugin->state != PLUGIN_DESCRIBED && plugin->state != PLUGIN_MAPPED)
            candidate->plugin = NULL;
        if (candidate->plugin)
            check_candidate(plan, candidate);
        else
            check_given_path(plan, candidate);
        plan->providers[i + 1] = declare_provider(candidate, candidate->number);
    }
    declare_built_in(plan);
}

static int resolve(struct plan *plan)
{
    const struct declarations declarations = {
        .modules = plan->modules,
        .module_count = plan->config->module_count + 1,
        .providers = plan->providers,
        .provider_count = plan->candidate_count + 1,
    };

    engine_check(&plan->config->cluster, &declarations, plan->faults);
    return resolution_init(&plan->resolution, &declarations, plan->faults);
}

/* --- The plan becomes the graph */

/* @param position  By provider: its number in the order. */
static int set_up_injections(struct graph *graph, const struct plan *plan, size_t provider,
                             const size_t *position)
{
    const toni_dependency *const *needs = plan->providers[provider].needs;
    const size_t count = needs_count(needs), guards = plan->providers[provider].guard_count;
    struct injection *injections = calloc(count + guards + 1, sizeof *injections);

    graph->injections[graph->setup_count] = injections;
    graph->injected[graph->setup_count] = calloc(count + 1, sizeof(toni_slot));
    if (!injections || !graph->injected[graph->setup_count])
        return -1;
    for (size_t n = 0; n < count; n++) {
        const size_t source = plan->resolution.sources[provider][n];

        if (source == CONNECTIONS)
            injections[n].kind = INJECTION_CONNECTIONS;
        else if (source != NOBODY)
            injections[n] = (struct injection){INJECTION_INSTANCE, position[source]};
        else if (toni_str_equal(needs[n]->interface_name, connections_interface.name))
            injections[n].kind = INJECTION_NOTHING;
        else
            injections[n].kind = INJECTION_EMPTY;
    }
    for (size_t n = count; n < count + guards; n++)
        injections[n] =
            (struct injection){INJECTION_INSTANCE, position[plan->resolution.sources[provider][n]]};
    return 0;
}

static int set_up_in_order(struct graph *graph, const struct plan *plan, size_t *position)
{
    for (size_t i = 0; i < plan->resolution.provider_count; i++) {
        const size_t provider = plan->resolution.order[i];
        if (provider == CONNECTIONS)
            continue;

        const struct candidate *candidate = &plan->candidates[provider - 1];
        position[provider] = graph->setup_count;
        const int result = set_up_injections(graph, plan, provider, position);
        graph->setups[graph->setup_count++] = (struct instance_setup){
            .config = graph->config,
            .at = candidate->provider->at,
            .plugin = candidate->plugin,
            .name = candidate->provider->name,
            .module = candidate->module->name,
            .namespace = candidate->module->namespace,
            .path = candidate->path,
            .options = candidate->provider->options,
            .limits = candidate->provider->limits,
            .guards = candidate->provider->guards,
            .guard_count = candidate->provider->guard_count,
        };
        if (result)
            return -1;
    }
    return 0;
}

static int set_up(struct graph *graph, const struct plan *plan)
{
    const size_t most = plan->candidate_count + 1; /* calloc(0) may return NULL */
    size_t *position = calloc(most, sizeof *position);
    graph->setups = calloc(most, sizeof *graph->setups);
    graph->injections = calloc(most, sizeof(struct injection *));
    graph->instances = calloc(most, sizeof(struct instance *));
    graph->lives = calloc(most, sizeof *graph->lives);
    graph->injected = calloc(most, sizeof(toni_slot *));
    int result = -1;
    if (position && graph->setups && graph->injections && graph->instances && graph->lives &&
        graph->injected)
        result = set_up_in_order(graph, plan, position);
    free(position);
    return result;
}

static int plan_init(struct plan *plan, const struct config *config, struct fault_list *faults)
{
    size_t providers = 0;
    for (size_t m = 0; m < config->module_count; m++)
        providers += config->modules[m].provider_count;

    *plan = (struct plan){.config = config, .faults = faults};
    plan->candidates = calloc(providers + 1, sizeof *plan->candidates);
    plan->modules = calloc(config->module_count + 1, sizeof *plan->modules);
    plan->providers = calloc(providers + 1, sizeof *plan->providers);
    return plan->candidates && plan->modules && plan->providers ? 0 : -1;
}

static void plan_finish(struct plan *plan)
{
    resolution_finish(&plan->resolution);
    free(plan->candidates);
    free(plan->modules);
    free(plan->providers);
}

/* A machine that is busy may need a moment to map what is right. */
#define LEAST_LOAD_MS 1000u

static uint64_t load_limit_ms(const struct config *config)
{
    return config->limits.hook_ms > LEAST_LOAD_MS ? config->limits.hook_ms : LEAST_LOAD_MS;
}

struct graph *graph_check(struct config *config, struct plugin_loader *loader,
                          const struct graph *before, struct fault_list *faults)
{
    const struct plugin_search search = {
        .config_folder = config->folder,
        .plugin_path = (const char *const *)config->plugin_path,
        .plugin_path_count = config->plugin_path_count,
    };
    struct plan plan;
    struct graph *graph = calloc(1, sizeof *graph);
    int result = plan_init(&plan, config, faults);

    if (graph && !(graph->hooks = hooks_create()))
        result = -1;
    if (graph && !result) {
        graph->config = gateways_conf_ref(config);
        plugin_set_init(&graph->plugins, loader, &search, before ? &before->plugins : NULL);
        add_all(&plan, &graph->plugins);
        plugin_set_try(&graph->plugins, load_limit_ms(config), faults);
        check_all(&plan);
        result = resolve(&plan);
        if (!result && fault_list_empty(faults))
            result = set_up(graph, &plan);
    }
    plan_finish(&plan);
    if (graph && !result)
        return graph;
    fault_at(faults, config->tree, "out of memory while checking the modules");
    graph_destroy(graph);
    return NULL;
}

int graph_map(struct graph *graph, struct fault_list *faults)
{
    return plugin_set_map(&graph->plugins, load_limit_ms(graph->config), faults);
}
