/* `cluster`; see cluster.h. */
#include "config/cluster.h"

#include "cluster/lease.h"
#include "config/name.h"

#include <string.h>

static const char *const cluster_keys[] = {"engine", "node", "receipt_ms", "ready"};

#define RECEIPT_MS_MOST 60000

static void read_engine(const struct section *section, struct config_cluster *cluster)
{
    cluster->engine_at = section_get(section, "engine", VALUE_STRING);
    if (!cluster->engine_at) {
        if (!value_get(section->group, "engine")) {
            fault_at(section->faults, section->group,
                     "`cluster` lacks `engine`, expected the name of a service that offers "
                     "toni_engine, such as `engine = \"redis\";`");
        }
        return;
    }
    if (name_valid(toni_str_of(value_string(cluster->engine_at)))) {
        cluster->engine = value_string(cluster->engine_at);
        return;
    }
    fault_at(section->faults, cluster->engine_at,
             "`engine` of `cluster` is `%s`, expected the name of a service that a module of this "
             "file provides: " NAME_RULE,
             value_string(cluster->engine_at));
}

static void read_node(const struct section *section, struct config_cluster *cluster)
{
    const struct value *setting = section_get(section, "node", VALUE_STRING);
    if (!setting)
        return;
    const char *name = value_string(setting);
    const size_t size = strlen(name);
    if (size > 0 && lease_is_name(name, size)) {
        cluster->node = name;
        return;
    }
    fault_at(section->faults, setting,
             "`node` of `cluster` has %zu bytes, expected 1 to %d of UTF-8 without control "
             "characters: what people call this machine; leave it out, and it is made of the "
             "machine's name and the process",
             size, NODE_NAME_MAX);
}

void config_cluster_read(const struct section *top, struct config_cluster *cluster)
{
    *cluster = (struct config_cluster){.receipt_ms = CONFIG_RECEIPT_MS};
    const struct value *group = section_get(top, "cluster", VALUE_GROUP);
    if (!group)
        return;
    const struct section section = {.group = group, .title = "`cluster`", .faults = top->faults};
    cluster->at = group;
    section_check_keys(&section, cluster_keys, sizeof cluster_keys / sizeof cluster_keys[0]);
    read_engine(&section, cluster);
    read_node(&section, cluster);
    uint64_t receipt_ms;
    if (section_get_number(&section, "receipt_ms", 1, RECEIPT_MS_MOST, &receipt_ms))
        cluster->receipt_ms = (uint32_t)receipt_ms;
    cluster->is_ready_by_it = section_get_bool(&section, "ready", false);
}

static bool equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool config_cluster_equal(const struct config_cluster *a, const struct config_cluster *b)
{
    return !a->at == !b->at && equal(a->engine, b->engine) && equal(a->node, b->node) &&
           a->receipt_ms == b->receipt_ms && a->is_ready_by_it == b->is_ready_by_it;
}
