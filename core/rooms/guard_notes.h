/* What a guard leaves beside its decision (toni/guard.h): values for `on_connect`, header fields of
 * the answer, the subprotocol, which query parameters nobody is to see, and who the client is
 * (toni/identity.h). Bounded; made when the
 * first is left, since most guards leave nothing. */
#ifndef ROOMS_GUARD_NOTES_H
#define ROOMS_GUARD_NOTES_H

#include "rooms/identity.h"
#include "rooms/request.h"

#include <stdbool.h>
#include <stddef.h>

/* Of values, and of header fields. */
#define GUARD_NOTES_MAX 16

/* Of all values with their names, and of all header fields as they are sent. */
#define GUARD_NOTES_BYTES 8192
#define GUARD_FIELDS_BYTES 4096

/* Of the text of a refusal. */
#define GUARD_TEXT_MAX 256

struct guard_note_list {
    size_t count, bytes;
    struct request_field notes[GUARD_NOTES_MAX]; /* each in one allocation, at its name */
};

struct guard_notes {
    struct guard_note_list values;
    struct guard_note_list fields;
    struct guard_note_list dropped;  /* names of parameters, without values */
    unsigned status;                 /* of a refusal; 0: none was chosen */
    char text[GUARD_TEXT_MAX + 1];   /* of the same */
    char *subprotocol;               /* empty: none is to be agreed on; NULL: nothing was chosen */
    struct identity_draft *identity; /* NULL: nobody was identified */
};

/** @param notes  NULL is fine. */
void guard_notes_destroy(struct guard_notes *notes);

/** Puts the header fields into an answer, behind its first line.
 * @param answer  Has room for GUARD_FIELDS_BYTES more. @param notes  NULL is fine.
 * @return The size of the answer. */
size_t guard_notes_put_fields(const struct guard_notes *notes, char *answer, size_t size);

/** Whether a header field of that name is among them. @param notes  NULL is fine. */
bool guard_notes_have_field(const struct guard_notes *notes, const char *name);

/** Takes the parameters out of another request that were taken out of the one that the guard read.
 * @param notes  NULL is fine. */
void guard_notes_drop_parameters(const struct guard_notes *notes, toni_request *request);

/** Notes whose guard has identified the client, if one has since the last time.
 * @param notes  NULL is fine. */
void guard_notes_asked(struct guard_notes *notes, struct slot *guard);

/** Fills in what toni/guard.h and toni/identity.h call for notes. */
void guard_notes_fill_table(toni_host *table);

#endif
