/* Tests of base/value. What happens without memory: test_base_no_memory.c. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"

static struct value *root;

static struct value_place at_line(unsigned line)
{
    return (struct value_place){.line = line};
}

/* a = 1; b = { c = "text"; d = { e = true; }; }; list = ( 1.5, "x", { y = 2; } ); */
static void set_up(void)
{
    root = value_group_create((struct value_place){.file = "gateways.conf", .line = 1});
    ck_assert_ptr_nonnull(root);

    ck_assert_ptr_nonnull(value_add_int(root, "a", at_line(2), INT64_MIN));
    struct value *b = value_add_group(root, "b", at_line(3));
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_nonnull(value_add_string(b, "c", at_line(4), "text"));
    struct value *d = value_add_group(b, "d", at_line(5));
    ck_assert_ptr_nonnull(d);
    ck_assert_ptr_nonnull(value_add_bool(d, "e", at_line(6), true));

    struct value *list = value_add_list(root, "list", at_line(7));
    ck_assert_ptr_nonnull(list);
    ck_assert_ptr_nonnull(value_add_double(list, NULL, at_line(8), 1.5));
    ck_assert_ptr_nonnull(value_add_string(list, NULL, at_line(9), "x"));
    struct value *item = value_add_group(list, NULL, at_line(10));
    ck_assert_ptr_nonnull(item);
    ck_assert_ptr_nonnull(value_add_int(item, "y", at_line(11), 2));
}

static void tear_down(void)
{
    value_destroy(root);
}

START_TEST(holds_what_was_added)
{
    ck_assert_int_eq(value_int(value_get(root, "a")), INT64_MIN);
    ck_assert_str_eq(value_string(value_find(root, "b.c")), "text");
    ck_assert(value_bool(value_find(root, "b.d.e")));
    ck_assert_double_eq(value_double(value_first(value_get(root, "list"))), 1.5);
}
END_TEST

START_TEST(knows_types_names_and_lines)
{
    const struct value *e = value_find(root, "b.d.e");

    ck_assert_int_eq(value_type(e), VALUE_BOOL);
    ck_assert_str_eq(value_name(e), "e");
    ck_assert_uint_eq(value_line(e), 6);
    ck_assert_int_eq(value_type(root), VALUE_GROUP);
    ck_assert_ptr_null(value_name(root));
    ck_assert_int_eq(value_type(value_get(root, "list")), VALUE_LIST);
    ck_assert_ptr_null(value_name(value_first(value_get(root, "list"))));
    ck_assert_str_eq(value_type_name(VALUE_LIST), "a list");
}
END_TEST

START_TEST(files_are_inherited_and_shared)
{
    char name[] = "extra.conf";
    struct value *included = value_add_group(root, "included", (struct value_place){name, 1});
    ck_assert_ptr_nonnull(included);
    struct value *inner = value_add_int(included, "inner", at_line(2), 3);
    ck_assert_ptr_nonnull(inner);
    const struct value *again =
        value_add_int(root, "again", (struct value_place){"gateways.conf", 12}, 4);
    ck_assert_ptr_nonnull(again);
    memset(name, 'x', sizeof name - 1);

    ck_assert_str_eq(value_file(included), "extra.conf");
    ck_assert_ptr_eq(value_file(inner), value_file(included));
    ck_assert_ptr_eq(value_file(again), value_file(root));
    ck_assert_ptr_eq(value_file(value_find(root, "b.d.e")), value_file(root));
}
END_TEST

START_TEST(names_and_strings_are_copied)
{
    char name[] = "name";
    char text[] = "words";
    const struct value *value = value_add_string(root, name, at_line(12), text);

    ck_assert_ptr_nonnull(value);
    memset(name, 'x', sizeof name - 1);
    memset(text, 'x', sizeof text - 1);
    ck_assert_ptr_eq(value_get(root, "name"), value);
    ck_assert_str_eq(value_string(value), "words");
}
END_TEST

START_TEST(children_come_in_the_order_of_their_addition)
{
    static const char *const names[] = {"a", "b", "list"};
    const struct value *child = value_first(root);

    ck_assert_uint_eq(value_count(root), 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(child);
        ck_assert_str_eq(value_name(child), names[i]);
        child = value_next(child);
    }
    ck_assert_ptr_null(child);
    ck_assert_uint_eq(value_count(value_get(root, "list")), 3);
}
END_TEST

START_TEST(plain_values_have_no_children)
{
    const struct value *a = value_get(root, "a");

    ck_assert_uint_eq(value_count(a), 0);
    ck_assert_ptr_null(value_first(a));
    ck_assert_ptr_null(value_get(a, "a"));
}
END_TEST

START_TEST(what_is_not_there_is_not_found)
{
    static const char *const paths[] = {
        "", ".", "A", "aa", "b.", ".b", "b..c", "b.x", "b.c.x", "b.d.e.f", "a.b", "list.y", "x.c",
    };

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        ck_assert_msg(value_find(root, paths[i]) == NULL, "`%s`", paths[i]);
    ck_assert_ptr_null(value_get(root, "b.c"));
}
END_TEST

START_TEST(a_name_is_not_found_by_its_beginning)
{
    ck_assert_ptr_nonnull(value_add_int(root, "listen", at_line(12), 1));
    ck_assert_int_eq(value_type(value_find(root, "list")), VALUE_LIST);
    ck_assert_int_eq(value_type(value_find(root, "listen")), VALUE_INT);
    ck_assert_ptr_null(value_find(root, "liste"));
}
END_TEST

START_TEST(an_integer_can_be_read_as_a_double)
{
    const struct value *three = value_add_int(root, "three", at_line(12), 3);

    ck_assert_ptr_nonnull(three);
    ck_assert_double_eq(value_double(three), 3.0);
}
END_TEST

START_TEST(destroying_nothing_and_the_deepest_tree_works)
{
    struct value *deep = value_group_create((struct value_place){.file = "deep.conf"});
    struct value *group = deep;

    for (int i = 0; i < 100000 && group != NULL; i++)
        group = value_add_group(group, "x", at_line(1));
    ck_assert_ptr_nonnull(group);
    value_destroy(deep);
    value_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/value");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, holds_what_was_added);
    tcase_add_test(cases, knows_types_names_and_lines);
    tcase_add_test(cases, files_are_inherited_and_shared);
    tcase_add_test(cases, names_and_strings_are_copied);
    tcase_add_test(cases, children_come_in_the_order_of_their_addition);
    tcase_add_test(cases, plain_values_have_no_children);
    tcase_add_test(cases, what_is_not_there_is_not_found);
    tcase_add_test(cases, a_name_is_not_found_by_its_beginning);
    tcase_add_test(cases, an_integer_can_be_read_as_a_double);
    tcase_add_test(cases, destroying_nothing_and_the_deepest_tree_works);
    suite_add_tcase(suite, cases);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
