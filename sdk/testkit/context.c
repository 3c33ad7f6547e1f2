/* What a fake host gives to the instance: what it needs, its log, its options. */
#include "toni_testkit_private.h"

static toni_str context_name(const toni_context *context)
{
    (void)host_of_context(context);
    return TONI_LIT("fake");
}

static int needs(const toni_plugin *plugin, toni_str interface_name)
{
    for (size_t i = 0; plugin->needs && plugin->needs[i]; i++) {
        if (toni_str_equal(plugin->needs[i]->interface_name, interface_name))
            return 1;
    }
    return 0;
}

static void *context_inject(toni_context *context, toni_str interface_name)
{
    toni_fake_host *host = host_of_context(context);
    static const toni_slot empty_slot;
    if (toni_str_equal(interface_name, toni_str_of(TONI_CONNECTIONS_INTERFACE)))
        return host->plugin && !needs(host->plugin, interface_name) ? NULL : &host->connections;
    for (size_t i = 0; i < host->provision_count; i++) {
        if (toni_str_equal(host->provisions[i].interface_name, interface_name))
            return (void *)host->provisions[i].slot;
    }
    return host->plugin && needs(host->plugin, interface_name) ? (void *)&empty_slot : NULL;
}

static void context_log(toni_context *context, uint32_t level, toni_str message,
                        const toni_log_field *fields, size_t count)
{
    toni_fake_host *host = host_of_context(context);
    fake_record(host, "log %u %.*s", level, TONI_STR_ARG(message));
    for (size_t i = 0; i < count; i++) {
        fake_record(host, " %.*s=%.*s", TONI_STR_ARG(fields[i].key), TONI_STR_ARG(fields[i].value));
    }
    fake_record(host, "\n");
}

static int32_t context_log_enabled(const toni_context *context, uint32_t level)
{
    return level >= host_of_context(context)->log_level;
}

static void context_fail(toni_context *context, toni_str why)
{
    fake_record(host_of_context(context), "fail %.*s\n", TONI_STR_ARG(why));
}

static int32_t context_acquire(toni_context *context)
{
    toni_fake_host *host = host_of_context(context);
    int32_t result = fake_result_of(host, "acquire");
    fake_record(host, "acquire\n");
    host->acquired += result >= 0;
    return result;
}

static int32_t context_release(toni_context *context)
{
    toni_fake_host *host = host_of_context(context);
    fake_record(host, "release\n");
    ck_assert_msg(host->acquired > 0, "a context that was not acquired is released");
    host->acquired--;
    return TONI_OK;
}

static int32_t find_option(toni_context *context, toni_str path, char type,
                           const toni_fake_setting **option)
{
    const toni_fake_host *host = host_of_context(context);
    *option = fake_find_setting(host->options, host->option_count, path, toni_str_equal);
    if (!*option)
        return TONI_ERR_NOT_FOUND;
    int whole_number = type == 'd' && (*option)->type == 'i';
    return (*option)->type == type || whole_number ? TONI_OK : TONI_ERR_TYPE;
}

static int32_t option_bool(toni_context *context, toni_str path, int32_t *value)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 'b', &option);
    if (result == TONI_OK)
        *value = (int32_t)option->integer;
    return result;
}

static int32_t option_int(toni_context *context, toni_str path, int64_t *value)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 'i', &option);
    if (result == TONI_OK)
        *value = option->integer;
    return result;
}

static int32_t option_double(toni_context *context, toni_str path, double *value)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 'd', &option);
    if (result == TONI_OK)
        *value = option->number;
    return result;
}

static int32_t option_str(toni_context *context, toni_str path, toni_str *value)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 's', &option);
    if (result == TONI_OK)
        *value = option->text;
    return result;
}

static int32_t option_count(toni_context *context, toni_str path, size_t *count)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 'c', &option);
    if (result == TONI_OK)
        *count = (size_t)option->integer;
    return result;
}

void toni_fake_host_provide(toni_fake_host *host, const char *interface_name, const void *slot)
{
    ck_assert_msg(host->provision_count < TONI_FAKE_MAX, "no room for %s: TONI_FAKE_MAX",
                  interface_name);
    host->provisions[host->provision_count++] =
        (toni_fake_provision){.interface_name = toni_str_of(interface_name), .slot = slot};
}

static toni_fake_setting *set_option(toni_fake_host *host, const char *path, char type)
{
    toni_fake_setting *option = (toni_fake_setting *)fake_find_setting(
        host->options, host->option_count, toni_str_of(path), toni_str_equal);
    if (!option)
        option = fake_add_setting(host->options, &host->option_count, path);
    option->type = type;
    return option;
}

void toni_fake_host_set_bool(toni_fake_host *host, const char *path, int value)
{
    set_option(host, path, 'b')->integer = value != 0;
}

void toni_fake_host_set_int(toni_fake_host *host, const char *path, int64_t value)
{
    toni_fake_setting *option = set_option(host, path, 'i');
    option->integer = value;
    option->number = (double)value;
}

void toni_fake_host_set_double(toni_fake_host *host, const char *path, double value)
{
    set_option(host, path, 'd')->number = value;
}

void toni_fake_host_set_str(toni_fake_host *host, const char *path, const char *value)
{
    set_option(host, path, 's')->text = toni_str_of(value);
}

void toni_fake_host_set_count(toni_fake_host *host, const char *path, size_t count)
{
    set_option(host, path, 'c')->integer = (int64_t)count;
}

void fake_context_fill(toni_host *table)
{
    table->context_name = context_name;
    table->context_inject = context_inject;
    table->context_log = context_log;
    table->context_log_enabled = context_log_enabled;
    table->context_fail = context_fail;
    table->option_bool = option_bool;
    table->option_int = option_int;
    table->option_double = option_double;
    table->option_str = option_str;
    table->option_count = option_count;
    table->context_acquire = context_acquire;
    table->context_release = context_release;
}
