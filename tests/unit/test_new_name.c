/* What a project may be called, and what is said of other names. */
#include "new/name.h"
#include "runner.h"

#include <string.h>

/* @return What is wrong with a name; empty: nothing. Until the next call. */
static const char *fault_of(const char *name)
{
    static char text[1024];
    struct buffer fault;
    buffer_init(&fault);
    const int result = project_name_check(name, &fault);
    ck_assert_int_eq(result, fault.length > 0 ? -1 : 0);
    ck_assert_uint_lt(fault.length, sizeof text);
    if (fault.length > 0)
        memcpy(text, fault.bytes, fault.length);
    text[fault.length] = '\0';
    buffer_finish(&fault);
    return text;
}

START_TEST(good_names)
{
    static const char *const names[] = {"a",
                                        "board",
                                        "x2",
                                        "chat_room",
                                        "int8",
                                        "my_int",
                                        "tonight",
                                        "list",
                                        "queue",
                                        "c11_",
                                        "abcdefghijklmnopqrstuvwxyz0123456789_abc"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_str_eq(fault_of(names[i]), "");
}
END_TEST

START_TEST(names_that_are_not_well_formed)
{
    static const struct {
        const char *name, *shown, *proposed;
    } bad[] = {
        {"Board", "`Board`", "`board`"},
        {"my-chat", "`my-chat`", "`my_chat`"},
        {"My Chat!", "`My Chat!`", "`my_chat`"},
        {"2fast", "`2fast`", "`fast`"},
        {"_x1", "`_x1`", "`x1`"},
        {"a.b", "`a.b`", "`a_b`"},
        {"Int", "`Int`", "`my_int`"},
        {".", "`.`", NULL},
        {"..", "`..`", NULL},
        {"käse", "`käse`", "`kse`"},
        {"x\n\x1b[31mred", "`x\\x0a\\x1b[31mred`", "`x_31mred`"},
        {"\xff", "`\\xff`", NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *fault = fault_of(bad[i].name);
        ck_assert_msg(strstr(fault, bad[i].shown) == fault, "%s", fault);
        ck_assert_msg(strstr(fault, "lower-case letters, digits and `_`") != NULL, "%s", fault);
        if (bad[i].proposed)
            ck_assert_msg(strstr(fault, bad[i].proposed) != NULL, "%s", fault);
        else
            ck_assert_msg(!strstr(fault, "such as"), "%s", fault);
    }
}
END_TEST

START_TEST(a_path_is_no_name)
{
    ck_assert_str_eq(fault_of("../My/board"),
                     "`../My/board` is a path, expected a name alone, such as `board`; --dir says "
                     "in which folder the project is to be");
    ck_assert(strstr(fault_of("/"), "is a path") != NULL);
    ck_assert(strstr(fault_of("board/"), "is a path") != NULL);
}
END_TEST

START_TEST(names_that_mean_something_else)
{
    ck_assert_str_eq(fault_of("int"),
                     "`int` is a keyword of C: take another name, such as `my_int`");
    ck_assert_str_eq(fault_of("class"),
                     "`class` is a keyword of C++: take another name, such as `my_class`");
    ck_assert_str_eq(fault_of("nullptr"),
                     "`nullptr` is a keyword of C: take another name, such as `my_nullptr`");
    ck_assert(strstr(fault_of("time"), "<time.h>") != NULL);
    ck_assert(strstr(fault_of("string"), "standard library") != NULL);
    ck_assert(strstr(fault_of("std"), "namespace") != NULL);
    ck_assert(strstr(fault_of("toni"), "is the host") != NULL);
    ck_assert(strstr(fault_of("main"), "function") != NULL);
    ck_assert(strstr(fault_of("broadcast"), "module") != NULL);
}
END_TEST

START_TEST(empty_and_long)
{
    char name[5000];
    ck_assert(strstr(fault_of(""), "is empty") != NULL);
    memset(name, 'a', sizeof name);
    name[PROJECT_NAME_MAX + 1] = '\0';
    ck_assert_str_eq(fault_of(name),
                     "a name has at most 40 bytes, and this one 41: take a shorter one");
    memset(name, 'A', sizeof name); /* what is shown of a long one has a bound */
    name[sizeof name - 1] = '\0';
    ck_assert_uint_lt(strlen(fault_of(name)), 300);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("new/name");
    TCase *names = tcase_create("names");
    tcase_add_test(names, good_names);
    tcase_add_test(names, names_that_are_not_well_formed);
    tcase_add_test(names, a_path_is_no_name);
    tcase_add_test(names, names_that_mean_something_else);
    tcase_add_test(names, empty_and_long);
    suite_add_tcase(suite, names);
    return run_suite(suite);
}
