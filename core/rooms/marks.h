/* Marks: the places in an outbox where messages of a room are missing, to be told of by a gap
 * notice. A mark is an entry of the ring: it moves with its neighbours, and takes the place of the
 * messages that were dropped, so a loss needs no memory. It is no message, and has no bytes until
 * it is the first entry: then the notice is written into its place.
 *
 * Losses with no message between them share one mark for each room. Once OUTBOX_MARKS_MAX are in an
 * outbox, those of several rooms in one place share one, too; but no mark goes to another place. So
 * there are no more than OUTBOX_MARKS_MAX and one for each place that others can be in: before each
 * entry that is no mark, and behind the last. */
#ifndef ROOMS_MARKS_H
#define ROOMS_MARKS_H

#include "rooms/gap_notice.h"
#include "rooms/outbox.h"

#define OUTBOX_MARKS_MAX 32

/** Turns an entry into a mark.
 * @param topic  A reference is taken; NULL: of no one room. */
void outbox_mark_entry(struct outbox *outbox, uint32_t index, struct topic *topic, uint32_t count);

/** Puts a mark before the entry at @p index; there is a place for it. */
void outbox_insert_mark(struct outbox *outbox, uint32_t index, struct topic *topic, uint32_t count);

/** Puts a mark behind all else. @return 0, or -1 on no memory; then nothing is changed. */
int outbox_append_mark(struct outbox *outbox, struct topic *topic, uint32_t count);

/** Joins the marks that came to some entries, and those that these adjoin; they are in one place if
 * only entries without messages are between them. Entries that are no mark any more have none: the
 * caller takes all of these out of the ring.
 * @param begin, end  Of these entries; set to what this may have changed. */
void outbox_join_marks(struct outbox *outbox, uint32_t *begin, uint32_t *end);

/** The first entry, a mark, becomes the notice.
 * @param notice  NULL: there is none any more.
 * @return 1; 0: it is gone, untold; -1 on no memory, then nothing is changed. */
int outbox_tell_mark(struct outbox *outbox, const struct gap_notice *notice);

#endif
