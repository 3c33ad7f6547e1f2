/* The table of events of a descriptor as bytes, and back; see descriptor_bytes.h. */
#ifndef PLUGIN_EVENT_BYTES_H
#define PLUGIN_EVENT_BYTES_H

#include "plugin/bytes.h"
#include "plugin/event_table.h"

/** What a table that was read consists of. */
struct told_events {
    toni_event_list list;
    struct told_event {
        const char *name;
        const toni_event_member *members;
    } events[EVENTS_MAX + 1];
    toni_event_member members[2 * EVENT_MEMBERS_MAX + EVENTS_MAX]; /* each list with its end */
    size_t member_count;
};

/** @param list   Checked by event_table_check(); NULL: the plugin tells of none.
 * @param bytes  Appended to.
 * @return 0, or -1 on no memory. */
int events_write(const toni_event_list *list, struct buffer *bytes);

/** @param told  Zero; filled in. Its strings lie in what is read.
 * @return The list, or NULL: the plugin tells of none, or the reader is bad. */
const toni_event_list *events_read(struct reader *reader, struct told_events *told);

#endif
