/* Step 3 of a swap: `export_state` of each old instance, `import_state` of its successor. */
#include "swap/swap_private.h"

#include "base/clock.h"
#include "instance/state.h"

#include <stdlib.h>
#include <toni/error.h>

/* What the two hooks use. Freed here, unless one of them was abandoned: that goes on using it. */
struct transfer {
    toni_state_writer writer;
    toni_state state;
};

static int32_t export(struct instance *instance, void *data)
{
    return instance_export(instance, data);
}

static int32_t import(struct instance *instance, void *data)
{
    return instance_import(instance, data);
}

static int32_t import_from(struct swap *swap, size_t number, struct transfer *transfer)
{
    transfer->state = (toni_state){
        .struct_size = sizeof transfer->state,
        .version = swap_instance_before(swap, number)->descriptor->state_version,
        .bytes = toni_str_make(transfer->writer.bytes.bytes, transfer->writer.bytes.length),
    };
    const int32_t error = life_call(swap->next, number, "import_state", import, &transfer->state);
    if (error != TONI_OK)
        swap_fault_hook(swap, number, "import_state", error);
    return error;
}

static int32_t transfer_between(struct swap *swap, size_t number, struct transfer *transfer)
{
    const size_t before = swap->changes.next[number].before;

    state_writer_init(&transfer->writer, swap->now->host,
                      swap->next->setups[number].limits.state_bytes);
    const int32_t error = life_call(swap->now, before, "export_state", export, &transfer->writer);
    if (error == TONI_OK)
        return import_from(swap, number, transfer);
    swap_fault_export(swap, number, error, &transfer->writer);
    return error;
}

static int transfer_state(struct swap *swap, size_t number)
{
    const struct life *from = &swap->now->lives[swap->changes.next[number].before];
    const struct life *to = &swap->next->lives[number];
    const bool was_abandoned =
        from->is_abandoned; /* by an earlier reload, which had a transfer of its own */
    struct transfer *transfer = calloc(1, sizeof *transfer);

    if (!transfer) {
        swap_fault_no_memory(swap, swap->next->setups[number].at);
        return -1;
    }
    const int32_t error = transfer_between(swap, number, transfer);
    if (was_abandoned || (!from->is_abandoned && !to->is_abandoned)) {
        state_writer_finish(&transfer->writer);
        free(transfer);
    }
    return error == TONI_OK ? 0 : -1;
}

int swap_transfer(struct swap *swap)
{
    const uint64_t began = clock_now_ns();
    int result = 0;

    for (size_t i = 0; result == 0 && i < swap->next->setup_count; i++) {
        if (swap->changes.next[i].change == CHANGE_SWAP &&
            instance_can_export(swap_instance_before(swap, i)) &&
            instance_can_import(swap->next->instances[i]))
            result = transfer_state(swap, i);
    }
    swap->report->plugins_ns = clock_now_ns() - began;
    return result;
}
