/* `namespaces` of gateways.conf: what it says, and every fault with its line. */
#include "config/config.h"
#include "temporary_folder.h"

#define HEAD                                                                                       \
    "listen = { websocket = \"127.0.0.1:9000\"; };\n"                                              \
    "modules = ( { name = \"chat\"; providers = ( { gateway = \"rooms\"; library = \"a.so\"; } );" \
    " }, { name = \"quiz\"; namespace = \"quiz\"; providers = ( ); } );\n"

static struct config *config;

static void teardown(void)
{
    gateways_conf_destroy(config);
    config = NULL;
    testing_teardown();
}

static void read_text(const char *text)
{
    gateways_conf_destroy(config);
    config = gateways_conf_read(testing_write_text("gateways.conf", text), &faults);
}

/* What the file says of a namespace. */
static const struct config_namespace *read_good(const char *text, const char *name)
{
    read_text(text);
    testing_check_no_faults();
    return config_namespace_find(&config->namespaces, name);
}

static const struct history_rule *rule_of(const struct config_namespace *namespace,
                                          const char *room)
{
    return history_rules_find(namespace->history, toni_str_of(room));
}

static void check_rule(const struct config_namespace *namespace, const char *room,
                       uint32_t messages, uint32_t seconds)
{
    const struct history_rule *rule = rule_of(namespace, room);
    ck_assert_ptr_nonnull(rule);
    ck_assert_uint_eq(rule->messages, messages);
    ck_assert_uint_eq(rule->seconds, seconds);
}

/* A file whose line 3 is wrong. */
#define BAD(text, ...)                                                                             \
    do {                                                                                           \
        read_text(HEAD text);                                                                      \
        ck_assert_uint_ge(faults.count, 1);                                                        \
        testing_check_fault(3, WORDS(__VA_ARGS__));                                                \
    } while (0)

/* The same of a history. */
#define BAD_HISTORY(text, ...)                                                                     \
    BAD("namespaces = ( { name = \"\"; history = ( { " text " } ); } );", __VA_ARGS__)

START_TEST(a_namespace_that_is_not_listed_has_the_defaults)
{
    const struct config_namespace *none = read_good(HEAD, "quiz");
    ck_assert(none->is_cluster);
    ck_assert(!none->is_local_only);
    ck_assert_ptr_null(rule_of(none, "news"));
    none = read_good(HEAD "namespaces = ( { name = \"quiz\"; } );", "");
    ck_assert(none->is_cluster);
}
END_TEST

START_TEST(what_a_namespace_says)
{
    const char *text = HEAD "namespaces = ( { name = \"quiz\"; cluster = false; },\n"
                            "  { name = \"\"; local_only = true; } );";
    const struct config_namespace *quiz = read_good(text, "quiz");
    ck_assert(!quiz->is_cluster);
    ck_assert(!quiz->is_local_only);
    const struct config_namespace *common = read_good(text, "");
    ck_assert(common->is_cluster);
    ck_assert(common->is_local_only);
}
END_TEST

START_TEST(the_first_history_that_fits_counts)
{
    const struct config_namespace *common =
        read_good(HEAD "namespaces = ( { name = \"\"; history = (\n"
                       "  { rooms = \"news\"; messages = 10000; seconds = 86400; },\n"
                       "  { rooms = \"news-secret*\"; messages = 0; },\n"
                       "  { rooms = \"news-*\"; messages = 100; seconds = 300; },\n"
                       "  { rooms = \"*\"; messages = 1; seconds = 1; } ); } );",
                  "");
    check_rule(common, "news", 10000, 86400);
    check_rule(common, "news-local", 100, 300);
    check_rule(common, "newsroom", 1, 1);
    ck_assert_ptr_null(rule_of(common, "news-secret-1"));
    ck_assert_ptr_null(rule_of(config_namespace_find(&config->namespaces, "quiz"), "news"));
}
END_TEST

START_TEST(bad_namespaces)
{
    BAD("namespaces = { };", "`namespaces`", "expected a list");
    BAD("namespaces = ( 1 );", "`namespaces`", "groups");
    BAD("namespaces = ( { cluster = true; } );", "a namespace", "lacks `name`");
    BAD("namespaces = ( { name = \"quizz\"; } );", "`quizz`", "no module's", "mean `quiz`");
    BAD("namespaces = ( { name = \"shop\"; } );", "`shop`", "namespace = \"shop\"", "remove");
    BAD("namespaces = ( { name = \"quiz\"; }, { name = \"quiz\"; } );", "`quiz` twice",
        "gateways.conf:3", "join");
    BAD("namespaces = ( { name = \"quiz\"; histry = ( ); } );", "`histry`", "namespace `quiz`",
        "mean `history`");
    BAD("namespaces = ( { name = \"\"; cluster = 1; } );", "`cluster`", "the default namespace",
        "true or false");
    BAD("namespaces = ( { name = \"\"; cluster = false; local_only = true; } );", "`local_only`",
        "remove one");
    BAD("namespaces = ( { name = \"\"; history = { }; } );", "`history`", "a list");
    BAD("namespaces = ( { name = \"\"; history = [ 1 ]; } );", "`history`", "groups");
    BAD("namespace = ( );", "`namespace`", "mean `namespaces`");
}
END_TEST

START_TEST(bad_histories)
{
    BAD_HISTORY("messages = 1; seconds = 1;", "`history` of the default namespace",
                "lacks `rooms`");
    BAD_HISTORY("rooms = \"a\"; seconds = 1;", "lacks `messages`");
    BAD_HISTORY("rooms = \"a\"; messages = 1;", "lacks `seconds`");
    BAD_HISTORY("rooms = \"a\"; messages = 10001; seconds = 1;", "`messages`", "10001",
                "expected 0 to 10000");
    BAD_HISTORY("rooms = \"a\"; messages = 1; seconds = 0;", "`seconds`", "expected 1 to 86400");
    BAD_HISTORY("rooms = \"a\"; messages = 1; seconds = 86401;", "`seconds`", "86401");
    BAD_HISTORY("rooms = \"a\"; messages = -1; seconds = 1;", "`messages`", "-1");
    BAD_HISTORY("rooms = \"a*b\"; messages = 1; seconds = 1;", "`a*b`", "not at its end");
    BAD_HISTORY("rooms = \"claim:rooms\"; messages = 1; seconds = 1;", "`claim:rooms`",
                "a history is a room's");
    BAD_HISTORY("rooms = \"a\"; messages = 1; second = 1; seconds = 1;", "`second`",
                "mean `seconds`");
    BAD_HISTORY("rooms = \"a*\"; messages = 1; seconds = 1; }, "
                "{ rooms = \"a*\"; messages = 2; seconds = 1;",
                "`a*` twice", "remove one");
}
END_TEST

START_TEST(histories_are_bounded)
{
    static char text[32 * 1024];
    int length =
        snprintf(text, sizeof text, "%s", HEAD "namespaces = ( { name = \"\"; history = (");
    for (int i = 0; i < 257; i++) {
        length +=
            snprintf(text + length, sizeof text - (size_t)length,
                     "%s{ rooms = \"r%d\"; messages = 1; seconds = 1; }", i > 0 ? "," : "", i);
    }
    (void)snprintf(text + length, sizeof text - (size_t)length, "); } );");
    read_text(text);
    testing_check_fault(3, WORDS("`history`", "257", "at most 256"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_namespaces");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, testing_setup, teardown);
    tcase_add_test(cases, a_namespace_that_is_not_listed_has_the_defaults);
    tcase_add_test(cases, what_a_namespace_says);
    tcase_add_test(cases, the_first_history_that_fits_counts);
    tcase_add_test(cases, bad_namespaces);
    tcase_add_test(cases, bad_histories);
    tcase_add_test(cases, histories_are_bounded);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
