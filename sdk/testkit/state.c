/* What goes along when an instance is swapped, and the swap. */
#include "toni_testkit_private.h"

#include <string.h>

static int32_t add_to_state(toni_fake_host *host, toni_fake_state *state, const void *bytes,
                            size_t size)
{
    int32_t result = fake_result_of(host, "state_write");
    if (result < 0)
        return result;
    if (size > host->state_bytes || state->size > host->state_bytes - size)
        return TONI_ERR_TOO_BIG;
    ck_assert_msg(size <= TONI_FAKE_MAX_STATE - state->size,
                  "a larger state than the fake host takes: TONI_FAKE_MAX_STATE");
    if (size > 0)
        memcpy(state->bytes + state->size, bytes, size);
    state->size += size;
    return TONI_OK;
}

static int32_t state_write(toni_state_writer *writer, const void *bytes, size_t size)
{
    toni_fake_host *host = host_of(writer);
    toni_fake_state *state = (toni_fake_state *)writer;
    fake_record(host, "state_write %zu\n", size);
    if (state->error == TONI_OK)
        state->error = add_to_state(host, state, bytes, size);
    return state->error;
}

/* --- Swaps */

static int32_t import_from(toni_fake_host *host, const toni_fake_state *state)
{
    toni_state given = {.struct_size = sizeof given,
                        .version = state->version,
                        .bytes = toni_str_make(state->bytes, state->size)};
    return fake_without_count(host->plugin->import_state(host->self, &given));
}

int32_t toni_fake_host_export(toni_fake_host *host, toni_fake_state *state)
{
    ck_assert_msg(host->plugin->export_state != NULL, "the plugin has no `export_state`");
    *state = (toni_fake_state){.host = &host->table, .version = host->plugin->state_version};
    int32_t result = host->plugin->export_state(host->self, (toni_state_writer *)state);
    return result < 0 ? result : state->error;
}

int32_t toni_fake_host_import(toni_fake_host *host, const toni_fake_state *state)
{
    ck_assert_msg(host->plugin->import_state != NULL, "the plugin has no `import_state`");
    int32_t result = fake_create(host);
    if (result != TONI_OK)
        return result;
    result = fake_call_hook(host, host->plugin->start);
    if (result == TONI_OK)
        result = import_from(host, state);
    if (result == TONI_OK)
        result = fake_call_hook(host, host->plugin->ready);
    if (result != TONI_OK)
        fake_destroy(host);
    return result;
}

static int32_t transfer(toni_fake_host *host, toni_fake_host *next)
{
    toni_fake_state state;
    if (!host->plugin->export_state || !next->plugin->import_state)
        return TONI_OK;
    int32_t result = toni_fake_host_export(host, &state);
    return result == TONI_OK ? import_from(next, &state) : result;
}

/* Its callbacks would look for what the old one has kept with a client. */
static int loses_data(const toni_fake_host *host, const toni_fake_host *next)
{
    int carries = 0;
    for (size_t i = 0; i < host->known_count; i++)
        carries |= host->known[i].carries_data;
    return carries && !next->plugin->on_adopt;
}

int32_t toni_fake_host_swap(toni_fake_host *host, toni_fake_host *next)
{
    if (loses_data(host, next))
        return TONI_ERR_FAILED;
    int32_t result = fake_create(next);
    if (result != TONI_OK)
        return result;
    result = fake_call_hook(next, next->plugin->start);
    ck_assert_msg(host->entered == 0, "a swap would wait: the old one has entered and not left");
    if (result == TONI_OK)
        result = transfer(host, next);
    if (result != TONI_OK) {
        fake_destroy(next);
        return result;
    }
    host->closing = 1;
    host->is_replaced = 1;
    (void)fake_call_hook(next, next->plugin->ready); /* it serves already: a host logs an error */
    return TONI_OK;
}

void fake_state_fill(toni_host *table)
{
    table->state_write = state_write;
}
