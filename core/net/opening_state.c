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
    opening->ticket = NULL;
    opening->notes = NULL;
    opening->guards = (struct guard_chain){0};
    opening->asked_ns = 0;
    opening->is_ticket_refused = false;
    opening->connection = NULL;
    opening->decided = NULL;
    opening->headers = NULL;
    return opening;
}

void opening_end_wait(struct opening *opening, enum guard_outcome outcome)
{
    if (!opening || !opening->ticket)
        return;
    guard_ticket_end(opening->ticket, outcome);
    opening->ticket = NULL;
}

void opening_free(struct opening *opening)
{
    if (!opening)
        return;
    opening_end_wait(opening, GUARD_GONE);
    request_destroy(opening->request);
    guard_notes_destroy(opening->notes);
    buffer_finish(&opening->bytes);
    free(opening);
}
