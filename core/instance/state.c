/* States; see state.h. */
#include "instance/state.h"

#include <toni/error.h>

void state_writer_init(toni_state_writer *writer, const toni_host *host, uint64_t most)
{
    *writer = (toni_state_writer){.host = host, .most = most};
    buffer_init(&writer->bytes);
}

void state_writer_finish(toni_state_writer *writer)
{
    buffer_finish(&writer->bytes);
}

static int32_t append(toni_state_writer *writer, const void *bytes, size_t size)
{
    if (writer->wanted > writer->most)
        return TONI_ERR_TOO_BIG;
    return buffer_append(&writer->bytes, bytes, size) ? TONI_ERR_NO_MEMORY : TONI_OK;
}

/* After the first error every write is refused, so that the state never has a gap. */
static int32_t state_write(toni_state_writer *writer, const void *bytes, size_t size)
{
    writer->wanted = size > UINT64_MAX - writer->wanted ? UINT64_MAX : writer->wanted + size;
    if (writer->error == TONI_OK && size > 0)
        writer->error = append(writer, bytes, size);
    return writer->error;
}

void state_fill_table(toni_host *table)
{
    table->state_write = state_write;
}
