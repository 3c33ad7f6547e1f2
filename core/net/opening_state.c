/* See opening_state.h. */
#include "net/opening_state.h"

#include <stdlib.h>

struct opening *opening_new(void)
{
    struct opening *opening = malloc(sizeof *opening);
    if (!opening)
        return NULL;
    opening->phase = OPENING_READING;
    buffer_init(&opening->bytes);
    head_init(&opening->head);
    opening->terms = (struct deflate_terms){.agreed = false};
    opening->subprotocol = (toni_str){"", 0};
    opening->request = NULL;
    opening->headers = NULL;
    return opening;
}

void opening_free(struct opening *opening)
{
    if (!opening)
        return;
    request_destroy(opening->request);
    buffer_finish(&opening->bytes);
    free(opening);
}
