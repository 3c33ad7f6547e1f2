/* Publishes that wait: see batch.h. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

static size_t size_of(const toni_engine_publish *publish)
{
    return publish->room.size + publish->body.size;
}

bool batch_fits(const struct batch *batch, const toni_engine_publish *publish, uint64_t life_ms)
{
    const toni_engine_publish *first = &batch->list[0];
    return batch->count == 0 ||
           (batch->count < BATCH_MOST && batch->life_ms == life_ms &&
            first->incarnation == publish->incarnation && first->node == publish->node &&
            size_of(publish) <= batch->room - batch->size);
}

/* The first may need more than there is; what the others point into never moves. */
static int make_room(struct batch *batch, size_t size)
{
    const size_t room = size > BATCH_BYTES ? size : BATCH_BYTES;
    if (batch->room >= room)
        return 0;
    free(batch->text);
    batch->text = malloc(room);
    batch->room = batch->text ? room : 0;
    return batch->text ? 0 : -1;
}

static toni_str copy(struct batch *batch, toni_str bytes)
{
    char *copied = batch->text + batch->size;
    if (bytes.size > 0)
        memcpy(copied, bytes.data, bytes.size);
    batch->size += bytes.size;
    return toni_str_make(copied, bytes.size);
}

int batch_add(struct batch *batch, const toni_engine_publish *publish, uint64_t life_ms)
{
    if (batch->count == 0 && make_room(batch, size_of(publish)) != 0)
        return -1;
    toni_engine_publish *added = &batch->list[batch->count++];
    *added = *publish;
    batch->life_ms = life_ms;
    added->room = copy(batch, publish->room);
    added->body = copy(batch, publish->body);
    return 0;
}

void batch_empty(struct batch *batch)
{
    batch->count = batch->size = 0;
    if (batch->room > BATCH_BYTES)
        batch_clear(batch);
}

void batch_clear(struct batch *batch)
{
    free(batch->text);
    batch->text = NULL;
    batch->count = batch->size = batch->room = 0;
}
