/* See bytes.h for numbers and strings; a list is its length and its items. */
#include "plugin/descriptor_bytes.h"

#include "config/options.h"
#include "plugin/event_bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* As many entries as descriptor_check() lets a list have, and one more. */
#define LONGEST_LIST 257u

/* --- Writing */

static int put_tokens(struct buffer *bytes, const toni_str *const *tokens)
{
    uint32_t count = 0;

    while (tokens && tokens[count])
        count++;
    if (put_number(bytes, count))
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (put_string(bytes, *tokens[i]))
            return -1;
    }
    return 0;
}

static int put_needs(struct buffer *bytes, const toni_dependency *const *needs)
{
    uint32_t count = 0;

    while (needs && needs[count])
        count++;
    if (put_number(bytes, count))
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (put_number(bytes, needs[i]->version) || put_number(bytes, needs[i]->flags) ||
            put_string(bytes, needs[i]->interface_name))
            return -1;
    }
    return 0;
}

static int put_provides(struct buffer *bytes, const toni_interface *provides)
{
    if (!provides)
        return put_number(bytes, 0);
    return put_number(bytes, 1) || put_number(bytes, provides->version) ||
           put_string(bytes, provides->name);
}

static int put_option(struct buffer *bytes, const toni_option *option)
{
    const int64_t integers[] = {option->standard_int, option->least_int, option->most_int};
    const double reals[] = {option->standard_double, option->least_double, option->most_double};

    return put_number(bytes, option->type) || put_number(bytes, option->item_type) ||
           put_number(bytes, option->flags) || put_string(bytes, option->name) ||
           put_string(bytes, option->help) || put_string(bytes, option->standard) ||
           put_string(bytes, option->least) || put_string(bytes, option->most) ||
           buffer_append(bytes, integers, sizeof integers) ||
           buffer_append(bytes, reals, sizeof reals);
}

static bool has_members(const toni_option *option)
{
    return option->item_type == TONI_TYPE_GROUP;
}

/* @param with_members  Not of those that are members themselves, which have none. */
static int put_options(struct buffer *bytes, const toni_option *const *options, bool with_members)
{
    uint32_t count = 0;

    while (options && options[count])
        count++;
    if (put_number(bytes, count))
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (put_option(bytes, options[i]) || (with_members && has_members(options[i]) &&
                                              put_options(bytes, options[i]->members, false)))
            return -1;
    }
    return 0;
}

/* Where a descriptor has its functions; each is a bit of a number. */
static const size_t functions[] = {
    offsetof(toni_plugin, create),        offsetof(toni_plugin, start),
    offsetof(toni_plugin, ready),         offsetof(toni_plugin, stopping),
    offsetof(toni_plugin, destroy),       offsetof(toni_plugin, guard),
    offsetof(toni_plugin, on_connect),    offsetof(toni_plugin, on_message),
    offsetof(toni_plugin, on_disconnect), offsetof(toni_plugin, client_free),
    offsetof(toni_plugin, on_request),    offsetof(toni_plugin, export_state),
    offsetof(toni_plugin, import_state),  offsetof(toni_plugin, on_adopt),
    offsetof(toni_plugin, on_error),      offsetof(toni_plugin, on_drained),
    offsetof(toni_plugin, on_degraded),   offsetof(toni_plugin, on_node_lost),
};
#define FUNCTION_COUNT (sizeof functions / sizeof functions[0])
_Static_assert(FUNCTION_COUNT <= 32, "a bit for each");

typedef void (*any_function)(void);

static uint32_t functions_of(const toni_plugin *plugin)
{
    uint32_t set = 0;

    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        any_function function;
        memcpy(&function, (const char *)plugin + functions[i], sizeof function);
        set |= function ? UINT32_C(1) << i : 0;
    }
    return set;
}

int descriptor_write(const toni_plugin *plugin, struct buffer *bytes)
{
    return put_number(bytes, plugin->abi_minor) || put_number(bytes, plugin->size) ||
                   put_number(bytes, plugin->kind) || put_number(bytes, plugin->flags) ||
                   put_number(bytes, plugin->state_version) ||
                   put_number(bytes, functions_of(plugin)) || put_string(bytes, plugin->name) ||
                   put_string(bytes, plugin->version) || put_string(bytes, plugin->path) ||
                   put_needs(bytes, plugin->needs) || put_provides(bytes, plugin->provides) ||
                   put_tokens(bytes, plugin->subprotocols) ||
                   put_tokens(bytes, plugin->keep_headers) ||
                   put_options(bytes, plugin->options, true) || events_write(plugin->events, bytes)
               ? -1
               : 0;
}

/* --- Reading */

/* What the descriptor points to. */
struct described {
    toni_dependency needs[LONGEST_LIST];
    const toni_dependency *need_list[LONGEST_LIST + 1];
    toni_interface provides;
    uint32_t table_size; /* stands for the table */
    toni_str tokens[2][LONGEST_LIST];
    const toni_str *token_lists[2][LONGEST_LIST + 1];
    toni_option options[LONGEST_LIST];
    const toni_option *option_list[LONGEST_LIST + 1];
    toni_option members[OPTION_MEMBERS_MAX];
    const toni_option *member_lists[OPTION_MEMBERS_MAX + LONGEST_LIST]; /* each ends with NULL */
    size_t member_count, member_list_count;
    struct told_events events;
};

static uint32_t get_count(struct reader *reader)
{
    const uint32_t count = get_number(reader);

    if (count > LONGEST_LIST)
        reader->is_good = false;
    return reader->is_good ? count : 0;
}

static const toni_dependency *const *get_needs(struct reader *reader, struct described *described)
{
    const uint32_t count = get_count(reader);

    for (uint32_t i = 0; i < count; i++) {
        described->needs[i].struct_size = sizeof described->needs[i];
        described->needs[i].version = get_number(reader);
        described->needs[i].flags = get_number(reader);
        described->needs[i].interface_name = get_string(reader);
        described->need_list[i] = &described->needs[i];
    }
    return described->need_list;
}

static const toni_interface *get_provides(struct reader *reader, struct described *described)
{
    if (get_number(reader) == 0)
        return NULL;
    described->table_size = sizeof described->table_size;
    described->provides.struct_size = sizeof described->provides;
    described->provides.version = get_number(reader);
    described->provides.name = get_string(reader);
    described->provides.table = &described->table_size;
    return &described->provides;
}

static const toni_str *const *get_tokens(struct reader *reader, struct described *described,
                                         int list)
{
    const uint32_t count = get_count(reader);

    for (uint32_t i = 0; i < count; i++) {
        described->tokens[list][i] = get_string(reader);
        described->token_lists[list][i] = &described->tokens[list][i];
    }
    return described->token_lists[list];
}

static void get_option(struct reader *reader, toni_option *option)
{
    int64_t integers[3] = {0};
    double reals[3] = {0};

    option->struct_size = sizeof *option;
    option->type = get_number(reader);
    option->item_type = get_number(reader);
    option->flags = get_number(reader);
    option->name = get_string(reader);
    option->help = get_string(reader);
    option->standard = get_string(reader);
    option->least = get_string(reader);
    option->most = get_string(reader);
    get_bytes(reader, integers, sizeof integers);
    get_bytes(reader, reals, sizeof reals);
    option->standard_int = integers[0];
    option->least_int = integers[1];
    option->most_int = integers[2];
    option->standard_double = reals[0];
    option->least_double = reals[1];
    option->most_double = reals[2];
}

/* What the groups of one option may have. */
static const toni_option *const *get_members(struct reader *reader, struct described *described)
{
    const toni_option **list = &described->member_lists[described->member_list_count];
    const uint32_t count = get_count(reader);

    if (count > OPTION_MEMBERS_MAX - described->member_count) {
        reader->is_good = false;
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        toni_option *member = &described->members[described->member_count++];
        get_option(reader, member);
        list[i] = member;
    }
    described->member_list_count += count + 1;
    return list;
}

static const toni_option *const *get_options(struct reader *reader, struct described *described)
{
    const uint32_t count = get_count(reader);

    for (uint32_t i = 0; i < count; i++) {
        toni_option *option = &described->options[i];
        get_option(reader, option);
        if (has_members(option))
            option->members = get_members(reader, described);
        described->option_list[i] = option;
    }
    return described->option_list;
}

/* Stands for a function of a plugin that is not mapped here. */
static void not_here(void)
{
    abort();
}

static void set_functions(toni_plugin *plugin, uint32_t set)
{
    const any_function stand_in = not_here;

    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if ((set & (UINT32_C(1) << i)) != 0)
            memcpy((char *)plugin + functions[i], &stand_in, sizeof stand_in);
    }
}

void *descriptor_read(const char *bytes, size_t size, toni_plugin *plugin)
{
    struct reader reader = {.bytes = bytes, .left = size, .is_good = true};
    struct described *described = calloc(1, sizeof *described);

    if (!described)
        return NULL;
    *plugin = (toni_plugin){.magic = TONI_ABI_MAGIC, .abi_major = TONI_ABI_MAJOR};
    plugin->abi_minor = (uint16_t)get_number(&reader);
    plugin->size = get_number(&reader);
    plugin->kind = get_number(&reader);
    plugin->flags = get_number(&reader);
    plugin->state_version = get_number(&reader);
    set_functions(plugin, get_number(&reader));
    plugin->name = get_string(&reader);
    plugin->version = get_string(&reader);
    plugin->path = get_string(&reader);
    plugin->needs = get_needs(&reader, described);
    plugin->provides = get_provides(&reader, described);
    plugin->subprotocols = get_tokens(&reader, described, 0);
    plugin->keep_headers = get_tokens(&reader, described, 1);
    plugin->options = get_options(&reader, described);
    plugin->events = events_read(&reader, &described->events);
    if (reader.is_good && reader.left == 0)
        return described;
    free(described);
    *plugin = (toni_plugin){0};
    return NULL;
}
