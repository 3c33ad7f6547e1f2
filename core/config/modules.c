/* Modules, their imports and their providers. A provider that has faults is kept as long as its
 * library can be looked at: so all faults come out at once. */
#include "config/modules.h"

#include "config/gap_notice.h"
#include "config/limits.h"
#include "config/name.h"
#include "config/room_rules.h"
#include "config/setting.h"
#include "rooms/gap_notice.h"
#include "rooms/room_rules.h"

#include <stdlib.h>
#include <string.h>
#include <toni/plugin.h>

#define TITLE_SIZE 256 /* longer names are cut in messages */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const module_keys[] = {"name",      "imports", "exports",  "global",
                                          "namespace", "guards",  "providers"};
static const char *const provider_keys[] = {
    "gateway", "service",    "library",       "path",     "options", "limits",
    "inject",  "deflate",    "deflate_above", "origins",  "guards",  "rooms",
    "refuse",  "list_rooms", "gap_notice",    "gap_event"};

/* @return The name, or NULL after a fault. */
static const char *check_name(const struct value *setting, struct fault_list *faults)
{
    const char *name = value_string(setting);

    if (strncmp(name, "toni.", 5) == 0) {
        fault_at(faults, setting,
                 "the name `%s` begins with `toni.`, as only the host's own do; choose another",
                 name);
        return NULL;
    }
    if (name_valid(toni_str_of(name)))
        return name;
    fault_at(faults, setting, "the name `%s` is %s; expected %s", name,
             name[0] == '\0' ? "empty" : "not legal", NAME_RULE);
    return NULL;
}

/* --- Providers */

static const struct config_provider *find_provider(const struct config *config, const char *name)
{
    for (size_t m = 0; m < config->module_count; m++) {
        const struct config_module *module = &config->modules[m];

        for (size_t p = 0; p < module->provider_count; p++) {
            if (strcmp(module->providers[p].name, name) == 0)
                return &module->providers[p];
        }
    }
    return NULL;
}

/* `gateway = NAME` or `service = NAME`: the kind and the name in one. */
static const struct value *read_kind(const struct section *section, uint32_t *kind)
{
    const struct value *gateway = value_get(section->group, "gateway");
    const struct value *service = value_get(section->group, "service");

    if (!gateway && !service) {
        fault_at(section->faults, section->group,
                 "%s lacks `gateway` or `service`, expected one of them; name the provider with "
                 "`gateway = \"NAME\";`",
                 section->title);
        return NULL;
    }
    if (gateway && service) {
        fault_at(section->faults, service,
                 "%s has both `gateway` and `service`, expected one of them; declare two providers",
                 section->title);
        return NULL;
    }
    *kind = gateway != NULL ? TONI_GATEWAY : TONI_SERVICE;
    return section_get(section, gateway ? "gateway" : "service", VALUE_STRING);
}

static const char *read_provider_name(const struct config *config, const struct section *section,
                                      uint32_t *kind)
{
    const struct value *setting = read_kind(section, kind);
    const char *name = setting ? check_name(setting, section->faults) : NULL;
    const struct config_provider *other = name ? find_provider(config, name) : NULL;

    if (other) {
        fault_at(section->faults, setting,
                 "the provider name `%s` is there already, at %s:%u; each provider of the host "
                 "needs a name of its own",
                 name, value_file(other->at), value_line(other->at));
    }
    return name;
}

static const struct value *read_library(const struct section *section)
{
    const struct value *library = section_need(section, "library", VALUE_STRING);

    if (!library || value_string(library)[0] != '\0')
        return library;
    fault_at(section->faults, library,
             "`library` of %s is empty; expected the file name of a plugin, such as "
             "`rooms_gateway.so`",
             section->title);
    return NULL;
}

static const struct value *read_path(const struct section *section)
{
    const struct value *path = section_get(section, "path", VALUE_STRING);
    const char *problem = path ? path_problem(toni_str_of(value_string(path))) : NULL;

    if (problem) {
        fault_at(section->faults, path,
                 "`path` of %s is `%s`, which %s; expected something like "
                 "`/rooms`",
                 section->title, value_string(path), problem);
    }
    return path;
}

/* A list such as `imports`. */
static int read_names(const struct section *section, const char *key, struct name_at **names,
                      size_t *count)
{
    const struct value *list = section_get(section, key, VALUE_LIST);
    if (!list)
        return 0;

    char title[TITLE_SIZE];
    (void)snprintf(title, sizeof title, "`%s`", key);
    *count = 0;
    *names = calloc(value_count(list) + 1, sizeof **names);
    if (!*names)
        return -1;
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        if (list_item(item, title, VALUE_STRING, section->faults))
            (*names)[(*count)++] = (struct name_at){
                .name = value_string(item), .file = value_file(item), .line = value_line(item)};
    }
    return 0;
}

/* Asked once, a guard has said all. */
static void check_guard_doubles(const struct section *section, const struct name_at *guards,
                                size_t first, size_t count)
{
    for (size_t i = first; i < count; i++) {
        for (size_t other = 0; other < i; other++) {
            if (strcmp(guards[i].name, guards[other].name) != 0)
                continue;
            fault_add(section->faults, guards[i].file, guards[i].line,
                      "%s lists the guard `%s`, which is in its list already, at %s:%u; remove one "
                      "of them",
                      section->title, guards[i].name, guards[other].file, guards[other].line);
            break;
        }
    }
}

/* The module's guards, and behind them its own. */
static int read_guards(const struct config_module *module, struct config_provider *provider,
                       const struct section *section)
{
    struct name_at *own = NULL;
    size_t count = 0;
    int result = read_names(section, "guards", &own, &count);

    provider->guards = calloc(module->guard_count + count + 1, sizeof *provider->guards);
    if (!provider->guards)
        result = -1;
    for (size_t i = 0; i < module->guard_count && !result; i++)
        provider->guards[provider->guard_count++] = module->guards[i];
    for (size_t i = 0; i < count && !result; i++)
        provider->guards[provider->guard_count++] = own[i];
    free(own);
    check_guard_doubles(section, provider->guards, module->guard_count, provider->guard_count);
    return result;
}

/* What only a gateway may have: it is about its clients. */
static int read_clients(const struct config_module *module, struct config_provider *provider,
                        const struct section *section)
{
    static const char *const keys[] = {"deflate",    "deflate_above", "origins",
                                       "guards",     "rooms",         "refuse",
                                       "list_rooms", "gap_notice",    "gap_event"};

    if (provider->kind != TONI_SERVICE) {
        config_deflate_read(section, &provider->limits);
        config_refuse_read(section, &provider->limits);
        config_list_rooms_read(section, &provider->limits);
        return config_origins_read(section, &provider->origins) ||
                       read_guards(module, provider, section) ||
                       config_room_rules_read(section, &provider->limits) ||
                       config_gap_notice_read(section, &provider->limits)
                   ? -1
                   : 0;
    }
    for (size_t i = 0; i < COUNT(keys); i++) {
        const struct value *setting = value_get(section->group, keys[i]);

        if (setting) {
            fault_at(section->faults, setting,
                     "`%s` of %s is about WebSocket clients, which a service has none of; remove "
                     "it, or set it for the gateway that they connect to",
                     keys[i], section->title);
        }
    }
    return 0;
}

static int read_inject(struct config_provider *provider, const struct section *section)
{
    const struct value *group = section_get(section, "inject", VALUE_GROUP);
    if (!group)
        return 0;

    provider->choices = calloc(value_count(group) + 1, sizeof *provider->choices);
    if (!provider->choices)
        return -1;
    for (const struct value *item = value_first(group); item; item = value_next(item)) {
        if (value_type(item) != VALUE_STRING) {
            fault_at(section->faults, item,
                     "`inject` of %s has %s for `%s`, expected the name of an instance",
                     section->title, value_type_name(value_type(item)), value_name(item));
            continue;
        }
        provider->choices[provider->choice_count++] = (struct declared_choice){
            .interface = {.name = value_name(item),
                          .file = value_file(item),
                          .line = value_line(item)},
            .provider = value_string(item),
        };
    }
    return 0;
}

static void provider_finish(struct config_provider *provider)
{
    free(provider->choices);
    free(provider->guards);
    access_list_finish(&provider->origins);
    room_rules_unref(provider->limits.room_rules);
    gap_notice_unref(provider->limits.gap_notice);
}

/* Adds the provider to its module unless there is no telling which library it means. */
static int read_provider(const struct config *config, struct config_module *module,
                         const struct value *group, struct fault_list *faults)
{
    char title[TITLE_SIZE];
    struct section section = {.group = group, .title = "a provider", .faults = faults};
    struct config_provider provider = {.at = group, .limits = config->limits};

    provider.name = read_provider_name(config, &section, &provider.kind);
    if (provider.name) {
        (void)snprintf(title, sizeof title, "%s `%s`", kind_name(provider.kind), provider.name);
        section.title = title;
    }
    section_check_keys(&section, provider_keys, COUNT(provider_keys));
    provider.library = read_library(&section);
    provider.path = read_path(&section);
    provider.options = section_get(&section, "options", VALUE_GROUP);

    const struct value *limits = section_get(&section, "limits", VALUE_GROUP);
    if (limits) {
        char limits_title[TITLE_SIZE];
        (void)snprintf(limits_title, sizeof limits_title, "`limits` of %s", section.title);
        config_limits_read(limits, LIMIT_GATEWAY, limits_title, &provider.limits, faults);
    }
    const int result =
        read_clients(module, &provider, &section) || read_inject(&provider, &section) ? -1 : 0;
    if (!result && provider.name && provider.library)
        module->providers[module->provider_count++] = provider;
    else
        provider_finish(&provider);
    return result;
}

static int read_providers(const struct config *config, struct config_module *module,
                          const struct section *section)
{
    const struct value *list = section_need(section, "providers", VALUE_LIST);
    if (!list || value_count(list) == 0)
        return 0;

    module->providers = calloc(value_count(list), sizeof *module->providers);
    if (!module->providers)
        return -1;
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        if (list_item(item, "`providers`", VALUE_GROUP, section->faults) &&
            read_provider(config, module, item, section->faults) != 0)
            return -1;
    }
    return 0;
}

/* --- Modules */

static const char *read_module_name(const struct config *config, const struct config_module *self,
                                    const struct section *section)
{
    const struct value *setting = section_need(section, "name", VALUE_STRING);
    const char *name = setting ? check_name(setting, section->faults) : NULL;

    if (name && strcmp(name, BROADCAST_MODULE) == 0) {
        fault_at(section->faults, setting,
                 "the module name `%s` is that of the built-in module; choose another", name);
    }
    for (size_t m = 0; name && m < config->module_count; m++) {
        const struct config_module *other = &config->modules[m];

        if (other != self && strcmp(other->name, name) == 0) {
            fault_at(section->faults, setting,
                     "the module name `%s` is there already, at %s:%u; each module needs a name of "
                     "its own",
                     name, value_file(other->at), value_line(other->at));
        }
    }
    return name ? name : "";
}

/* Longer ones would only be cut where they are shown. */
#define NAMESPACE_MAX 64

static const char *read_namespace(const struct section *section)
{
    const struct value *setting = section_get(section, "namespace", VALUE_STRING);
    const toni_str name = toni_str_of(setting ? value_string(setting) : "");

    if (!setting || (name_valid(name) && name.size <= NAMESPACE_MAX))
        return name.size > 0 ? name.data : "";
    if (name.size == 0) {
        fault_at(section->faults, setting,
                 "`namespace` of %s is empty; expected a name, or leave it out: then the module "
                 "shares clients and rooms with all others that have none",
                 section->title);
    } else {
        fault_at(section->faults, setting,
                 "`namespace` of %s is `%s`, which is %s; expected " NAME_RULE ", at most %d bytes",
                 section->title, name.data, name.size > NAMESPACE_MAX ? "too long" : "not legal",
                 NAMESPACE_MAX);
    }
    return "";
}

static bool has_own_gateway(const struct config_module *module)
{
    for (size_t p = 0; p < module->provider_count; p++) {
        if (module->providers[p].kind == TONI_GATEWAY)
            return true;
    }
    return false;
}

static void check_module_guards(const struct config_module *module, const struct section *section)
{
    check_guard_doubles(section, module->guards, 0, module->guard_count);
    if (module->guard_count > 0 && module->provider_count > 0 && !has_own_gateway(module)) {
        fault_add(
            section->faults, module->guards[0].file, module->guards[0].line,
            "%s has guards, but no gateway that they could guard; move `guards` to the module "
            "or the gateway that clients connect to",
            section->title);
    }
}

static int read_module(struct config *config, const struct value *group, struct fault_list *faults)
{
    char title[TITLE_SIZE] = "a module";
    const struct section section = {.group = group, .title = title, .faults = faults};
    struct config_module *module = &config->modules[config->module_count++];

    module->at = group;
    module->name = read_module_name(config, module, &section);
    if (module->name[0] != '\0')
        (void)snprintf(title, sizeof title, "module `%s`", module->name);
    section_check_keys(&section, module_keys, COUNT(module_keys));
    module->is_global = section_get_bool(&section, "global", false);
    module->namespace = read_namespace(&section);
    if (read_names(&section, "imports", &module->imports, &module->import_count) != 0 ||
        read_names(&section, "exports", &module->exports, &module->export_count) != 0 ||
        read_names(&section, "guards", &module->guards, &module->guard_count) != 0 ||
        read_providers(config, module, &section) != 0)
        return -1;
    check_module_guards(module, &section);
    return 0;
}

static bool has_gateway(const struct config *config)
{
    for (size_t m = 0; m < config->module_count; m++) {
        const struct config_module *module = &config->modules[m];

        if (has_own_gateway(module))
            return true;
    }
    return false;
}

int config_modules_read(struct config *config, const struct value *list, struct fault_list *faults)
{
    const size_t before = faults->count;

    config->modules = calloc(value_count(list) + 1, sizeof *config->modules);
    if (!config->modules)
        return -1;
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        if (list_item(item, "`modules`", VALUE_GROUP, faults) &&
            read_module(config, item, faults) != 0)
            return -1;
    }
    /* Where something else is wrong, that may be why there is none. */
    if (faults->count == before && !has_gateway(config)) {
        fault_at(faults, list,
                 "`modules` declares no gateway, expected at least one; add a "
                 "provider such as { gateway = \"rooms\"; library = "
                 "\"rooms_gateway.so\"; }");
    }
    return 0;
}

void config_modules_finish(struct config *config)
{
    for (size_t m = 0; m < config->module_count; m++) {
        struct config_module *module = &config->modules[m];

        for (size_t p = 0; p < module->provider_count; p++)
            provider_finish(&module->providers[p]);
        free(module->providers);
        free(module->imports);
        free(module->exports);
        free(module->guards);
    }
    free(config->modules);
    config->modules = NULL;
    config->module_count = 0;
}
