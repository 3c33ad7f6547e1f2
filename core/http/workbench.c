/* See workbench.h. */
#include "http/workbench.h"

#include "http/exchange.h"
#include "http/host_json.h"
#include "http/workbench_json.h"
#include "net/access.h"
#include "rooms/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <toni/error.h>
#include <toni/plugin.h>

#define METHODS "GET, HEAD"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What proxies add to a request. Whoever sends one by himself only keeps himself out. */
static const char *const proxy_fields[] = {
    "Forwarded",         "Via",       "X-Forwarded-For",   "X-Forwarded-Host",
    "X-Forwarded-Proto", "X-Real-IP", "X-Forwarded-Server"};

static bool is_forwarded(const toni_exchange *exchange)
{
    toni_str value;
    for (size_t i = 0; i < COUNT(proxy_fields); i++) {
        if (toni_exchange_header(exchange, toni_str_of(proxy_fields[i]), &value) == TONI_OK)
            return true;
    }
    return exchange->is_old_http || exchange->connection->proxy_way != PROXY_NONE;
}

static bool may_look(const struct http_server *server, const toni_exchange *exchange)
{
    struct workbench_asker asker = {.address = toni_exchange_address(exchange),
                                    .is_forwarded = is_forwarded(exchange)};
    if (toni_exchange_header(exchange, TONI_LIT("Host"), &asker.host) != TONI_OK)
        asker.host = toni_str_make("", 0);
    return access_allows_workbench(server->access, &asker);
}

static int32_t add_fields(toni_exchange *exchange)
{
    static const char *const fields[][2] = {
        {"Cache-Control", "no-store"},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"X-Content-Type-Options", "nosniff"},
    };
    int32_t result = TONI_OK;
    for (size_t i = 0; i < COUNT(fields) && result == TONI_OK; i++)
        result = toni_exchange_add_header(exchange, toni_str_of(fields[i][0]),
                                          toni_str_of(fields[i][1]));
    return result;
}

/* @param json  Taken; NULL: there was no memory. */
static void answer(toni_exchange *exchange, char *json)
{
    if (!json || add_fields(exchange) != TONI_OK ||
        toni_exchange_answer(exchange, 200, TONI_LIT("application/json"), toni_str_of(json)) !=
            TONI_OK)
        http_exchange_refuse(exchange, 500, "Out of memory.\n", NULL, NULL);
    free(json);
}

/* --- What is asked for */

static void answer_host(const struct http_server *server, toni_exchange *exchange)
{
    answer(exchange, http_host_to_json(server->websocket, server->websocket_count, server->slots,
                                       may_look(server, exchange) ? HOST_JSON_WORKBENCH
                                                                  : HOST_JSON_STRANGER));
}

static bool read_cursor(const toni_exchange *exchange, uint64_t *cursor)
{
    char digits[sizeof "18446744073709551615"];
    toni_str text;
    *cursor = 0;
    if (toni_exchange_parameter(exchange, TONI_LIT("cursor"), &text) != TONI_OK || text.size == 0)
        return true;
    if (text.size >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    if (strspn(digits, "0123456789") != text.size)
        return false;
    errno = 0;
    *cursor = strtoull(digits, NULL, 10);
    return errno == 0;
}

static bool is_named(struct slot *slot, toni_str name)
{
    return (slot->kind & TONI_GATEWAY) != 0 && slot_is_open(slot) &&
           toni_str_equal(toni_str_of(slot->name), name);
}

/* @return The gateway that is asked about, if its rooms may be listed; else NULL, and that is
 * answered. */
static struct slot *find_gateway(const struct http_server *server, toni_exchange *exchange)
{
    toni_str name = {0};
    if (!may_look(server, exchange)) {
        http_exchange_refuse(exchange, 403,
                             "The workbench is for others: see `workbench` of gateways.conf.\n",
                             NULL, NULL);
        return NULL;
    }
    (void)toni_exchange_parameter(exchange, TONI_LIT("gateway"), &name);
    struct slot *slot = slots_first(server->slots);
    while (slot && !is_named(slot, name))
        slot = slot_next(slot);
    if (!slot || !atomic_load(&slot->space)) {
        http_exchange_refuse(exchange, 404, "There is no gateway of that name.\n", NULL, NULL);
        return NULL;
    }
    if (!slot_limits(slot)->lists_rooms) {
        http_exchange_refuse(
            exchange, 403,
            "This gateway does not list its rooms: see `list_rooms` of gateways.conf.\n", NULL,
            NULL);
        return NULL;
    }
    return slot;
}

static void answer_rooms(const struct http_server *server, toni_exchange *exchange)
{
    uint64_t cursor;
    struct slot *gateway = find_gateway(server, exchange);
    if (!gateway)
        return;
    if (read_cursor(exchange, &cursor))
        answer(exchange, workbench_rooms_to_json(gateway, cursor));
    else
        http_exchange_refuse(exchange, 400, "`cursor` is none.\n", NULL, NULL);
}

static void answer_members(const struct http_server *server, toni_exchange *exchange)
{
    uint64_t cursor;
    toni_str room = {0};
    struct slot *gateway = find_gateway(server, exchange);
    if (!gateway)
        return;
    (void)toni_exchange_parameter(exchange, TONI_LIT("room"), &room);
    if (!room_name_valid(room))
        http_exchange_refuse(exchange, 400, "`room` is no name of a room.\n", NULL, NULL);
    else if (!read_cursor(exchange, &cursor))
        http_exchange_refuse(exchange, 400, "`cursor` is none.\n", NULL, NULL);
    else
        answer(exchange, workbench_members_to_json(gateway, room, cursor));
}

static const struct resource {
    const char *path;
    void (*answer)(const struct http_server *server, toni_exchange *exchange);
} resources[] = {
    {"/.toni/host.json", answer_host},
    {"/.toni/rooms.json", answer_rooms},
    {"/.toni/members.json", answer_members},
};

bool http_workbench_answer(const struct http_server *server, toni_exchange *exchange)
{
    const toni_str path = toni_exchange_path(exchange);
    const toni_str method = toni_exchange_method(exchange); /* HEAD comes as GET */
    for (size_t i = 0; server->page && i < COUNT(resources); i++) {
        if (!toni_str_equal(path, toni_str_of(resources[i].path)))
            continue;
        if (toni_str_equal(method, toni_str_of("GET")))
            resources[i].answer(server, exchange);
        else if (toni_str_equal(method, toni_str_of("OPTIONS")))
            http_exchange_refuse(exchange, 204, "", "Allow", METHODS);
        else
            http_exchange_refuse(exchange, 405, "This can only be read.\n", "Allow", METHODS);
        return true;
    }
    return false;
}
