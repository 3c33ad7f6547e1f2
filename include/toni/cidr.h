/** @file
 * IP addresses and networks in CIDR notation (RFC 4632, RFC 4291), read strictly and compared.
 * Numbers only: names are not looked up. Nothing here calls the host or allocates. `toni/toni.h`
 * does not include this file, which brings the system's names of sockets along.
 *
 *     toni_cidr office;
 *     toni_ip client;
 *     if (toni_cidr_read(TONI_LIT("192.0.2.0/24"), &office) == TONI_OK &&
 *         toni_ip_read(toni_request_address(request), &client) == TONI_OK &&
 *         toni_cidr_has(&office, &client))
 *         ...
 *
 * @since ABI 1.0
 */
#ifndef TONI_CIDR_H
#define TONI_CIDR_H

#include <toni/error.h>
#include <toni/str.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <sys/socket.h>

/** An address. One that is mapped (RFC 4291, section 2.5.5.2), as a socket for both families shows
 * IPv4 clients, is that of IPv4. */
typedef struct toni_ip {
    uint8_t is_ipv6;   /**< 0: IPv4 */
    uint8_t bytes[16]; /**< in network order; of IPv4 the first four, the others are 0 */
} toni_ip;

/** A network: all addresses whose first `bits` bits are those of `first`. */
typedef struct toni_cidr {
    toni_ip first;
    uint8_t bits; /**< 0 to 32, or to 128 */
} toni_cidr;

/** What is wrong with a network. */
enum toni_cidr_fault {
    TONI_CIDR_NO_ADDRESS = 1, /**< no address before the slash */
    TONI_CIDR_NO_PREFIX,      /**< no number of bits behind it, or too many */
    TONI_CIDR_HOST_BITS       /**< bits behind the prefix are set: 10.0.0.1/8 */
};

/** Takes the bytes of an address.
 * @param bytes  4 or 16, in network order; copied.
 * @since ABI 1.0 */
static inline toni_ip toni_ip_make(bool is_ipv6, const uint8_t *bytes)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    toni_ip ip;
    memset(&ip, 0, sizeof ip);
    if (is_ipv6 && memcmp(bytes, mapped, sizeof mapped) == 0) {
        is_ipv6 = false;
        bytes += sizeof mapped;
    }
    ip.is_ipv6 = is_ipv6;
    memcpy(ip.bytes, bytes, is_ipv6 ? 16 : 4);
    return ip;
}

/** Reads `192.0.2.7` or `2001:db8::7`, without brackets, port, blanks and the name of an interface.
 * @param text  Borrowed for the call.
 * @param ip    Set if it is one.
 * @return TONI_OK, or TONI_ERR_INVALID.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_ip_read(toni_str text, toni_ip *ip)
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    if (text.size == 0 || text.size >= sizeof copy || memchr(text.data, '\0', text.size))
        return TONI_ERR_INVALID;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    const bool is_ipv6 = memchr(copy, ':', text.size) != NULL;
    if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, copy, bytes) != 1)
        return TONI_ERR_INVALID;
    *ip = toni_ip_make(is_ipv6, bytes);
    return TONI_OK;
}

/** Writes an address as toni_ip_read() reads it.
 * @param text  Filled in, with a NUL behind it.
 * @thread Any. @since ABI 1.0 */
static inline void toni_ip_write(const toni_ip *ip, char text[INET6_ADDRSTRLEN])
{
    text[0] = '\0';
    (void)inet_ntop(ip->is_ipv6 ? AF_INET6 : AF_INET, ip->bytes, text, INET6_ADDRSTRLEN);
}

/** @return Whether the first @p bits bits of both are the same; both are of one family. */
static inline bool toni_ip_begins_like(const toni_ip *a, const toni_ip *b, unsigned bits)
{
    const unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a->bytes, b->bytes, whole) != 0)
        return false;
    return rest == 0 || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0;
}

/** Tells whether an address lies in a network. One of IPv4 lies in none of IPv6, also not in ::/0.
 * @thread Any. @since ABI 1.0 */
static inline bool toni_cidr_has(const toni_cidr *cidr, const toni_ip *ip)
{
    return cidr->first.is_ipv6 == ip->is_ipv6 && toni_ip_begins_like(&cidr->first, ip, cidr->bits);
}

/** @return The number of bits behind a slash, 0 to @p most; -1: it is none. */
static inline int toni_cidr_read_bits(toni_str text, int most)
{
    int bits = 0;
    if (text.size == 0 || text.size > 3 || (text.size > 1 && text.data[0] == '0'))
        return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        bits = 10 * bits + (text.data[i] - '0');
    }
    return bits <= most ? bits : -1;
}

/** Reads a network, and says what is wrong with one.
 * @param text   `10.0.0.0/8`, `2001:db8::/32`; an address alone is a network of one. Borrowed.
 * @param cidr   Set if it is one.
 * @return 0, or one of enum toni_cidr_fault.
 * @thread Any. @since ABI 1.0 */
static inline int toni_cidr_judge(toni_str text, toni_cidr *cidr)
{
    const char *slash = text.size > 0 ? (const char *)memchr(text.data, '/', text.size) : NULL;
    const toni_str address =
        toni_str_make(text.data, slash ? (size_t)(slash - text.data) : text.size);
    toni_cidr read;
    memset(&read, 0, sizeof read);
    if (toni_ip_read(address, &read.first) != TONI_OK)
        return TONI_CIDR_NO_ADDRESS;
    const bool is_mapped = !read.first.is_ipv6 && memchr(address.data, ':', address.size);
    const int whole = read.first.is_ipv6 || is_mapped ? 128 : 32;
    int bits = whole;
    if (slash)
        bits = toni_cidr_read_bits(toni_str_make(slash + 1, text.size - address.size - 1), whole);
    if (is_mapped) /* of which the network has to be a part */
        bits -= 96;
    if (bits < 0)
        return TONI_CIDR_NO_PREFIX;
    read.bits = (uint8_t)bits;
    for (unsigned bit = (unsigned)bits; bit < (read.first.is_ipv6 ? 128u : 32u); bit++) {
        if ((read.first.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0)
            return TONI_CIDR_HOST_BITS;
    }
    *cidr = read;
    return 0;
}

/** Reads a network.
 * @param text  As for toni_cidr_judge().
 * @param cidr  Set if it is one.
 * @return TONI_OK, or TONI_ERR_INVALID.
 * @thread Any. @since ABI 1.0 */
static inline int32_t toni_cidr_read(toni_str text, toni_cidr *cidr)
{
    return toni_cidr_judge(text, cidr) == 0 ? TONI_OK : TONI_ERR_INVALID;
}

#endif
