/* Rooms of a gateway and who is in them, as JSON, by pages: for the workbench. A room is listed if
 * a client of the gateway is in it; no other clients are. */
#ifndef HTTP_WORKBENCH_JSON_H
#define HTTP_WORKBENCH_JSON_H

#include "instance/slot.h"

#include <stdint.h>

/* Rooms that are looked at for one page: it has at most so many. */
#define WORKBENCH_ROOMS 50

/* Clients on one page. */
#define WORKBENCH_MEMBERS 100

/** `{"rooms": [{"name", "members": 3, "more": false}], "next": "123"}`. Members are counted up to
 * 1,000; `more`: there are more. `next` is where the next page begins, null: this is the last. A
 * page may be empty and not the last: its rooms were of other gateways.
 * @param slot    A gateway.
 * @param cursor  0, or what the page before had as `next`.
 * @return Allocated; NULL on no memory. @thread Any. */
char *workbench_rooms_to_json(struct slot *slot, uint64_t cursor);

/** `{"members": ["f4e3752239991682"], "next": null}`.
 * @param room  A legal name, see room_name_valid().
 * @return As above. @thread Any. */
char *workbench_members_to_json(struct slot *slot, toni_str room, uint64_t cursor);

#endif
