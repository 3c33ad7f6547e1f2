/* What a fake host gives to the instance: what it needs, its log. */
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

static void context_enter(toni_context *context)
{
    toni_fake_host *host = host_of_context(context);
    fake_record(host, "enter\n");
    host->entered++;
}

static int32_t context_leave(toni_context *context)
{
    toni_fake_host *host = host_of_context(context);
    fake_record(host, "leave\n");
    ck_assert_msg(host->entered > 0, "toni_leave without toni_enter");
    host->entered--;
    return TONI_OK;
}

void toni_fake_host_provide(toni_fake_host *host, const char *interface_name, const void *slot)
{
    ck_assert_msg(host->provision_count < TONI_FAKE_MAX, "no room for %s: TONI_FAKE_MAX",
                  interface_name);
    host->provisions[host->provision_count++] =
        (toni_fake_provision){.interface_name = toni_str_of(interface_name), .slot = slot};
}

void fake_context_fill(toni_host *table)
{
    table->context_name = context_name;
    table->context_inject = context_inject;
    table->context_log = context_log;
    table->context_log_enabled = context_log_enabled;
    table->context_fail = context_fail;
    table->context_enter = context_enter;
    table->context_leave = context_leave;
}
