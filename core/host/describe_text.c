/* A plugin's descriptor as text; see describe.h. */
#include "host/describe.h"

#include "base/visible.h"
#include "config/name.h"
#include "config/options.h"
#include "http/events_json.h"
#include "plugin/event_table.h"

#include <inttypes.h>
#include <stdlib.h>

static void print_list(const char *title, const toni_str *const *items, FILE *out)
{
    for (size_t i = 0; items && items[i]; i++)
        (void)fprintf(out, "%s%.*s", i > 0 ? ", " : title, TONI_STR_ARG(*items[i]));
    if (items && items[0])
        (void)fputs("\n", out);
}

static void print_needs(const toni_plugin *plugin, FILE *out)
{
    for (size_t i = 0; plugin->needs && plugin->needs[i]; i++) {
        const toni_dependency *need = plugin->needs[i];
        (void)fprintf(out, "  %s  %.*s/%" PRIu32 "\n",
                      (need->flags & TONI_OPTIONAL) != 0 ? "uses    " : "needs   ",
                      TONI_STR_ARG(need->interface_name), need->version);
    }
}

static void print_range(const toni_option *option, FILE *out)
{
    switch (option->type) {
    case TONI_TYPE_INT:
        (void)fprintf(out, " from %" PRId64 " to %" PRId64, option->least_int, option->most_int);
        break;
    case TONI_TYPE_DOUBLE:
        (void)fprintf(out, " from %g to %g", option->least_double, option->most_double);
        break;
    case TONI_TYPE_DURATION:
    case TONI_TYPE_SIZE:
        (void)fprintf(out, " from %.*s to %.*s", TONI_STR_ARG(option->least),
                      TONI_STR_ARG(option->most));
        break;
    case TONI_TYPE_LIST:
    case TONI_TYPE_MAP:
        (void)fprintf(out, " of %s", option_type_word(option->item_type));
        break;
    default:
        break;
    }
}

static void print_default(const toni_option *option, FILE *out)
{
    switch (option->type) {
    case TONI_TYPE_BOOL:
        (void)fprintf(out, "default %s", option->standard_int != 0 ? "true" : "false");
        break;
    case TONI_TYPE_INT:
        (void)fprintf(out, "default %" PRId64, option->standard_int);
        break;
    case TONI_TYPE_DOUBLE:
        (void)fprintf(out, "default %g", option->standard_double);
        break;
    case TONI_TYPE_LIST:
    case TONI_TYPE_MAP:
        (void)fputs("default empty", out);
        break;
    default:
        (void)fprintf(out, "default \"%.*s\"", TONI_STR_ARG(option->standard));
        break;
    }
}

/* @param indent  Of the members of an option's groups: deeper than the option. */
static void print_option(const toni_option *option, const char *indent, FILE *out)
{
    (void)fprintf(out, "%s%.*s: %s", indent, TONI_STR_ARG(option->name),
                  option_type_word(option->type));
    print_range(option, out);
    (void)fputs(", ", out);
    if ((option->flags & TONI_REQUIRED) != 0)
        (void)fputs("required", out);
    else
        print_default(option, out);
    if (option->help.size > 0)
        (void)fprintf(out, ": %.*s", TONI_STR_ARG(option->help));
    (void)fputs("\n", out);
}

static void print_options(const toni_option *const *options, FILE *out)
{
    for (size_t i = 0; options && options[i]; i++) {
        print_option(options[i], "    ", out);
        const bool has_members = options[i]->item_type == TONI_TYPE_GROUP;
        for (size_t member = 0; has_members && options[i]->members[member]; member++)
            print_option(options[i]->members[member], "      ", out);
    }
}

static void print_bounds(const toni_event_member *member, FILE *out)
{
    const bool is_size = member->type == TONI_EVENT_STRING || member->type == TONI_EVENT_ARRAY;

    if (member->least == 0 && member->most == 0)
        return;
    (void)fprintf(out, " %s %" PRId64 " to %" PRId64 "%s", is_size ? "of" : "from", member->least,
                  member->most, member->type == TONI_EVENT_STRING ? " bytes" : "");
}

static void print_shape(const toni_event_list *list, const toni_event_member *member,
                        unsigned depth, FILE *out);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static void print_members(const toni_event_list *list, const toni_event_member *members,
                          unsigned depth, FILE *out)
{
    const toni_event_member *member;

    for (size_t i = 0; (member = event_member_at(list, members, i)); i++) {
        (void)fprintf(out, "\n%*s%s: ", (int)(4 + 2 * depth), "", member->name);
        print_shape(list, member, depth, out);
        (void)fputs(member->is_required ? ", required" : "", out);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as EVENT_DEPTH_MAX */
static void print_shape(const toni_event_list *list, const toni_event_member *member,
                        unsigned depth, FILE *out)
{
    const toni_event_member *inner = event_member_inner(member, depth);

    (void)fputs(event_type_word(member->type), out);
    print_bounds(member, out);
    if (inner && member->type == TONI_EVENT_ARRAY) {
        (void)fputs(": each ", out);
        print_shape(list, inner, depth + 1, out);
    }
    if (inner && member->type == TONI_EVENT_OBJECT)
        print_members(list, inner, depth + 1, out);
}

static void print_events(const toni_event_list *list, FILE *out)
{
    const char *name;

    if (!list)
        return;
    (void)fprintf(out, "  events, named by `%s`", event_table_field(list));
    for (size_t i = 0; (name = event_table_name(list, i)); i++) {
        const toni_event_member *members = event_table_members(list, i);
        (void)fprintf(out, "\n    %s%s", name, members ? "" : ": any data");
        print_members(list, members, 1, out);
    }
    (void)fputs("\n", out);
}

static void print_all(const struct plugin *plugin, FILE *out)
{
    const toni_plugin *descriptor = &plugin->descriptor;
    const toni_interface *provides = descriptor->provides;

    (void)fprintf(out, "%s %.*s\n  library   %s\n", kinds_name(descriptor->kind),
                  TONI_STR_ARG(descriptor->name), plugin->path);
    if (descriptor->version.size > 0)
        (void)fprintf(out, "  version   %.*s\n", TONI_STR_ARG(descriptor->version));
    (void)fprintf(out, "  ABI       %d.%u\n", TONI_ABI_MAJOR, (unsigned)descriptor->abi_minor);
    if (descriptor->path.size > 0)
        (void)fprintf(out, "  path      %.*s\n", TONI_STR_ARG(descriptor->path));
    print_needs(descriptor, out);
    if (provides)
        (void)fprintf(out, "  provides  %.*s/%" PRIu32 "\n", TONI_STR_ARG(provides->name),
                      provides->version);
    print_list("  speaks    ", descriptor->subprotocols, out);
    print_events(descriptor->events, out);
    if (descriptor->options && descriptor->options[0])
        (void)fputs("  options\n", out);
    print_options(descriptor->options, out);
}

/* What a plugin calls itself and its events must not steer the terminal. */
int describe_print_text(const struct plugin *plugin, FILE *out)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return -1;
    print_all(plugin, memory);
    int result = fclose(memory) == 0 ? visible_print(out, text, size) : -1;
    free(text);
    return result == 0 && fflush(out) == 0 ? 0 : -1;
}
