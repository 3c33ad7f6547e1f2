/* The status as JSON; see status.h.
 *
 *   { "version", "pid", "state": "serving" or "draining", "since", "config", "workers", "clients",
 *     "reloads": how many were tried, "last_reload": null or { "time", "text" },
 *     "old_libraries": of instances that were swapped or removed, mapped still,
 *     "instances": [ { "name", "kind": "gateway" or "service", "module",
 *                      "namespace": "" is the default one,
 *                      "path": null if it answers nowhere,
 *                      "version": null if the plugin tells none,
 *                      "generation", "since", "library",
 *                      "clients": null of a service,
 *                      "guard": null if it was not asked as one, else how often it has answered:
 *                               { "let_in", "refused", "timeout", "busy", "withdrawn",
 *                                 "revoked" } } ],
 *     "rooms": how many there are,
 *     "largest_rooms": [ { "namespace", "name", "members" } ], the largest first,
 *     "histories": { "rooms" that keep messages, "bytes" that these are charged, "recovered":
 *                  clients that came back and got what they missed, "not_recovered": { a reason:
 *                  how many } },
 *     "cluster": null of a host that is alone, else { "engine", "node", "slot": 0 without a lease,
 *                "nodes": how many others there are,
 *                "servers": [ { "name", "state": "down", "degraded" or "up", "why",
 *                  "engine_says": of the end of the last connection, "probe_ms", "rooms",
 *                  "subscribed", "pending", "pending_bytes", "ok", "rejected", "unknown", "busy",
 *                  "repeats", "gaps", "resubscriptions", "connections", "other_data": of these,
 *                  where the server's data were others than before } ] } }
 *
 * Times are ISO 8601, in UTC. A text that is not UTF-8 is null, but for the `version` of a plugin
 * and paths of files nothing can be. jansson's functions take a NULL for an argument and then fail,
 * so a lack of memory shows at the end of each object or list. */
#include "base/clock.h"
#include "host/parts_json.h"
#include "host/status.h"

#include <jansson.h>
#include <string.h>

static json_t *time_to_json(int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(wall_ms, text);
    return json_string(text);
}

static json_t *guard_to_json(const struct status_instance *instance)
{
    static const char *const labels[] = {
#define ANSWER_LABEL(name, label) label,
        GUARD_ANSWERS(ANSWER_LABEL)
#undef ANSWER_LABEL
    };
    uint64_t sum = 0;
    json_t *answers = json_object();
    for (unsigned i = 0; i < GUARD_ANSWER_COUNT; i++) {
        sum += instance->guard_answers[i];
        if (json_object_set_new(answers, labels[i],
                                json_integer((json_int_t)instance->guard_answers[i]))) {
            json_decref(answers);
            return NULL;
        }
    }
    if (sum > 0)
        return answers;
    json_decref(answers);
    return json_null();
}

static json_t *instance_to_json(const struct status_instance *instance)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "name", instance->name, "kind",
        instance->kind, "module", instance->module, "namespace", instance->namespace, "path",
        text_or_null(instance->path), "version", text_or_null(instance->version), "generation",
        (json_int_t)instance->generation, "since", time_to_json(instance->since_ms), "library",
        text_or_null(toni_str_of(instance->library)), "clients",
        instance->is_gateway ? json_integer((json_int_t)instance->clients) : json_null(), "guard",
        guard_to_json(instance));
}

static json_t *reload_to_json(const struct status_report *report)
{
    if (!report->last_reload)
        return json_null();
    return json_pack("{s:o, s:o}", "time", time_to_json(report->last_reload_ms), "text",
                     text_or_null(toni_str_of(report->last_reload)));
}

static json_t *rooms_to_json(const struct status_report *report)
{
    json_t *rooms = json_array();

    for (size_t i = 0; i < report->largest_count; i++) {
        const struct status_room *room = &report->largest[i];
        rooms = list_append_json(rooms, json_pack("{s:s, s:o, s:I}", "namespace", room->namespace,
                                                  "name", text_to_json(room->name), "members",
                                                  (json_int_t)room->members));
    }
    return rooms;
}

static json_t *server_to_json(const struct clustering_server *server)
{
    const struct node_figures *node = &server->node;
    const uint64_t rejected = node->rejected + node->busy;
    return json_pack("{s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                     "s:I, s:I, s:I}",
                     "name", text_or_null(toni_str_of(server->name)), "state",
                     status_server_state(server), "why", cluster_why_text(node->why), "engine_says",
                     server->why, "probe_ms", (json_int_t)node->probe_ms, "rooms",
                     (json_int_t)node->rooms, "subscribed", (json_int_t)node->subscribed, "pending",
                     (json_int_t)node->pending, "pending_bytes", (json_int_t)server->waiting_bytes,
                     "ok", (json_int_t)node->ok, "rejected", (json_int_t)rejected, "unknown",
                     (json_int_t)node->unknown, "busy", (json_int_t)server->refused, "repeats",
                     (json_int_t)node->repeats, "gaps", (json_int_t)node->gaps, "resubscriptions",
                     (json_int_t)server->resubscriptions, "connections",
                     (json_int_t)node->connections, "other_data", (json_int_t)node->other_data);
}

static json_t *cluster_to_json(const struct clustering_report *report)
{
    if (!report)
        return json_null();
    json_t *servers = json_array();
    for (uint32_t i = 0; i < report->count; i++)
        servers = list_append_json(servers, server_to_json(&report->servers[i]));
    return json_pack("{s:s, s:s, s:I, s:I, s:o}", "engine", report->engine, "node", report->node,
                     "slot", (json_int_t)report->identity.slot, "nodes", (json_int_t)report->nodes,
                     "servers", servers);
}

static json_t *histories_to_json(const struct status_histories *histories)
{
    json_t *reasons = json_object();
    for (unsigned i = 0; i < NOT_RECOVERED_COUNT; i++) {
        if (json_object_set_new(reasons, not_recovered_word((enum not_recovered)i),
                                json_integer((json_int_t)histories->not_recovered[i]))) {
            json_decref(reasons);
            return NULL;
        }
    }
    return json_pack("{s:I, s:I, s:I, s:o}", "rooms", (json_int_t)histories->rooms, "bytes",
                     (json_int_t)histories->bytes, "recovered", (json_int_t)histories->recovered,
                     "not_recovered", reasons);
}

static json_t *report_to_json(const struct status_report *report)
{
    json_t *instances = json_array();

    for (size_t i = 0; i < report->instance_count; i++)
        instances = list_append_json(instances, instance_to_json(&report->instances[i]));
    return json_pack(
        "{s:s, s:I, s:s, s:o, s:o, s:I, s:I, s:I, s:o, s:I, s:o, s:I, s:o, s:o, s:o}", "version",
        report->version, "pid", (json_int_t)report->pid, "state", report->state, "since",
        time_to_json(report->since_ms), "config", text_or_null(toni_str_of(report->config_path)),
        "workers", (json_int_t)report->workers, "clients", (json_int_t)report->clients, "reloads",
        (json_int_t)report->reloads, "last_reload", reload_to_json(report), "old_libraries",
        (json_int_t)report->old_libraries, "instances", instances, "rooms",
        (json_int_t)report->rooms, "largest_rooms", rooms_to_json(report), "histories",
        histories_to_json(&report->histories), "cluster", cluster_to_json(report->cluster));
}

static int append(const char *bytes, size_t size, void *out)
{
    return buffer_append(out, bytes, size);
}

int status_write_json(const struct status_report *report, struct buffer *out)
{
    json_t *whole = report_to_json(report);
    int result = -1;

    if (whole)
        result = json_dump_callback(whole, append, out, JSON_INDENT(2));
    json_decref(whole);
    return result ? -1 : buffer_append(out, "\n", 1);
}
