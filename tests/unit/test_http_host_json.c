/* /toni.json and /.toni/host.json: what they tell of a host, and to whom. */
#include "http/host_json.h"
#include "runner.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <toni/plugin.h>

static void check_told(const struct listener *listeners, size_t count, struct slots *slots,
                       enum host_json how, const char *expected)
{
    char *text = http_host_to_json(listeners, count, slots, how);

    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, expected);
    free(text);
}

static struct slot *add_slot(struct slots *slots, uint32_t kind, const char *name, const char *path)
{
    struct arrival arrival = {.path = strdup(path)};
    struct slot *slot = slots_make(slots, kind, name);

    ck_assert_ptr_nonnull(slot);
    slot_settle(slot, &arrival);
    arrival_finish(&arrival);
    return slot;
}

static const struct listener listeners[] = {
    {.name = "unix:/run/toni:80", .is_unix = true},
    {.name = "127.0.0.1:9000"},
    {.name = "[::1]:9000"}, /* the same port once */
    {.name = "[fe80::1%eth0]:65535", .is_tls = true},
};

START_TEST(describes_the_host)
{
    struct slots slots, empty;

    ck_assert_int_eq(slots_init(&slots), 0);
    ck_assert_int_eq(slots_init(&empty), 0);
    add_slot(&slots, TONI_GATEWAY, "rooms", "/rooms");
    add_slot(&slots, TONI_GATEWAY, "odd", "/\"\xc3\xb6</script>\x01");
    add_slot(&slots, TONI_GATEWAY, "bytes", "/\xff"); /* no UTF-8: left out */
    add_slot(&slots, TONI_SERVICE, "chat", "/chat");  /* nothing for WebSocket */
    slot_vacate(add_slot(&slots, TONI_GATEWAY, "gone", "/gone"));

#define PORTS                                                                                      \
    "{\"version\": \"" TONI_VERSION "\", \"websocket\": [{\"port\": 9000}, "                       \
    "{\"port\": 65535, \"tls\": true}], "
#define GATEWAYS                                                                                   \
    "\"gateways\": [{\"name\": \"rooms\", \"path\": \"/rooms\"}, {\"name\": \"odd\", \"path\": "   \
    "\"/\\\"\xc3\xb6</script>\\u0001\"}]"
    check_told(listeners, 4, &slots, HOST_JSON_PUBLIC, PORTS GATEWAYS "}");
    check_told(listeners, 4, &slots, HOST_JSON_STRANGER, PORTS GATEWAYS ", \"workbench\": false}");
    check_told(listeners, 1, &empty, HOST_JSON_PUBLIC,
               "{\"version\": \"" TONI_VERSION "\", \"websocket\": [], \"gateways\": []}");
    slots_finish(&slots);
    slots_finish(&empty);
}
END_TEST

static long allocations; /* that jansson gets before one fails */

static void *allocate(size_t size)
{
    return allocations-- == 0 ? NULL : malloc(size);
}

START_TEST(without_memory_nothing_is_left_out)
{
    struct slots slots;

    ck_assert_int_eq(slots_init(&slots), 0);
    add_slot(&slots, TONI_GATEWAY, "rooms", "/rooms");
    json_set_alloc_funcs(allocate, free);
    allocations = INT32_MAX;
    char *whole = http_host_to_json(listeners, 4, &slots, HOST_JSON_WORKBENCH);
    ck_assert_ptr_nonnull(whole);
    const long needed = INT32_MAX - allocations;
    ck_assert_int_gt(needed, 10);
    for (long got = 0; got < needed; got++) {
        allocations = got;
        char *text = http_host_to_json(listeners, 4, &slots, HOST_JSON_WORKBENCH);
        /* A path that there is no memory for looks like one that is not UTF-8. */
        if (text && strstr(text, "/rooms"))
            ck_assert_str_eq(text, whole);
        free(text);
    }
    free(whole);
    slots_finish(&slots);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/host_json");
    TCase *cases = tcase_create("host_json");

    tcase_add_test(cases, describes_the_host);
    tcase_add_test(cases, without_memory_nothing_is_left_out);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
