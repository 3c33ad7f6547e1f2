/* See host_json.h. */
#include "http/host_json.h"

#include "http/events_json.h"
#include "http/json_text.h"
#include "instance/instance.h"

#include <stdlib.h>
#include <toni/plugin.h>

static bool is_listed(const json_t *ports, uint16_t port)
{
    for (size_t i = 0; i < json_array_size(ports); i++) {
        if (json_integer_value(json_object_get(json_array_get(ports, i), "port")) == port)
            return true;
    }
    return false;
}

/* @return NULL on no memory, as all that follow. */
static json_t *port_to_json(const struct listener *listener)
{
    const int port = listener_port(listener);
    return listener->is_tls ? json_pack("{s:i, s:b}", "port", port, "tls", 1)
                            : json_pack("{s:i}", "port", port);
}

static json_t *ports_to_json(const struct listener *listeners, size_t count)
{
    json_t *ports = json_array();
    for (size_t i = 0; i < count; i++) {
        uint16_t port = listener_port(&listeners[i]);
        if (port == 0 || is_listed(ports, port))
            continue;
        if (json_array_append_new(ports, port_to_json(&listeners[i]))) {
            json_decref(ports);
            return NULL;
        }
    }
    return ports;
}

static json_t *names_to_json(const toni_str *const *names)
{
    json_t *list = json_array();
    for (size_t i = 0; names && names[i]; i++) {
        if (json_array_append_new(list, json_stringn(names[i]->data, names[i]->size))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* A version is the plugin's own text. */
static json_t *text_to_json(toni_str text)
{
    json_t *json = json_stringn(text.data ? text.data : "", text.size);
    return json ? json : json_string("");
}

static json_t *instance_to_json(const struct slot *slot, const struct instance *instance)
{
    const toni_plugin *plugin = instance->descriptor;
    return json_pack("{s:s, s:{s:o, s:o}, s:o, s:I, s:b, s:b, s:o}", "module",
                     instance->setup.module, "plugin", "name", text_to_json(plugin->name),
                     "version", text_to_json(plugin->version), "subprotocols",
                     names_to_json(plugin->subprotocols), "clients",
                     (json_int_t)atomic_load(&slot->connections), "guarded",
                     instance->setup.guard_count > 0 || plugin->guard, "lists_rooms",
                     (int)slot_limits(slot)->lists_rooms, "events", events_to_json(plugin->events));
}

/* Within a call of the slot: until its end the plugin, whose texts these are, stays mapped.
 * @param gateway  Gets more members. @return 0, or -1 on no memory. */
static int add_inside(json_t *gateway, struct slot *slot)
{
    json_t *inside = NULL;
    const struct instance *instance = slot_enter(slot);
    if (instance)
        inside = instance_to_json(slot, instance);
    slot_exit(slot);
    const int result = instance ? json_object_update(gateway, inside) : 0;
    json_decref(inside);
    return result;
}

/* JSON has no way to write a path that is not UTF-8, and a browser none to ask for it.
 * @return null for such a one. */
static json_t *gateway_to_json(struct slot *slot, const char *path, enum host_json how)
{
    json_t *text = json_string(path);
    if (!text)
        return json_null();
    json_t *gateway = json_pack("{s:s, s:o}", "name", slot->name, "path", text);
    if (gateway && how == HOST_JSON_WORKBENCH && add_inside(gateway, slot)) {
        json_decref(gateway);
        return NULL;
    }
    return gateway;
}

static json_t *gateways_to_json(struct slots *slots, enum host_json how)
{
    json_t *gateways = json_array();
    for (struct slot *slot = slots_first(slots); slot; slot = slot_next(slot)) {
        char *path = NULL;
        struct slot_facts facts;
        if ((slot->kind & TONI_GATEWAY) == 0 || !slot_is_open(slot))
            continue;
        json_t *gateway = slot_read(slot, &path, &facts) ? NULL : gateway_to_json(slot, path, how);
        free(path);
        slot_facts_finish(&facts);
        if (json_is_null(gateway))
            json_decref(gateway);
        else if (json_array_append_new(gateways, gateway)) {
            json_decref(gateways);
            return NULL;
        }
    }
    return gateways;
}

char *http_host_to_json(const struct listener *listeners, size_t count, struct slots *slots,
                        enum host_json how)
{
    json_t *host =
        json_pack("{s:s, s:o, s:o}", "version", TONI_VERSION, "websocket",
                  ports_to_json(listeners, count), "gateways", gateways_to_json(slots, how));
    if (host && how != HOST_JSON_PUBLIC &&
        json_object_set_new(host, "workbench", json_boolean(how == HOST_JSON_WORKBENCH))) {
        json_decref(host);
        return NULL;
    }
    return json_to_text(host);
}
