/* Reading gateways.conf without memory: it is read whole, or refused, and the process goes on. */
#include "config/config.h"
#include "no_memory.h"
#include "temporary_folder.h"

#include <sys/resource.h>

#define MANY 20000

/* A sanitizer takes all addresses. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

static const char good[] =
    "listen = { websocket = [ \"127.0.0.1:0\", \"unix:/run/x.sock;mode=0660\" ];\n"
    "           http = \"127.0.0.1:0\"; admin = \"127.0.0.1:0\"; };\n"
    "hosts = [ \"chat.example.org\" ];\n"
    "origins = [ \"https://www.example.org\" ];\n"
    "plugin_path = [ \"plugins\", \"/usr/lib/plugins\" ];\n"
    "limits = { connections = 100; message_bytes = 1024; };\n"
    "namespaces = ( { name = \"quiz\"; history = ( { rooms = \"news-*\"; messages = 9; seconds = "
    "9; }"
    ",\n { rooms = \"*\"; messages = 1; seconds = 9; } ); } );\n"
    "@include \"modules.conf\"\n";
static const char modules[] =
    "modules = ( { name = \"a\"; imports = [ \"broadcast\" ]; exports = [ \"one\" ]; providers = "
    "(\n"
    "    { gateway = \"rooms\"; library = \"rooms_gateway.so\"; path = \"/rooms\";\n"
    "      deflate = \"on\"; options = { number = 5; list = ( 1, \"two\", 3.0 ); };\n"
    "      origins = [ \"https://example.org\" ]; },\n"
    "    { service = \"one\"; library = \"one.so\"; inject = { other = \"two\"; }; } ); },\n"
    "  { name = \"b\"; namespace = \"quiz\"; imports = [ \"a\" ]; global = true; providers = ( ); "
    "} );\n";
static const char bad[] =
    "listen = { websocket = \"nowhere\"; port = 5; };\n"
    "colour = \"red\";\n"
    "limits = { connections = -1; };\n"
    "@include \"modules.conf\"\n"
    "namespaces = ( { name = \"quizz\"; history = ( { rooms = \"a*b\"; } ); } );\n"
    "modules = 5;\n";

/* With each number of allocations that succeed, until one is enough. */
static void read_in_turn(const char *text, bool is_good)
{
    const char *path = testing_write_text("gateways.conf", text);
    bool has_failed = true;

    testing_write_text("modules.conf", modules);
    for (unsigned count = 0; has_failed; count++) {
        struct config *config = NULL;

        ck_assert_uint_lt(count, 10000);
        WITH_ALLOCATIONS(count, config = gateways_conf_read(path, &faults));
        has_failed = allocation_failed();
        ck_assert_msg(fault_list_empty(&faults) == (is_good && !has_failed), "%u", count);
        gateways_conf_destroy(config);
        fault_list_finish(&faults);
    }
}

START_TEST(a_good_file_is_read_whole_or_refused)
{
    read_in_turn(good, true);
}
END_TEST

START_TEST(a_bad_file_stays_one)
{
    read_in_turn(bad, false);
}
END_TEST

/* @return How many bytes of addresses the process has. */
static rlim_t address_space(void)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    char pages[32] = "";

    ck_assert_ptr_nonnull(statm);
    ck_assert_ptr_nonnull(fgets(pages, sizeof pages, statm));
    (void)fclose(statm);
    return strtoul(pages, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* What libconfig allocates itself is not wrapped; this is the process's own limit. */
START_TEST(libconfig_is_not_asked_where_memory_is_short)
{
    static char text[32 + MANY * sizeof "(),"];
    struct rlimit limit;
    unsigned refused = 0, read = 0;
    FILE *memory = fmemopen(text, sizeof text, "w");

    ck_assert_ptr_nonnull(memory);
    (void)fputs("colour = (()", memory);
    for (unsigned i = 0; i < MANY; i++)
        (void)fputs(",()", memory);
    (void)fputs(");", memory);
    ck_assert_int_eq(fclose(memory), 0);
    const char *path = testing_write_text("gateways.conf", text);
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    for (unsigned mib = 0; mib < 24; mib++) {
        limit.rlim_cur = address_space() + ((rlim_t)mib << 20);
        ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
        struct config *config = gateways_conf_read(path, &faults);
        limit.rlim_cur = limit.rlim_max;
        ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
        if (config)
            read++;
        else
            refused++;
        gateways_conf_destroy(config);
        fault_list_finish(&faults);
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_gt(read, 0);
}
END_TEST

int main(void)
{
    if (!no_memory_works())
        return NO_MEMORY_SKIPPED;
    Suite *suite = suite_create("config_no_memory");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, testing_setup, testing_teardown);
    tcase_add_test(cases, a_good_file_is_read_whole_or_refused);
    tcase_add_test(cases, a_bad_file_stays_one);
    if (!IS_SANITIZED)
        tcase_add_test(cases, libconfig_is_not_asked_where_memory_is_short);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
