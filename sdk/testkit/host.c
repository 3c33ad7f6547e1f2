/* A fake host: its table, the plugin that it loads, and the life of the instance. */
#include "toni_testkit_private.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <string.h>

void toni_fake_host_init(toni_fake_host *host)
{
    *host = (toni_fake_host){.table = {.struct_size = sizeof(toni_host),
                                       .abi_major = TONI_ABI_MAJOR,
                                       .abi_minor = TONI_ABI_MINOR}};
    fake_known_fill(&host->table);
    fake_rooms_fill(&host->table);
    fake_delivery_fill(&host->table);
    fake_client_fill(&host->table);
    fake_request_fill(&host->table);
    fake_guard_fill(&host->table);
    fake_notes_fill(&host->table);
    fake_identity_fill(&host->table);
    fake_options_fill(&host->table);
    fake_context_fill(&host->table);
    fake_exchange_fill(&host->table);
    fake_kept_fill(&host->table);
    fake_tasks_fill(&host->table);
    fake_state_fill(&host->table);
    fake_figures_fill(&host->table);
    fake_crowd_fill(&host->table);
    fake_metadata_fill(&host->table);
    fake_history_fill(&host->table);
    host->context = host->connections = host->target = &host->table;
    host->info.host = host->room.host = &host->table;
    host->info.struct_size = sizeof host->info;
    host->room.struct_size = sizeof host->room;
    host->state_bytes = TONI_FAKE_MAX_STATE;
}

const toni_plugin *toni_fake_host_load(toni_fake_host *host, const char *path)
{
    toni_plugin_entry_fn entry;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    void *symbol = dlsym(library, TONI_PLUGIN_ENTRY);
    ck_assert_msg(symbol != NULL, "%s exports no " TONI_PLUGIN_ENTRY, path);
    memcpy(&entry, &symbol, sizeof entry); /* ISO C converts no object pointer to a function's */
    /* cppcheck-suppress resourceLeak ; a host doesn't unload a plugin either */
    return toni_fake_host_use(host, entry());
}

/* Members of a later minor are not there in an older descriptor: they are read from the copy alone.
 */
const toni_plugin *toni_fake_host_use(toni_fake_host *host, const toni_plugin *plugin)
{
    ck_assert_ptr_nonnull(plugin);
    ck_assert_uint_eq(plugin->magic, TONI_ABI_MAGIC);
    ck_assert_uint_eq(plugin->abi_major, TONI_ABI_MAJOR);
    ck_assert_uint_le(plugin->abi_minor, TONI_ABI_MINOR);
    ck_assert_uint_ge(plugin->size, TONI_PLUGIN_SIZE_LEAST);
    ck_assert(plugin->kind != 0 && (plugin->kind & ~(TONI_GATEWAY | TONI_SERVICE)) == 0);
    ck_assert_msg(plugin->create != NULL, "`create` is missing");
    ck_assert_msg((plugin->kind & TONI_GATEWAY) == 0 || plugin->on_message,
                  "`on_message` is missing");
    host->descriptor = (toni_plugin){0};
    memcpy(&host->descriptor, plugin,
           plugin->size < sizeof host->descriptor ? plugin->size : sizeof host->descriptor);
    host->plugin = &host->descriptor;
    return host->plugin;
}

/* --- Life */

/* @return An error, or TONI_OK: a count is a success. */
int32_t fake_without_count(int32_t result)
{
    return result < 0 ? result : TONI_OK;
}

int32_t fake_create(toni_fake_host *host)
{
    host->closing = 0;
    fake_check_options(host);
    int32_t result = host->plugin->create(toni_fake_host_context(host), &host->self);
    if (result < 0)
        fake_cancel_tasks(host);
    return fake_without_count(result);
}

void fake_destroy(toni_fake_host *host)
{
    fake_cancel_tasks(host);
    if (host->plugin->destroy)
        host->plugin->destroy(host->self);
}

int32_t fake_call_hook(toni_fake_host *host, int32_t (*hook)(void *self))
{
    return hook ? fake_without_count(hook(host->self)) : TONI_OK;
}

int32_t toni_fake_host_start(toni_fake_host *host)
{
    int32_t result = fake_create(host);
    if (result != TONI_OK)
        return result;
    result = fake_call_hook(host, host->plugin->start);
    if (result == TONI_OK)
        result = fake_call_hook(host, host->plugin->ready);
    if (result != TONI_OK)
        fake_destroy(host);
    return result;
}

void toni_fake_host_stop(toni_fake_host *host)
{
    toni_fake_host_stop_because(host, host->is_replaced ? TONI_STOPPING_SWAP : TONI_STOPPING_HOST);
}

void toni_fake_host_stop_because(toni_fake_host *host, uint32_t why)
{
    if (host->plugin->stopping)
        host->plugin->stopping(host->self, why);
    fake_destroy(host);
    ck_assert_msg(host->handed_out == 0, "%d snapshots or targets were never ended",
                  host->handed_out);
    ck_assert_msg(host->entered == 0, "toni_leave is missing %d times", host->entered);
    for (size_t i = 0; i < TONI_FAKE_MAX_TICKETS; i++) {
        const toni_fake_ticket *ticket = &host->tickets[i];
        ck_assert_msg(!ticket->host || ticket->is_decided,
                      "the ticket of client %" PRIu64 " was never decided", ticket->id);
    }
}

toni_context *toni_fake_host_context(toni_fake_host *host)
{
    return (toni_context *)&host->context;
}

toni_connections *toni_fake_host_connections(toni_fake_host *host)
{
    return (toni_connections *)&host->connections;
}
