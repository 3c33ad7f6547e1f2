/* Who may ask: hosts and origins, as gateways.conf has them. */
#include "net/access.h"
#include "runner.h"
#include "temporary_folder.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define MODULES                                                                                    \
    "modules = ( { name = \"m\"; providers = ( { gateway = \"open\"; library = \"a.so\"; "         \
    "origins = [ \"*\" ]; }, { gateway = \"own\"; library = \"a.so\"; origins = [ "                \
    "\"https://own.example\" ]; }, { gateway = \"shut\"; library = \"a.so\"; origins = [ ]; }, "   \
    "{ gateway = \"plain\"; library = \"a.so\"; } ); } );\n"
#define FILE_HEAD "listen = { websocket = \"127.0.0.1:9000\"; };\n" MODULES

static struct access *access_rules;
static struct sockaddr_in local = {.sin_family = AF_INET};

static struct config *read_text(const char *text)
{
    struct config *config = gateways_conf_read(testing_write_text("gateways.conf", text), &faults);

    ck_assert_ptr_nonnull(config);
    ck_assert_uint_eq(faults.count, 0);
    return config;
}

static void set_rules(const char *text)
{
    struct config *config = read_text(text);

    if (access_rules)
        access_change(access_rules, config);
    else
        access_rules = access_create(config);
    gateways_conf_destroy(config);
    ck_assert_ptr_nonnull(access_rules);
}

static void setup(void)
{
    testing_setup();
    inet_pton(AF_INET, "10.1.2.3", &local.sin_addr);
}

static void teardown(void)
{
    access_destroy(access_rules);
    access_rules = NULL;
    testing_teardown();
}

static bool knows(const char *host)
{
    return access_knows_host(access_rules, toni_str_of(host), (const struct sockaddr *)&local);
}

static bool allows(const char *gateway, const char *origin, const char *host)
{
    return access_allows_origin(access_rules, gateway, toni_str_of(origin), toni_str_of(host),
                                (const struct sockaddr *)&local);
}

START_TEST(without_hosts_it_is_loopback_and_the_address)
{
    set_rules(FILE_HEAD);
    ck_assert(knows("localhost:9001"));
    ck_assert(knows("127.0.0.1"));
    ck_assert(knows("[::1]:9001"));
    ck_assert(knows("10.1.2.3:9001"));
    ck_assert(!knows("10.1.2.4"));
    ck_assert(!knows("evil.example"));
    ck_assert(!knows(""));
    ck_assert(!knows("localhost, evil.example"));
}
END_TEST

START_TEST(hosts_add_to_these)
{
    set_rules(FILE_HEAD "hosts = [ \"Chat.Example.org\", \"10.9.9.9\", \"[fd00::1]\" ];");
    ck_assert(knows("chat.example.org:443"));
    ck_assert(knows("10.9.9.9"));
    ck_assert(knows("[fd00:0::1]"));
    ck_assert(knows("localhost"));
    ck_assert(!knows("example.org"));
    ck_assert(!knows("a.chat.example.org"));
    set_rules(FILE_HEAD "hosts = [ \"*\" ];");
    ck_assert(knows("evil.example"));
    ck_assert(!knows("not a host"));
}
END_TEST

START_TEST(a_page_of_the_same_host_may_connect_if_that_is_ours)
{
    set_rules(FILE_HEAD "hosts = [ \"chat.example\" ];");
    ck_assert(allows("plain", "http://localhost:9001", "localhost:9000"));
    ck_assert(allows("plain", "http://10.1.2.3:9001", "10.1.2.3:9000"));
    ck_assert(allows("plain", "https://chat.example", "Chat.example:9000"));
    ck_assert(!allows("plain", "https://evil.example", "chat.example"));
    ck_assert(!allows("plain", "https://evil.example", "evil.example")); /* DNS rebinding */
    ck_assert(!allows("plain", "http://127.0.0.1", "localhost"));
    ck_assert(!allows("plain", "null", "localhost"));
    ck_assert(!allows("plain", "", "localhost"));
    ck_assert(!allows("plain", "", ""));
    ck_assert(allows("shut", "http://localhost", "localhost"));
}
END_TEST

START_TEST(origins_of_the_host_and_of_a_gateway)
{
    set_rules(FILE_HEAD "origins = [ \"https://www.example\", \"null\" ];");
    ck_assert(allows("plain", "https://www.example", "localhost"));
    ck_assert(allows("plain", "HTTPS://www.Example", "10.0.0.1"));
    ck_assert(allows("plain", "null", "localhost"));
    ck_assert(!allows("plain", "https://www.example:8443", "localhost"));
    ck_assert(!allows("plain", "http://www.example", "localhost"));
    ck_assert(!allows("plain", "https://own.example", "localhost"));
    ck_assert(allows("own", "https://own.example", "localhost"));
    ck_assert(!allows("own", "https://www.example", "localhost"));
    ck_assert(!allows("shut", "https://www.example", "localhost"));
    ck_assert(allows("open", "https://evil.example", "evil.example"));
    ck_assert(allows("open", "null", ""));
    ck_assert(allows("unknown", "https://www.example", "localhost"));
    set_rules(FILE_HEAD);
    ck_assert(!allows("plain", "https://www.example", "localhost"));
}
END_TEST

#define CHROMES "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
#define FIREFOXES "moz-extension://0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"

START_TEST(extensions_are_let_in_if_they_are_listed)
{
    set_rules(FILE_HEAD);
    ck_assert(!allows("plain", CHROMES, "localhost"));
    ck_assert(!allows("plain", FIREFOXES, "localhost"));
    ck_assert(allows("open", CHROMES, "localhost"));
    set_rules(FILE_HEAD "origins = [ \"" CHROMES "\", \"" FIREFOXES "\" ];");
    ck_assert(allows("plain", CHROMES, "evil.example"));
    ck_assert(allows("plain", FIREFOXES, "evil.example"));
    ck_assert(!allows("plain", "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba", "localhost"));
    ck_assert(!allows("plain", CHROMES "/", "localhost"));
    ck_assert(!allows("plain", "null", "localhost"));
}
END_TEST

/* Only pages of the web can be of the same host. */
START_TEST(another_scheme_is_of_no_host_of_ours)
{
    set_rules(FILE_HEAD "hosts = [ \"abcdefghijklmnopabcdefghijklmnop\" ];");
    ck_assert(!allows("plain", CHROMES, "abcdefghijklmnopabcdefghijklmnop"));
    ck_assert(!allows("plain", "app://localhost", "localhost"));
    ck_assert(!allows("plain", "file://localhost", "localhost"));
    ck_assert(allows("plain", "http://localhost:3000", "localhost:9000"));
    ck_assert(allows("plain", "HTTPS://localhost", "localhost:9000"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/access");
    TCase *cases = tcase_create("access");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, without_hosts_it_is_loopback_and_the_address);
    tcase_add_test(cases, hosts_add_to_these);
    tcase_add_test(cases, a_page_of_the_same_host_may_connect_if_that_is_ours);
    tcase_add_test(cases, origins_of_the_host_and_of_a_gateway);
    tcase_add_test(cases, extensions_are_let_in_if_they_are_listed);
    tcase_add_test(cases, another_scheme_is_of_no_host_of_ours);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
