/* Inflating in pieces; see inflating.h. */
#include "net/inflating.h"

#include <stdlib.h>

void inflating_begin(struct inflating *inflating, struct inflater **spare, uint8_t kind,
                     const void *bytes, size_t size)
{
    *inflating = (struct inflating){.inflater = *spare, .kind = kind};
    *spare = NULL;
    if (!inflating->inflater)
        inflating->inflater = inflater_create();
    if (inflating->inflater)
        inflater_begin(inflating->inflater, bytes, size);
}

enum inflated inflating_go_on(struct inflating *inflating, struct turn_share *share, size_t limit)
{
    enum inflated result = INFLATED_NO_MEMORY;
    if (!inflating->inflater)
        return result;
    do
        result = inflater_step(inflating->inflater, limit, &inflating->message);
    while (result == INFLATED_MORE &&
           !turn_share_look(share)); /* a step takes far longer than a look */
    return result;
}

struct inflating *inflating_set_aside(struct inflating *inflating)
{
    struct inflating *aside = malloc(sizeof *aside);
    if (!aside)
        return NULL;
    if (!inflating->compressed.bytes) {
        const toni_str left = inflater_left(inflating->inflater);
        if (buffer_append(&inflating->compressed, left.data, left.size)) {
            free(aside);
            return NULL;
        }
        inflater_moved(inflating->inflater, inflating->compressed.bytes);
    }
    *aside = *inflating;
    return aside;
}

size_t inflating_memory(const struct inflating *inflating)
{
    return sizeof *inflating + INFLATER_MEMORY + inflating->compressed.capacity +
           inflating->message.capacity;
}

void inflating_finish(struct inflating *inflating, struct inflater **spare)
{
    if (!*spare)
        *spare = inflating->inflater;
    else
        inflater_destroy(inflating->inflater);
    buffer_finish(&inflating->compressed);
    buffer_finish(&inflating->message);
}

void inflating_free(struct inflating *inflating, struct inflater **spare)
{
    if (!inflating)
        return;
    inflating_finish(inflating, spare);
    free(inflating);
}
