/* What `toni describe` shows as JSON: all of it, or an error. */
#include "host/describe.h"
#include "runner.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <toni/toni.h>

static const toni_dependency chat = {
    .struct_size = sizeof chat, .version = 1, .interface_name = TONI_LIT_INIT("chat")};
static const toni_dependency lobby = {
    .struct_size = sizeof lobby, .version = 3, .interface_name = TONI_LIT_INIT("lobby")};
static const toni_dependency *const needs[] = {&chat, &lobby, NULL};
static const toni_str v1 = TONI_LIT_INIT("chat.v1"), v2 = TONI_LIT_INIT("chat.v2");
static const toni_str *const subprotocols[] = {&v1, &v2, NULL};

static struct plugin plugin = {.path = "/opt/toni/lobby.so",
                               .descriptor = {
                                   .kind = TONI_GATEWAY,
                                   .name = TONI_LIT_INIT("lobby"),
                                   .version = TONI_LIT_INIT("2.0"),
                                   .path = TONI_LIT_INIT("/lobby"),
                                   .needs = needs,
                                   .subprotocols = subprotocols,
                               }};

/* How many allocations jansson gets before one fails, and others don't. */
static long allocations;

static void *allocate(size_t size)
{
    return allocations-- == 0 ? NULL : malloc(size);
}

/* @return What was printed, to be freed; NULL: an error was returned. */
static char *print(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    const int result = describe_print_json(&plugin, out);
    (void)fclose(out);
    if (result == 0)
        return text;
    free(text);
    return NULL;
}

START_TEST(without_memory_nothing_is_left_out)
{
    allocations = INT32_MAX;
    char *whole = print();
    ck_assert_ptr_nonnull(whole);
    const long needed = INT32_MAX - allocations;
    ck_assert_int_gt(needed, 50);
    for (long got = 0; got < needed; got++) {
        allocations = got;
        char *text = print();
        if (text)
            ck_assert_str_eq(text, whole);
        free(text);
    }
    free(whole);
}
END_TEST

START_TEST(a_path_that_is_not_utf8_is_null)
{
    allocations = INT32_MAX;
    plugin.path = "/opt/\xff.so";
    char *text = print();
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(strstr(text, "\"library\": null"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host");
    TCase *cases = tcase_create("describe");

    json_set_alloc_funcs(allocate, free);
    tcase_add_test(cases, without_memory_nothing_is_left_out);
    tcase_add_test(cases, a_path_that_is_not_utf8_is_null);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
