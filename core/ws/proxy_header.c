/* PROXY headers; see proxy_header.h. */
#include "ws/proxy_header.h"

#include <string.h>

static enum proxy_progress refuse(struct proxy_header *header, const char *fault)
{
    header->fault = fault;
    return PROXY_FAULT;
}

/* --- Version 1: a line */

static const char v1_begin[] = "PROXY ";

/* @return 0 to 65535, or -1. */
static int read_port(toni_str text)
{
    int port = 0;
    if (text.size == 0 || text.size > 5 || (text.size > 1 && text.data[0] == '0'))
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        port = 10 * port + (text.data[i] - '0');
    }
    return port <= UINT16_MAX ? port : -1;
}

/* Cuts off what stands before the next blank. */
static toni_str next_word(toni_str *line)
{
    const char *blank = memchr(line->data, ' ', line->size);
    const toni_str word =
        toni_str_make(line->data, blank ? (size_t)(blank - line->data) : line->size);
    const size_t gone = word.size + (blank ? 1 : 0);
    *line = toni_str_make(line->data + gone, line->size - gone);
    return word;
}

static bool read_address(toni_str text, bool is_ipv6, toni_ip *address)
{
    return text.size > 0 && (memchr(text.data, ':', text.size) != NULL) == is_ipv6 &&
           toni_ip_read(text, address) == TONI_OK;
}

/* What stands behind "TCP4 " or "TCP6 ". */
static enum proxy_progress read_v1_addresses(struct proxy_header *header, toni_str line,
                                             bool is_ipv6)
{
    toni_ip to;
    const toni_str source = next_word(&line), target = next_word(&line);
    const int from_port = read_port(next_word(&line));
    const bool is_last = line.size > 0 && !memchr(line.data, ' ', line.size);
    if (!read_address(source, is_ipv6, &header->address) || !read_address(target, is_ipv6, &to))
        return refuse(header, "an address is none of the family that it names");
    if (from_port < 0 || !is_last || read_port(line) < 0)
        return refuse(header, "it has no two ports from 0 to 65535 at its end");
    header->client = PROXY_BY_IP;
    header->port = (uint16_t)from_port;
    return PROXY_DONE;
}

static bool is_printable(toni_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

/* @param line  Between "PROXY " and the line end. */
static enum proxy_progress read_v1_line(struct proxy_header *header, toni_str line)
{
    if (!is_printable(line))
        return refuse(header, "its line has a control character in it");
    const toni_str family = next_word(&line);
    if (toni_str_equal(family, TONI_LIT("TCP4")))
        return read_v1_addresses(header, line, false);
    if (toni_str_equal(family, TONI_LIT("TCP6")))
        return read_v1_addresses(header, line, true);
    if (!toni_str_equal(family, TONI_LIT("UNKNOWN")))
        return refuse(header, "its family is none of TCP4, TCP6 and UNKNOWN");
    header->client = PROXY_ITSELF; /* whatever follows, as the document wants it */
    return PROXY_DONE;
}

static enum proxy_progress read_v1(struct proxy_header *header, const char *bytes, size_t size)
{
    const size_t begin = sizeof v1_begin - 1;
    const size_t looked_at = size < PROXY_HEADER_V1_MAX ? size : PROXY_HEADER_V1_MAX;
    const char *end = memchr(bytes, '\n', looked_at);
    if (!end && size < PROXY_HEADER_V1_MAX)
        return PROXY_MORE;
    if (!end)
        return refuse(header, "its line is longer than 107 bytes");
    header->size = (size_t)(end - bytes) + 1;
    if (header->size < begin + 2 || end[-1] != '\r')
        return refuse(header, "its line does not end with CR LF");
    return read_v1_line(header, toni_str_make(bytes + begin, header->size - begin - 2));
}

/* --- Version 2: bytes */

static const uint8_t v2_begin[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                     0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

#define V2_FIXED 16
#define V2_LOCAL 0x20
#define V2_PROXY 0x21

#define TLV_CRC32C 0x03
#define TLV_HEAD 3

static unsigned read_16(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Bit by bit: once for a connection, of a few hundred bytes mostly. */
static uint32_t crc32c_add(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = (crc >> 1) ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    return crc;
}

/* The checksum's own four bytes count as zero. */
static bool crc_fits(const uint8_t *bytes, size_t size, size_t at)
{
    uint32_t crc = UINT32_MAX, said = 0;
    for (size_t i = 0; i < size; i++) {
        const bool is_own = i >= at && i < at + 4;
        crc = crc32c_add(crc, is_own ? 0 : bytes[i]);
        said = is_own ? said << 8 | bytes[i] : said;
    }
    return ~crc == said;
}

static const char *judge_tlvs(const uint8_t *bytes, size_t size, size_t at)
{
    while (at < size) {
        if (size - at < TLV_HEAD || size - at - TLV_HEAD < read_16(bytes + at + 1))
            return "a TLV reaches beyond its end";
        const size_t length = read_16(bytes + at + 1);
        if (bytes[at] == TLV_CRC32C && (length != 4 || !crc_fits(bytes, size, at + TLV_HEAD)))
            return "its CRC32C does not fit";
        at += TLV_HEAD + length;
    }
    return NULL;
}

/* @return The bytes that the addresses of a family take; -1: it is none that a stream has. */
static int read_v2_family(struct proxy_header *header, const uint8_t *bytes, size_t room)
{
    const uint8_t *addresses = bytes + V2_FIXED;
    switch (bytes[13]) {
    case 0x00: /* UNSPEC */
        return 0;
    case 0x11: /* TCP over IPv4 */
        if (room >= 12) {
            header->client = PROXY_BY_IP;
            header->address = toni_ip_make(false, addresses);
            header->port = (uint16_t)read_16(addresses + 8);
        }
        return 12;
    case 0x21: /* TCP over IPv6 */
        if (room >= 36) {
            header->client = PROXY_BY_IP;
            header->address = toni_ip_make(true, addresses);
            header->port = (uint16_t)read_16(addresses + 32);
        }
        return 36;
    case 0x31: /* a Unix stream */
        header->client = PROXY_BY_UNIX;
        return 216;
    default:
        return -1;
    }
}

static enum proxy_progress read_v2(struct proxy_header *header, const uint8_t *bytes, size_t size)
{
    if (size < V2_FIXED)
        return PROXY_MORE;
    if (bytes[12] != V2_LOCAL && bytes[12] != V2_PROXY)
        return refuse(header, "it is neither LOCAL nor PROXY of version 2");
    const size_t room = read_16(bytes + 14);
    header->size = V2_FIXED + room;
    if (header->size > PROXY_HEADER_MAX)
        return refuse(header, "it is longer than 4096 bytes");
    if (size < header->size)
        return PROXY_MORE;
    header->client = PROXY_ITSELF;
    if (bytes[12] == V2_LOCAL) /* the document: what follows is to be skipped */
        return PROXY_DONE;
    const int taken = read_v2_family(header, bytes, room);
    if (taken < 0)
        return refuse(header, "its family is none of TCP over IPv4, over IPv6, and Unix streams");
    if ((size_t)taken > room)
        return refuse(header, "it is too short for the addresses of its family");
    const char *fault = judge_tlvs(bytes, header->size, V2_FIXED + (size_t)taken);
    return fault ? refuse(header, fault) : PROXY_DONE;
}

/* --- Either */

static bool may_be(const void *bytes, size_t size, const void *begin, size_t begin_size)
{
    return memcmp(bytes, begin, size < begin_size ? size : begin_size) == 0;
}

enum proxy_progress proxy_header_read(struct proxy_header *header, const void *bytes, size_t size)
{
    *header = (struct proxy_header){.client = PROXY_ITSELF};
    if (size == 0)
        return PROXY_MORE;
    if (may_be(bytes, size, v1_begin, sizeof v1_begin - 1))
        return read_v1(header, bytes, size);
    if (may_be(bytes, size, v2_begin, sizeof v2_begin))
        return read_v2(header, bytes, size);
    return refuse(header, "it does not begin as one of version 1 or 2 does");
}
