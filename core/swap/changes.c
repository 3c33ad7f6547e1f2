/* Changes; see changes.h. */
#include "swap/changes.h"

#include "config/name.h"
#include "plugin/descriptor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Instances */

static size_t find(const struct graph *graph, const struct instance_setup *setup)
{
    for (size_t i = 0; i < graph->setup_count; i++) {
        const struct instance_setup *other = &graph->setups[i];

        if (kinds_declared_alike(other->plugin->descriptor.kind, setup->plugin->descriptor.kind) &&
            strcmp(other->name, setup->name) == 0)
            return i;
    }
    return NOBODY;
}

static bool options_equal(const struct value *a, const struct value *b)
{
    return a && b ? value_equal(a, b) : a == b;
}

/* Connections are no slot that could be filled or emptied later. */
static bool handles_equal(const struct injection *a, const struct injection *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const bool had = a[i].kind == INJECTION_CONNECTIONS;
        const bool has = b[i].kind == INJECTION_CONNECTIONS;
        if (had != has)
            return false;
    }
    return true;
}

static bool guards_equal(const struct instance_setup *a, const struct instance_setup *b)
{
    if (a->guard_count != b->guard_count)
        return false;
    for (size_t i = 0; i < a->guard_count; i++) {
        if (strcmp(a->guards[i].name, b->guards[i].name) != 0)
            return false;
    }
    return true;
}

/* @return What makes another instance of it, or NULL. The plugin is the same if its path and its
 * content are: see loader.h. */
static const char *why_swap(const struct graph *now, size_t before, const struct graph *next,
                            size_t number)
{
    const struct instance_setup *old = &now->setups[before], *new = &next->setups[number];

    if (strcmp(old->plugin->path, new->plugin->path) != 0)
        return "another library";
    if (old->plugin != new->plugin)
        return "another content of its library";
    if (!options_equal(old->options, new->options))
        return "other options";
    if (!toni_str_equal(old->path, new->path))
        return "another path";
    if (strcmp(old->module, new->module) != 0)
        return "another module";
    if (strcmp(old->namespace, new->namespace) != 0)
        return "another namespace"; /* of a service: see changes_check_namespaces() */
    if (!handles_equal(now->injections[before], next->injections[number],
                       needs_count(new->plugin->descriptor.needs)))
        return "other imports";
    if (!guards_equal(old, new))
        return "other guards";
    return NULL;
}

static void compare(struct changes *changes, const struct graph *now, const struct graph *next,
                    size_t number)
{
    struct instance_change *change = &changes->next[number];
    const struct instance_setup *setup = &next->setups[number];

    change->before = find(now, setup);
    if (change->before == NOBODY) {
        change->change = CHANGE_ADD;
        changes->added++;
        return;
    }
    changes->after[change->before] = number;
    change->why = why_swap(now, change->before, next, number);
    if (change->why) {
        change->change = CHANGE_SWAP;
        changes->swapped++;
    } else if (!limits_equal(&now->setups[change->before].limits, &setup->limits)) {
        change->change = CHANGE_LIMITS;
        changes->limited++;
    }
}

/* --- Which instances have to quiesce */

/* @return Whether an instance that stays is given something else for one of its needs. */
static bool gets_other(const struct changes *changes, const struct graph *now, size_t before,
                       const struct graph *next, size_t number)
{
    for (size_t i = 0; i < graph_injection_count(next, number); i++) {
        const struct injection *had = &now->injections[before][i];
        const struct injection *has = &next->injections[number][i];
        const size_t source =
            has->kind == INJECTION_INSTANCE ? changes->next[has->provider].before : NOBODY;

        if (had->kind != has->kind || (had->kind == INJECTION_INSTANCE && had->provider != source))
            return true;
    }
    return false;
}

/* A user of an instance that quiesces has to quiesce too: one of its calls could be on its way into
 * that instance. All that an instance uses has a lower number, so one pass finds all users. */
static bool uses_quiescing(const struct changes *changes, const struct graph *now, size_t number)
{
    for (size_t i = 0; i < graph_injection_count(now, number); i++) {
        const struct injection *injection = &now->injections[number][i];

        if (injection->kind == INJECTION_INSTANCE && changes->quiesces[injection->provider])
            return true;
    }
    return false;
}

static void find_quiescing(struct changes *changes, const struct graph *now,
                           const struct graph *next)
{
    for (size_t i = 0; i < now->setup_count; i++) {
        const size_t after = changes->after[i];

        changes->quiesces[i] = after == NOBODY || changes->next[after].change != CHANGE_NOTHING ||
                               gets_other(changes, now, i, next, after) ||
                               uses_quiescing(changes, now, i);
    }
}

int changes_init(struct changes *changes, const struct graph *now, const struct graph *next)
{
    *changes = (struct changes){
        .next = calloc(next->setup_count + 1, sizeof *changes->next),
        .after = calloc(now->setup_count + 1, sizeof *changes->after),
        .quiesces = calloc(now->setup_count + 1, sizeof *changes->quiesces),
    };
    if (!changes->next || !changes->after || !changes->quiesces)
        return -1;
    for (size_t i = 0; i < now->setup_count; i++)
        changes->after[i] = NOBODY;
    for (size_t i = 0; i < next->setup_count; i++)
        compare(changes, now, next, i);
    for (size_t i = 0; i < now->setup_count; i++)
        changes->removed += changes->after[i] == NOBODY;
    find_quiescing(changes, now, next);
    return 0;
}

void changes_finish(struct changes *changes)
{
    free(changes->next);
    free(changes->after);
    free(changes->quiesces);
    *changes = (struct changes){0};
}

bool changes_empty(const struct changes *changes)
{
    return changes->swapped + changes->added + changes->removed + changes->limited == 0;
}

/* --- Namespaces */

static const char *name_of_namespace(const struct instance_setup *setup)
{
    return setup->namespace[0] == '\0' ? "(the default one)" : setup->namespace;
}

void changes_check_namespaces(const struct graph *now, const struct graph *next,
                              struct fault_list *faults)
{
    for (size_t i = 0; i < next->setup_count; i++) {
        const struct instance_setup *setup = &next->setups[i];
        const size_t before = find(now, setup);

        if (before == NOBODY || !(setup->plugin->descriptor.kind & TONI_GATEWAY) ||
            strcmp(now->setups[before].namespace, setup->namespace) == 0)
            continue;
        fault_at(
            faults, setup->at,
            "module `%s`: gateway `%s` runs in the namespace `%s`, where its clients and their "
            "rooms are; a reload can't move it to `%s`: `toni restart`, or give the gateway "
            "another name, which closes its clients with 1001",
            setup->module, setup->name, name_of_namespace(&now->setups[before]),
            name_of_namespace(setup));
    }
}

/* --- The host itself */

/* @return Where a setting stands; what is not there is the file's as a whole. */
static const struct value *place_of(const struct config *config, const char *setting)
{
    const struct value *at = value_find(config->tree, setting);

    return at ? at : config->tree;
}

static void check_addresses(const struct address_list *now, const struct address_list *next,
                            const char *setting, const struct config *config,
                            struct fault_list *faults)
{
    bool same = now->count == next->count;

    for (size_t i = 0; same && i < now->count; i++) {
        same = strcmp(listen_address_text(&now->addresses[i]),
                      listen_address_text(&next->addresses[i])) == 0 &&
               listen_address_same_file(&now->addresses[i], &next->addresses[i]) &&
               !now->addresses[i].tls == !next->addresses[i].tls;
    }
    if (same)
        return;
    fault_at(faults, place_of(config, "listen"),
             "listen.%s is not what the host listens on; a reload can't change it: `toni restart`",
             setting);
}

static void check_control(const struct config *now, const struct config *next,
                          struct fault_list *faults)
{
    const char *here = now->control.path, *there = next->control.path;

    if (here && there ? strcmp(here, there) == 0 : here == there)
        return;
    fault_at(
        faults, place_of(next, "control"),
        "control is `%s`, and the host has its socket at `%s`; a reload can't change it: `toni "
        "restart`",
        there ? there : "", here ? here : "");
}

static void check_state(const struct config *now, const struct config *next,
                        struct fault_list *faults)
{
    const char *here = now->state ? now->state : "", *there = next->state ? next->state : "";
    if (strcmp(here, there) == 0)
        return;
    fault_at(
        faults, place_of(next, "state"),
        "state is `%s`, and the host keeps it in `%s`; a reload can't change it: `toni restart`",
        there, here);
}

static void check_cluster(const struct config *now, const struct config *next,
                          struct fault_list *faults)
{
    if (config_cluster_equal(&now->cluster, &next->cluster))
        return;
    fault_at(faults, place_of(next, "cluster"),
             "cluster is not what the host started with; a reload can't change it: `toni restart`");
}

/* Who goes by the engine, and who goes on alone, is said once. */
static void check_doors(const struct config *now, const struct config *next,
                        struct fault_list *faults)
{
    for (size_t i = 0; now->cluster.at && i < next->namespaces.count; i++) {
        const struct config_namespace *there = &next->namespaces.list[i];
        const struct config_namespace *here = config_namespace_find(&now->namespaces, there->name);
        if (here->is_cluster != there->is_cluster || here->is_local_only != there->is_local_only) {
            fault_at(faults, there->at,
                     "`cluster` or `local_only` of namespace `%s` is not what the host started "
                     "with; a reload can't change it: `toni restart`",
                     there->name);
        }
    }
}

/* The limits that the host reads for itself when it starts. */
static void check_limits(const struct limits *now, const struct limits *next,
                         const struct config *config, struct fault_list *faults)
{
#define HOST_LIMITS(X)                                                                             \
    X(connections)                                                                                 \
    X(connections_per_address)                                                                     \
    X(handshake_ms)                                                                                \
    X(tls_handshakes)                                                                              \
    X(tls_unsent_bytes)                                                                            \
    X(guards_waiting)                                                                              \
    X(memberships)                                                                                 \
    X(room_metadata_bytes)                                                                         \
    X(revocations)                                                                                 \
    X(revocation_s)                                                                                \
    X(pending_bytes_per_room)                                                                      \
    X(pending_bytes)                                                                               \
    X(inbound_bytes)                                                                               \
    X(outbox_bytes_total)                                                                          \
    X(http_body_bytes_total)                                                                       \
    X(http_request_ms)                                                                             \
    X(http_streams)                                                                                \
    X(http_kept)                                                                                   \
    X(http_connections)
    const struct value *at = place_of(config, "limits");
#define CHECK_LIMIT(name)                                                                          \
    if (now->name != next->name)                                                                   \
        fault_at(faults, at,                                                                       \
                 "limits." #name " is %" PRIu64 ", and the host runs with %" PRIu64                \
                 "; a reload can't change it: `toni restart`",                                     \
                 next->name, now->name);
    HOST_LIMITS(CHECK_LIMIT)
#undef CHECK_LIMIT
#undef HOST_LIMITS
}

void changes_check_host(const struct config *now, const struct config *next,
                        struct fault_list *faults)
{
    check_addresses(&now->websocket, &next->websocket, "websocket", next, faults);
    check_addresses(&now->http, &next->http, "http", next, faults);
    check_addresses(&now->admin, &next->admin, "admin", next, faults);
    check_control(now, next, faults);
    check_state(now, next, faults);
    check_cluster(now, next, faults);
    check_doors(now, next, faults);
    config_run_as_check(&next->run_as, faults);
    if (now->page != next->page) {
        fault_at(faults, place_of(next, "listen.page"),
                 "listen.page is not what the host started with; a reload can't change it: `toni "
                 "restart`");
    }
    if (now->workers != next->workers) {
        fault_at(faults, place_of(next, "workers"),
                 "workers is %u, and the host runs with %u; a reload can't change it: `toni "
                 "restart`",
                 next->workers, now->workers);
    }
    check_limits(&now->limits, &next->limits, next, faults);
}
