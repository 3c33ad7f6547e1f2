/* Whom the proxies name, who they have to be, and networks in CIDR notation. */
#include "runner.h"
#include "ws/forwarded.h"

#include <string.h>

static toni_cidr networks[4];
static struct trusted_proxies trusted = {.networks = networks};

static void setup(void)
{
    static const char *const texts[] = {"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"};
    trusted.has_unix = false;
    for (trusted.count = 0; trusted.count < 3; trusted.count++)
        ck_assert_int_eq(
            toni_cidr_read(toni_str_of(texts[trusted.count]), &networks[trusted.count]), TONI_OK);
}

/* @param expected  NULL: nobody is named; "!": the field can't be read. */
static void check(const struct forwarded *forwarded, int failed, const char *value,
                  const char *expected)
{
    toni_ip address;
    char text[INET6_ADDRSTRLEN] = "!";
    const bool is_known = !failed && forwarded_end(forwarded, &address);
    if (is_known)
        toni_ip_write(&address, text);
    ck_assert_msg((is_known || failed) == (expected != NULL), "`%s`", value);
    if (expected)
        ck_assert_msg(strcmp(text, expected) == 0, "`%s` is %s", value, text);
}

static void check_list(const char *value, const char *expected)
{
    struct forwarded forwarded;
    forwarded_begin(&forwarded, &trusted);
    forwarded_take_list(&forwarded, toni_str_of(value));
    check(&forwarded, 0, value, expected);
}

static void check_elements(const char *value, const char *expected)
{
    struct forwarded forwarded;
    forwarded_begin(&forwarded, &trusted);
    check(&forwarded, forwarded_take_elements(&forwarded, toni_str_of(value)), value, expected);
}

START_TEST(the_right_most_that_is_not_trusted)
{
    check_list("203.0.113.7", "203.0.113.7");
    check_list("6.6.6.6, 203.0.113.7", "203.0.113.7");
    check_list("6.6.6.6, 203.0.113.7, 10.1.2.3", "203.0.113.7");
    check_list("6.6.6.6, 203.0.113.7,10.1.2.3 ,192.0.2.1", "203.0.113.7");
    check_list("10.9.9.9, 203.0.113.7, 10.1.2.3", "203.0.113.7");
    check_list("10.1.1.1, 10.2.2.2", "10.1.1.1");
    check_list("192.0.2.2, 192.0.2.1", "192.0.2.2");
    check_list("", NULL);
    check_list(" , ,", NULL);
}
END_TEST

START_TEST(who_is_hidden_ends_it)
{
    check_list("unknown", NULL);
    check_list("203.0.113.7, unknown", NULL);
    check_list("203.0.113.7, unknown, 10.1.1.1, 10.2.2.2", "10.1.1.1");
    check_list("nonsense, 203.0.113.7", "203.0.113.7");
    check_list("203.0.113.7, unix:", NULL);
    trusted.has_unix = true;
    check_list("203.0.113.7, unix:", "203.0.113.7");
    check_list("unix:", NULL);
}
END_TEST

START_TEST(addresses_in_any_dress)
{
    check_list("203.0.113.7:4711", "203.0.113.7");
    check_list("2001:db9::7", "2001:db9::7");
    check_list("[2001:db9::7]", "2001:db9::7");
    check_list("[2001:DB9::7]:4711", "2001:db9::7");
    check_list("::ffff:203.0.113.7", "203.0.113.7");
    check_list("203.0.113.7, ::ffff:10.1.2.3", "203.0.113.7");
    check_list("[203.0.113.7]", NULL);
    check_list("203.0.113.7:", NULL);
    check_list("203.0.113.7:123456", NULL);
    check_list("203.0.113.7:4x", NULL);
    check_list("[2001:db9::7", NULL);
    check_list("[2001:db9::7]4711", NULL);
    check_list("[]", NULL);
    check_list("fe80::1%eth0", NULL);
    check_list("203.0.113.007", NULL);
    check_list("1.2.3", NULL);
}
END_TEST

START_TEST(elements_of_rfc_7239)
{
    check_elements("for=203.0.113.7", "203.0.113.7");
    check_elements("For=\"203.0.113.7:4711\"", "203.0.113.7");
    check_elements("for=203.0.113.7;proto=http;by=203.0.113.43", "203.0.113.7");
    check_elements("proto=http; by=\"a;,b\" ; for=203.0.113.7", "203.0.113.7");
    check_elements("for=\"[2001:db9::17]:4711\"", "2001:db9::17");
    check_elements("for=[2001:db9::17]:4711", "2001:db9::17");
    check_elements("for=\"203.0.11\\3.7\"", "203.0.113.7");
    check_elements("for=6.6.6.6, for=203.0.113.7, for=10.1.1.1", "203.0.113.7");
    check_elements("for=203.0.113.7, for=_hidden, for=10.1.1.1", "10.1.1.1");
    check_elements("for=203.0.113.7, for=unknown", NULL);
    check_elements("for=203.0.113.7, proto=https", NULL);
    check_elements("for=203.0.113.7, by=10.1.1.1", NULL);
    check_elements("", NULL);
    check_elements(",,", NULL);
    check_elements(", for=203.0.113.7 ,", "203.0.113.7");
    check_elements("for=203.0.113.7;", "203.0.113.7");
}
END_TEST

START_TEST(what_can_not_be_read_is_refused)
{
    check_elements("for=\"203.0.113.7", "!");
    check_elements("for=\", for=203.0.113.7", "!"); /* it would swallow what the proxy added */
    check_elements("for=\"203.0.113.7\\", "!");
    check_elements("for", "!");
    check_elements("for=", "!");
    check_elements("for =203.0.113.7", "!");
    check_elements("=203.0.113.7", "!");
    check_elements("for=203.0.113.7 for=10.1.1.1", "!");
    check_elements("for=203.0.113.7;for=6.6.6.6", "!");
    check_elements("for=\"203.0.113.7\"x", "!");
    check_elements("for=203.0.113.7, \"", "!");
}
END_TEST

START_TEST(a_long_value_is_no_address)
{
    char value[256] = "for=\"203.0.113.7";
    const size_t begins = strlen(value);
    memset(value + begins, 'x', 200);
    value[begins + 200] = '"';
    check_elements(value, NULL);
}
END_TEST

/* --- Networks */

static void check_network(const char *text, int fault)
{
    toni_cidr network;
    ck_assert_msg(toni_cidr_judge(toni_str_of(text), &network) == fault, "`%s`", text);
}

START_TEST(networks_are_read_strictly)
{
    static const char *const good[] = {
        "10.0.0.0/8", "0.0.0.0/0",     "192.0.2.7/32", "192.0.2.7",  "::/0",
        "::1/128",    "2001:db8::/32", "::1",          "10.0.0.0/7", "::ffff:10.0.0.0/104"};
    static const char *const no_address[] = {"",     "/8",     "10/8",       "10.0.0/8",
                                             "a/8",  "[::1]",  "10.0.0.0.0", " ::1",
                                             "unix", "::1%lo", "010.0.0.0/8"};
    static const char *const no_prefix[] = {"10.0.0.0/",
                                            "10.0.0.0/33",
                                            "10.0.0.0/08",
                                            "::/129",
                                            "::/-1",
                                            "10.0.0.0/8 ",
                                            "::/0x8",
                                            "::/1000",
                                            "10.0.0.0/255.0.0.0",
                                            "::ffff:10.0.0.0/95"};
    static const char *const host_bits[] = {"10.0.0.1/8", "10.0.0.0/6", "::1/127", "2001:db8::1/32",
                                            "128.0.0.0/0"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        check_network(good[i], 0);
    for (size_t i = 0; i < sizeof no_address / sizeof *no_address; i++)
        check_network(no_address[i], TONI_CIDR_NO_ADDRESS);
    for (size_t i = 0; i < sizeof no_prefix / sizeof *no_prefix; i++)
        check_network(no_prefix[i], TONI_CIDR_NO_PREFIX);
    for (size_t i = 0; i < sizeof host_bits / sizeof *host_bits; i++)
        check_network(host_bits[i], TONI_CIDR_HOST_BITS);
}
END_TEST

static bool has(const char *network_text, const char *address_text)
{
    toni_cidr network;
    toni_ip address;
    ck_assert_int_eq(toni_cidr_read(toni_str_of(network_text), &network), TONI_OK);
    ck_assert_int_eq(toni_ip_read(toni_str_of(address_text), &address), TONI_OK);
    return toni_cidr_has(&network, &address);
}

START_TEST(networks_have_their_addresses)
{
    ck_assert(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.0"));
    ck_assert(has("172.16.0.0/12", "172.31.9.9") && !has("172.16.0.0/12", "172.32.0.0"));
    ck_assert(has("0.0.0.0/0", "255.255.255.255") && !has("0.0.0.0/0", "::1"));
    ck_assert(has("::/0", "ffff::") && !has("::/0", "10.0.0.1"));
    ck_assert(has("2001:db8::/33", "2001:db8:7fff::1") && !has("2001:db8::/33", "2001:db8:8000::"));
    ck_assert(has("::1", "::1") && !has("::1", "::2"));
    ck_assert(has("10.0.0.0/8", "::ffff:10.1.1.1") && has("::ffff:10.0.0.0/104", "10.1.1.1"));
    ck_assert(!has("::/1", "::ffff:10.1.1.1"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_forwarded");
    TCase *cases = tcase_create("addresses");

    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, the_right_most_that_is_not_trusted);
    tcase_add_test(cases, who_is_hidden_ends_it);
    tcase_add_test(cases, addresses_in_any_dress);
    tcase_add_test(cases, elements_of_rfc_7239);
    tcase_add_test(cases, what_can_not_be_read_is_refused);
    tcase_add_test(cases, a_long_value_is_no_address);
    tcase_add_test(cases, networks_are_read_strictly);
    tcase_add_test(cases, networks_have_their_addresses);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
