/* A graph as text; see graph_report.h. */
#include "host/graph_report.h"

#include "config/name.h"

#include <inttypes.h>
#include <toni/connections.h>

static void print_names(const char *title, const struct name_at *names, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++)
        (void)fprintf(out, "%s%s", i > 0 ? ", " : title, names[i].name);
}

static void print_module(const struct config_module *module, FILE *out)
{
    (void)fprintf(out, "  %s%s", module->name, module->is_global ? " (global)" : "");
    if (module->namespace[0] != '\0')
        (void)fprintf(out, "; namespace %s", module->namespace);
    print_names("; imports ", module->imports, module->import_count, out);
    print_names("; exports ", module->exports, module->export_count, out);
    (void)fputs("\n", out);
}

static void print_injection(const struct graph *graph, const struct injection *injection,
                            const toni_dependency *need, FILE *out)
{
    (void)fprintf(out, "    gets      %.*s/%" PRIu32, TONI_STR_ARG(need->interface_name),
                  need->version);
    if (injection->kind == INJECTION_CONNECTIONS) {
        (void)fputs(" from the module " BROADCAST_MODULE "\n", out);
    } else if (injection->kind == INJECTION_INSTANCE) {
        const struct instance_setup *from = &graph->setups[injection->provider];
        (void)fprintf(out, " from %s (version %" PRIu32 ")\n", from->name,
                      from->plugin->descriptor.provides->version);
    } else {
        (void)fputs(" from nobody; it is optional\n", out);
    }
}

static void print_instance(const struct graph *graph, size_t number, FILE *out)
{
    const struct instance_setup *setup = &graph->setups[number];
    const toni_plugin *plugin = &setup->plugin->descriptor;

    (void)fprintf(out, "  %s %s\n", kinds_name(plugin->kind), setup->name);
    (void)fprintf(out, "    module    %s\n    library   %s\n", setup->module, setup->plugin->path);
    if (setup->path.size > 0)
        (void)fprintf(out, "    path      %.*s\n", TONI_STR_ARG(setup->path));
    if (plugin->provides)
        (void)fprintf(out, "    provides  %.*s/%" PRIu32 "\n", TONI_STR_ARG(plugin->provides->name),
                      plugin->provides->version);
    if (setup->guard_count > 0) {
        print_names("    guards    ", setup->guards, setup->guard_count, out);
        (void)fputs("\n", out);
    }
    for (size_t i = 0; plugin->needs && plugin->needs[i]; i++)
        print_injection(graph, &graph->injections[number][i], plugin->needs[i], out);
}

int graph_print_text(const struct graph *graph, FILE *out)
{
    (void)fputs("modules\n  " BROADCAST_MODULE " (built in); exports " TONI_CONNECTIONS_INTERFACE
                "\n",
                out);
    for (size_t i = 0; i < graph->config->module_count; i++)
        print_module(&graph->config->modules[i], out);
    (void)fputs("instances, in the order in which they start\n", out);
    for (size_t i = 0; i < graph->setup_count; i++)
        print_instance(graph, i, out);
    return fflush(out) || ferror(out) ? -1 : 0;
}
