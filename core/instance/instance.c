/* Calls into plugins. The hot path is call_begin, the call, call_end: two clock reads and, where
 * callbacks are serialised, one uncontended lock; nothing is allocated. */
#include "instance/instance.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "instance/failure.h"
#include "instance/state.h"
#include "plugin/descriptor.h"
#include "rooms/client.h"
#include "rooms/rules.h"

#include <stdlib.h>
#include <string.h>
#include <toni/client.h>
#include <toni/error.h>
#include <toni/guard_interface.h>
#include <toni/http.h>

/* --- Around every call */

/* The clock is read an extra time only when there is a wait to be measured.
 * @return When the lock was there. */
static uint64_t lock(struct instance *instance)
{
    uint64_t asked, began;

    if (!instance->is_serialised || lock_try(&instance->lock))
        return clock_now_ns();
    asked = clock_now_ns();
    lock_take(&instance->lock);
    began = clock_now_ns();
    counter_add_shared(&instance->figures->lock_wait_ns, began - asked);
    return began;
}

/* @param client  Whose callback it is; NULL: of none. */
static void call_begin(struct plugin_call *call, struct instance *instance, const char *callback,
                       const toni_client *client)
{
    *call = (struct plugin_call){.instance = instance, .callback = callback, .client = client};
    call->began_ns = lock(instance);
    plugin_call_begin(call);
}

/* `call` is the field that names the call: a hook or a callback. */
static void report_slow(const struct instance *instance, const char *message, struct log_field call,
                        uint64_t took_ns, uint64_t limit_ns)
{
    log_limited_by(&instance->figures->slow_lines, LOG_LEVEL_WARN, message,
                   log_str("instance", instance->setup.name), call,
                   log_uint("took_ms", took_ns / NS_PER_MS),
                   log_uint("limit_ms", limit_ns / NS_PER_MS));
}

/* The clock is read before the lock is released: what others wait for counts. */
static uint64_t call_end(struct instance *instance, const struct plugin_call *call)
{
    const uint64_t took = clock_now_ns() - call->began_ns;

    plugin_call_end(call);
    if (instance->is_serialised)
        lock_give(&instance->lock);
    return took;
}

static void note_callback(struct instance *instance, const struct plugin_call *call, uint64_t took)
{
    striped_histogram_add(&instance->figures->callback_times, took);
    if (took > instance->callback_limit_ns) {
        counter_add_shared(&instance->figures->slow_callbacks, 1);
        report_slow(instance, "a callback was slow and made its thread wait",
                    log_str("callback", call->callback), took, instance->callback_limit_ns);
    }
}

static void callback_end(struct instance *instance, const struct plugin_call *call)
{
    note_callback(instance, call, call_end(instance, call));
}

static void report_slow_hook(struct instance *instance, const char *hook, uint64_t took_ns)
{
    if (took_ns <= instance->hook_limit_ns)
        return;
    counter_add_shared(&instance->figures->slow_hooks, 1);
    report_slow(instance, "a life-cycle hook took longer than its limit", log_str("hook", hook),
                took_ns, instance->hook_limit_ns);
}

static void hook_begin(struct plugin_call *call, struct instance *instance, const char *hook)
{
    call_begin(call, instance, hook, NULL);
    call->is_hook = true;
    failure_forget();
}

static void hook_end(struct instance *instance, const struct plugin_call *call)
{
    report_slow_hook(instance, call->callback, call_end(instance, call));
}

/* For a quiesced instance: its lock is not taken. */
static void call_begin_quiesced(struct plugin_call *call, struct instance *instance,
                                const char *hook)
{
    *call = (struct plugin_call){
        .instance = instance, .callback = hook, .is_hook = true, .began_ns = clock_now_ns()};
    failure_forget();
    slot_enter_quiesced(instance->setup.slot);
    plugin_call_begin(call);
}

static void call_end_quiesced(struct instance *instance, const struct plugin_call *call)
{
    plugin_call_end(call);
    slot_exit_quiesced();
    report_slow_hook(instance, call->callback, clock_now_ns() - call->began_ns);
}

/* Plugins may hand on a count, such as that of a broadcast: it is a success. */
static int32_t without_count(int32_t result)
{
    return result > 0 ? TONI_OK : result;
}

/* --- Callbacks */

int32_t instance_guard(struct instance *instance, const toni_request *request)
{
    if (!instance->descriptor->guard)
        return TONI_OK;
    PLUGIN_CALL(call);
    call_begin(&call, instance, "guard", NULL);
    const int32_t result = instance->descriptor->guard(instance->self, request);
    callback_end(instance, &call);
    return result;
}

void instance_call_begin(struct instance *instance, const char *function, struct plugin_call *call)
{
    *call = (struct plugin_call){
        .instance = instance, .callback = function, .began_ns = clock_now_ns()};
    plugin_call_begin(call);
}

void instance_call_end(struct instance *instance, const struct plugin_call *call)
{
    plugin_call_end(call);
    note_callback(instance, call, clock_now_ns() - call->began_ns);
}

static toni_guard_slot guard_of(const struct instance *instance)
{
    const toni_slot provided = instance_provides(instance);
    return (toni_guard_slot){.table = provided.table, .self = provided.self};
}

int32_t instance_check(struct instance *instance, const toni_request *request)
{
    const toni_guard_slot slot = guard_of(instance);
    PLUGIN_CALL(call);
    instance_call_begin(instance, "toni_guard", &call);
    const int32_t result = toni_guard_check(&slot, request);
    instance_call_end(instance, &call);
    return result;
}

int32_t instance_refresh(struct instance *instance, const toni_request *request, toni_str token)
{
    const toni_interface *provides = instance->descriptor->provides;
    const toni_guard_slot slot = guard_of(instance);
    if (!provides || !toni_str_equal(provides->name, TONI_LIT("toni_guard")))
        return TONI_ERR_NOT_FOUND;
    PLUGIN_CALL(call);
    instance_call_begin(instance, "toni_guard", &call);
    const int32_t result = toni_guard_refresh(&slot, request, token);
    instance_call_end(instance, &call);
    return result;
}

int32_t instance_on_connect(struct instance *instance, toni_client *client)
{
    if (!instance->descriptor->on_connect)
        return TONI_OK;
    PLUGIN_CALL(call);
    call_begin(&call, instance, "on_connect", client);
    const int32_t result = instance->descriptor->on_connect(instance->self, client);
    callback_end(instance, &call);
    return without_count(result);
}

int32_t instance_on_adopt(struct instance *instance, toni_client *client)
{
    if (!instance->descriptor->on_adopt)
        return TONI_OK;
    PLUGIN_CALL(call);
    call_begin(&call, instance, "on_adopt", client);
    const int32_t result = instance->descriptor->on_adopt(instance->self, client);
    callback_end(instance, &call);
    if (result < 0)
        instance_callback_failed(instance, "on_adopt", client, result);
    return without_count(result);
}

/* --- What a failure costs */

/* @return As uint16_t; what is no code that may be sent is 1011. */
static uint16_t ask_on_error(struct instance *instance, toni_client *client, uint32_t where,
                             int32_t error)
{
    PLUGIN_CALL(call);
    call_begin(&call, instance, "on_error", client);
    const int32_t answer = instance->descriptor->on_error(instance->self, client, where, error);
    callback_end(instance, &call);
    if (answer == 0)
        return INSTANCE_STAYS;
    if (answer < 0 || answer > UINT16_MAX || !close_valid((uint16_t)answer, (toni_str){0}))
        return INSTANCE_FAULT_CODE;
    return (uint16_t)answer;
}

static void report_kept(struct instance *instance, const char *callback, toni_client *client,
                        int32_t error)
{
    char subject[IDENTITY_SUBJECT_MAX];
    counter_add_shared(&instance->figures->callback_failures, 1);
    counter_add_shared(&instance->figures->callback_failures_kept, 1);
    log_limited_by(&instance->figures->kept_lines, LOG_LEVEL_WARN,
                   "a callback failed, its client stays", log_str("instance", instance->setup.name),
                   log_str("callback", callback), LOG_CLIENT(client, subject),
                   log_str("error", toni_error_name(error)));
}

/* @param error  What the callback returned: below 0. */
static uint16_t judge_failure(struct instance *instance, toni_client *client, uint32_t where,
                              const char *callback, int32_t error)
{
    uint16_t code = toni_error_is_refusal(error) ? INSTANCE_STAYS : INSTANCE_FAULT_CODE;

    if (instance->descriptor->on_error)
        code = ask_on_error(instance, client, where, error);
    if (code == INSTANCE_STAYS)
        report_kept(instance, callback, client, error);
    else
        instance_callback_failed(instance, callback, client, error);
    return code;
}

uint16_t instance_on_message(struct instance *instance, toni_client *client,
                             const toni_message *message)
{
    PLUGIN_CALL(call);
    call_begin(&call, instance, "on_message", client);
    const int32_t result = instance->descriptor->on_message(instance->self, client, message);
    callback_end(instance, &call);
    if (result >= 0)
        return INSTANCE_STAYS;
    return judge_failure(instance, client, TONI_IN_MESSAGE, "on_message", result);
}

uint16_t instance_on_drained(struct instance *instance, toni_client *client)
{
    if (!instance->descriptor->on_drained)
        return INSTANCE_STAYS;
    PLUGIN_CALL(call);
    call_begin(&call, instance, "on_drained", client);
    const int32_t result = instance->descriptor->on_drained(instance->self, client);
    callback_end(instance, &call);
    if (result >= 0)
        return INSTANCE_STAYS;
    return judge_failure(instance, client, TONI_IN_DRAINED, "on_drained", result);
}

void instance_on_disconnect(struct instance *instance, toni_client *client,
                            const toni_disconnect_info *info)
{
    if (!instance->descriptor->on_disconnect)
        return;
    PLUGIN_CALL(call);
    call_begin(&call, instance, "on_disconnect", client);
    instance->descriptor->on_disconnect(instance->self, client, info);
    callback_end(instance, &call);
}

void instance_client_free(struct instance *instance, void *data)
{
    if (!instance->descriptor->client_free || !data)
        return;
    PLUGIN_CALL(call);
    call_begin(&call, instance, "client_free", NULL);
    instance->descriptor->client_free(instance->self, data);
    callback_end(instance, &call);
}

int32_t instance_on_request(struct instance *instance, toni_exchange *exchange)
{
    PLUGIN_CALL(call);
    call_begin(&call, instance, "on_request", NULL);
    const int32_t result = instance->descriptor->on_request(instance->self, exchange);
    callback_end(instance, &call);
    return without_count(result);
}

void instance_on_request_failed(struct instance *instance, const toni_exchange *exchange,
                                int32_t error)
{
    const toni_str method = toni_exchange_method(exchange), path = toni_exchange_path(exchange),
                   address = toni_exchange_address(exchange);

    counter_add_shared(&instance->figures->callback_failures, 1);
    log_limited_by(
        &instance->figures->failed_lines, LOG_LEVEL_WARN,
        "a callback failed, its request is answered with 500",
        log_str("instance", instance->setup.name), log_str("callback", "on_request"),
        log_brief("method", method.data, method.size), log_brief("path", path.data, path.size),
        log_strn("address", address.data, address.size), log_str("error", toni_error_name(error)));
}

void instance_enter(struct instance *instance, const char *callback, struct plugin_call *call)
{
    call_begin(call, instance, callback, NULL);
}

void instance_leave(struct instance *instance, const struct plugin_call *call)
{
    callback_end(instance, call);
}

void instance_callback_failed(struct instance *instance, const char *callback, toni_client *client,
                              int32_t error)
{
    char subject[IDENTITY_SUBJECT_MAX];
    counter_add_shared(&instance->figures->callback_failures, 1);
    log_limited_by(&instance->figures->failed_lines, LOG_LEVEL_WARN,
                   "a callback failed, its client is closed",
                   log_str("instance", instance->setup.name), log_str("callback", callback),
                   LOG_CLIENT(client, subject), log_str("error", toni_error_name(error)));
}

/* --- A swap */

bool instance_can_export(const struct instance *instance)
{
    return instance->descriptor->export_state;
}

bool instance_can_import(const struct instance *instance)
{
    return instance->descriptor->import_state;
}

int32_t instance_export(struct instance *instance, toni_state_writer *writer)
{
    PLUGIN_CALL(call);
    call_begin_quiesced(&call, instance, "export_state");
    const int32_t result = instance->descriptor->export_state(instance->self, writer);
    call_end_quiesced(instance, &call);
    return result < 0 ? result : writer->error;
}

int32_t instance_import(struct instance *instance, const toni_state *state)
{
    PLUGIN_CALL(call);
    call_begin_quiesced(&call, instance, "import_state");
    const int32_t result = instance->descriptor->import_state(instance->self, state);
    call_end_quiesced(instance, &call);
    return without_count(result);
}

void instance_set_limits(struct instance *instance, const struct limits *limits)
{
    instance->setup.limits = *limits;
    instance->callback_limit_ns = limits->callback_ms * NS_PER_MS;
    instance->hook_limit_ns = limits->hook_ms * NS_PER_MS;
}

toni_slot instance_provides(const struct instance *instance)
{
    const toni_interface *provides = instance->descriptor->provides;

    if (!provides)
        return (toni_slot){0};
    return (toni_slot){.table = provides->table, .self = instance->self};
}

/* --- Life */

static struct instance *instance_allocate(const struct instance_setup *setup, const toni_host *host,
                                          void *const *injected)
{
    const toni_plugin *descriptor = &setup->plugin->descriptor;
    const size_t needs = needs_count(descriptor->needs);
    struct instance *instance = calloc(1, sizeof *instance);

    if (!instance)
        return NULL;
    instance->injected = calloc(needs + 1, sizeof *instance->injected);
    if (!instance->injected || options_read(&instance->options, descriptor->options, setup->options,
                                            setup->config ? setup->config->folder : ".")) {
        free(instance->injected);
        free(instance);
        return NULL;
    }
    if (needs > 0)
        memcpy(instance->injected, injected, needs * sizeof *injected);
    instance->host = host;
    instance->figures = &setup->slot->figures;
    instance->descriptor = descriptor;
    instance->setup = *setup;
    instance->generation = setup->slot->generation + 1;
    instance->setup.plugin = plugin_ref(setup->plugin);
    if (setup->config)
        gateways_conf_ref(setup->config);
    instance->is_serialised = (descriptor->flags & TONI_CONCURRENT) == 0;
    instance_set_limits(instance, &setup->limits);
    task_list_init(&instance->tasks, setup->tasks);
    return instance;
}

static void instance_free(struct instance *instance)
{
    plugin_figures_drop(instance);
    options_finish(&instance->options);
    plugin_unref(instance->setup.plugin);
    gateways_conf_destroy(instance->setup.config);
    free(instance->injected);
    free(instance);
}

int32_t instance_create(const struct instance_setup *setup, const toni_host *host,
                        void *const *injected, struct instance **result)
{
    *result = NULL;
    struct instance *instance = instance_allocate(setup, host, injected);
    if (!instance)
        return TONI_ERR_NO_MEMORY;

    PLUGIN_CALL(call);
    hook_begin(&call, instance, "create");
    const int32_t error = instance->descriptor->create(instance_context(instance), &instance->self);
    hook_end(instance, &call);
    if (error < 0) {
        tasks_cancel(instance);
        instance_free(instance);
        return error;
    }
    if (atomic_load(&instance->asked_in_vain)) { /* it would crash at its first use of that */
        instance_destroy(instance);
        return TONI_ERR_NOT_FOUND;
    }
    if (!setup->is_held)
        tasks_open(instance);
    *result = instance;
    return TONI_OK;
}

/* `start` or `ready`; NULL if the plugin has none. */
static int32_t call_hook(struct instance *instance, const char *name, int32_t (*hook)(void *self))
{
    if (!hook)
        return TONI_OK;
    PLUGIN_CALL(call);
    hook_begin(&call, instance, name);
    const int32_t result = hook(instance->self);
    hook_end(instance, &call);
    return without_count(result);
}

int32_t instance_start(struct instance *instance)
{
    return call_hook(instance, "start", instance->descriptor->start);
}

int32_t instance_ready(struct instance *instance)
{
    return call_hook(instance, "ready", instance->descriptor->ready);
}

void instance_stopping(struct instance *instance, uint32_t why)
{
    if (!instance->descriptor->stopping)
        return;
    PLUGIN_CALL(call);
    hook_begin(&call, instance, "stopping");
    instance->descriptor->stopping(instance->self, why);
    hook_end(instance, &call);
}

void instance_destroy(struct instance *instance)
{
    if (!instance)
        return;
    kept_withdraw(&instance->setup.slot->slots->kept, instance);
    tasks_cancel(instance);
    if (instance->descriptor->destroy) {
        PLUGIN_CALL(call);
        hook_begin(&call, instance, "destroy");
        instance->descriptor->destroy(instance->self);
        hook_end(instance, &call);
    }
    instance_free(instance);
}
