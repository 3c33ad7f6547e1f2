/* The header of the PROXY protocol, versions 1 and 2, as haproxy's document `proxy-protocol.txt`
 * has them: what a proxy says of its client before it hands on the first byte. Only how it is read;
 * from whom it is believed is the matter of net/access.h. Needs no socket and allocates nothing.
 *
 * Strict, and stricter than the document where that leaves a choice: version 1 has single blanks,
 * ports without leading zeros and nothing behind them; version 2 has at most PROXY_HEADER_MAX
 * bytes, its TLVs lie within it, and a CRC32C that is there has to fit. Datagrams are refused. */
#ifndef WS_PROXY_HEADER_H
#define WS_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/cidr.h>

/* With the line end. */
#define PROXY_HEADER_V1_MAX 107

/* Of version 2, whose own field could say 65,535 more. */
#define PROXY_HEADER_MAX 4096

enum proxy_progress {
    PROXY_MORE, /* all bytes so far are the header's */
    PROXY_DONE,
    PROXY_FAULT,
};

/* Whose connection it is. */
enum proxy_client {
    PROXY_ITSELF,  /* the proxy's: LOCAL, UNKNOWN, or of a family that it doesn't say */
    PROXY_BY_IP,   /* see `address` */
    PROXY_BY_UNIX, /* of a client that came to the proxy over a Unix socket */
};

struct proxy_header {
    size_t size; /* of the header; what follows is the client's */
    enum proxy_client client;
    toni_ip address;
    uint16_t port;
    const char *fault; /* PROXY_FAULT: a few words for people, static */
};

/** Reads a header.
 * @param header  Filled in.
 * @param bytes   All that has come so far, from the first byte on.
 * @return PROXY_DONE: all of @p header but `fault` is set. However the bytes are cut, the result is
 * the same. */
enum proxy_progress proxy_header_read(struct proxy_header *header, const void *bytes, size_t size);

#endif
