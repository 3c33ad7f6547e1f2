/* Options: what a plugin may declare, what gateways.conf may set, and the values that come of it.
 */
#include "config/config.h"
#include "config/options.h"
#include "temporary_folder.h"

static struct config *config;
static struct options options;

static const toni_option *const *const declared = TONI_OPTIONS(
    TONI_OPTION_BOOL("loud", 1, "whether it shouts"),
    TONI_OPTION_INT("max_length", 1, 1000000, 2000, "longest message, in bytes"),
    TONI_OPTION_DOUBLE("share", 0, 1, 0.5, "of all"), TONI_OPTION_STR("greeting", "Hello", "first"),
    TONI_OPTION_DURATION("pause", "10ms", "1h", "30s", "between two"),
    TONI_OPTION_SIZE("buffer", "1KiB", "1GiB", "64KiB", "for each"),
    TONI_OPTION_PATH("file", "", "with tokens"), TONI_OPTION_LIST("names", TONI_TYPE_STR, "known"),
    TONI_OPTION_LIST("files", TONI_TYPE_PATH, "more of them"),
    TONI_OPTION_MAP("times", TONI_TYPE_DURATION, "by name"),
    TONI_OPTION_LIST_OF_GROUPS("users", "who may come in",
                               TONI_OPTION_STR_REQUIRED("name", "what they are called"),
                               TONI_OPTION_INT("level", 0, 9, 1, "what they may"),
                               TONI_OPTION_PATH("photo", "", "a file")),
    TONI_OPTION_MAP_OF_GROUPS("rooms", "by name",
                              TONI_OPTION_DURATION("pause", "0s", "1h", "5s", "between two")));

static void teardown(void)
{
    options_finish(&options);
    gateways_conf_destroy(config);
    config = NULL;
    testing_teardown();
}

static const struct config_provider *provider(const char *text)
{
    char whole[2048];

    options_finish(&options);
    gateways_conf_destroy(config);
    (void)snprintf(whole, sizeof whole,
                   "listen = { websocket = \"127.0.0.1:9000\"; };\n"
                   "modules = ( { name = \"chat\"; providers = ( { gateway = \"g\"; library = "
                   "\"g.so\";\n%s } ); } );\n",
                   text);
    config = gateways_conf_read(testing_write_text("gateways.conf", whole), &faults);
    testing_check_no_faults();
    return &config->modules[0].providers[0];
}

static void check_with(const toni_option *const *of, const char *text)
{
    const struct config_provider *from = provider(text);

    options_check(of, from->options, from->at, "`options` of gateway `g`", &faults);
}

static void take(const char *text)
{
    check_with(declared, text);
    testing_check_no_faults();
    ck_assert_int_eq(
        options_read(&options, declared, config->modules[0].providers[0].options, config->folder),
        0);
}

static void bad(const char *text, const char *const *words)
{
    check_with(declared, text);
    ck_assert_uint_eq(faults.count, 1);
    testing_check_fault(3, words);
}

static const struct option_entry *get(const char *name)
{
    const struct option_entry *option = options_find(&options, toni_str_of(name));

    ck_assert_ptr_nonnull(option);
    return option;
}

/* --- What is set */

START_TEST(defaults)
{
    take("");
    ck_assert_int_eq(get("loud")->value.integer, 1);
    ck_assert_int_eq(get("max_length")->value.integer, 2000);
    ck_assert(get("share")->value.real == 0.5);
    ck_assert_str_eq(get("greeting")->value.text.data, "Hello");
    ck_assert_int_eq(get("pause")->value.integer, 30000);
    ck_assert_int_eq(get("buffer")->value.integer, 65536);
    ck_assert_uint_eq(get("file")->value.text.size, 0); /* none, and no folder */
    ck_assert_uint_eq(get("names")->count, 0);
    ck_assert_uint_eq(get("times")->count, 0);
    ck_assert_ptr_null(options_find(&options, TONI_LIT("other")));
}
END_TEST

START_TEST(what_is_set_takes_their_place)
{
    take("options = { loud = false; max_length = 1000000; share = 1; greeting = \"Good day\"; "
         "pause = \"2min\"; buffer = \"1GiB\"; file = \"tokens\"; names = [ \"a\", \"b\" ]; "
         "files = ( \"/x\", \"y\" ); times = { first = \"1s\"; second = \"250ms\"; }; };");
    ck_assert_int_eq(get("loud")->value.integer, 0);
    ck_assert_int_eq(get("max_length")->value.integer, 1000000);
    ck_assert(get("share")->value.real == 1);
    ck_assert_str_eq(get("greeting")->value.text.data, "Good day");
    ck_assert_int_eq(get("pause")->value.integer, 120000);
    ck_assert_int_eq(get("buffer")->value.integer, 1073741824);
    ck_assert_str_eq(get("file")->value.text.data, testing_path("tokens"));
    ck_assert_uint_eq(get("names")->count, 2);
    ck_assert_str_eq(get("names")->items[1].text.data, "b");
    ck_assert_str_eq(get("files")->items[0].text.data, "/x");
    ck_assert_str_eq(get("files")->items[1].text.data, testing_path("y"));
    ck_assert_uint_eq(get("times")->count, 2);
    ck_assert_str_eq(get("times")->items[0].key.data, "first");
    ck_assert_int_eq(get("times")->items[0].integer, 1000);
    ck_assert_str_eq(get("times")->items[1].key.data, "second");
    ck_assert_int_eq(get("times")->items[1].integer, 250);
}
END_TEST

START_TEST(what_can_not_be_set)
{
    bad("options = { max_lenght = 5; };",
        WORDS("unknown setting `max_lenght` in `options` of gateway `g`",
              "did you mean `max_length`?"));
    bad("options = { zzzzzzzzzz = 5; };",
        WORDS("`zzzzzzzzzz`", "expected one of `loud`", "`times`"));
    bad("options = { max_length = \"5\"; };",
        WORDS("`max_length` of `options` of gateway `g` is the string `5`, expected an integer, 1 "
              "to 1000000 "
              "(longest message, in bytes)"));
    bad("options = { max_length = 0; };", WORDS("expected an integer, 1 to 1000000"));
    bad("options = { max_length = 1000001; };", WORDS("expected an integer, 1 to 1000000"));
    bad("options = { max_length = 5.0; };", WORDS("is a", "expected an integer"));
    bad("options = { loud = 1; };", WORDS("`loud`", "is an integer, expected a boolean"));
    bad("options = { share = 1.01; };", WORDS("`share`", "expected a number, 0 to 1"));
    bad("options = { greeting = 5; };", WORDS("`greeting`", "expected a string"));
    bad("options = { pause = 30; };", WORDS("`pause`", "is an integer, expected a duration"));
    bad("options = { pause = \"30\"; };", WORDS("is `30`, expected a duration", "\"30s\""));
    bad("options = { pause = \"1 s\"; };", WORDS("is `1 s`"));
    bad("options = { pause = \"9ms\"; };", WORDS("\"10ms\" to \"1h\""));
    bad("options = { pause = \"61min\"; };", WORDS("\"10ms\" to \"1h\""));
    bad("options = { pause = \"99999999999999999999ms\"; };", WORDS("expected a duration"));
    bad("options = { pause = \"106751991168d\"; };", WORDS("expected a duration"));
    bad("options = { buffer = \"64KB\"; };", WORDS("is `64KB`, expected a size", "\"64KiB\""));
    bad("options = { buffer = \"2GiB\"; };", WORDS("\"1KiB\" to \"1GiB\""));
    bad("options = { file = true; };", WORDS("expected the path of a file"));
    bad("options = { names = \"a\"; };", WORDS("`names`", "is a string, expected a list"));
    bad("options = { names = ( \"a\", 5 ); };",
        WORDS("`names`", "holds an integer", "a string each"));
    bad("options = { times = ( \"1s\" ); };", WORDS("`times`", "expected a group"));
    bad("options = { times = { a = \"soon\"; }; };", WORDS("`times`", "`soon`", "a duration"));
}
END_TEST

static const struct option_entry *member(const char *option, size_t group, const char *name)
{
    ck_assert_uint_lt(group, get(option)->count);
    const struct option_entry *found = options_find(&get(option)->groups[group], toni_str_of(name));

    ck_assert_ptr_nonnull(found);
    return found;
}

START_TEST(groups_have_members)
{
    take("");
    ck_assert_uint_eq(get("users")->count, 0);
    take("options = { users = ( { name = \"ann\"; level = 9; },\n"
         "                      { name = \"bob\"; photo = \"bob.png\"; } );\n"
         "            rooms = { hall = { pause = \"1min\"; }; attic = { }; }; };");
    ck_assert_uint_eq(get("users")->count, 2);
    ck_assert_str_eq(member("users", 0, "name")->value.text.data, "ann");
    ck_assert_int_eq(member("users", 0, "level")->value.integer, 9);
    ck_assert_uint_eq(member("users", 0, "photo")->value.text.size, 0);
    ck_assert_str_eq(member("users", 1, "name")->value.text.data, "bob");
    ck_assert_int_eq(member("users", 1, "level")->value.integer, 1);
    ck_assert_str_eq(member("users", 1, "photo")->value.text.data, testing_path("bob.png"));
    ck_assert_uint_eq(get("rooms")->count, 2);
    ck_assert_str_eq(get("rooms")->groups[0].key, "hall");
    ck_assert_int_eq(member("rooms", 0, "pause")->value.integer, 60000);
    ck_assert_int_eq(member("rooms", 1, "pause")->value.integer, 5000);
    ck_assert_ptr_null(options_find(&get("users")->groups[0], TONI_LIT("pause")));
}
END_TEST

START_TEST(what_a_group_can_not_be)
{
    bad("options = { users = ( { nmae = \"ann\"; name = \"ann\"; } ); };",
        WORDS("unknown setting `nmae` in a group of `users` of `options` of gateway `g`; did you "
              "mean `name`?"));
    bad("options = { users = ( { level = 1; } ); };",
        WORDS(
            "a group of `users` of `options` of gateway `g` lacks `name`, expected a string (what "
            "they are called); add it"));
    bad("options = { users = ( { name = \"ann\"; level = 10; } ); };",
        WORDS("`level` of a group of `users` of `options` of gateway `g` is 10, expected an "
              "integer, 0 to 9 (what they may)"));
    bad("options = { users = ( \"ann\" ); };",
        WORDS("`users` of `options` of gateway `g` holds a string `ann`, expected only a group"));
    bad("options = { users = { name = \"ann\"; }; };", WORDS("is a group, expected a list"));
    bad("options = { rooms = { hall = { pause = \"2h\"; }; }; };",
        WORDS("`pause` of `hall` of `rooms` of `options`", "`2h`", "\"0s\" to \"1h\""));

    /* Each at its own line. */
    check_with(declared, "options = { users = ( { name = \"ann\"; },\n{ },\n{ name = 5; } ); };");
    ck_assert_uint_eq(faults.count, 2);
    ck_assert_uint_eq(faults.faults[0].line, 4);
    ck_assert_uint_eq(faults.faults[1].line, 5);
}
END_TEST

START_TEST(all_that_is_wrong_is_found)
{
    check_with(declared, "options = { loud = 1;\nmax_length = 0;\nmax = 1; };");
    ck_assert_uint_eq(faults.count, 3);
    fault_list_sort(&faults);
    ck_assert_uint_eq(faults.faults[0].line, 3);
    ck_assert_uint_eq(faults.faults[1].line, 4);
    ck_assert_uint_eq(faults.faults[2].line, 5);
}
END_TEST

START_TEST(one_that_must_be_set)
{
    const toni_option *const *const required =
        TONI_OPTIONS(TONI_OPTION_PATH_REQUIRED("tokens", "who may come in"));

    check_with(required, "options = { };");
    testing_check_fault(3, WORDS("`options` of gateway `g` lacks `tokens`, expected the path of a "
                                 "file, a string (who may come in); add it"));
    check_with(required, "");
    ck_assert_uint_eq(faults.count, 1); /* at the provider */
    fault_list_finish(&faults);
    check_with(required, "options = { tokens = \"t\"; };");
    testing_check_no_faults();
}
END_TEST

START_TEST(a_plugin_without_options)
{
    check_with(NULL, "options = { };");
    testing_check_no_faults();
    check_with(NULL, "options = { x = 5; };");
    testing_check_fault(3, WORDS("unknown setting `x`", "declares no options; remove it"));
}
END_TEST

/* --- What is declared */

static void declares_badly(const toni_option *const *of, const char *const *words)
{
    struct value *at = value_group_create((struct value_place){.file = "x.conf", .line = 9});

    ck_assert(!options_check_declared(of, "/x.so", at, &faults));
    testing_check_fault(9, words);
    value_destroy(at);
}

START_TEST(what_can_not_be_declared)
{
    static const toni_option small = {.struct_size = 8};
    static const toni_option ranged_by_nothing = {.struct_size = sizeof ranged_by_nothing,
                                                  .type = TONI_TYPE_DURATION,
                                                  .name = TONI_LIT_INIT("a"),
                                                  .least = {.data = NULL, .size = 5},
                                                  .most = TONI_LIT_INIT("1h"),
                                                  .standard = TONI_LIT_INIT("1s")};
    static const toni_option memberless = {.struct_size = sizeof memberless,
                                           .type = TONI_TYPE_LIST,
                                           .item_type = TONI_TYPE_GROUP,
                                           .name = TONI_LIT_INIT("a")};
    static const toni_option unknown = {
        .struct_size = sizeof unknown, .type = 99, .name = TONI_LIT_INIT("x")};
    static const toni_option missing = {
        .struct_size = sizeof missing, .type = TONI_TYPE_BOOL, .name = {.data = NULL, .size = 1}};
    static const toni_option nameless = {.struct_size = sizeof nameless, .type = TONI_TYPE_INT};

    declares_badly(TONI_OPTIONS(TONI_OPTION_INT("a", 1, 5, 6, "")),
                   WORDS("library `/x.so`: options[0] (`a`) has a default out of its range, which "
                         "is 1 to 5"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_DOUBLE("a", 0, 1, -0.1, "")), WORDS("0 to 1"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_DURATION("a", "1s", "1h", "2h", "")),
                   WORDS("a default out of its range", "\"1s\" to \"1h\""));
    declares_badly(TONI_OPTIONS(TONI_OPTION_DURATION("a", "1s", "1h", "soon", "")),
                   WORDS("has `soon`, expected a duration"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_SIZE("a", "1B", "1GB", "1KiB", "")),
                   WORDS("has `1GB`, expected a size"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_BOOL("a", 2, "")), WORDS("the default 2, expected 1"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_BOOL("a", 1, ""), TONI_OPTION_STR("b", "", ""),
                                TONI_OPTION_STR("a", "", "")),
                   WORDS("options[2] has the name `a`, as options[0] has; rename one of them"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_BOOL("a b", 1, "")), WORDS("the name `a b`"));
    declares_badly(TONI_OPTIONS(&ranged_by_nothing), WORDS("a text that is not UTF-8"));
    declares_badly(TONI_OPTIONS(&memberless), WORDS("(`a`) holds groups without members"));
    declares_badly(
        TONI_OPTIONS(TONI_OPTION_BOOL("x", 0, ""),
                     TONI_OPTION_LIST_OF_GROUPS("a", "", TONI_OPTION_STR("b", "", ""),
                                                TONI_OPTION_INT("c", 1, 5, 6, ""))),
        WORDS(
            "library `/x.so`: options[1] (`a`): members[1] (`c`) has a default out of its range"));
    declares_badly(
        TONI_OPTIONS(TONI_OPTION_LIST_OF_GROUPS("a", "", TONI_OPTION_LIST("b", TONI_TYPE_STR, ""))),
        WORDS("options[0] (`a`): members[0] is of type 8 and holds type 4",
              "as a member of a group"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_MAP_OF_GROUPS("a", "", TONI_OPTION_STR("b", "", ""),
                                                          TONI_OPTION_INT("b", 0, 1, 0, ""))),
                   WORDS("members[1] has the name `b`, as options[0] (`a`): members[0] has"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_LIST("a", TONI_TYPE_LIST, "")),
                   WORDS("type 8 and holds type 8"));
    declares_badly(TONI_OPTIONS(TONI_OPTION_STR("a", "", "\xff")), WORDS("not UTF-8"));
    declares_badly(TONI_OPTIONS(&small), WORDS("has 8 bytes, expected at least"));
    declares_badly(TONI_OPTIONS(&unknown), WORDS("type 99"));
    declares_badly(TONI_OPTIONS(&nameless), WORDS("options[0] has the name ``"));
    /* What follows one that is refused is not compared with what that one lacks. */
    declares_badly(TONI_OPTIONS(&missing, TONI_OPTION_BOOL("a", 1, "")),
                   WORDS("options[0] has the name ``"));
    declares_badly(TONI_OPTIONS(&small, TONI_OPTION_BOOL("a", 1, "")),
                   WORDS("has 8 bytes, expected at least"));
}
END_TEST

START_TEST(each_that_can_not_be_declared_is_told)
{
    static const toni_option missing = {
        .struct_size = sizeof missing, .type = TONI_TYPE_BOOL, .name = {.data = NULL, .size = 1}};
    static const toni_option small = {.struct_size = 8};
    struct value *at = value_group_create((struct value_place){.file = "x.conf", .line = 9});

    ck_assert(!options_check_declared(
        TONI_OPTIONS(TONI_OPTION_BOOL("a", 1, ""), &small, &missing, TONI_OPTION_BOOL("b", 1, "")),
        "/x.so", at, &faults));
    ck_assert_uint_eq(faults.count, 2);
    fault_list_finish(&faults);
    value_destroy(at);
}
END_TEST

START_TEST(a_list_without_an_end)
{
    static const toni_option *many[OPTIONS_MAX + 2];
    static toni_option each[OPTIONS_MAX + 1];
    static char names[OPTIONS_MAX + 1][8];

    for (size_t i = 0; i <= OPTIONS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "o%zu", i);
        each[i] = (toni_option){
            .struct_size = sizeof each[i], .type = TONI_TYPE_BOOL, .name = toni_str_of(names[i])};
        many[i] = &each[i];
    }
    declares_badly(many, WORDS("more than 256 entries", "TONI_OPTIONS"));
}
END_TEST

START_TEST(groups_without_an_end)
{
    static const toni_option *many[OPTIONS_MAX + 1], *options_of[6];
    static toni_option each[OPTIONS_MAX], groups[5];
    static char names[OPTIONS_MAX][8];

    for (size_t i = 0; i < OPTIONS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "o%zu", i);
        each[i] = (toni_option){
            .struct_size = sizeof each[i], .type = TONI_TYPE_BOOL, .name = toni_str_of(names[i])};
        many[i] = &each[i];
    }
    for (size_t i = 0; i < 5; i++) {
        groups[i] = (toni_option){.struct_size = sizeof groups[i],
                                  .type = TONI_TYPE_LIST,
                                  .item_type = TONI_TYPE_GROUP,
                                  .name = toni_str_of(names[i]),
                                  .members = many};
        options_of[i] = &groups[i];
    }
    declares_badly(options_of, WORDS("(`o4`)", "more than 1024 members"));
}
END_TEST

START_TEST(quantities)
{
    static const struct {
        const char *text;
        int64_t ms;
    } durations[] = {{"0s", 0},
                     {"250ms", 250},
                     {"5min", 300000},
                     {"2h", 7200000},
                     {"7d", 604800000},
                     {"9223372036854775807ms", INT64_MAX},
                     {"", -1},
                     {"s", -1},
                     {"5", -1},
                     {"-5s", -1},
                     {"5 s", -1},
                     {"5S", -1},
                     {"5sec", -1},
                     {"1.5s", -1},
                     {"9223372036854775808ms", -1},
                     {"9223372036854775807s", -1}};
    int64_t number;

    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        number = -1;
        ck_assert_int_eq(toni_duration_parse(toni_str_of(durations[i].text), &number),
                         durations[i].ms < 0 ? TONI_ERR_INVALID : TONI_OK);
        ck_assert_int_eq(number, durations[i].ms);
    }
    ck_assert_int_eq(toni_size_parse(TONI_LIT("16MiB"), &number), TONI_OK);
    ck_assert_int_eq(number, 16777216);
    ck_assert_int_eq(toni_size_parse(TONI_LIT("16M"), &number), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_size_parse(toni_str_make(NULL, 0), &number), TONI_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *cases = tcase_create("options");

    tcase_add_checked_fixture(cases, testing_setup, teardown);
    tcase_add_test(cases, defaults);
    tcase_add_test(cases, what_is_set_takes_their_place);
    tcase_add_test(cases, what_can_not_be_set);
    tcase_add_test(cases, groups_have_members);
    tcase_add_test(cases, what_a_group_can_not_be);
    tcase_add_test(cases, all_that_is_wrong_is_found);
    tcase_add_test(cases, one_that_must_be_set);
    tcase_add_test(cases, a_plugin_without_options);
    tcase_add_test(cases, what_can_not_be_declared);
    tcase_add_test(cases, each_that_can_not_be_declared_is_told);
    tcase_add_test(cases, a_list_without_an_end);
    tcase_add_test(cases, groups_without_an_end);
    tcase_add_test(cases, quantities);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
