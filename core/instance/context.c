/* Name, injection, log and options of an instance. What is read here never changes while the
 * instance lives, so any thread may call. */
#include "instance/context.h"

#include "base/hash.h"
#include "base/log.h"
#include "instance/failure.h"
#include "instance/instance.h"

#include <string.h>
#include <toni/error.h>

static toni_str context_name(const toni_context *context)
{
    return toni_str_of(instance_of(context)->setup.name);
}

/* A plugin that takes NULL for what it asked for crashes at its first use, far from here; so one
 * that asks in `create` is not made. Logged once, since one may ask in each message. */
static void report_not_needed(toni_context *context, toni_str interface_name)
{
    struct instance *instance = instance_of(context);

    if (atomic_exchange(&instance->asked_in_vain, true))
        return;
    log_error("asks for an interface that its descriptor does not list in .needs, and gets "
              "nothing: add it there, with TONI_NEEDS(TONI_REQUIRES_CONNECTIONS) or "
              "TONI_NEEDS(TONI_REQUIRES(NAME))",
              log_str("instance", instance->setup.name),
              log_strn("interface", interface_name.data, interface_name.size));
}

static void *context_inject(toni_context *context, toni_str interface_name)
{
    const struct instance *instance = instance_of(context);
    const toni_dependency *const *needs = instance->descriptor->needs;

    for (size_t i = 0; needs && needs[i]; i++) {
        if (toni_str_equal(needs[i]->interface_name, interface_name))
            return instance->injected[i];
    }
    report_not_needed(context, interface_name);
    return NULL;
}

/* --- Calling services outside of callbacks */

static void context_enter(toni_context *context)
{
    visit_begin(instance_of(context)->setup.slot);
}

static int32_t context_leave(toni_context *context)
{
    (void)context;
    return visit_end() ? TONI_ERR_INVALID : TONI_OK;
}

/* --- Failures */

static void context_fail(toni_context *context, toni_str why)
{
    const struct plugin_call *call = plugin_call_now;

    if (call && call->is_hook && call->instance == instance_of(context)) {
        failure_say(why);
        return;
    }
    log_error("says why it failed, outside of a hook",
              log_str("instance", instance_of(context)->setup.name),
              log_strn("reason", why.data, why.size));
}

/* --- Log */

#define MOST_FIELDS 24
#define KEY_SIZE 48

/* Keys are written as they are, so what is not a letter, digit, `_` or `.` is replaced. */
static void copy_key(char key[KEY_SIZE], toni_str from)
{
    size_t size = from.size;

    if (size > KEY_SIZE - 1)
        size = KEY_SIZE - 1;
    for (size_t i = 0; i < size; i++) {
        const char c = from.data[i];
        const bool is_legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '_' || c == '.';
        key[i] = '_';
        if (is_legal)
            key[i] = c;
    }
    memcpy(key + size, size == 0 ? "_" : "", size == 0 ? 2 : 1);
}

static enum log_level level_of(uint32_t level)
{
    switch (level) {
    case TONI_LOG_DEBUG:
        return LOG_LEVEL_DEBUG;
    case TONI_LOG_INFO:
        return LOG_LEVEL_INFO;
    case TONI_LOG_WARN:
        return LOG_LEVEL_WARN;
    default:
        return LOG_LEVEL_ERROR;
    }
}

static int32_t context_log_enabled(const toni_context *context, uint32_t level)
{
    (void)context;
    return log_enabled(level_of(level)) ? 1 : 0;
}

static void context_log(toni_context *context, uint32_t plugin_level, toni_str message,
                        const toni_log_field *fields, size_t count)
{
    const enum log_level level = level_of(plugin_level);
    struct log_field line[MOST_FIELDS + 2];
    char keys[MOST_FIELDS][KEY_SIZE];
    char text[LOG_LINE_SIZE]; /* the message with a NUL behind it */
    size_t used = 0;

    if (!log_enabled(level))
        return;
    size_t size = message.size;
    if (size > sizeof text - 1)
        size = sizeof text - 1;
    if (size > 0)
        memcpy(text, message.data, size);
    text[size] = '\0';

    line[used++] = log_str("instance", instance_of(context)->setup.name);
    for (size_t i = 0; i < count && i < MOST_FIELDS; i++) {
        copy_key(keys[i], fields[i].key);
        line[used++] = log_strn(keys[i], fields[i].value.data, fields[i].value.size);
    }
    if (count > MOST_FIELDS)
        line[used++] = log_uint("fields_left_out", count - MOST_FIELDS);
    log_write(level, text, line, used);
}

/* --- Options */

/* @return Whether nobody has asked for that in vain before; false beyond so many: a plugin may make
 * up names. */
static bool is_first_miss(struct instance *instance, toni_str name, int32_t error)
{
    static const struct hash_key key; /* no table that a stranger could fill */
    const uint64_t hash = hash_bytes(&key, name.data, name.size) + (uint32_t)error;

    for (size_t i = 0; i < OPTIONS_MISSED_MOST; i++) {
        uint64_t found = 0;
        if (atomic_compare_exchange_strong(&instance->missed_options[i], &found, hash | 1))
            return true;
        if (found == (hash | 1))
            return false;
    }
    return false;
}

/* Logged once for each name, since one may ask in each message. */
static int32_t report_no_option(const toni_context *context, toni_str name, int32_t error,
                                const char *message)
{
    struct instance *instance = instance_of(context);

    if (is_first_miss(instance, name, error))
        log_error(message, log_str("instance", instance->setup.name),
                  log_strn("option", name.data, name.size));
    return error;
}

#define NOT_DECLARED                                                                               \
    "asks for an option that its descriptor does not declare, and gets zero: add it to .options"
#define OTHER_TYPE                                                                                 \
    "asks for an option as another type than its descriptor declares, and gets zero: read it as "  \
    "what it is declared"
#define NO_SUCH_ITEM "asks for more items of an option than there are, and gets zero"

/* @param value  As large as its size says: an older plugin's is shorter. */
static int32_t give_value(toni_option_value *value, const struct option_item *item, size_t count)
{
    const toni_option_value found = {
        .struct_size = sizeof(toni_option_value),
        .integer = item->integer,
        .real = item->real,
        .text = item->text,
        .key = item->key,
        .count = count,
    };
    const uint32_t size = value->struct_size;

    memcpy(value, &found, size < sizeof found ? size : sizeof found);
    return TONI_OK;
}

static int32_t option_get(const toni_context *context, toni_str name, uint32_t type, size_t index,
                          toni_option_value *value)
{
    const struct option_entry *option = options_find(&instance_of(context)->options, name);
    const bool is_whole = index == TONI_OPTION_ITSELF;

    if (!option)
        return report_no_option(context, name, TONI_ERR_NOT_FOUND, NOT_DECLARED);
    if (type != (is_whole ? option->declared->type : option->declared->item_type) ||
        type == TONI_TYPE_GROUP)
        return report_no_option(context, name, TONI_ERR_TYPE, OTHER_TYPE);
    if (!is_whole && index >= option->count)
        return report_no_option(context, name, TONI_ERR_NOT_FOUND, NO_SUCH_ITEM);
    return give_value(value, is_whole ? &option->value : &option->items[index], option->count);
}

static int32_t option_member(const toni_context *context, toni_str name, size_t index,
                             toni_str member, uint32_t type, toni_option_value *value)
{
    const struct option_entry *option = options_find(&instance_of(context)->options, name);

    if (!option)
        return report_no_option(context, name, TONI_ERR_NOT_FOUND, NOT_DECLARED);
    if (option->declared->item_type != TONI_TYPE_GROUP)
        return report_no_option(context, name, TONI_ERR_TYPE, OTHER_TYPE);
    if (index >= option->count)
        return report_no_option(context, name, TONI_ERR_NOT_FOUND, NO_SUCH_ITEM);
    const struct options *group = &option->groups[index];
    const struct option_entry *found = options_find(group, member);
    if (!found)
        return report_no_option(context, member, TONI_ERR_NOT_FOUND, NOT_DECLARED);
    if (found->declared->type != type)
        return report_no_option(context, member, TONI_ERR_TYPE, OTHER_TYPE);
    struct option_item item = found->value;
    item.key = toni_str_of(group->key ? group->key : "");
    return give_value(value, &item, 0);
}

void context_fill_table(toni_host *table)
{
    table->context_name = context_name;
    table->context_inject = context_inject;
    table->context_log = context_log;
    table->context_log_enabled = context_log_enabled;
    table->context_fail = context_fail;
    table->option_get = option_get;
    table->option_member = option_member;
    table->context_enter = context_enter;
    table->context_leave = context_leave;
}
