/* All members of a room of a fake host at once, and its lists by pages. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <string.h>

/* Each member by its call in the table, so that the record has a line for each. @return How many.
 */
static int32_t count_results(const int32_t *results, size_t count)
{
    int32_t good = 0;
    for (size_t i = 0; i < count; i++)
        good += results[i] >= 0;
    return good;
}

struct members {
    toni_client_id ids[TONI_FAKE_MAX_CLIENTS];
    size_t count;
};

static void add_member(toni_fake_host *host, toni_client_id client, void *data)
{
    struct members *members = data;
    (void)host;
    members->ids[members->count++] = client;
}

static int32_t members_join(toni_connections *connections, toni_str room, toni_str other)
{
    toni_fake_host *host = host_of_connections(connections);
    struct members members = {.count = 0};
    int32_t results[TONI_FAKE_MAX_CLIENTS];
    fake_record(host, "members_join %.*s %.*s\n", TONI_STR_ARG(room), TONI_STR_ARG(other));
    const int32_t result = fake_answer(
        host, "members_join", fake_first_error(fake_check_room(room), fake_check_room(other)));
    if (result < 0)
        return result;
    fake_for_members(host, room, add_member, &members);
    for (size_t i = 0; i < members.count; i++)
        results[i] = host->table.join_room(connections, members.ids[i], other);
    return count_results(results, members.count);
}

static int32_t members_leave(toni_connections *connections, toni_str room)
{
    toni_fake_host *host = host_of_connections(connections);
    struct members members = {.count = 0};
    int32_t results[TONI_FAKE_MAX_CLIENTS];
    fake_record(host, "members_leave %.*s\n", TONI_STR_ARG(room));
    const int32_t result = fake_answer(host, "members_leave", fake_check_room(room));
    if (result < 0)
        return result;
    fake_for_members(host, room, add_member, &members);
    for (size_t i = 0; i < members.count; i++)
        results[i] = host->table.leave_room(connections, members.ids[i], room);
    return count_results(results, members.count);
}

static int32_t members_close(toni_connections *connections, toni_str room, uint16_t code,
                             toni_str reason)
{
    toni_fake_host *host = host_of_connections(connections);
    struct members members = {.count = 0};
    int32_t results[TONI_FAKE_MAX_CLIENTS];
    size_t count = 0;
    fake_record(host, "members_close %.*s %u %.*s\n", TONI_STR_ARG(room), code,
                TONI_STR_ARG(reason));
    const int32_t result =
        fake_answer(host, "members_close",
                    fake_first_error(fake_check_room(room), fake_check_close(code, reason)));
    if (result < 0)
        return result;
    fake_for_members(host, room, add_member, &members);
    for (size_t i = 0; i < members.count; i++) {
        if (fake_check_open(host, members.ids[i]) == TONI_OK)
            results[count++] = host->table.close_client(connections, members.ids[i], code, reason);
    }
    return count_results(results, count);
}

/* --- Pages: a cursor is how many entries were looked at before */

static size_t size_of(const toni_page *page)
{
    if (page->most == 0)
        return 100;
    return page->most < TONI_PAGE_MOST ? page->most : TONI_PAGE_MOST;
}

static int32_t check_page(const toni_page *page)
{
    ck_assert_uint_ge(page->struct_size, sizeof *page);
    return page->room.size > 0 ? fake_check_room(page->room) : TONI_OK;
}

struct search {
    toni_client_id client;
    int is_found;
};

static void look_for(toni_fake_host *host, toni_client_id client, void *data)
{
    struct search *search = data;
    (void)host;
    search->is_found |= client == search->client;
}

/* All clients of a fake host are its plugin's, whose name is "fake". */
static int is_wanted(toni_fake_host *host, const toni_page *page, const toni_fake_known *known)
{
    struct search search = {.client = known->id};
    if (known->is_leaving)
        return 0;
    if (page->gateway.size > 0 && !toni_str_equal(page->gateway, TONI_LIT("fake")))
        return 0;
    if (page->room.size == 0)
        return 1;
    fake_for_members(host, page->room, look_for, &search);
    return search.is_found;
}

static int32_t list_clients(toni_connections *connections, toni_page *page, toni_client_ids **ids)
{
    toni_fake_host *host = host_of_connections(connections);
    const int32_t result = fake_answer(host, "list_clients", check_page(page));
    const size_t most = size_of(page);
    fake_record(host, "list_clients %" PRIu64 "\n", page->cursor);
    *ids = NULL;
    if (result < 0)
        return result;
    toni_client_ids *list = fake_hand_out(host, sizeof *list + most * sizeof(toni_client_id));
    toni_client_id *place = (toni_client_id *)(list + 1);
    *list = (toni_client_ids){.host = &host->table, .ids = place};
    uint64_t at = page->cursor;
    for (; at < host->known_count && list->count < most; at++) {
        if (is_wanted(host, page, &host->known[at]))
            place[list->count++] = host->known[at].id;
    }
    page->cursor = list->count < most ? 0 : at;
    *ids = list;
    return result;
}

static int is_first_of_its_room(const toni_fake_host *host, size_t number)
{
    const toni_fake_membership *membership = &host->memberships[number];
    for (size_t i = 0; i < number; i++) {
        if (toni_str_equal(toni_str_make(host->memberships[i].room, host->memberships[i].size),
                           toni_str_make(membership->room, membership->size)))
            return 0;
    }
    return 1;
}

static int32_t list_rooms(toni_connections *connections, toni_page *page, toni_room_names **names)
{
    toni_fake_host *host = host_of_connections(connections);
    const int32_t is_good =
        page->room.size > 0 || page->gateway.size > 0 ? TONI_ERR_INVALID : check_page(page);
    const int32_t result = fake_answer(host, "list_rooms", is_good);
    const size_t most = size_of(page);
    fake_record(host, "list_rooms %" PRIu64 "\n", page->cursor);
    *names = NULL;
    if (result < 0)
        return result;
    toni_room_names *list =
        fake_hand_out(host, sizeof *list + most * (sizeof(toni_str) + TONI_FAKE_ROOM_SIZE));
    toni_str *place = (toni_str *)(list + 1);
    char *text = (char *)(place + most);
    *list = (toni_room_names){.host = &host->table, .names = place};
    uint64_t at = page->cursor;
    for (; at < host->membership_count && list->count < most; at++) {
        const toni_fake_membership *membership = &host->memberships[at];
        if (!is_first_of_its_room(host, at))
            continue;
        memcpy(text, membership->room, TONI_FAKE_ROOM_SIZE);
        place[list->count++] = toni_str_make(text, membership->size);
        text += TONI_FAKE_ROOM_SIZE;
    }
    page->cursor = list->count < most ? 0 : at;
    *names = list;
    return result;
}

void fake_crowd_fill(toni_host *table)
{
    table->members_join = members_join;
    table->members_leave = members_leave;
    table->members_close = members_close;
    table->list_clients = list_clients;
    table->list_rooms = list_rooms;
}
