/* See refreshing.h. In a callback of the client's, so inside its gateway's slot: neither that
 * gateway nor a guard that it lists is exchanged meanwhile. */
#include "instance/refreshing.h"

#include "base/log_limit.h"
#include "instance/instance.h"
#include "rooms/client.h"
#include "rooms/guard_notes.h"

#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

static struct guard_notes **find_notes(void *context)
{
    return context;
}

/* What can be read of a request then, it has kept. */
static int32_t find_no_header(void *context, toni_str name, toni_str *value)
{
    (void)context, (void)name, (void)value;
    return TONI_ERR_NOT_FOUND;
}

/* The guard that has identified the client, as long as its gateway has it asked.
 * @return The instance that is in its place now, or NULL. */
static struct instance *find_guard(const struct identity_origin *origin)
{
    struct instance *gateway = atomic_load(&origin->gateway->instance);
    if (!gateway || origin->guard == origin->gateway)
        return gateway;
    for (size_t i = 0; i < gateway->setup.guard_count; i++) {
        if (strcmp(gateway->setup.guards[i].name, origin->guard->name) == 0)
            return atomic_load(&origin->guard->instance);
    }
    return NULL;
}

/* @param notes  Filled in. */
static int32_t ask(const toni_client *client, struct instance *guard, toni_str token,
                   struct guard_notes **notes)
{
    static const struct request_source source = {
        .find_header = find_no_header, .notes = find_notes, .takes_identity = true};
    toni_request *request = client->request;
    const struct request_source *before = request->source;
    void *context = request->source_context;
    request->source = &source;
    request->source_context = notes;
    const int32_t result = instance_refresh(guard, request, token);
    request->source = before;
    request->source_context = context;
    return result;
}

static int32_t take(toni_client *client, const struct identity_draft *draft)
{
    const struct identity *before = client->identity;
    const struct space *space = client->space;
    const toni_str subject = toni_str_make(draft->subject, draft->subject_size);
    if (!toni_str_equal(subject, before->subject))
        return TONI_ERR_FORBIDDEN;
    if (revocations_cover(&space->connections->revocations, space->name, subject, draft->issued_s))
        return TONI_ERR_UNAUTHORIZED;
    struct identity *identity = identity_create(draft, &before->origin);
    if (!identity)
        return TONI_ERR_NO_MEMORY;
    client_identify(client, identity);
    return TONI_OK;
}

static int32_t judge(toni_client *client, int32_t result, const struct guard_notes *notes)
{
    if (result < 0)
        return result;
    if (result == TONI_OK && notes && notes->identity)
        return take(client, notes->identity);
    log_limited(LOG_LEVEL_WARN,
                "a guard took another token and did not say whose it is: the client keeps the one "
                "before; `refresh` calls toni_guard_identify and returns TONI_OK, or an error",
                log_str("guard", client->identity->origin.guard->name), log_int("result", result));
    return TONI_ERR_FAILED;
}

static int32_t client_refresh(toni_client *client, toni_str token)
{
    struct instance *guard = client->identity ? find_guard(&client->identity->origin) : NULL;
    struct guard_notes *notes = NULL;
    if (!guard)
        return TONI_ERR_NOT_FOUND;
    int32_t result = ask(client, guard, token, &notes);
    result = judge(client, result, notes);
    guard_notes_destroy(notes);
    return result;
}

void refreshing_fill_table(toni_host *table)
{
    table->client_refresh = client_refresh;
}
