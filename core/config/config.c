/* The top of gateways.conf; modules and limits are read in files of their own. */
#include "config/config.h"

#include "config/file.h"
#include "config/limits.h"
#include "config/modules.h"
#include "config/named_file.h"
#include "config/setting.h"
#include "rooms/lane.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const top_keys[] = {"listen",      "hosts",  "origins",    "control", "workers",
                                       "plugin_path", "limits", "modules",    "user",    "group",
                                       "state",       "watch",  "namespaces", "cluster"};
static const char *const listen_keys[] = {"websocket",       "http",        "page",
                                          "workbench",       "admin",       "admin_token",
                                          "trusted_proxies", "proxy_header"};

/* --- listen */

static bool is_listed(const struct address_list *list, const struct listen_address *address,
                      struct fault_list *faults)
{
    for (size_t i = 0; i < list->count; i++) {
        if (listen_address_equal(&list->addresses[i], address)) {
            fault_at(faults, address->at,
                     "address `%s` is listed already, as `%s`; remove one of them",
                     listen_address_text(address), listen_address_text(&list->addresses[i]));
            return true;
        }
    }
    return false;
}

static void add_address(struct config *config, struct address_list *list,
                        const struct value *setting, struct fault_list *faults)
{
    struct listen_address address = {0};

    if (listen_address_parse(setting, &address, faults) &&
        !is_listed(&config->websocket, &address, faults) &&
        !is_listed(&config->http, &address, faults) && !is_listed(&config->admin, &address, faults))
        list->addresses[list->count++] = address;
}

/* A Unix socket may be a group, with the mode of its file. */
static bool is_address(const struct value *setting)
{
    return value_type(setting) == VALUE_STRING || value_type(setting) == VALUE_GROUP;
}

static int read_addresses(struct config *config, struct address_list *list,
                          const struct value *setting, struct fault_list *faults)
{
    const bool is_list = value_type(setting) == VALUE_LIST;
    const char *name = value_name(setting);
    char title[32];

    if (!is_list && !is_address(setting)) {
        fault_at(faults, setting,
                 "`%s` of `listen` is %s, expected a string or a list of strings, such as "
                 "\"127.0.0.1:9000\"",
                 name, value_type_name(value_type(setting)));
        return 0;
    }
    if (is_list && value_count(setting) == 0) {
        fault_at(faults, setting,
                 "`%s` of `listen` is empty, expected at least one address, such as "
                 "\"127.0.0.1:9000\"",
                 name);
        return 0;
    }
    list->addresses = calloc(is_list ? value_count(setting) : 1, sizeof *list->addresses);
    if (!list->addresses)
        return -1;

    if (!is_list) {
        add_address(config, list, setting, faults);
        return 0;
    }
    (void)snprintf(title, sizeof title, "`%s` of `listen`", name);
    for (const struct value *item = value_first(setting); item; item = value_next(item)) {
        if (is_address(item) || list_item(item, title, VALUE_STRING, faults))
            add_address(config, list, item, faults);
    }
    return 0;
}

/* A good certificate of the client's is asked for. */
static bool needs_certificate(const struct listen_address *address)
{
    const struct value *clients = value_get(address->tls, "client_certificates");
    return clients && value_type(clients) == VALUE_STRING &&
           strcmp(value_string(clients), "required") == 0;
}

/* Figures of a host tell much, and whoever listens on the way must not have what opens them. */
static void check_admin_address(const struct config *config, const struct listen_address *address,
                                struct fault_list *faults)
{
    if (listen_address_is_local(address))
        return;
    if (!address->tls) {
        fault_at(
            faults, address->at,
            "`admin` of `listen` is `%s`, which others than this machine can reach: that needs "
            "TLS; choose a loopback address, such as \"127.0.0.1:9002\", or write `{ address = "
            "\"%s\"; tls = { certificate = …; key = …; }; }`",
            listen_address_text(address), listen_address_text(address));
    } else if (!config->admin_token && !needs_certificate(address)) {
        fault_at(
            faults, address->at,
            "`admin` of `listen` is `%s`, which others than this machine can reach: they have to "
            "show something; add `admin_token = \"FILE\";` to `listen`, or "
            "`client_certificates = \"required\";` to `tls`",
            listen_address_text(address));
    }
}

static int read_admin(struct config *config, const struct section *listen)
{
    const struct value *admin = value_get(listen->group, "admin");
    config->admin_token = section_get(listen, "admin_token", VALUE_STRING);
    if (config->admin_token && !admin) {
        fault_at(listen->faults, config->admin_token,
                 "`admin_token` of `listen` is there without `admin`; add that, or remove it");
    }
    if (admin && read_addresses(config, &config->admin, admin, listen->faults))
        return -1;
    for (size_t i = 0; i < config->admin.count; i++)
        check_admin_address(config, &config->admin.addresses[i], listen->faults);
    return 0;
}

/* `hosts` is there because others come, mostly through a proxy on this machine. That may hand on
 * any Host that a stranger names, `localhost` among them, and add nothing that tells it from a
 * person.
 */
static enum workbench_rule standard_workbench(const struct section *top)
{
    return value_get(top->group, "hosts") ? WORKBENCH_NOBODY : WORKBENCH_LOCAL;
}

static void read_workbench(struct config *config, const struct section *top,
                           const struct section *listen)
{
    static const struct {
        const char *word;
        enum workbench_rule rule;
    } words[] = {
#define WORKBENCH_WORD(name, word) {word, name},
        WORKBENCH_RULES(WORKBENCH_WORD)
#undef WORKBENCH_WORD
    };
    const struct value *setting =
        section_get_word(listen, "workbench", "\"local\", \"anyone\" or \"nobody\"");
    config->workbench = standard_workbench(top);
    if (!setting)
        return;
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i].word, value_string(setting)) == 0) {
            config->workbench = words[i].rule;
            return;
        }
    }
    fault_at(listen->faults, setting,
             "`workbench` of `listen` is `%s`, expected `local` (who is on this machine), `anyone` "
             "or `nobody`",
             value_string(setting));
}

static int read_listen(struct config *config, const struct section *top)
{
    const struct value *group = section_need(top, "listen", VALUE_GROUP);
    if (!group)
        return 0;

    const struct section listen = {.group = group, .title = "`listen`", .faults = top->faults};
    section_check_keys(&listen, listen_keys, COUNT(listen_keys));

    const struct value *websocket = value_get(group, "websocket");
    if (!websocket) {
        fault_at(top->faults, group,
                 "`listen` lacks `websocket`, expected an address; add "
                 "`websocket = \"127.0.0.1:9000\";`");
    } else if (read_addresses(config, &config->websocket, websocket, top->faults) != 0) {
        return -1;
    }
    if (config_proxies_read(&listen, &config->proxies) != 0)
        return -1;
    config->page = section_get_bool(&listen, "page", true);
    read_workbench(config, top, &listen);
    const struct value *http = value_get(group, "http");
    if (http && read_addresses(config, &config->http, http, top->faults) != 0)
        return -1;
    return read_admin(config, &listen);
}

/* --- The rest */

static void read_workers(struct config *config, const struct section *top)
{
    const struct value *setting = section_get(top, "workers", VALUE_INT);
    if (!setting)
        return;

    const int64_t workers = value_int(setting);
    if (workers < 0 || workers > LANES_MAX) {
        fault_at(top->faults, setting, "`workers` is %" PRId64 ", expected 0 (one per core) to %d",
                 workers, LANES_MAX);
    } else {
        config->workers = (unsigned)workers;
    }
}

static int add_folder(struct config *config, const struct value *setting, struct fault_list *faults)
{
    const char *folder = value_string(setting);

    if (folder[0] == '\0') {
        fault_at(faults, setting,
                 "`plugin_path` holds an empty string, expected a folder; `.` is "
                 "that of this file");
        return 0;
    }
    char *path = named_file_path(config->folder, folder);
    if (!path)
        return -1;
    config->plugin_path[config->plugin_path_count++] = path;
    return 0;
}

/* systemd names the folder of its unit, or several with a colon between them. */
static int read_state(struct config *config, const struct section *top)
{
    const struct value *setting = section_get(top, "state", VALUE_STRING);
    const char *standard = getenv("STATE_DIRECTORY");
    const char *folder = setting ? value_string(setting) : standard ? standard : "";
    const size_t size = setting ? strlen(folder) : strcspn(folder, ":");
    if (size == 0)
        return 0;
    char *name = strndup(folder, size);
    config->state = name ? named_file_path(config->folder, name) : NULL;
    free(name);
    return config->state ? 0 : -1;
}

static int read_plugin_path(struct config *config, const struct section *top)
{
    const struct value *list = section_get(top, "plugin_path", VALUE_LIST);
    if (!list || value_count(list) == 0)
        return 0;

    config->plugin_path = calloc(value_count(list), sizeof *config->plugin_path);
    if (!config->plugin_path)
        return -1;
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        if (list_item(item, "`plugin_path`", VALUE_STRING, top->faults) &&
            add_folder(config, item, top->faults) != 0)
            return -1;
    }
    return 0;
}

static int read_modules(struct config *config, const struct section *top)
{
    const struct value *list = section_need(top, "modules", VALUE_LIST);

    return list ? config_modules_read(config, list, top->faults) : 0;
}

static int read_top(struct config *config, const struct section *top)
{
    section_check_keys(top, top_keys, COUNT(top_keys));
    read_workers(config, top);
    config_run_as_read(top, &config->run_as);
    config_cluster_read(top, &config->cluster);

    /* Before the modules: gateways begin with the host's limits. */
    const struct value *limits = section_get(top, "limits", VALUE_GROUP);
    if (limits)
        config_limits_read(limits, LIMIT_HOST, "`limits`", &config->limits, top->faults);

    if (read_listen(config, top) != 0 || config_hosts_read(top, &config->hosts) != 0 ||
        config_origins_read(top, &config->origins) != 0 ||
        config_control_read(top, config->folder, &config->control) != 0 ||
        read_state(config, top) != 0 || read_plugin_path(config, top) != 0 ||
        config_watch_read(top, config->folder, &config->watch) != 0)
        return -1;
    if (read_modules(config, top) != 0)
        return -1;
    /* After the modules, whose namespaces they are. */
    const struct value *namespaces = section_get(top, "namespaces", VALUE_LIST);
    return namespaces ? config_namespaces_read(config, namespaces, top->faults) : 0;
}

struct config *gateways_conf_read(const char *path, struct fault_list *faults)
{
    struct value *tree = config_file_read(path, faults);
    if (!tree)
        return NULL;

    struct config *config = calloc(1, sizeof *config);
    if (!config) {
        value_destroy(tree);
        goto out_of_memory;
    }
    config->references = 1;
    config->tree = tree;
    config->limits = limits_default();
    config->folder = config_file_folder(path);

    const struct section top = {.group = tree, .title = "the file", .faults = faults};
    if (config->folder && read_top(config, &top) == 0)
        return config;

    gateways_conf_destroy(config);
out_of_memory:
    fault_add(faults, path, 0, "out of memory while checking it");
    return NULL;
}

struct config *gateways_conf_ref(struct config *config)
{
    atomic_fetch_add(&config->references, 1);
    return config;
}

void gateways_conf_destroy(struct config *config)
{
    if (!config || atomic_fetch_sub(&config->references, 1) > 1)
        return;
    config_modules_finish(config);
    config_namespaces_finish(&config->namespaces);
    for (size_t i = 0; i < config->plugin_path_count; i++)
        free(config->plugin_path[i]);
    free(config->plugin_path);
    free(config->websocket.addresses);
    free(config->http.addresses);
    free(config->admin.addresses);
    config_proxies_finish(&config->proxies);
    access_list_finish(&config->hosts);
    access_list_finish(&config->origins);
    config_control_finish(&config->control);
    config_watch_finish(&config->watch);
    free(config->state);
    free(config->folder);
    value_destroy(config->tree);
    free(config);
}
