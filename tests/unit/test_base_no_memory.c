/* Tests of all of base that allocates, with an allocator that fails when it is told to. */
#include <stddef.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/hash_table.h"
#include "base/value.h"
#include "no_memory.h"
#include "runner.h"

START_TEST(an_empty_buffer_is_unchanged)
{
    struct buffer buffer;
    int appended = 0;
    int formatted = 0;

    buffer_init(&buffer);
    WITH_ALLOCATIONS(0, appended = buffer_append(&buffer, "abc", 3));
    WITH_ALLOCATIONS(0, formatted = buffer_appendf(&buffer, "%d", 1));
    ck_assert_int_eq(appended, -1);
    ck_assert_int_eq(formatted, -1);
    ck_assert_ptr_null(buffer.bytes);
    ck_assert_uint_eq(buffer.length, 0);
}
END_TEST

START_TEST(a_buffer_is_unchanged)
{
    struct buffer buffer;
    int reserved = 0;
    int formatted = 0;

    buffer_init(&buffer);
    ck_assert_int_eq(buffer_append(&buffer, "abc", 3), 0);
    const struct buffer before = buffer;
    WITH_ALLOCATIONS(0, reserved = buffer_reserve(&buffer, 1000));
    WITH_ALLOCATIONS(0, formatted = buffer_appendf(&buffer, "%1000d", 1));
    ck_assert_int_eq(reserved, -1);
    ck_assert_int_eq(formatted, -1);
    ck_assert_ptr_eq(buffer.bytes, before.bytes);
    ck_assert_uint_eq(buffer.length, 3);
    ck_assert_uint_eq(buffer.capacity, before.capacity);
    ck_assert_mem_eq(buffer.bytes, "abc", 3);
    buffer_finish(&buffer);
}
END_TEST

static bool same_node(const struct hash_node *node, const void *key)
{
    return node == key;
}

enum { NODES = 100 };

static struct hash_node nodes[NODES];

/* Returns how many were inserted. */
static size_t insert_nodes(struct hash_table *table)
{
    for (size_t i = 0; i < NODES; i++) {
        if (hash_table_insert(table, &nodes[i], i) != 0)
            return i;
    }
    return NODES;
}

START_TEST(a_hash_table_refuses_its_first_node)
{
    struct hash_table table;
    size_t inserted = 0;

    hash_table_init(&table);
    WITH_ALLOCATIONS(0, inserted = insert_nodes(&table));
    ck_assert_uint_eq(inserted, 0);
    ck_assert_uint_eq(table.count, 0);
    ck_assert_ptr_null(hash_table_next(&table, NULL));
}
END_TEST

START_TEST(a_hash_table_that_cannot_grow_goes_on)
{
    struct hash_table table;
    size_t inserted = 0;

    hash_table_init(&table);
    WITH_ALLOCATIONS(1, inserted = insert_nodes(&table));
    ck_assert_uint_eq(inserted, NODES);
    ck_assert_uint_eq(table.bucket_count, 8);
    for (size_t i = 0; i < NODES; i++)
        ck_assert_ptr_eq(hash_table_find(&table, i, same_node, &nodes[i]), &nodes[i]);
    hash_table_finish(&table, NULL, NULL);
}
END_TEST

static void remove_nodes(struct hash_table *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash_table_remove(table, &nodes[i]);
}

START_TEST(a_hash_table_that_cannot_shrink_goes_on)
{
    struct hash_table table;

    hash_table_init(&table);
    ck_assert_uint_eq(insert_nodes(&table), NODES);
    WITH_ALLOCATIONS(0, remove_nodes(&table, NODES - 1));
    ck_assert_uint_eq(table.bucket_count, 128);
    ck_assert_ptr_eq(hash_table_next(&table, NULL), &nodes[NODES - 1]);
    hash_table_finish(&table, NULL, NULL);
}
END_TEST

/* Builds one value of each type, the last from a second file. */
static bool build_tree(struct value **root)
{
    const struct value_place here = {.line = 2};
    struct value *list;

    *root = value_group_create((struct value_place){.file = "gateways.conf", .line = 1});
    return *root != NULL && (list = value_add_list(*root, "list", here)) != NULL &&
           value_add_int(list, NULL, here, 1) != NULL &&
           value_add_double(list, NULL, here, 1.0) != NULL &&
           value_add_bool(list, NULL, here, true) != NULL &&
           value_add_string(*root, "string", here, "text") != NULL &&
           value_add_group(*root, "group", (struct value_place){"extra.conf", 1}) != NULL;
}

START_TEST(every_failure_to_build_a_tree_is_reported)
{
    /* The tree, two files, and seven values; leaks on the way are the sanitizer's to see. */
    const unsigned needed = 10;

    for (unsigned i = 0; i <= needed; i++) {
        struct value *root = NULL;
        bool built = false;

        WITH_ALLOCATIONS(i, built = build_tree(&root));
        ck_assert_int_eq(built, i == needed);
        ck_assert_int_eq(root != NULL, i >= 3);
        value_destroy(root);
    }
}
END_TEST

START_TEST(a_tree_is_unchanged)
{
    const struct value_place extra = {"extra.conf", 1};
    struct value *root = value_group_create((struct value_place){.file = "gateways.conf"});
    ck_assert_ptr_nonnull(root);

    /* Once without memory for the file's name, once without memory for the value. */
    for (unsigned i = 0; i < 2; i++) {
        const struct value *added;

        WITH_ALLOCATIONS(i, added = value_add_int(root, "a", extra, 1));
        ck_assert_ptr_null(added);
        ck_assert_uint_eq(value_count(root), 0);
        ck_assert_ptr_null(value_first(root));
    }
    ck_assert_ptr_nonnull(value_add_int(root, "a", extra, 1));
    ck_assert_str_eq(value_file(value_get(root, "a")), "extra.conf");
    value_destroy(root);
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;

    Suite *suite = suite_create("base/no_memory");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, an_empty_buffer_is_unchanged);
    tcase_add_test(cases, a_buffer_is_unchanged);
    tcase_add_test(cases, a_hash_table_refuses_its_first_node);
    tcase_add_test(cases, a_hash_table_that_cannot_grow_goes_on);
    tcase_add_test(cases, a_hash_table_that_cannot_shrink_goes_on);
    tcase_add_test(cases, every_failure_to_build_a_tree_is_reported);
    tcase_add_test(cases, a_tree_is_unchanged);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
