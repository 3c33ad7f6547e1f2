/** @file
 * The events that a gateway takes by name, for its descriptor: shown to who writes its clients, by
 * `toni describe` and on the page of the host. Nothing is checked by it; who handles the events
 * does that (toni/events.h of libtoni-events, whose TONI_EVENTS makes the list).
 */
#ifndef TONI_EVENT_LIST_H
#define TONI_EVENT_LIST_H

#include <stdint.h>

/* Types of members. */
#define TONI_EVENT_ANY 0u
#define TONI_EVENT_STRING 1u  /**< `least` to `most` bytes of UTF-8 */
#define TONI_EVENT_INTEGER 2u /**< `least` to `most` */
#define TONI_EVENT_NUMBER 3u  /**< the same, whole or not */
#define TONI_EVENT_BOOLEAN 4u
#define TONI_EVENT_OBJECT 5u /**< with the members of `inner` */
#define TONI_EVENT_ARRAY 6u  /**< of `least` to `most` elements, each as `inner[0]` says */

/** A member of an event's `data`. A list of them ends with one whose name is NULL. */
typedef struct toni_event_member {
    const char *name; /**< of an array's elements: any */
    uint32_t type;
    int is_required;
    int64_t least, most; /**< both 0: no bounds */
    const struct toni_event_member *inner;
} toni_event_member;

/** The events of a descriptor: where a table of the plugin's own has their names and shapes, so
 * that it needs no second one. @since ABI 1.0 */
typedef struct toni_event_list {
    uint32_t struct_size;
    uint32_t entry_size;  /**< bytes from one entry of the table to the next */
    uint32_t name_at;     /**< where in an entry its name is, a `const char *`: 1 to 255 bytes of
                             UTF-8. NULL ends the table, which has at most 256 entries */
    uint32_t members_at;  /**< and the members of its `data`, a `const toni_event_member *`; NULL:
                             anything. At most 1,024 in all; what lies deeper than 8 is not told */
    uint32_t member_size; /**< of a toni_event_member, as the plugin knows it */
    uint32_t reserved;
    const void *entries; /**< the table: static and const */
    const char *field;   /**< of a message, that holds the event's name; NULL: "event" */
} toni_event_list;

#endif
