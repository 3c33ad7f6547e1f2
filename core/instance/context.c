/* Name, injection, log and options of an instance. What is read here never changes while the
 * instance lives, so any thread may call. */
#include "instance/context.h"

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

static int32_t context_acquire(toni_context *context)
{
    return slot_acquire(instance_of(context)->setup.slot) ? TONI_ERR_LIMIT : TONI_OK;
}

static int32_t context_release(toni_context *context)
{
    return slot_release(instance_of(context)->setup.slot) ? TONI_ERR_INVALID : TONI_OK;
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

#define LONGEST_KEY 255

/* `[12]`: the child with that number. */
static const struct value *find_numbered(const struct value *value, toni_str part)
{
    size_t number = 0;

    if (part.size < 3 || part.data[part.size - 1] != ']')
        return NULL;
    for (size_t i = 1; i < part.size - 1; i++) {
        const char c = part.data[i];
        if (c < '0' || c > '9' || number > UINT32_MAX)
            return NULL;
        number = 10 * number + (size_t)(c - '0');
    }
    if (number >= value_count(value))
        return NULL;
    const struct value *child = value_first(value);
    while (number-- > 0)
        child = value_next(child);
    return child;
}

static const struct value *find_child(const struct value *value, toni_str part)
{
    char name[LONGEST_KEY + 1];

    if (part.size > 0 && part.data[0] == '[')
        return find_numbered(value, part);
    if (part.size == 0 || part.size > LONGEST_KEY)
        return NULL;
    memcpy(name, part.data, part.size);
    name[part.size] = '\0';
    return value_get(value, name);
}

/* `servers.[0].name`, part by part. */
static const struct value *find_option(const toni_context *context, toni_str path)
{
    const struct value *value = instance_of(context)->setup.options;
    toni_str part = path, rest = path;

    while (value) {
        const int more = toni_str_split_once(rest, '.', &part, &rest);
        value = find_child(value, more ? part : rest);
        if (!more)
            break;
    }
    return value;
}

/* @return TONI_OK with the option, TONI_ERR_NOT_FOUND or TONI_ERR_TYPE. */
static int32_t get_option(const toni_context *context, toni_str path, enum value_type type,
                          const struct value **option)
{
    *option = find_option(context, path);
    if (!*option)
        return TONI_ERR_NOT_FOUND;
    return value_type(*option) == type ? TONI_OK : TONI_ERR_TYPE;
}

static int32_t option_bool(toni_context *context, toni_str path, int32_t *value)
{
    const struct value *option;
    const int32_t result = get_option(context, path, VALUE_BOOL, &option);

    if (result == TONI_OK)
        *value = value_bool(option) ? 1 : 0;
    return result;
}

static int32_t option_int(toni_context *context, toni_str path, int64_t *value)
{
    const struct value *option;
    const int32_t result = get_option(context, path, VALUE_INT, &option);

    if (result == TONI_OK)
        *value = value_int(option);
    return result;
}

static int32_t option_double(toni_context *context, toni_str path, double *value)
{
    const struct value *option = find_option(context, path);

    if (!option)
        return TONI_ERR_NOT_FOUND;
    if (value_type(option) != VALUE_DOUBLE && value_type(option) != VALUE_INT)
        return TONI_ERR_TYPE;
    *value = value_double(option);
    return TONI_OK;
}

static int32_t option_str(toni_context *context, toni_str path, toni_str *value)
{
    const struct value *option;
    const int32_t result = get_option(context, path, VALUE_STRING, &option);

    if (result == TONI_OK)
        *value = toni_str_of(value_string(option));
    return result;
}

static int32_t option_count(toni_context *context, toni_str path, size_t *count)
{
    const struct value *option = find_option(context, path);

    if (!option)
        return TONI_ERR_NOT_FOUND;
    if (value_type(option) != VALUE_LIST && value_type(option) != VALUE_GROUP)
        return TONI_ERR_TYPE;
    *count = value_count(option);
    return TONI_OK;
}

void context_fill_table(toni_host *table)
{
    table->context_name = context_name;
    table->context_inject = context_inject;
    table->context_log = context_log;
    table->context_log_enabled = context_log_enabled;
    table->context_fail = context_fail;
    table->context_acquire = context_acquire;
    table->context_release = context_release;
    table->option_bool = option_bool;
    table->option_int = option_int;
    table->option_double = option_double;
    table->option_str = option_str;
    table->option_count = option_count;
}
