/* Tests of base/value. What happens without memory: test_base_no_memory.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "runner.h"

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

/* --- Comparing */

enum {
    BOOL_TRUE,
    INT_1,
    DOUBLE_1,
    STRING_1,
    LIST_OF_1,
    GROUP_OF_1,
    EMPTY_LIST,
    EMPTY_GROUP,
    KINDS
};

/* One of each kind, at some line of some file. */
static const struct value *add_one(struct value *parent, const char *name, int kind)
{
    const struct value_place place = {"other.conf", (unsigned)kind + 50};
    struct value *made = NULL;

    switch (kind) {
    case BOOL_TRUE:
        return value_add_bool(parent, name, place, true);
    case INT_1:
        return value_add_int(parent, name, place, 1);
    case DOUBLE_1:
        return value_add_double(parent, name, place, 1.0);
    case STRING_1:
        return value_add_string(parent, name, place, "1");
    case LIST_OF_1:
    case EMPTY_LIST:
        made = value_add_list(parent, name, place);
        break;
    default:
        made = value_add_group(parent, name, place);
        break;
    }
    if (kind == LIST_OF_1)
        (void)value_add_int(made, NULL, place, 1);
    else if (kind == GROUP_OF_1)
        (void)value_add_int(made, "1", place, 1);
    return made;
}

START_TEST(values_equal_only_what_has_their_type_and_holds_the_same)
{
    char name[32];

    for (int i = 0; i < KINDS; i++) {
        (void)snprintf(name, sizeof name, "k%d", i);
        const struct value *one = add_one(root, name, i);
        ck_assert(value_equal(one, one));
        for (int j = 0; j < KINDS; j++) {
            (void)snprintf(name, sizeof name, "k%d_%d", i, j);
            const struct value *other = add_one(root, name, j);
            ck_assert_msg(value_equal(one, other) == (i == j), "%d and %d", i, j);
            ck_assert_msg(value_equal(other, one) == (i == j), "%d and %d", j, i);
        }
    }
}
END_TEST

START_TEST(plain_values_differ_in_what_they_hold)
{
    const struct value *values[] = {
        value_add_bool(root, "p1", at_line(1), true), value_add_bool(root, "p2", at_line(1), false),
        value_add_int(root, "p3", at_line(1), 1),     value_add_int(root, "p4", at_line(1), -1),
        value_add_double(root, "p5", at_line(1), .5), value_add_double(root, "p6", at_line(1), .6),
        value_add_string(root, "p7", at_line(1), ""), value_add_string(root, "p8", at_line(1), "x"),
        value_add_string(root, "p9", at_line(1), "X")};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (size_t j = 0; j < sizeof values / sizeof values[0]; j++)
            ck_assert_msg(value_equal(values[i], values[j]) == (i == j), "%zu and %zu", i, j);
    }
}
END_TEST

/* @param order  The names of integers, each its place in the alphabet. */
static struct value *add_letters(struct value *parent, const char *name, const char *order)
{
    struct value *group = value_add_group(parent, name, at_line(1));

    for (; *order; order++)
        ck_assert_ptr_nonnull(
            value_add_int(group, (char[]){*order, '\0'}, at_line(1), *order - 'a'));
    return group;
}

START_TEST(members_of_groups_have_no_order)
{
    const struct value *abc = add_letters(root, "l1", "abc");

    ck_assert(value_equal(abc, add_letters(root, "l2", "cab")));
    ck_assert(!value_equal(abc, add_letters(root, "l3", "ab")));
    ck_assert(!value_equal(add_letters(root, "l4", "ab"), abc));
    ck_assert(!value_equal(abc, add_letters(root, "l5", "abd")));
    ck_assert(!value_equal(abc, add_letters(root, "l6", "abcd")));
    ck_assert(!value_equal(abc, add_letters(root, "l7", "")));

    struct value *other = add_letters(root, "l8", "ab");
    ck_assert_ptr_nonnull(value_add_int(other, "c", at_line(1), 'b' - 'a')); /* of another value */
    ck_assert(!value_equal(abc, other));
}
END_TEST

static struct value *add_numbers(const char *name, int first, int second)
{
    struct value *list = value_add_list(root, name, at_line(1));

    ck_assert_ptr_nonnull(value_add_int(list, NULL, at_line(1), first));
    ck_assert_ptr_nonnull(value_add_int(list, NULL, at_line(2), second));
    return list;
}

START_TEST(lists_have_an_order)
{
    struct value *list = add_numbers("n1", 1, 2), *longer = add_numbers("n4", 1, 2);

    ck_assert(value_equal(list, add_numbers("n2", 1, 2)));
    ck_assert(!value_equal(list, add_numbers("n3", 2, 1)));
    ck_assert_ptr_nonnull(value_add_int(longer, NULL, at_line(1), 3));
    ck_assert(!value_equal(list, longer));
    ck_assert(!value_equal(longer, list));
}
END_TEST

/* A list of a group of what add_letters() makes. */
static const struct value *add_nested(const char *name, const char *order)
{
    struct value *list = value_add_list(root, name, at_line(1));
    struct value *group = value_add_group(list, NULL, at_line(1));

    add_letters(group, "in", order);
    return list;
}

START_TEST(what_is_nested_counts)
{
    const struct value *nested = add_nested("d1", "xyz");

    ck_assert(value_equal(nested, add_nested("d2", "zyx")));
    ck_assert(!value_equal(nested, add_nested("d3", "xyw")));
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
    tcase_add_test(cases, values_equal_only_what_has_their_type_and_holds_the_same);
    tcase_add_test(cases, plain_values_differ_in_what_they_hold);
    tcase_add_test(cases, members_of_groups_have_no_order);
    tcase_add_test(cases, lists_have_an_order);
    tcase_add_test(cases, what_is_nested_counts);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
