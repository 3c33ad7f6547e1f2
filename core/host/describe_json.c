/* A plugin's descriptor as JSON; see describe.h.
 *
 *   { "kind": "gateway", "service" or "gateway and service", "name", "version", "abi": "1.0",
 * "library", "path": null if it has none of its own, "needs": [ { "interface", "version",
 * "optional" } ], "provides": null or { "interface", "version" }, "subprotocols": [ name ],
 *     "events": null, or see http/events_json.h; "options": [ { "name", "type", "help", "required",
 *                    "items": the type of what a list or map holds, else null,
 *                    "members": of its groups: options as these; null if it holds none,
 *                    "default": null if it is required, "least" and "most": null without a range;
 *                    of a duration or size all three are texts } ] }
 *
 * A lack of memory shows at the end of each object or list, as in graph_json.c. */
#include "host/describe.h"

#include "config/name.h"
#include "config/options.h"
#include "host/parts_json.h"
#include "http/events_json.h"

#include <jansson.h>

static json_t *needs_to_json(const toni_dependency *const *needs)
{
    json_t *list = json_array();

    for (size_t i = 0; needs && needs[i]; i++) {
        list = list_append_json(list, json_pack("{s:o, s:I, s:b}", "interface",
                                                text_to_json(needs[i]->interface_name), "version",
                                                (json_int_t)needs[i]->version, "optional",
                                                (needs[i]->flags & TONI_OPTIONAL) != 0));
    }
    return list;
}

static json_t *names_to_json(const toni_str *const *names)
{
    json_t *list = json_array();

    for (size_t i = 0; names && names[i]; i++)
        list = list_append_json(list, text_to_json(*names[i]));
    return list;
}

/* One of the three values of an option: default, least and most. */
static json_t *value_to_json(const toni_option *option, int64_t integer, double real,
                             toni_str written)
{
    switch (option->type) {
    case TONI_TYPE_BOOL:
        return json_boolean(integer != 0);
    case TONI_TYPE_INT:
        return json_integer(integer);
    case TONI_TYPE_DOUBLE:
        return json_real(real);
    default:
        return text_to_json(written);
    }
}

static bool has_range(const toni_option *option)
{
    return option->type == TONI_TYPE_INT || option->type == TONI_TYPE_DOUBLE ||
           option->type == TONI_TYPE_DURATION || option->type == TONI_TYPE_SIZE;
}

static json_t *default_to_json(const toni_option *option)
{
    if ((option->flags & TONI_REQUIRED) != 0)
        return json_null();
    if (option->type == TONI_TYPE_LIST)
        return json_array();
    if (option->type == TONI_TYPE_MAP)
        return json_object();
    return value_to_json(option, option->standard_int, option->standard_double, option->standard);
}

static json_t *options_to_json(const toni_option *const *options);

static json_t *option_to_json(const toni_option *option)
{
    const bool is_ranged = has_range(option);

    return json_pack(
        "{s:o, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "name", text_to_json(option->name), "type",
        option_type_word(option->type), "help", text_to_json(option->help), "required",
        (option->flags & TONI_REQUIRED) != 0, "items",
        option->item_type != 0 ? json_string(option_type_word(option->item_type)) : json_null(),
        "members",
        option->item_type == TONI_TYPE_GROUP ? options_to_json(option->members) : json_null(),
        "default", default_to_json(option), "least",
        is_ranged ? value_to_json(option, option->least_int, option->least_double, option->least)
                  : json_null(),
        "most",
        is_ranged ? value_to_json(option, option->most_int, option->most_double, option->most)
                  : json_null());
}

/* Members have none of their own. */
static json_t *options_to_json(const toni_option *const *options)
{
    json_t *list = json_array();

    for (size_t i = 0; options && options[i]; i++)
        list = list_append_json(list, option_to_json(options[i]));
    return list;
}

int describe_print_json(const struct plugin *plugin, FILE *out)
{
    const toni_plugin *descriptor = &plugin->descriptor;
    json_t *whole = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind",
        kinds_name(descriptor->kind), "name", text_to_json(descriptor->name), "version",
        text_to_json(descriptor->version), "abi",
        json_sprintf("%d.%u", TONI_ABI_MAJOR, (unsigned)descriptor->abi_minor), "library",
        text_or_null(toni_str_of(plugin->path)), "path", text_or_null(descriptor->path), "needs",
        needs_to_json(descriptor->needs), "provides", provides_to_json(descriptor->provides),
        "subprotocols", names_to_json(descriptor->subprotocols), "events",
        events_to_json(descriptor->events), "options", options_to_json(descriptor->options));
    int result = -1;

    if (whole)
        result = json_dumpf(whole, out, JSON_INDENT(2));
    json_decref(whole);
    if (result || fputc('\n', out) == EOF || fflush(out))
        return -1;
    return 0;
}
