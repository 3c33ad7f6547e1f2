/* A graph as JSON; see graph_report.h.
 *
 *   { "modules": [ { "name", "built_in", "global", "namespace": "" is the default one,
 *                     "imports": [ name ], "exports": [ name ] } ],
 *     "instances": [ { "name", "kind": "gateway", "service" or "gateway and service", "module",
 * "library", "path": null if it answers nowhere, "provides": null or { "interface", "version" },
 *                      "guards": [ name of an instance ], in the order in which they are asked,
 *                      "gets": [ { "interface", "version", "optional",
 *                                  "from": null or { "module", "instance", "version" } } ] } ] }
 *
 * The `instance` of what is built in is null. A library whose path is not UTF-8 is null too.
 * jansson's functions take a NULL for an argument and then fail, so a lack of memory shows at the
 * end of each object or list. */
#include "host/graph_report.h"

#include "config/name.h"
#include "host/parts_json.h"

#include <jansson.h>
#include <toni/connections.h>

/* @return NULL on no memory, as all below. */
static json_t *names_to_json(const struct name_at *names, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        list = list_append_json(list, json_string(names[i].name));
    return list;
}

static json_t *module_to_json(const struct config_module *module)
{
    return json_pack("{s:s, s:b, s:b, s:s, s:o, s:o}", "name", module->name, "built_in", 0,
                     "global", (int)module->is_global, "namespace", module->namespace, "imports",
                     names_to_json(module->imports, module->import_count), "exports",
                     names_to_json(module->exports, module->export_count));
}

static json_t *built_in_to_json(void)
{
    return json_pack("{s:s, s:b, s:b, s:s, s:[], s:[s]}", "name", BROADCAST_MODULE, "built_in", 1,
                     "global", 0, "namespace", "", "imports", "exports",
                     TONI_CONNECTIONS_INTERFACE);
}

static json_t *source_to_json(const struct graph *graph, const struct injection *injection)
{
    if (injection->kind == INJECTION_NOTHING || injection->kind == INJECTION_EMPTY)
        return json_null();
    if (injection->kind == INJECTION_CONNECTIONS)
        return json_pack("{s:s, s:n, s:i}", "module", BROADCAST_MODULE, "instance", "version", 1);
    const struct instance_setup *from = &graph->setups[injection->provider];
    return json_pack("{s:s, s:s, s:I}", "module", from->module, "instance", from->name, "version",
                     (json_int_t)from->plugin->descriptor.provides->version);
}

static json_t *injections_to_json(const struct graph *graph, size_t number)
{
    const toni_dependency *const *needs = graph->setups[number].plugin->descriptor.needs;
    json_t *list = json_array();

    for (size_t i = 0; needs && needs[i]; i++) {
        list =
            list_append_json(list, json_pack("{s:o, s:I, s:b, s:o}", "interface",
                                             text_to_json(needs[i]->interface_name), "version",
                                             (json_int_t)needs[i]->version, "optional",
                                             (needs[i]->flags & TONI_OPTIONAL) != 0, "from",
                                             source_to_json(graph, &graph->injections[number][i])));
    }
    return list;
}

static json_t *instance_to_json(const struct graph *graph, size_t number)
{
    const struct instance_setup *setup = &graph->setups[number];
    const toni_plugin *plugin = &setup->plugin->descriptor;

    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", setup->name, "kind",
                     kinds_name(plugin->kind), "module", setup->module, "library",
                     text_or_null(toni_str_of(setup->plugin->path)), "path",
                     text_or_null(setup->path), "provides", provides_to_json(plugin->provides),
                     "guards", names_to_json(setup->guards, setup->guard_count), "gets",
                     injections_to_json(graph, number));
}

static json_t *graph_to_json(const struct graph *graph)
{
    json_t *modules = list_append_json(json_array(), built_in_to_json());
    json_t *instances = json_array();

    for (size_t i = 0; i < graph->config->module_count; i++)
        modules = list_append_json(modules, module_to_json(&graph->config->modules[i]));
    for (size_t i = 0; i < graph->setup_count; i++)
        instances = list_append_json(instances, instance_to_json(graph, i));
    return json_pack("{s:o, s:o}", "modules", modules, "instances", instances);
}

int graph_print_json(const struct graph *graph, FILE *out)
{
    json_t *whole = graph_to_json(graph);
    int result = -1;

    if (whole)
        result = json_dumpf(whole, out, JSON_INDENT(2));
    json_decref(whole);
    if (result || fputc('\n', out) == EOF || fflush(out))
        return -1;
    return 0;
}
