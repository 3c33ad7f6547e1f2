/* PROXY headers: every line of the document that a host has to keep, and what it must not believe.
 */
#include "runner.h"
#include "ws/proxy_header.h"

#include <stdio.h>
#include <string.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"

/* Reads all at once, and once more as it comes byte by byte: both must say the same. */
static enum proxy_progress read_all(struct proxy_header *header, const char *bytes, size_t size)
{
    struct proxy_header slow;
    enum proxy_progress progress = PROXY_MORE;
    const enum proxy_progress at_once = proxy_header_read(header, bytes, size);
    for (size_t i = 0; i <= size && progress == PROXY_MORE; i++)
        progress = proxy_header_read(&slow, bytes, i);
    ck_assert_int_eq(progress, at_once);
    if (at_once == PROXY_DONE) {
        ck_assert_uint_eq(slow.size, header->size);
        ck_assert_int_eq(slow.client, header->client);
        ck_assert_mem_eq(&slow.address, &header->address, sizeof slow.address);
    }
    return at_once;
}

static void check_address(const char *bytes, size_t size, size_t header_size, const char *address,
                          uint16_t port)
{
    struct proxy_header header;
    char text[INET6_ADDRSTRLEN];
    ck_assert_int_eq(read_all(&header, bytes, size), PROXY_DONE);
    ck_assert_uint_eq(header.size, header_size);
    ck_assert_int_eq(header.client, PROXY_BY_IP);
    toni_ip_write(&header.address, text);
    ck_assert_str_eq(text, address);
    ck_assert_uint_eq(header.port, port);
}

/* Bytes that are no text. */
static void put(char *to, const void *bytes, size_t size)
{
    memcpy(to, bytes, size);
}

static void check_line(const char *line, const char *address, uint16_t port)
{
    char bytes[256];
    const int size = snprintf(bytes, sizeof bytes, "%s\r\n", line);
    put(bytes + size, "GET /", 5); /* what follows is the client's */
    check_address(bytes, (size_t)size + 5, (size_t)size, address, port);
}

START_TEST(reads_a_line)
{
    check_line("PROXY TCP4 192.0.2.7 203.0.113.1 56324 443", "192.0.2.7", 56324);
    check_line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255", 65535);
    check_line("PROXY TCP4 0.0.0.0 0.0.0.0 0 0", "0.0.0.0", 0);
    check_line("PROXY TCP6 2001:db8::7 2001:db8::1 1 443", "2001:db8::7", 1);
    check_line("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:203.0.113.1 1 2", "192.0.2.7", 1);
    check_line("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
               "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);
}
END_TEST

static void check_itself(const char *bytes, size_t size)
{
    struct proxy_header header;
    ck_assert_int_eq(read_all(&header, bytes, size), PROXY_DONE);
    ck_assert_uint_eq(header.size, size);
    ck_assert_int_eq(header.client, PROXY_ITSELF);
}

START_TEST(unknown_is_the_proxy_itself)
{
    char longest[PROXY_HEADER_V1_MAX + 1];
    const char plain[] = "PROXY UNKNOWN\r\n";
    const char more[] = "PROXY UNKNOWN whatever follows 99999\r\n";
    check_itself(plain, sizeof plain - 1);
    check_itself(more, sizeof more - 1);
    (void)snprintf(longest, sizeof longest, "PROXY UNKNOWN %0*d\r\n", PROXY_HEADER_V1_MAX - 16, 0);
    check_itself(longest, PROXY_HEADER_V1_MAX);
}
END_TEST

static void check_fault(const char *bytes, size_t size)
{
    struct proxy_header header;
    ck_assert_msg(read_all(&header, bytes, size) == PROXY_FAULT, "`%.*s`", (int)size, bytes);
    ck_assert_ptr_nonnull(header.fault);
}

START_TEST(refuses_other_lines)
{
    static const char *const lines[] = {
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 192.0.2.7 203.0.113.1 1 2\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 \r\n",
        "PROXY TCP5 192.0.2.7 203.0.113.1 1 2\r\n",
        "PROXY UDP4 192.0.2.7 203.0.113.1 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 1\r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 1 \r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 1 2 \r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 1 2 3\r\n",
        "PROXY TCP4  192.0.2.7 203.0.113.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7\t203.0.113.1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 1 65536\r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 -1 2\r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 01 2\r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 1 0x2\r\n",
        "PROXY TCP4 192.0.2.256 203.0.113.1 1 2\r\n",
        "PROXY TCP4 192.0.2 203.0.113.1 1 2\r\n",
        "PROXY TCP4 192.0.2.07 203.0.113.1 1 2\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 2001:db8::1 1 2\r\n",
        "PROXY TCP6 192.0.2.7 203.0.113.1 1 2\r\n",
        "PROXY TCP6 [2001:db8::7] 2001:db8::1 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n",
        "PROXY TCP4 192.0.2.7 203.0.113.1 1 2\n",
        "PROXY UNKNOWN a\rb\r\n",
        "\n",
        "\r\nPROXY UNKNOWN\r\n",
    };
    char longest[PROXY_HEADER_V1_MAX + 2];
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        check_fault(lines[i], strlen(lines[i]));
    check_fault("PROXY TCP4 192.0.2.7\0 203.0.113.1 1 2\r\n", 39);
    check_fault("PROXY UNKNOWN \0\r\n", 17);
    (void)snprintf(longest, sizeof longest, "PROXY UNKNOWN %0*d\r\n", PROXY_HEADER_V1_MAX - 15, 0);
    check_fault(longest, PROXY_HEADER_V1_MAX + 1);
    check_fault(longest, PROXY_HEADER_V1_MAX); /* without its end: nothing more is waited for */
}
END_TEST

/* --- Version 2 */

/* @return The size. */
static size_t make(char *to, uint8_t command, uint8_t family, const void *block, size_t size)
{
    put(to, V2, 12);
    to[12] = (char)command;
    to[13] = (char)family;
    to[14] = (char)(size >> 8);
    to[15] = (char)size;
    put(to + 16, block, size);
    return 16 + size;
}

static const char ipv4_block[] = "\xc0\x00\x02\x07\xcb\x00\x71\x01\xdc\x04\x01\xbb";

START_TEST(reads_bytes)
{
    char bytes[512] = {0};
    char block[300] = {0};
    size_t size = make(bytes, 0x21, 0x11, ipv4_block, 12);
    check_address(bytes, size + 7, size, "192.0.2.7", 56324);

    block[0] = 0x20, block[1] = 0x01, block[2] = 0x0d, block[3] = (char)0xb8, block[15] = 7;
    block[33] = 9;
    size = make(bytes, 0x21, 0x21, block, 36);
    check_address(bytes, size, size, "2001:db8::7", 9);

    memset(block, 0, sizeof block);
    block[10] = block[11] = (char)0xff, block[12] = 10, block[15] = 1;
    size = make(bytes, 0x21, 0x21, block, 36);
    check_address(bytes, size, size, "10.0.0.1", 0);

    struct proxy_header header;
    memset(block, 'x', sizeof block);
    size = make(bytes, 0x21, 0x31, block, 216);
    ck_assert_int_eq(read_all(&header, bytes, size), PROXY_DONE);
    ck_assert_int_eq(header.client, PROXY_BY_UNIX);
    ck_assert_uint_eq(header.size, size);
}
END_TEST

START_TEST(local_and_unspecified_are_the_proxy_itself)
{
    char bytes[512];
    check_itself(bytes, make(bytes, 0x20, 0x00, "", 0));
    check_itself(bytes, make(bytes, 0x20, 0x11, ipv4_block, 12)); /* not believed */
    check_itself(bytes, make(bytes, 0x20, 0xff, "abc", 3));       /* nor looked at */
    check_itself(bytes, make(bytes, 0x21, 0x00, "", 0));
    check_itself(bytes, make(bytes, 0x21, 0x00, "\x04\x00\x01z", 4));
}
END_TEST

START_TEST(tlvs_are_skipped_and_bounded)
{
    char bytes[512];
    char block[128];
    put(block, ipv4_block, 12);
    put(block + 12,
        "\x01\x00\x02h2\x04\x00\x00\xe0\x00\x03"
        "abc",
        14);
    size_t size = make(bytes, 0x21, 0x11, block, 26);
    check_address(bytes, size, size, "192.0.2.7", 56324);
    check_fault(bytes, make(bytes, 0x21, 0x11, block, 25)); /* the last one is cut */
    check_fault(bytes, make(bytes, 0x21, 0x11, block, 13)); /* its head is */
    put(block + 12, "\x01\xff\xff", 3);
    check_fault(bytes, make(bytes, 0x21, 0x11, block, 15));
}
END_TEST

/* Of the same header, by another's CRC32C. */
START_TEST(a_checksum_has_to_fit)
{
    char bytes[512];
    char block[64];
    put(block, ipv4_block, 12);
    put(block + 12, "\x03\x00\x04\x00\x00\x00\x00", 7);
    size_t size = make(bytes, 0x21, 0x11, block, 19);
    check_fault(bytes, size);
    put(bytes + size - 4, "\x60\x69\x14\x97", 4);
    check_address(bytes, size, size, "192.0.2.7", 56324);
    bytes[16] ^= 1;
    check_fault(bytes, size);
    put(block + 12, "\x03\x00\x03\x00\x00\x00", 6);
    check_fault(bytes, make(bytes, 0x21, 0x11, block, 18));
}
END_TEST

START_TEST(refuses_other_bytes)
{
    static char block[5000], bytes[6000];
    struct proxy_header header;
    check_fault(bytes, make(bytes, 0x22, 0x11, ipv4_block, 12)); /* no such command */
    check_fault(bytes, make(bytes, 0x11, 0x11, ipv4_block, 12)); /* nor version */
    check_fault(bytes, make(bytes, 0x31, 0x11, ipv4_block, 12));
    check_fault(bytes, make(bytes, 0x21, 0x12, ipv4_block, 12)); /* datagrams */
    check_fault(bytes, make(bytes, 0x21, 0x22, block, 36));
    check_fault(bytes, make(bytes, 0x21, 0x32, block, 216));
    check_fault(bytes, make(bytes, 0x21, 0x41, block, 216));
    check_fault(bytes, make(bytes, 0x21, 0x11, ipv4_block, 11));
    check_fault(bytes, make(bytes, 0x21, 0x21, block, 35));
    check_fault(bytes, make(bytes, 0x21, 0x31, block, 215));
    check_itself(bytes, make(bytes, 0x20, 0, block, PROXY_HEADER_MAX - 16));
    check_fault(bytes, make(bytes, 0x20, 0, block, PROXY_HEADER_MAX - 15));
    check_fault(bytes, 16); /* said in its head: the rest is not waited for */
    ck_assert_int_eq(proxy_header_read(&header, V2 "\x21\x11\x00\x0c", 16), PROXY_MORE);
    check_fault("\r\n\r\n\0\r\nQUIT\r", 12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_proxy_header");
    TCase *cases = tcase_create("headers");

    tcase_add_test(cases, reads_a_line);
    tcase_add_test(cases, unknown_is_the_proxy_itself);
    tcase_add_test(cases, refuses_other_lines);
    tcase_add_test(cases, reads_bytes);
    tcase_add_test(cases, local_and_unspecified_are_the_proxy_itself);
    tcase_add_test(cases, tlvs_are_skipped_and_bounded);
    tcase_add_test(cases, a_checksum_has_to_fit);
    tcase_add_test(cases, refuses_other_bytes);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
