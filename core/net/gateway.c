/* Calls to gateways; see gateway.h. */
#include "net/gateway.h"

#include "instance/instance.h"

#include <toni/error.h>

/* Each call is between these two. */

static struct instance *enter(struct worker *worker, struct slot *slot)
{
    worker_calls(worker, slot);
    return slot_enter(slot);
}

static struct instance *enter_of(const struct gateway_client *served)
{
    return enter(served->worker, served->slot);
}

static void release(struct instance *retired, toni_client *client)
{
    if (retired)
        instance_client_free(retired, client->data);
    client_set_data(client, NULL);
}

/* Inside the slot. A client of an instance that is not there any more is the new one's from now on;
 * but not one that was refused, whose end nobody would be told of. */
static int32_t hand_on(struct gateway_client *served, toni_client *client,
                       struct instance *instance)
{
    struct slot *slot = served->slot;
    if (served->generation == slot->generation)
        return TONI_OK;
    served->generation = slot->generation;
    release(slot->retired, client);
    if (!instance || served->is_refused)
        return TONI_OK;
    return instance_on_adopt(instance, client);
}

/* Inside the gateway's slot, whose instance uses the guard's: so that is not exchanged either. */
static int32_t ask_listed(struct guard_chain *chain, const struct instance *instance,
                          const toni_request *request)
{
    const char *name = instance->setup.guards[chain->next++].name;
    struct slot *slot = slots_find_named(instance->setup.slot->slots, name);
    struct instance *guard = slot ? atomic_load(&slot->instance) : NULL;
    if (!guard) /* the host stops */
        return TONI_ERR_BUSY;
    chain->asked = slot;
    chain->generation = slot->generation;
    chain->has_answer = true;
    return instance_check(guard, request);
}

static int32_t ask_own(struct guard_chain *chain, struct slot *slot, struct instance *instance,
                       const toni_request *request)
{
    chain->is_over = true;
    chain->asked = slot;
    chain->generation = slot->generation;
    chain->has_answer = instance && instance->descriptor->guard;
    return instance ? instance_guard(instance, request) : TONI_OK;
}

bool gateway_guard(struct gateway_client *served, struct guard_chain *chain,
                   const toni_request *request, int32_t *result)
{
    struct slot *slot = served->slot;
    struct instance *instance = enter_of(served);
    if (!chain->asked)
        served->generation = slot->generation;
    const bool is_same = served->generation == slot->generation;
    if (is_same && instance && chain->next < instance->setup.guard_count)
        *result = ask_listed(chain, instance, request);
    else if (is_same)
        *result = ask_own(chain, slot, instance, request);
    slot_exit(slot);
    return is_same;
}

bool gateway_has_guard(const struct gateway_client *served, const struct guard_chain *chain)
{
    struct slot *slot = served->slot;
    const struct instance *instance = slot_enter(slot);
    const bool is_same = instance && slot->generation == served->generation &&
                         chain->asked->generation == chain->generation;
    slot_exit(slot);
    return is_same && slot_is_open(slot);
}

int32_t gateway_on_connect(struct gateway_client *served)
{
    int32_t result = TONI_OK;
    struct instance *instance = enter_of(served);
    served->generation = served->slot->generation;
    if (instance)
        result = instance_on_connect(instance, served->client);
    /* No callback follows: it carries nothing that a swap would have to mind. */
    if (result != TONI_OK)
        release(instance, served->client);
    slot_exit(served->slot);
    return result;
}

void gateway_refused(struct gateway_client *served, int32_t error)
{
    struct instance *instance = enter_of(served);
    if (instance)
        instance_callback_failed(instance, "on_connect", served->client, error);
    slot_exit(served->slot);
}

uint16_t gateway_on_message(struct gateway_client *served, const toni_message *message)
{
    struct instance *instance = enter_of(served);
    uint16_t code = INSTANCE_STAYS;
    if (hand_on(served, served->client, instance) != TONI_OK)
        code = INSTANCE_FAULT_CODE;
    else if (instance && client_is_open(served->client))
        code = instance_on_message(instance, served->client, message);
    slot_exit(served->slot);
    return code;
}

uint16_t gateway_on_drained(struct gateway_client *served)
{
    struct instance *instance = enter_of(served);
    uint16_t code = INSTANCE_STAYS;
    if (hand_on(served, served->client, instance) != TONI_OK)
        code = INSTANCE_FAULT_CODE;
    else if (instance && client_is_open(served->client))
        code = instance_on_drained(instance, served->client);
    slot_exit(served->slot);
    return code;
}

void gateway_on_disconnect(struct gateway_client *served, toni_client *client,
                           const toni_disconnect_info *info)
{
    struct instance *instance = enter_of(served);
    (void)hand_on(served, client, instance); /* it ends anyway */
    client_begin_leaving(client);
    if (instance && info)
        instance_on_disconnect(instance, client, info);
    release(instance, client);
    slot_exit(served->slot);
}

int32_t gateway_adopt(struct gateway_client *served)
{
    struct instance *instance = enter_of(served);
    int32_t result = hand_on(served, served->client, instance);
    slot_exit(served->slot);
    return result;
}
