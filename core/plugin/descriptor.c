/* The frozen prefix first, since it says how to read the rest; then all of the rest. */
#include "plugin/descriptor.h"

#include "config/name.h"
#include "config/options.h"
#include "plugin/event_table.h"
#include "ws/field.h"

#include <inttypes.h>
#include <string.h>

/* More entries than that mean that the NULL at the end of a list was forgotten. */
#define LONGEST_LIST 256

/* What a version 1.0 plugin fills in. */
#define DEPENDENCY_SIZE_1_0 (offsetof(toni_dependency, reserved) + sizeof(uint32_t))

#define INTERFACE_SIZE_1_0 (offsetof(toni_interface, table) + sizeof(void *))

struct check {
    const char *path;
    const struct value *at;
    struct fault_list *faults;
    bool is_good;
};

#define refuse(check, text, ...)                                                                   \
    do {                                                                                           \
        (check)->is_good = false;                                                                  \
        fault_at((check)->faults, (check)->at, "library `%s`: " text, (check)->path, __VA_ARGS__); \
    } while (0)

static void check_prefix(struct check *check, const toni_plugin *found)
{
    if (!found) {
        refuse(check, "%s returned NULL, expected a descriptor; make it with TONI_PLUGIN",
               TONI_PLUGIN_ENTRY);
    } else if (found->magic != TONI_ABI_MAGIC) {
        refuse(check,
               "its descriptor begins with 0x%08" PRIx32
               ", expected the magic number 0x%08x; make it with TONI_PLUGIN",
               found->magic, TONI_ABI_MAGIC);
    } else if (found->abi_major != TONI_ABI_MAJOR) {
        refuse(check,
               "it was built for toni ABI %u.%u, this host speaks %d.%d, and the major must be "
               "the same; build it with the headers of this host",
               found->abi_major, found->abi_minor, TONI_ABI_MAJOR, TONI_ABI_MINOR);
    } else if (found->abi_minor > TONI_ABI_MINOR) {
        refuse(check,
               "it needs toni ABI %u.%u, this host speaks %d.%d; install a newer toni, or build "
               "it with a lower TONI_ABI_NEEDED",
               found->abi_major, found->abi_minor, TONI_ABI_MAJOR, TONI_ABI_MINOR);
    } else if (found->size < TONI_PLUGIN_SIZE_LEAST) {
        refuse(check,
               "its descriptor says that it has %" PRIu32
               " bytes, expected at least %zu; make it with TONI_PLUGIN",
               found->size, TONI_PLUGIN_SIZE_LEAST);
    } else if (found->kind == 0 || (found->kind & ~(TONI_GATEWAY | TONI_SERVICE)) != 0) {
        refuse(check,
               "it is a plugin of kind %" PRIu32
               ", expected %u (TONI_GATEWAY), %u (TONI_SERVICE) or both; set .kind",
               found->kind, TONI_GATEWAY, TONI_SERVICE);
    }
}

static void check_name(struct check *check, const toni_plugin *plugin)
{
    if (!plugin->name.data || plugin->name.size == 0)
        refuse(check, "its descriptor has no name; set .name = TONI_LIT(\"…\"), of %s", NAME_RULE);
    else if (!name_valid(plugin->name))
        refuse(check, "its name is `%.*s`, expected %s; change .name", TONI_STR_ARG(plugin->name),
               NAME_RULE);
}

static void check_callbacks(struct check *check, const toni_plugin *plugin)
{
    if (!plugin->create)
        refuse(check, "%s is missing, which every plugin must have; set .create", "create");
    if ((plugin->kind & TONI_GATEWAY) != 0 && !plugin->on_message) {
        refuse(check, "%s is missing, which every gateway must have; set .on_message",
               "on_message");
    }
    if (plugin->kind == (TONI_GATEWAY | TONI_SERVICE) && !plugin->on_request) {
        refuse(check,
               "%s is missing, which one that is a gateway and a service must have; set "
               ".on_request, or make .kind TONI_GATEWAY, which may provide an interface too",
               "on_request");
    }
}

/* A callback of the other kind would be set and never called, which nobody would notice. */
static void check_callbacks_of_kind(struct check *check, const toni_plugin *plugin)
{
    const struct {
        const char *name;
        bool is_set;
        uint32_t kind; /* that has it */
    } callbacks[] = {
        {"on_request", plugin->on_request, TONI_SERVICE},
        {"guard", plugin->guard, TONI_GATEWAY},
        {"on_connect", plugin->on_connect, TONI_GATEWAY},
        {"on_message", plugin->on_message, TONI_GATEWAY},
        {"on_disconnect", plugin->on_disconnect, TONI_GATEWAY},
        {"client_free", plugin->client_free, TONI_GATEWAY},
        {"on_adopt", plugin->on_adopt, TONI_GATEWAY},
        {"on_error", plugin->on_error, TONI_GATEWAY},
        {"on_drained", plugin->on_drained, TONI_GATEWAY},
    };

    for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++) {
        if (!callbacks[i].is_set || (callbacks[i].kind & plugin->kind) != 0)
            continue;
        refuse(check,
               "it is a %s and has %s, which only a %s is called with; take it out, or make it a "
               "plugin of its own",
               kind_name(plugin->kind), callbacks[i].name, kind_name(callbacks[i].kind));
    }
}

static void check_path(struct check *check, const toni_plugin *plugin)
{
    const char *problem = NULL;

    if (plugin->path.size > 0)
        problem = plugin->path.data ? path_problem(plugin->path) : "points nowhere";
    if (problem)
        refuse(check, "its path `%.*s` %s; change .path", TONI_STR_ARG(plugin->path), problem);
}

static void check_needs(struct check *check, const toni_plugin *plugin)
{
    if (!plugin->needs)
        return;
    for (size_t i = 0; plugin->needs[i]; i++) {
        const toni_dependency *need = plugin->needs[i];

        if (i == LONGEST_LIST) {
            refuse(check, "%s has more than %d entries; end the list with NULL, as TONI_NEEDS does",
                   "needs", LONGEST_LIST);
            return;
        }
        if (need->struct_size < DEPENDENCY_SIZE_1_0) {
            refuse(check,
                   "needs[%zu] says that it has %" PRIu32 " bytes, expected at least %zu; "
                   "set its struct_size, as TONI_REQUIRES_CONNECTIONS does",
                   i, need->struct_size, DEPENDENCY_SIZE_1_0);
        } else if (!need->interface_name.data || !name_valid(need->interface_name)) {
            refuse(check, "needs[%zu] names no interface; expected %s", i, NAME_RULE);
        }
    }
}

static void check_provides(struct check *check, const toni_interface *provides)
{
    uint32_t table_size = 0;

    if (!provides)
        return;
    if (provides->struct_size < INTERFACE_SIZE_1_0) {
        refuse(check,
               "provides says that it has %" PRIu32
               " bytes, expected at least %zu; make it with TONI_OFFERS",
               provides->struct_size, INTERFACE_SIZE_1_0);
        return;
    }
    if (!provides->name.data || !interface_name_valid(provides->name)) {
        refuse(check,
               "it provides `%.*s`, which can't name an interface; expected letters, digits and "
               "`_`, a letter first",
               provides->name.data ? (int)provides->name.size : 0,
               provides->name.data ? provides->name.data : "");
    }
    if (provides->version == 0)
        refuse(check, "the interface that it provides has version %d, expected 1 or more", 0);
    if (provides->table)
        memcpy(&table_size, provides->table, sizeof table_size);
    if (table_size <= sizeof table_size) {
        refuse(check,
               "the table of the interface that it provides says that it has %" PRIu32
               " bytes; expected its struct_size first, and a function at least",
               table_size);
    }
}

static void check_tokens(struct check *check, const char *what, const toni_str *const *tokens)
{
    if (!tokens)
        return;
    for (size_t i = 0; tokens[i]; i++) {
        if (i == LONGEST_LIST) {
            refuse(check, "%s has more than %d entries; end the list with NULL, as TONI_LIST does",
                   what, LONGEST_LIST);
            return;
        }
        if (!tokens[i]->data || !token_valid(*tokens[i])) {
            refuse(check,
                   "%s[%zu] is `%.*s`, which HTTP does not allow there (RFC 9110, section "
                   "5.6.2); expected letters, digits and `-`",
                   what, i, TONI_STR_ARG(*tokens[i]));
        }
    }
}

static void check_events(struct check *check, const toni_plugin *plugin)
{
    char problem[128];

    if (!plugin->events)
        return;
    if ((plugin->kind & TONI_GATEWAY) == 0) {
        refuse(check, "it is a %s and has events, which only a gateway takes; take .events out",
               kind_name(plugin->kind));
    } else if (!event_table_check(plugin->events, problem, sizeof problem)) {
        refuse(check, "its events have %s", problem);
    }
}

bool descriptor_check(const toni_plugin *found, const char *path, const struct value *at,
                      toni_plugin *copy, struct fault_list *faults)
{
    struct check check = {.path = path, .at = at, .faults = faults, .is_good = true};

    memset(copy, 0, sizeof *copy);
    check_prefix(&check, found);
    if (!check.is_good)
        return false;
    memcpy(copy, found, found->size < sizeof *copy ? found->size : sizeof *copy);

    check_name(&check, copy);
    check_callbacks(&check, copy);
    check_callbacks_of_kind(&check, copy);
    check_path(&check, copy);
    check_needs(&check, copy);
    check_provides(&check, copy->provides);
    check_tokens(&check, "subprotocols", copy->subprotocols);
    check_tokens(&check, "keep_headers", copy->keep_headers);
    check_events(&check, copy);
    if (!options_check_declared(copy->options, path, at, faults))
        check.is_good = false;
    return check.is_good;
}

size_t needs_count(const toni_dependency *const *needs)
{
    size_t count = 0;

    while (needs && needs[count])
        count++;
    return count;
}
