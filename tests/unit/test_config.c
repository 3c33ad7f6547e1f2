/* gateways.conf, key by key, and every fault with its line. */
#include "config/config.h"
#include "dice.h"
#include "rooms/gap_notice.h"
#include "temporary_folder.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <toni/plugin.h>

#define LISTEN "listen = { websocket = \"127.0.0.1:9000\"; };\n"
#define PROVIDER "{ gateway = \"rooms\"; library = \"rooms_gateway.so\"; }"
#define MODULES "modules = ( { name = \"chat\"; providers = ( " PROVIDER " ); } );\n"

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

static const struct config *read_good(const char *text)
{
    read_text(text);
    testing_check_no_faults();
    ck_assert_ptr_nonnull(config);
    return config;
}

static void read_bad(const char *text, unsigned line, const char *const *words)
{
    read_text(text);
    ck_assert_uint_ge(faults.count, 1);
    ck_assert_str_eq(faults.faults[0].file, testing_path("gateways.conf"));
    testing_check_fault(line, words);
}

/* A file with something on line 3 that is wrong at the top. */
#define BAD_TOP(text, ...) read_bad(LISTEN MODULES text, 3, WORDS(__VA_ARGS__))

/* A file with a provider on line 2. */
#define BAD_PROVIDER(text, ...)                                                                    \
    read_bad(LISTEN "modules = ( { name = \"chat\"; providers = ( { " text " } ); } );", 2,        \
             WORDS(__VA_ARGS__))

/* A file with a module on line 2. */
#define BAD_MODULE(text, ...) read_bad(LISTEN "modules = ( { " text " } );", 2, WORDS(__VA_ARGS__))

#define BAD_ADDRESS(text, ...)                                                                     \
    read_bad(MODULES "listen = { websocket = " text "; };", 2, WORDS(__VA_ARGS__))

/* --- The file */

START_TEST(missing_file)
{
    config = gateways_conf_read(testing_path("nowhere.conf"), &faults);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(faults.faults[0].file, testing_path("nowhere.conf"));
    testing_check_fault(0, WORDS("No such file", "-c"));
}
END_TEST

START_TEST(a_folder)
{
    ck_assert_ptr_null(gateways_conf_read(test_folder, &faults));
    testing_check_fault(0, WORDS("Is a directory"));
}
END_TEST

START_TEST(unreadable_file)
{
    if (geteuid() == 0)
        return; /* nothing is unreadable to root */
    const char *path = testing_write_text("secret.conf", LISTEN MODULES);
    ck_assert_int_eq(chmod(path, 0), 0);
    ck_assert_ptr_null(gateways_conf_read(path, &faults));
    testing_check_fault(0, WORDS("Permission denied", "make it readable"));
}
END_TEST

START_TEST(empty_file)
{
    read_bad("", 0, WORDS("no settings", "`listen`", "`modules`"));
    read_bad("\n# nothing but this\n", 0, WORDS("no settings"));
}
END_TEST

START_TEST(malformed_file)
{
    read_bad(LISTEN MODULES "workers = ;\n", 3, WORDS("syntax error"));
    read_bad(LISTEN "workers = 1;\nworkers = 2;\n" MODULES, 3, WORDS("duplicate"));
    read_bad("this is no configuration\n", 1, WORDS("syntax error"));
    read_bad(LISTEN "limits = {\n", 3, WORDS("syntax error"));
}
END_TEST

START_TEST(includes)
{
    testing_write_text("more.conf", "\nwrkers = 1;\n");
    read_text(LISTEN MODULES "@include \"more.conf\"\n");
    ck_assert_str_eq(faults.faults[0].file, testing_path("more.conf"));
    testing_check_fault(2, WORDS("`wrkers`"));

    testing_write_text("more.conf", "\n\nworkers = ;\n");
    read_text(LISTEN MODULES "@include \"more.conf\"\n");
    ck_assert_str_eq(faults.faults[0].file, testing_path("more.conf"));
    testing_check_fault(3, WORDS("syntax error"));

    testing_write_text("more.conf", "workers = 3;\n");
    ck_assert_uint_eq(read_good("@include \"more.conf\"\n" LISTEN MODULES)->workers, 3);
}
END_TEST

/* What comes behind an include, and inside of one that it includes, has its own line. */
START_TEST(lines_around_includes)
{
    testing_write_text("inner.conf", "limits = {\n  pign_ms = 1;\n};");
    testing_write_text("outer.conf", "\n\n\t@include \"inner.conf\"\nwrkers = 1;");
    read_text(LISTEN "@include \"outer.conf\"   // behind\n" MODULES "wrkres = 2;\n");
    ck_assert_uint_eq(faults.count, 3);
    fault_list_sort(&faults);
    ck_assert_str_eq(faults.faults[0].file, testing_path("gateways.conf"));
    ck_assert_uint_eq(faults.faults[0].line, 4);
    ck_assert_str_eq(faults.faults[1].file, testing_path("inner.conf"));
    ck_assert_uint_eq(faults.faults[1].line, 2);
    ck_assert_str_eq(faults.faults[2].file, testing_path("outer.conf"));
    ck_assert_uint_eq(faults.faults[2].line, 4);
    fault_list_finish(&faults);
}
END_TEST

START_TEST(not_an_include)
{
    ck_assert_uint_eq(
        read_good("/* \n@include \"nowhere\"\n*/ # @include \"nowhere\n"
                  "plugin_path = [ \"a\n@include b\\\"\n@include c\" ];\n" LISTEN MODULES)
            ->module_count,
        1);
}
END_TEST

/* Each is named where it is asked for; libconfig would end the process, wait, or not name it. */
START_TEST(what_can_not_be_included)
{
    ck_assert_int_eq(mkdir(testing_path("conf.d"), 0700), 0);
    ck_assert_int_eq(mkfifo(testing_path("fifo"), 0700), 0);
    testing_write_text("itself", "@include \"itself\"\n");
    testing_write_text("ring", "\n@include \"itself\"\n");
    testing_write_text("gateways.conf", "");
    BAD_TOP("@include \"conf.d\"\n", "conf.d", "Is a directory");
    BAD_TOP("@include \"fifo\"\n", "fifo", "no regular file");
    BAD_TOP("@include \"/dev/zero\"\n", "/dev/zero", "no regular file");
    BAD_TOP("@include \"nowhere\"\n", "nowhere", "No such file", "relative");
    BAD_TOP("@include \"gateways.conf\"\n", "gateways.conf", "never end");
    BAD_TOP("@include \"nowhere\n", "`@include`", "no `\"`");
    BAD_TOP("@include \"nowhere", "`@include`", "no `\"`");
    read_text(LISTEN MODULES "@include \"ring\"\n");
    ck_assert_str_eq(faults.faults[0].file, testing_path("itself"));
    testing_check_fault(1, WORDS("itself", "never end"));
    testing_write("zero", "workers = 1;\n\0", 14);
    read_text(LISTEN MODULES "@include \"zero\"\n");
    ck_assert_str_eq(faults.faults[0].file, testing_path("zero"));
    testing_check_fault(2, WORDS("malformed", "value 0"));
}
END_TEST

START_TEST(no_file_to_read)
{
    ck_assert_int_eq(mkfifo(testing_path("fifo"), 0700), 0);
    ck_assert_ptr_null(gateways_conf_read(testing_path("fifo"), &faults));
    testing_check_fault(0, WORDS("no regular file"));
    ck_assert_ptr_null(gateways_conf_read("/dev/zero", &faults));
    testing_check_fault(0, WORDS("no regular file"));
}
END_TEST

START_TEST(too_much_to_read)
{
    const size_t size = 9 << 20;
    char *bytes = malloc(size);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, '\n', size);
    ck_assert_ptr_null(gateways_conf_read(testing_write("large.conf", bytes, size), &faults));
    testing_check_fault(0, WORDS("too large", "8 MiB"));
    free(bytes);

    /* Each has the next twice: 1,024 of the last, and a thousand files are let in. */
    for (int i = 0; i < 11; i++) {
        char name[16], text[64];
        (void)snprintf(name, sizeof name, "%d", i);
        (void)snprintf(text, sizeof text, "@include \"%d\"\n@include \"%d\"\n", i + 1, i + 1);
        testing_write_text(name, text);
    }
    ck_assert_ptr_null(gateways_conf_read(testing_path("0"), &faults));
    ck_assert_uint_ge(faults.count, 1);
    ck_assert_ptr_nonnull(strstr(faults.faults[0].text, "too many, or too deep"));
    fault_list_finish(&faults);
}
END_TEST

/* Libconfig compares each name with all before it in its group. */
START_TEST(groups_that_are_too_large)
{
    enum { MOST = 5000, SIZE = (MOST + 1) * 16 };
    char *text = malloc(SIZE + 64);
    size_t size = 0;

    size += (size_t)sprintf(text, "limits = {\n");
    for (int i = 0; i < MOST; i++)
        size += (size_t)sprintf(text + size, "a%d = \"=:{\";\n", i);
    (void)sprintf(text + size, "};\n");
    read_text(text);
    ck_assert_ptr_nonnull(strstr(faults.faults[0].text, "unknown setting `a0`"));
    fault_list_finish(&faults);
    (void)sprintf(text + size, "b: 1;\n};\n");
    read_bad(text, MOST + 2, WORDS("a group has more than 5000 settings; is it the right file?"));

    size = 0;
    for (int i = 0; i < 101; i++)
        size += (size_t)sprintf(text + size, "a = {\n");
    read_bad(text, 101, WORDS("groups are more than 100 deep"));
    free(text);
}
END_TEST

START_TEST(an_open_end)
{
    testing_write_text("open", "control = \"a;\n");
    read_text(LISTEN MODULES "@include \"open\"\n");
    ck_assert_str_eq(faults.faults[0].file, testing_path("open"));
    ck_assert_uint_eq(faults.faults[0].line, 1);
    ck_assert_ptr_nonnull(strstr(faults.faults[0].text, "begins here has no end"));
    fault_list_finish(&faults);
}
END_TEST

/* libconfig 1.5 takes 4294967297 for 1, and 3000000000 for a negative number. */
START_TEST(numbers_without_l)
{
    BAD_TOP("limits = { pending_bytes = 4294967297; };", "4294967297", "32 bits", "4294967297L");
    BAD_TOP("limits = { pending_bytes = 2147483648; };", "2147483648L");
    BAD_TOP("limits = { pending_bytes = 0x80000000; };", "0x80000000L");
    BAD_PROVIDER("gateway = \"a\"; library = \"a\"; options = { n = -2147483649; }",
                 "-2147483649L");
    BAD_PROVIDER("gateway = \"a\"; library = \"a\"; options = { n = 99999999999999999999L; }",
                 "out of range", "9223372036854775807");
    BAD_PROVIDER("gateway = \"a\"; library = \"a\"; options = { n = 0xFFFFFFFFFFFFFFFF; }",
                 "out of range");
    BAD_PROVIDER("gateway = \"a\"; library = \"a\"; options = { n = ( 1, 3000000000 ); }",
                 "3000000000L");
}
END_TEST

START_TEST(numbers_that_fit)
{
    read_good(LISTEN
              "modules = ( { name = \"a4294967297\"; providers = ( { gateway = \"9999999999\"; "
              "library = \"a\"; options = { a = 2147483647; b = -2147483648; c = 0x7FFFFFFF; "
              "d = 9223372036854775807L; e = -9223372036854775808LL; f = 99999999999.5; "
              "g = 1e9999999999; h = -1.5E-99999999999; i = .5; n3000000000 = 1.; } } ); } ); "
              "# 4294967297\n/* 4294967297 */");
}
END_TEST

/* --- listen */

START_TEST(addresses)
{
    const struct config *good =
        read_good(MODULES "listen = { websocket = [ \"127.0.0.1:9000\", \"[::1]:9001\", "
                          "\"0.0.0.0:0\", \"[::]:65535\", \"unix:/run/toni.sock\" ]; };");
    const struct sockaddr_in *ipv4 = (const void *)&good->websocket.addresses[0].address;
    const struct sockaddr_in6 *ipv6 = (const void *)&good->websocket.addresses[1].address;
    const struct sockaddr_un *local = (const void *)&good->websocket.addresses[4].address;

    ck_assert_uint_eq(good->websocket.count, 5);
    ck_assert_str_eq(listen_address_text(&good->websocket.addresses[0]), "127.0.0.1:9000");
    ck_assert_uint_eq(value_line(good->websocket.addresses[0].at), 2);
    ck_assert_int_eq(ipv4->sin_family, AF_INET);
    ck_assert_uint_eq(ipv4->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    ck_assert_uint_eq(ipv4->sin_port, htons(9000));
    ck_assert_uint_eq(good->websocket.addresses[0].length, sizeof *ipv4);
    ck_assert_int_eq(ipv6->sin6_family, AF_INET6);
    ck_assert_mem_eq(&ipv6->sin6_addr, &in6addr_loopback, sizeof in6addr_loopback);
    ck_assert_uint_eq(ipv6->sin6_port, htons(9001));
    ck_assert_uint_eq(good->websocket.addresses[1].length, sizeof *ipv6);
    ck_assert_int_eq(local->sun_family, AF_UNIX);
    ck_assert_str_eq(local->sun_path, "/run/toni.sock");
}
END_TEST

START_TEST(one_address_or_a_list)
{
    ck_assert_uint_eq(read_good(LISTEN MODULES)->websocket.count, 1);
    ck_assert_uint_eq(
        read_good(MODULES "listen = { websocket = ( \"127.0.0.1:1\" ); };")->websocket.count, 1);
    ck_assert_uint_eq(read_good(MODULES "listen = { websocket = [ \"127.0.0.1:0\", "
                                        "\"127.0.0.1:0\" ]; };")
                          ->websocket.count,
                      2); /* two free ports */
}
END_TEST

START_TEST(bad_addresses)
{
    BAD_ADDRESS("\"\"", "no port", "127.0.0.1:9000");
    BAD_ADDRESS("\"127.0.0.1\"", "`127.0.0.1`", "no port");
    BAD_ADDRESS("\"127.0.0.1:\"", "no port");
    BAD_ADDRESS("\"127.0.0.1:65536\"", "port from 0 to 65535");
    BAD_ADDRESS("\"127.0.0.1:-1\"", "port from 0 to 65535");
    BAD_ADDRESS("\"127.0.0.1:http\"", "port from 0 to 65535");
    BAD_ADDRESS("\"localhost:9000\"", "`localhost`", "not looked up", "127.0.0.1");
    BAD_ADDRESS("\"*:9000\"", "0.0.0.0", "[::]");
    BAD_ADDRESS("\":9000\"", "0.0.0.0", "[::]");
    BAD_ADDRESS("\"::1:9000\"", "`::1`", "brackets");
    BAD_ADDRESS("\"[127.0.0.1]:9000\"", "`127.0.0.1`", "no IP address");
    BAD_ADDRESS("\"127.1:9000\"", "no IP address");
    BAD_ADDRESS("\"[::1:9000\"", "brackets");
    BAD_ADDRESS("\"unix:toni.sock\"", "absolute");
    BAD_ADDRESS("\"unix:\"", "absolute");
    BAD_ADDRESS("5", "an integer", "a string");
    BAD_ADDRESS("[ 5 ]", "an integer", "strings");
    BAD_ADDRESS("[ ]", "empty", "at least one");
    BAD_ADDRESS("[ \"127.0.0.1:9000\", \"127.0.0.1:9000\" ]", "already");
    BAD_ADDRESS("[ \"[::1]:9000\", \"[0:0::1]:9000\" ]", "already", "`[::1]:9000`");
    BAD_ADDRESS("[ \"unix:/a\", \"unix:/a\" ]", "already");
    BAD_ADDRESS("\"unix:/0123456789012345678901234567890123456789012345678901234567890123456789"
                "01234567890123456789012345678901234567890123456789\"",
                "121 bytes", "at most 107");
}
END_TEST

/* "root" is group 0 on every machine. */
START_TEST(files_of_unix_sockets)
{
    const struct config *good =
        read_good(MODULES "listen = { websocket = ( \"unix:/a\", \"unix:/b;mode=0660;group=root\", "
                          "{ address = \"unix:/c\"; mode = \"600\"; group = \"4294967294\"; }, "
                          "{ address = \"unix:/d;group=0\"; mode = \"0777\"; } ); "
                          "admin = { address = \"127.0.0.1:1\"; }; };");
    const struct listen_address *found = good->websocket.addresses;
    ck_assert_uint_eq(good->websocket.count, 4);
    ck_assert_uint_eq(good->admin.count, 1);
    ck_assert(!found[0].file.has_mode && !found[0].file.has_group);
    for (size_t i = 1; i < 4; i++)
        ck_assert(found[i].file.has_mode && found[i].file.has_group);
    ck_assert_uint_eq(found[1].file.mode, 0660);
    ck_assert_uint_eq(found[1].file.group, 0);
    ck_assert_uint_eq(found[2].file.mode, 0600);
    ck_assert_uint_eq(found[2].file.group, 4294967294);
    ck_assert_uint_eq(found[3].file.mode, 0777);
    ck_assert_uint_eq(found[3].file.group, 0);
    ck_assert_str_eq(((const struct sockaddr_un *)&found[1].address)->sun_path, "/b");
    ck_assert_str_eq(((const struct sockaddr_un *)&found[3].address)->sun_path, "/d");
    ck_assert(listen_address_same_file(&found[1], &found[1]));
    ck_assert(!listen_address_same_file(&found[0], &found[1]));
    ck_assert(!listen_address_same_file(&found[1], &found[3]));
}
END_TEST

START_TEST(bad_files_of_unix_sockets)
{
    BAD_ADDRESS("\"unix:/a;mode=66\"", "`66`", "octal", "0660");
    BAD_ADDRESS("\"unix:/a;mode=0680\"", "`0680`", "octal");
    BAD_ADDRESS("\"unix:/a;mode=2770\"", "`2770`", "octal");
    BAD_ADDRESS("\"unix:/a;mode=\"", "octal");
    BAD_ADDRESS("\"unix:/a;mode\"", "octal");
    BAD_ADDRESS("\"unix:/a;group=no such group\"", "`no such group`", "no group of this machine");
    BAD_ADDRESS("\"unix:/a;group=4294967295\"", "`4294967295`", "no group of this machine");
    BAD_ADDRESS("\"unix:/a;group=\"", "no group of this machine");
    BAD_ADDRESS("\"unix:/a;owner=root\"", "`owner`", "`mode` or `group`");
    BAD_ADDRESS("\"unix:/a;\"", "`mode` or `group`");
    BAD_ADDRESS("\"unix:/a;mode=0600;mode=0600\"", "`mode`", "twice");
    BAD_ADDRESS("\"unix:;mode=0600\"", "absolute");
    BAD_ADDRESS("\"127.0.0.1:9000;mode=0600\"", "only Unix sockets");
    BAD_ADDRESS("( \"unix:/a;mode=0600\", \"unix:/a;mode=0660\" )", "already");
    BAD_ADDRESS("{ address = \"127.0.0.1:9000\"; mode = \"0600\"; }", "only Unix sockets");
    BAD_ADDRESS("{ address = \"unix:/a\"; mode = 600; }", "`mode`", "an integer", "a string");
    BAD_ADDRESS("{ address = \"unix:/a;mode=0600\"; mode = \"0600\"; }", "`mode`", "twice");
    BAD_ADDRESS("{ address = \"unix:/a\"; group = \"no such group\"; }",
                "no group of this machine");
    BAD_ADDRESS("{ mode = \"0600\"; }", "lacks `address`");
    BAD_ADDRESS("{ address = \"unix:/a\"; owner = \"root\"; }", "`owner`", "`mode`");
}
END_TEST

#define BAD_ADMIN(text, ...)                                                                       \
    read_bad(MODULES "listen = { websocket = \"127.0.0.1:9000\"; admin = " text "; };", 2,         \
             WORDS(__VA_ARGS__))

START_TEST(addresses_of_admin)
{
    ck_assert_uint_eq(read_good(LISTEN MODULES)->admin.count, 0);
    const struct config *good =
        read_good(MODULES "listen = { websocket = \"127.0.0.1:9000\"; admin = [ "
                          "\"127.0.0.1:1\", \"127.9.9.9:1\", \"[::1]:1\", \"unix:/a\" ]; "
                          "admin_token = \"t\"; };");
    ck_assert_uint_eq(good->admin.count, 4);
    ck_assert_str_eq(value_string(good->admin_token), "t");
    BAD_ADMIN("\"0.0.0.0:1\"", "`0.0.0.0:1`", "TLS");
    BAD_ADMIN("\"[::]:1\"", "`[::]:1`", "TLS");
    BAD_ADMIN("[ \"127.0.0.1:1\", \"192.0.2.1:1\" ]", "`192.0.2.1:1`", "TLS");
    BAD_ADMIN("\"[fe80::1]:1\"", "`[fe80::1]:1`", "TLS");
    read_bad(MODULES "listen = { websocket = \"127.0.0.1:9000\"; admin_token = \"t\"; };", 2,
             WORDS("`admin_token`", "without `admin`"));

    read_bad(MODULES "listen = { websocket = \"127.0.0.1:9000\"; admin = \":9002\"; };", 2,
             WORDS("`:9002`", "127.0.0.1"));
    read_bad(MODULES "listen = { websocket = \"127.0.0.1:9000\"; admin = \"9002\"; };", 2,
             WORDS("`9002`", "127.0.0.1:9000"));
    read_bad(MODULES "listen = { websocket = \"127.0.0.1:9\"; admin = \"127.0.0.1:9\"; };", 2,
             WORDS("already"));
    read_bad(MODULES "listen = { websocket = \"127.0.0.1:9\"; http = \"127.0.0.1:8\"; admin = "
                     "\"127.0.0.1:8\"; };",
             2, WORDS("already"));
    read_bad(MODULES "listen = { websocket = \"127.0.0.1:9\"; admin = 9002; };", 2,
             WORDS("`admin`", "an integer", "a string"));
}
END_TEST

START_TEST(the_page_can_be_turned_off)
{
    ck_assert(read_good(LISTEN MODULES)->page);
    ck_assert(read_good(MODULES "listen = { websocket = \"[::1]:0\"; page = true; };")->page);
    ck_assert(!read_good(MODULES "listen = { websocket = \"[::1]:0\"; page = false; };")->page);
    read_bad(MODULES "listen = { websocket = \"[::1]:0\"; page = \"off\"; };", 2,
             WORDS("`page` of `listen`", "a string", "true or false"));
}
END_TEST

START_TEST(bad_listen)
{
    read_bad(MODULES, 1, WORDS("lacks `listen`", "a group"));
    read_bad(MODULES "listen = 5;", 2, WORDS("`listen`", "an integer", "a group"));
    read_bad(MODULES "listen = { };", 2, WORDS("lacks `websocket`", "127.0.0.1:9000"));
    read_bad(MODULES "listen = { websocket = \"127.0.0.1:1\"; htpp = 1; };", 2,
             WORDS("unknown", "`htpp`", "`http`"));
    read_bad(MODULES "listen = { websocket = \"127.0.0.1:1\"; websockets = 1; };", 2,
             WORDS("did you mean `websocket`?"));
}
END_TEST

/* --- workers, plugin_path, limits */

START_TEST(workers)
{
    ck_assert_uint_eq(read_good(LISTEN MODULES)->workers, 0);
    ck_assert_uint_eq(read_good(LISTEN MODULES "workers = 256;")->workers, 256);
    BAD_TOP("workers = -1;", "`workers` is -1", "0 (one per core) to 256");
    BAD_TOP("workers = 257;", "`workers` is 257");
    BAD_TOP("workers = \"two\";", "`workers`", "a string", "an integer");
    BAD_TOP("workers = 1.5;", "a number", "an integer");
}
END_TEST

START_TEST(control)
{
    const struct config *read = read_good(LISTEN MODULES);
    ck_assert(read->control.is_default);
    ck_assert_str_eq(read->control.path, testing_path(".toni.sock"));
    read = read_good(LISTEN MODULES "control = \"run/host.sock\";");
    ck_assert(!read->control.is_default);
    ck_assert_str_eq(read->control.path, testing_path("run/host.sock"));
    ck_assert_str_eq(read_good(LISTEN MODULES "control = \"/run/toni.sock\";")->control.path,
                     "/run/toni.sock");
    read = read_good(LISTEN MODULES "control = \"\";");
    ck_assert(!read->control.is_default);
    ck_assert_ptr_null(read->control.path);
    BAD_TOP("control = true;", "`control` of the file is true or false", "expected a string");
    BAD_TOP("contrl = \"\";", "did you mean `control`?");
}
END_TEST

START_TEST(watch)
{
    const struct config *read = read_good(LISTEN MODULES);
    ck_assert_ptr_null(read->watch.build);
    ck_assert_uint_eq(read->watch.path_count, 0);
    read = read_good(LISTEN MODULES
                     "watch = { build = \"make -C ..\"; paths = [ \"src\", \"/usr/include\" ]; };");
    ck_assert_str_eq(read->watch.build, "make -C ..");
    ck_assert_uint_eq(read->watch.path_count, 2);
    ck_assert_str_eq(read->watch.paths[0], testing_path("src"));
    ck_assert_str_eq(read->watch.paths[1], "/usr/include");
    BAD_TOP("wach = { };", "did you mean `watch`?");
    BAD_TOP("watch = \"make\";", "`watch` of the file is a string", "expected a group");
    BAD_TOP("watch = { biuld = \"make\"; };", "`biuld` in `watch`", "did you mean `build`?");
    BAD_TOP("watch = { build = 1; };", "`build` of `watch` is an integer", "a string");
    BAD_TOP("watch = { build = \" \\t\"; };", "`build` of `watch` is empty", "cmake --build");
    BAD_TOP("watch = { paths = \"src\"; };", "`paths` of `watch` is a string", "a list");
    BAD_TOP("watch = { paths = [ ]; };", "`paths` of `watch` has 0 entries", "1 to 64");
    BAD_TOP("watch = { paths = [ \"\" ]; };", "empty string", "`.` is that of this file");
    BAD_TOP("watch = { paths = [ 1 ]; };", "`paths` of `watch` holds an integer", "only strings");
}
END_TEST

/* 99 bytes, so that there is room for a dot and the longest pid in the 107 of an address. */
START_TEST(the_longest_control)
{
    char path[101], text[512];

    (void)snprintf(path, sizeof path, "/%0*d", 98, 0);
    (void)snprintf(text, sizeof text, LISTEN MODULES "control = \"%s\";", path);
    ck_assert_str_eq(read_good(text)->control.path, path);
    (void)snprintf(path, sizeof path, "/%0*d", 99, 0);
    (void)snprintf(text, sizeof text, LISTEN MODULES "control = \"%s\";", path);
    read_bad(text, 3, WORDS("`control`", "100 bytes", path, "at most 99"));
    (void)snprintf(text, sizeof text, LISTEN MODULES "control = \"%s\";", path + 1);
    read_bad(text, 3, WORDS("`control`", testing_path(path + 1))); /* the folder counts too */
}
END_TEST

/* Whoever asks a host to reload a file with faults must reach that host. */
START_TEST(control_of_a_file_with_faults)
{
    static const struct {
        const char *text;
        const char *path;
    } files[] = {
        {"control = \"mine.sock\"; nonsense = 1; workers = \"two\";", "mine.sock"},
        {"control = \"mine.sock\"; workers = ;", ".toni.sock"},
        {"control = 7;", ".toni.sock"},
        {"", ".toni.sock"},
    };
    struct config_control found;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ck_assert_int_eq(
            config_control_find(testing_write_text("gateways.conf", files[i].text), &found), 0);
        ck_assert_str_eq(found.path, testing_path(files[i].path));
        config_control_finish(&found);
    }
    ck_assert_int_eq(config_control_find(testing_path("nowhere.conf"), &found), 0);
    ck_assert_str_eq(found.path, testing_path(".toni.sock"));
    config_control_finish(&found);
    ck_assert_int_eq(config_control_find("nowhere.conf", &found), 0);
    ck_assert_str_eq(found.path, "./.toni.sock");
    config_control_finish(&found);
    testing_write_text("gateways.conf", "control = \"\"; nonsense = 1;");
    ck_assert_int_eq(config_control_find(testing_path("gateways.conf"), &found), 0);
    ck_assert_ptr_null(found.path);
    config_control_finish(&found);
}
END_TEST

START_TEST(plugin_path)
{
    const struct config *good = read_good(LISTEN MODULES "plugin_path = [ \"a/b\", \"/c\" ];");

    ck_assert_uint_eq(good->plugin_path_count, 2);
    ck_assert_str_eq(good->plugin_path[0], testing_path("a/b"));
    ck_assert_str_eq(good->plugin_path[1], "/c");
    ck_assert_str_eq(good->folder, test_folder);
    ck_assert_uint_eq(read_good(LISTEN MODULES "plugin_path = [ ];")->plugin_path_count, 0);
    BAD_TOP("plugin_path = \"a\";", "`plugin_path`", "a string", "a list");
    BAD_TOP("plugin_path = [ 1 ];", "`plugin_path`", "an integer", "strings");
    BAD_TOP("plugin_path = [ \"\" ];", "`plugin_path`", "empty");
}
END_TEST

START_TEST(limits)
{
    const struct config *good = read_good(LISTEN MODULES);

    ck_assert_uint_eq(good->limits.connections, 10000);
    ck_assert_uint_eq(good->limits.pending_bytes, 268435456);
    ck_assert_uint_eq(good->modules[0].providers[0].limits.message_bytes, 1048576);

    good = read_good(LISTEN MODULES "limits = { message_bytes = 5; pending_bytes = 5000000000L; "
                                    "idle_ms = 0; outbox_policy = \"close\"; };");
    ck_assert_uint_eq(good->limits.message_bytes, 5);
    ck_assert_uint_eq(good->limits.pending_bytes, 5000000000u);
    ck_assert_uint_eq(good->limits.idle_ms, 0);
    ck_assert_uint_eq(good->limits.outbox_policy, OUTBOX_CLOSE);
    ck_assert_uint_eq(good->modules[0].providers[0].limits.message_bytes, 5);
}
END_TEST

START_TEST(bad_limits)
{
    BAD_TOP("limits = 5;", "`limits`", "a group");
    BAD_TOP("limits = { conections = 5; };", "unknown", "did you mean `connections`?");
    BAD_TOP("limits = { connections = 0; };", "`connections`", "is 0", "1 to 10000000");
    BAD_TOP("limits = { connections = 10000001; };", "1 to 10000000");
    BAD_TOP("limits = { connections = \"many\"; };", "a string", "an integer");
    BAD_TOP("limits = { connections = -5; };", "is -5", "1 to 10000000");
    BAD_TOP("limits = { connections = 3000000000L; };", "`connections`", "1 to 10000000");
    BAD_TOP("limits = { outbox_policy = \"oldest\"; };", "`oldest`", "`close`", "`drop_oldest`",
            "`drop_newest`", "`latest`");
    BAD_TOP("limits = { outbox_policy = 1; };", "an integer", "\"close\", \"drop_oldest\"");
    BAD_TOP("limits = { zzz = 1; };", "unknown", "`zzz`", "`connections`", "`outbox_policy`");
}
END_TEST

/* Every key by the list itself: its highest and lowest are good, one more and one less are not. */
START_TEST(every_limit_has_its_range)
{
    char text[512];

#define CHECK_LIMIT(key, standard, lowest, highest, scope)                                         \
    (void)snprintf(text, sizeof text, LISTEN MODULES "limits = { %s = %lldL; };", #key,            \
                   (long long)(highest));                                                          \
    ck_assert_uint_eq(read_good(text)->limits.key, (uint64_t)(highest));                           \
    (void)snprintf(text, sizeof text, LISTEN MODULES "limits = { %s = %lldL; };", #key,            \
                   (long long)(lowest));                                                           \
    ck_assert_uint_eq(read_good(text)->limits.key, (uint64_t)(lowest));                            \
    (void)snprintf(text, sizeof text, LISTEN MODULES "limits = { %s = %lldL; };", #key,            \
                   (long long)(highest) + 1);                                                      \
    read_bad(text, 3, WORDS("`" #key "`", "expected"));                                            \
    (void)snprintf(text, sizeof text, LISTEN MODULES "limits = { %s = %lldL; };", #key,            \
                   (long long)(lowest)-1);                                                         \
    read_bad(text, 3, WORDS("`" #key "`", "expected"));

    LIMITS(CHECK_LIMIT)
#undef CHECK_LIMIT
}
END_TEST

/* --- modules */

START_TEST(modules)
{
    const struct config *good =
        read_good(LISTEN "modules = (\n"
                         "  { name = \"chat\"; imports = [ \"broadcast\" ]; global = true;\n"
                         "    exports = [ \"chat\",\n \"more\" ]; providers = (\n"
                         "      { gateway = \"rooms-1.a_B\"; library = \"rooms_gateway.so\";\n"
                         "        path = \"/räume\"; options = { max = 5; };\n"
                         "        limits = { message_bytes = 7; };\n"
                         "        inject = { mail = \"pigeon\"; }; },\n"
                         "      { service = \"chat\"; library = \"./chat.so\"; } ); },\n"
                         "  { name = \"empty\"; providers = ( ); } );\n");
    const struct config_module *chat = &good->modules[0];

    ck_assert_uint_eq(good->module_count, 2);
    ck_assert_str_eq(chat->name, "chat");
    ck_assert(chat->is_global);
    ck_assert_uint_eq(chat->import_count, 1);
    ck_assert_str_eq(chat->imports[0].name, "broadcast");
    ck_assert_uint_eq(chat->imports[0].line, 3);
    ck_assert_uint_eq(chat->export_count, 2);
    ck_assert_str_eq(chat->exports[1].name, "more");
    ck_assert_uint_eq(chat->exports[1].line, 5);
    ck_assert_uint_eq(chat->provider_count, 2);
    ck_assert(!good->modules[1].is_global);
    ck_assert_str_eq(good->modules[1].namespace, "");
    ck_assert_uint_eq(good->modules[1].import_count, 0);
    ck_assert_uint_eq(good->modules[1].provider_count, 0);

    const struct config_provider *rooms = &chat->providers[0];
    ck_assert_str_eq(rooms->name, "rooms-1.a_B");
    ck_assert_uint_eq(rooms->kind, TONI_GATEWAY);
    ck_assert_str_eq(value_string(rooms->library), "rooms_gateway.so");
    ck_assert_str_eq(value_string(rooms->path), "/räume");
    ck_assert_uint_eq(value_line(rooms->path), 7);
    ck_assert_uint_eq(value_line(rooms->at), 6);
    ck_assert_int_eq(value_int(value_get(rooms->options, "max")), 5);
    ck_assert_uint_eq(rooms->limits.message_bytes, 7);
    ck_assert_uint_eq(good->limits.message_bytes, 1048576);
    ck_assert_uint_eq(chat->providers[1].kind, TONI_SERVICE);
    ck_assert_ptr_null(chat->providers[1].path);
    ck_assert_ptr_null(chat->providers[1].options);
    ck_assert_uint_eq(rooms->choice_count, 1);
    ck_assert_str_eq(rooms->choices[0].interface.name, "mail");
    ck_assert_str_eq(rooms->choices[0].provider, "pigeon");
}
END_TEST

START_TEST(guards_of_the_module_come_before_those_of_the_gateway)
{
    const struct config *good = read_good(
        LISTEN "modules = ( { name = \"a\"; guards = [ \"one\", \"two\" ]; providers = (\n"
               "{ gateway = \"x\"; library = \"x.so\"; guards = [ \"three\" ]; },\n"
               "{ gateway = \"y\"; library = \"x.so\"; },\n"
               "{ service = \"one\"; library = \"x.so\"; } ); } );");
    const struct config_provider *providers = good->modules[0].providers;
    ck_assert_uint_eq(providers[0].guard_count, 3);
    ck_assert_str_eq(providers[0].guards[0].name, "one");
    ck_assert_str_eq(providers[0].guards[1].name, "two");
    ck_assert_str_eq(providers[0].guards[2].name, "three");
    ck_assert_uint_eq(providers[0].guards[2].line, 3);
    ck_assert_uint_eq(providers[1].guard_count, 2);
    ck_assert_uint_eq(providers[2].guard_count, 0);
}
END_TEST

START_TEST(bad_guards)
{
    BAD_MODULE("name = \"a\"; guards = 5; providers = ( " PROVIDER " );", "`guards`", "a list");
    BAD_MODULE("name = \"a\"; guards = [ 5 ]; providers = ( " PROVIDER " );", "`guards`",
               "strings");
    BAD_MODULE("name = \"a\"; guards = [ \"b\", \"b\" ]; providers = ( " PROVIDER " );",
               "module `a` lists the guard `b`", "already", "remove one of them");
    BAD_MODULE("name = \"a\"; guards = [ \"b\" ]; providers = ( { gateway = \"x\"; library = "
               "\"x.so\"; guards = [ \"b\" ]; } );",
               "gateway `x` lists the guard `b`", "already");
    BAD_MODULE("name = \"a\"; guards = [ \"b\" ]; providers = ( { service = \"b\"; library = "
               "\"x.so\"; } );",
               "module `a` has guards, but no gateway");
    BAD_PROVIDER("service = \"a\"; library = \"a\"; guards = [ \"b\" ];", "`guards` of service `a`",
                 "WebSocket clients");
    BAD_PROVIDER("gateway = \"a\"; library = \"a\"; guard = [ \"b\" ];", "did you mean `guards`?");
}
END_TEST

START_TEST(bad_modules)
{
    read_bad(LISTEN, 1, WORDS("lacks `modules`", "a list"));
    read_bad(LISTEN "modules = 5;", 2, WORDS("`modules`", "an integer", "a list"));
    read_bad(LISTEN "modules = ( 5 );", 2, WORDS("`modules`", "an integer", "groups"));
    read_bad(LISTEN "modules = ( );", 2, WORDS("no gateway", "rooms_gateway.so"));
    read_bad(LISTEN "modules = ( { name = \"a\"; providers = ( ); } );", 2, WORDS("no gateway"));
    BAD_MODULE("providers = ( " PROVIDER " );", "a module lacks `name`");
    BAD_MODULE("name = 5; providers = ( " PROVIDER " );", "`name`", "an integer");
    BAD_MODULE("name = \"\"; providers = ( " PROVIDER " );", "empty", "letters");
    BAD_MODULE("name = \"a b\"; providers = ( " PROVIDER " );", "`a b`", "letters");
    BAD_MODULE("name = \"a\";", "module `a` lacks `providers`");
    BAD_MODULE("name = \"a\"; providers = 5;", "`providers` of module `a`", "a list");
    BAD_MODULE("name = \"a\"; providers = ( 5 );", "`providers`", "groups");
    BAD_MODULE("name = \"a\"; import = [ ]; providers = ( " PROVIDER " );", "module `a`", "unknown",
               "did you mean `imports`?");
    BAD_MODULE("name = \"a\"; imports = 5; providers = ( " PROVIDER " );", "`imports`", "a list");
    BAD_MODULE("name = \"a\"; imports = [ 5 ]; providers = ( " PROVIDER " );", "`imports`",
               "strings");
    BAD_MODULE("name = \"a\"; exports = [ 5 ]; providers = ( " PROVIDER " );", "`exports`",
               "strings");
    BAD_MODULE("name = \"a\"; namespace = \"a/b\"; providers = ( " PROVIDER " );", "`namespace`",
               "module `a`", "a/b", "not legal", "expected letters");
    BAD_MODULE("name = \"a\"; namespace = \"\"; providers = ( " PROVIDER " );", "`namespace`",
               "is empty", "leave it out");
    BAD_MODULE("name = \"a\"; namespace = \"a\\tb\"; providers = ( " PROVIDER " );", "`namespace`",
               "not legal");
    BAD_MODULE("name = \"a\"; namespace = "
               "\"a2345678901234567890123456789012345678901234567890123456789012345\"; "
               "providers = ( " PROVIDER " );",
               "`namespace`", "too long", "at most 64 bytes");
    BAD_MODULE("name = \"a\"; namespace = 1; providers = ( " PROVIDER " );", "`namespace`",
               "string");
    BAD_MODULE("name = \"a\"; global = 1; providers = ( " PROVIDER " );", "`global`",
               "true or false");
    BAD_MODULE("name = \"broadcast\"; providers = ( " PROVIDER " );", "`broadcast`", "built-in");
    BAD_MODULE("name = \"toni.x\"; providers = ( " PROVIDER " );", "`toni.x`", "the host's own");
    read_bad(LISTEN "modules = ( { name = \"a\"; providers = ( " PROVIDER " ); },\n"
                    "{ name = \"a\"; providers = ( ); } );",
             3, WORDS("module name `a`", ":2;"));
}
END_TEST

START_TEST(bad_providers)
{
    BAD_PROVIDER("library = \"a.so\";", "`gateway` or `service`");
    BAD_PROVIDER("gateway = \"a\"; service = \"a\"; library = \"a.so\";", "both");
    BAD_PROVIDER("gateway = 5; library = \"a.so\";", "`gateway`", "a string");
    BAD_PROVIDER("gateway = \"\"; library = \"a.so\";", "empty", "letters");
    BAD_PROVIDER("gateway = \"a/b\"; library = \"a.so\";", "`a/b`", "letters");
    BAD_PROVIDER("gateway = \"a\";", "gateway `a` lacks `library`");
    BAD_PROVIDER("gateway = \"a\"; library = 5;", "`library` of gateway `a`", "a string");
    BAD_PROVIDER("gateway = \"a\"; library = \"\";", "`library` of gateway `a`", "empty");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; path = 5;", "`path`", "a string");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; path = \"rooms\";", "`path`", "`rooms`",
                 "begin with `/`");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; path = \"\";", "`path`", "empty");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; path = \"/a?b\";", "`?`");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; path = \"/a\\x01\";", "control");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; path = \"/\\xff\";", "UTF-8");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; options = 5;", "`options`", "a group");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; limits = 5;", "`limits`", "a group");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; pth = \"/\";", "unknown", "gateway `a`",
                 "did you mean `path`?");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; limits = { pending_bytes = 5; };",
                 "`pending_bytes`", "whole host", "gateway `a`");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; limits = { message_bytes = 0; };",
                 "`message_bytes`", "gateway `a`", "1 to");
    read_bad(LISTEN "modules = ( { name = \"a\"; providers = ( " PROVIDER " ); },\n"
                    "{ name = \"b\"; providers = ( " PROVIDER " ); } );",
             3, WORDS("provider name `rooms`", "already", ":2;"));
}
END_TEST

/* --- All of it */

static const struct limits *read_gateway(const char *keys)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   LISTEN "modules = ( { name = \"chat\"; providers = ( { gateway = \"rooms\"; "
                          "library = \"rooms_gateway.so\"; %s } ); } );",
                   keys);
    return &read_good(text)->modules[0].providers[0].limits;
}

START_TEST(whom_the_host_becomes)
{
    const struct config *good = read_good(LISTEN MODULES);

    ck_assert_ptr_null(good->run_as.at);
    good = read_good(LISTEN MODULES "user = \"4294967294\"; group = \"7\";");
    ck_assert_uint_eq(good->run_as.user, 4294967294U);
    ck_assert_uint_eq(good->run_as.group, 7);
    good = read_good(LISTEN MODULES "user = \"daemon\";");
    ck_assert_uint_eq(good->run_as.user, 1);
    ck_assert_uint_eq(good->run_as.group, 1);

    BAD_TOP("user = \"root\";", "`root`", "--allow-root");
    BAD_TOP("user = \"00\";", "`00`", "is root");
    BAD_TOP("user = \"4294967295\";", "no user of this machine");
    BAD_TOP("user = \"99999999999\";", "no user of this machine");
    BAD_TOP("user = \"1 \";", "no user of this machine");
    BAD_TOP("user = \"4294967294\";", "add `group`");
    BAD_TOP("user = \"daemon\"; group = \"0\";", "`group`", "root's");
    BAD_TOP("group = \"daemon\";", "without `user`");
    BAD_TOP("user = 1;", "`user`", "an integer", "a string");
}
END_TEST

START_TEST(hosts_and_origins)
{
    const struct config *good = read_good(LISTEN MODULES);

    ck_assert_ptr_null(good->hosts.names);
    ck_assert_ptr_null(good->origins.names);
    ck_assert_ptr_null(good->modules[0].providers[0].origins.names);
    good = read_good(LISTEN MODULES "hosts = [ \"a.example\", \"[::1]\", \"10.0.0.1\", \"*\" ];"
                                    "origins = ( \"https://a.example:8443\", \"null\", \"*\" );");
    ck_assert_uint_eq(good->hosts.count, 4);
    ck_assert_str_eq(good->hosts.names[1], "[::1]");
    ck_assert_uint_eq(good->origins.count, 3);
    ck_assert_str_eq(good->origins.names[0], "https://a.example:8443");
    good =
        read_good(LISTEN "modules = ( { name = \"m\"; providers = ( { gateway = \"a\"; library = "
                         "\"a.so\"; origins = [ ]; } ); } );");
    ck_assert_ptr_nonnull(good->modules[0].providers[0].origins.names);
    ck_assert_uint_eq(good->modules[0].providers[0].origins.count, 0);
}
END_TEST

START_TEST(bad_hosts_and_origins)
{
    BAD_TOP("hosts = \"a.example\";", "`hosts`", "a string", "a list");
    BAD_TOP("hosts = [ 1 ];", "`hosts`", "an integer", "strings");
    BAD_TOP("hosts = [ \"a.example:80\" ];", "`hosts`", "`a.example:80`", "port");
    BAD_TOP("hosts = [ \"http://a.example\" ];", "`hosts`", "scheme");
    BAD_TOP("hosts = [ \"\" ];", "`hosts`", "``");
    BAD_TOP("hosts = [ \"*.example\" ];", "`hosts`", "`*.example`");
    BAD_TOP("origins = [ \"a.example\" ];", "`origins`", "`a.example`", "https://");
    BAD_TOP("origins = [ \"https://a.example/\" ];", "`origins`", "without a path");
    BAD_TOP("origins = [ \"chrome-extension://my_extension\" ];",
            "`chrome-extension://my_extension`", "32 letters from a to p");
    BAD_TOP("origins = [ \"chrome-extension://abcdefghijklmnopabcdefghijklmnop/\" ];", "`origins`",
            "32 letters");
    BAD_TOP("origins = [ \"moz-extension://a@b\" ];", "`moz-extension://a@b`", "UUID",
            "another one in each browser");
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; origins = [ \"a\" ];",
                 "`origins` of gateway `a` holds `a`");
    BAD_PROVIDER("service = \"b\"; library = \"b.so\"; origins = [ ];", "`origins` of service `b`",
                 "clients", "remove it");
}
END_TEST

#define PROXIES(text) "listen = { websocket = \"127.0.0.1:9000\"; " text " };\n" MODULES
#define BAD_PROXIES(text, ...) read_bad(PROXIES(text), 1, WORDS(__VA_ARGS__))
#define BY_LIST " proxy_header = \"x-forwarded-for\";"

START_TEST(proxies)
{
    const struct config *good = read_good(LISTEN MODULES);
    ck_assert_int_eq(good->proxies.way, PROXY_NONE);
    ck_assert_uint_eq(good->proxies.trusted.count, 0);
    good =
        read_good(PROXIES("trusted_proxies = [ \"10.0.0.0/8\", \"::1/128\", \"unix\" ];" BY_LIST));
    ck_assert_int_eq(good->proxies.way, PROXY_BY_LIST);
    ck_assert_uint_eq(good->proxies.trusted.count, 2);
    ck_assert(good->proxies.trusted.has_unix);
    good = read_good(PROXIES("trusted_proxies = [ ]; proxy_header = \"forwarded\";"));
    ck_assert_int_eq(good->proxies.way, PROXY_BY_FIELD);
    good = read_good(
        PROXIES("trusted_proxies = ( \"192.0.2.1\" ); proxy_header = \"proxy-protocol\";"));
    ck_assert_int_eq(good->proxies.way, PROXY_BY_PROTOCOL);
    ck_assert_uint_eq(good->proxies.trusted.networks[0].bits, 32);
}
END_TEST

/* "a0", and behind it so many of the kind. */
static char *many_networks(unsigned count)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    (void)fputs("listen = { websocket = \"127.0.0.1:9000\"; trusted_proxies = [ \"unix\"", out);
    for (unsigned i = 1; i < count; i++)
        (void)fprintf(out, ", \"10.0.%u.%u\"", i / 256, i % 256);
    (void)fputs(" ];" BY_LIST " };\n" MODULES, out);
    (void)fclose(out);
    return text;
}

START_TEST(bad_proxies)
{
    BAD_PROXIES("trusted_proxies = [ \"10.0.0.1/8\" ];" BY_LIST, "`10.0.0.1/8`", "prefix", "/32");
    BAD_PROXIES("trusted_proxies = [ \"10.0.0.0/33\" ];" BY_LIST, "`10.0.0.0/33`", "0 to 32");
    BAD_PROXIES("trusted_proxies = [ \"proxy.example\" ];" BY_LIST, "`proxy.example`",
                "names are not looked up");
    BAD_PROXIES("trusted_proxies = [ \"unix:/run/x\" ];" BY_LIST, "`unix:/run/x`");
    BAD_PROXIES("trusted_proxies = [ 1 ];" BY_LIST, "`trusted_proxies`", "an integer", "strings");
    BAD_PROXIES("trusted_proxies = \"10.0.0.0/8\";" BY_LIST, "a string", "a list");
    BAD_PROXIES("trusted_proxies = [ \"10.0.0.0/8\" ];", "no `proxy_header`", "proxy-protocol");
    BAD_PROXIES("proxy_header = \"forwarded\";", "no `trusted_proxies`");
    BAD_PROXIES("trusted_proxies = [ ]; proxy_header = \"x-real-ip\";", "`x-real-ip`", "expected");
    BAD_PROXIES("trusted_proxies = [ ]; proxy_header = 1;", "`proxy_header`", "an integer");
    char *text = many_networks(257);
    read_bad(text, 1, WORDS("257", "at most 256"));
    free(text);
    text = many_networks(256);
    ck_assert_uint_eq(read_good(text)->proxies.trusted.count, 255);
    free(text);
}
END_TEST

START_TEST(refuse)
{
    ck_assert(!read_gateway("")->refuses_by_close);
    ck_assert(!read_gateway("refuse = \"handshake\";")->refuses_by_close);
    ck_assert(read_gateway("refuse = \"close\";")->refuses_by_close);
    BAD_PROVIDER("gateway = \"a\"; library = \"a.so\"; refuse = \"silence\";",
                 "`refuse` of gateway `a` is `silence`", "`handshake` or `close`");
    BAD_PROVIDER("service = \"b\"; library = \"b.so\"; refuse = \"close\";",
                 "`refuse` of service `b`", "remove it");
}
END_TEST

START_TEST(deflate)
{
    ck_assert(!read_gateway("")->deflate);
    ck_assert_uint_eq(read_gateway("")->deflate_above, 1024);
    ck_assert(!read_gateway("deflate = \"off\";")->deflate);
    ck_assert(read_gateway("deflate = \"on\";")->deflate);
    ck_assert(read_gateway("deflate_above = 0; deflate = \"on\";")->deflate);
    ck_assert_uint_eq(read_gateway("deflate_above = 0;")->deflate_above, 0);
    ck_assert_uint_eq(read_gateway("deflate_above = 1073741824;")->deflate_above, 1073741824);
    ck_assert(!read_gateway("deflate_above = 1;")->deflate);
}
END_TEST

START_TEST(bad_deflate)
{
#define GATEWAY "gateway = \"a\"; library = \"a.so\"; "
#define SERVICE "service = \"b\"; library = \"b.so\"; "
    BAD_PROVIDER(GATEWAY "deflate = \"yes\";", "`deflate` of gateway `a` is `yes`",
                 "`off` or `on`");
    BAD_PROVIDER(GATEWAY "deflate = true;", "`deflate` of gateway `a` is true or false",
                 "expected \"off\" or \"on\"");
    BAD_PROVIDER(GATEWAY "deflate_above = -1;", "`deflate_above` of gateway `a` is -1",
                 "0 to 1073741824");
    BAD_PROVIDER(GATEWAY "deflate_above = 1073741825;", "0 to 1073741824");
    BAD_PROVIDER(GATEWAY "deflate_above = \"1k\";", "a string", "an integer");
    BAD_PROVIDER(GATEWAY "deflat = \"on\";", "unknown", "did you mean `deflate`?");
    BAD_PROVIDER(GATEWAY "limits = { deflate = \"on\"; };", "unknown", "`deflate`");
    BAD_PROVIDER(SERVICE "deflate = \"off\";", "`deflate` of service `b`", "clients", "remove it");
    BAD_PROVIDER(SERVICE "deflate_above = 5;", "`deflate_above` of service `b`", "clients");
    BAD_TOP("deflate = \"on\";", "unknown", "`deflate`");
}
END_TEST

/* Writes what a gateway's clients are told. */
static const char *gap_text(const char *keys, const char *room, uint32_t count)
{
    static char text[GAP_TEXT_MAX + 1];
    const struct gap_notice *notice = read_gateway(keys)->gap_notice;
    ck_assert_ptr_nonnull(notice);
    const size_t size = notice->write(notice, toni_str_of(room), count, text);
    ck_assert_uint_gt(size, 0);
    text[size] = '\0';
    return text;
}

START_TEST(gap_notices)
{
    static const char event[] = "gap_event = \"room.gap\";";
    ck_assert_ptr_null(read_gateway("")->gap_notice);
    ck_assert_str_eq(gap_text("gap_notice = \"lost {count} in {room}\";", "r", 7), "lost 7 in r");
    ck_assert_str_eq(gap_text("gap_notice = \"{{{count}}}\";", "r", GAP_COUNT_UNKNOWN), "{?}");
    ck_assert_str_eq(gap_text(event, "r", 7),
                     "{\"event\":\"room.gap\",\"data\":{\"room\":\"r\",\"count\":7}}");
    ck_assert_str_eq(gap_text(event, "", GAP_COUNT_UNKNOWN),
                     "{\"event\":\"room.gap\",\"data\":{\"room\":null,\"count\":null}}");
    ck_assert_str_eq(gap_text("gap_event = \"a\\\"b\";", "q\"\\ü/{room}", 4294967294u),
                     "{\"event\":\"a\\\"b\",\"data\":{\"room\":\"q\\\"\\\\ü/{room}\","
                     "\"count\":4294967294}}");
}
END_TEST

/* Every byte of both names is doubled. */
START_TEST(the_largest_gap_event)
{
    char setting[600], room[256];
    memset(room, '\\', 255);
    room[255] = '\0';
    int size = snprintf(setting, sizeof setting, "gap_event = \"");
    for (int i = 0; i < 255; i++)
        size += snprintf(setting + size, sizeof setting - (size_t)size, "\\\\");
    (void)snprintf(setting + size, sizeof setting - (size_t)size, "\";");
    ck_assert_uint_eq(strlen(gap_text(setting, room, 4294967294u)),
                      strlen("{\"event\":\"\",\"data\":{\"room\":\"\",\"count\":4294967294}}") +
                          1020);
}
END_TEST

/* Whatever a room may be called, a client reads the same name. */
START_TEST(a_gap_event_names_any_room)
{
    static const char *const pieces[] = {
        "\"",      "\\", "/",        "{room}",       "}",
        "\\u0000", "*",  "\xc3\xbc", "\xe2\x80\xa8", "\xf0\x9f\x98\x80"};
    struct dice dice = {7};
    for (int round = 0; round < 200; round++) {
        char room[256] = "";
        size_t size = 0;
        for (;;) {
            const char *piece = pieces[dice_below(&dice, sizeof pieces / sizeof *pieces)];
            if (size + strlen(piece) > 255)
                break;
            size += (size_t)snprintf(room + size, sizeof room - size, "%s", piece);
        }
        json_t *event = json_loads(gap_text("gap_event = \"room.gap\";", room, 3), 0, NULL);
        const json_t *data = json_object_get(event, "data");
        ck_assert_str_eq(json_string_value(json_object_get(data, "room")), room);
        ck_assert_int_eq(json_integer_value(json_object_get(data, "count")), 3);
        json_decref(event);
    }
}
END_TEST

START_TEST(bad_gap_notices)
{
    BAD_PROVIDER(GATEWAY "gap_notice = \"\";", "`gap_notice` of gateway `a` is ``", "is empty");
    BAD_PROVIDER(GATEWAY "gap_notice = \"{rom}\";", "`{rom}`", "neither `{count}` nor `{room}`",
                 "`{{` and `}}`");
    BAD_PROVIDER(GATEWAY "gap_notice = \"{room} {room}\";", "twice");
    BAD_PROVIDER(GATEWAY "gap_notice = 5;", "an integer", "a string");
    BAD_PROVIDER(GATEWAY "gap_event = \"\";", "`gap_event` of gateway `a` is ``", "is empty",
                 "\"room.gap\"");
    BAD_PROVIDER(GATEWAY "gap_event = \"a\\nb\";", "without control characters");
    BAD_PROVIDER(GATEWAY "gap_event = \"a\"; gap_notice = \"b\";", "both", "remove one");
    BAD_PROVIDER(SERVICE "gap_notice = \"x\";", "`gap_notice` of service `b`", "clients");
    BAD_PROVIDER(SERVICE "gap_event = \"x\";", "`gap_event` of service `b`", "clients");
    BAD_PROVIDER(GATEWAY "gap_notic = \"x\";", "unknown", "did you mean `gap_notice`?");
}
END_TEST

START_TEST(all_faults_at_once_and_in_order)
{
    static const unsigned lines[] = {2, 3, 4, 6, 7, 8};

    read_text("modules = (\n"
              "  { name = \"a b\";\n"
              "    extra = 1;\n"
              "    imports = [ 5 ];\n"
              "    providers = (\n"
              "      { gateway = \"a\"; library = \"a.so\"; path = \"a\"; },\n"
              "      { gateway = \"b\"; } ); } );\n"
              "workers = \"two\";\n" LISTEN);
    fault_list_sort(&faults);
    ck_assert_uint_eq(faults.count, sizeof lines / sizeof lines[0]);
    for (size_t i = 0; i < faults.count; i++)
        ck_assert_uint_eq(faults.faults[i].line, lines[i]);
}
END_TEST

START_TEST(faults_are_printed_one_to_a_line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    fault_add(&faults, "b.conf", 2, "second");
    fault_add(&faults, "b.conf", 2, "third, as it was found later");
    fault_add(&faults, "b.conf", 2, "second"); /* for another address */
    fault_add(&faults, "b.conf", 0, "first of %s", "b");
    fault_add(&faults, "a.conf", 12, "forged\na.conf:1: line");
    fault_list_sort(&faults);
    fault_list_print(&faults, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(text, "a.conf:12: forged?a.conf:1: line\n"
                           "b.conf: first of b\n"
                           "b.conf:2: second\n"
                           "b.conf:2: third, as it was found later\n");
    free(text);
}
END_TEST

START_TEST(the_shipped_file_is_good)
{
    config = gateways_conf_read(TEST_SOURCE_DIR "/gateways.conf", &faults);
    testing_check_no_faults();
    ck_assert_str_eq(listen_address_text(&config->websocket.addresses[0]), "127.0.0.1:9000");
    ck_assert_str_eq(config->modules[0].name, "chat");
    ck_assert_str_eq(config->modules[0].providers[0].name, "rooms");
    ck_assert_str_eq(config->modules[1].providers[0].name, "echo");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, testing_setup, teardown);
    tcase_add_test(cases, missing_file);
    tcase_add_test(cases, a_folder);
    tcase_add_test(cases, unreadable_file);
    tcase_add_test(cases, empty_file);
    tcase_add_test(cases, malformed_file);
    tcase_add_test(cases, includes);
    tcase_add_test(cases, lines_around_includes);
    tcase_add_test(cases, not_an_include);
    tcase_add_test(cases, what_can_not_be_included);
    tcase_add_test(cases, no_file_to_read);
    tcase_add_test(cases, too_much_to_read);
    tcase_add_test(cases, groups_that_are_too_large);
    tcase_add_test(cases, an_open_end);
    tcase_add_test(cases, numbers_without_l);
    tcase_add_test(cases, numbers_that_fit);
    tcase_add_test(cases, addresses);
    tcase_add_test(cases, one_address_or_a_list);
    tcase_add_test(cases, bad_addresses);
    tcase_add_test(cases, files_of_unix_sockets);
    tcase_add_test(cases, bad_files_of_unix_sockets);
    tcase_add_test(cases, addresses_of_admin);
    tcase_add_test(cases, the_page_can_be_turned_off);
    tcase_add_test(cases, bad_listen);
    tcase_add_test(cases, workers);
    tcase_add_test(cases, control);
    tcase_add_test(cases, watch);
    tcase_add_test(cases, the_longest_control);
    tcase_add_test(cases, control_of_a_file_with_faults);
    tcase_add_test(cases, plugin_path);
    tcase_add_test(cases, limits);
    tcase_add_test(cases, bad_limits);
    tcase_add_test(cases, every_limit_has_its_range);
    tcase_add_test(cases, modules);
    tcase_add_test(cases, guards_of_the_module_come_before_those_of_the_gateway);
    tcase_add_test(cases, bad_guards);
    tcase_add_test(cases, bad_modules);
    tcase_add_test(cases, bad_providers);
    tcase_add_test(cases, whom_the_host_becomes);
    tcase_add_test(cases, hosts_and_origins);
    tcase_add_test(cases, bad_hosts_and_origins);
    tcase_add_test(cases, proxies);
    tcase_add_test(cases, bad_proxies);
    tcase_add_test(cases, refuse);
    tcase_add_test(cases, deflate);
    tcase_add_test(cases, bad_deflate);
    tcase_add_test(cases, gap_notices);
    tcase_add_test(cases, the_largest_gap_event);
    tcase_add_test(cases, a_gap_event_names_any_room);
    tcase_add_test(cases, bad_gap_notices);
    tcase_add_test(cases, all_faults_at_once_and_in_order);
    tcase_add_test(cases, faults_are_printed_one_to_a_line);
    tcase_add_test(cases, the_shipped_file_is_good);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
