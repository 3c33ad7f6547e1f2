/* Which address a request comes from, by what proxies have written into its head: X-Forwarded-For,
 * or Forwarded (RFC 7239). Each proxy adds at the right who has come to it, so from the right on
 * the entries are believed as long as they name proxies that are trusted: the right-most one that
 * is not trusted is the client. What stands to its left anybody may have written.
 *
 *     struct forwarded forwarded;
 *     forwarded_begin(&forwarded, &trusted);
 *     for each field of that name, in order:
 *         forwarded_take_list(&forwarded, value);     or forwarded_take_elements()
 *     if (forwarded_end(&forwarded, &address))
 *         it is `address`; else nobody is named, and it is who has connected
 *
 * An entry that names nobody (`unknown`, `_hidden`, anything that is no address) ends what is
 * known: then it is the trusted one to its right. Allocates nothing. */
#ifndef WS_FORWARDED_H
#define WS_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <toni/cidr.h>

/** Whose word is taken. */
struct trusted_proxies {
    toni_cidr *networks;
    size_t count;
    bool has_unix; /* whoever comes over a Unix socket */
};

/** @return Whether an address is one of theirs. */
bool trusted_proxies_have(const struct trusted_proxies *trusted, const toni_ip *address);

struct forwarded {
    const struct trusted_proxies *trusted;
    bool is_open;  /* the next one that is trusted is the best that is known */
    bool is_known; /* `address` is set */
    toni_ip address;
};

/** @param trusted  Borrowed. */
void forwarded_begin(struct forwarded *forwarded, const struct trusted_proxies *trusted);

/** Takes a value of X-Forwarded-For: addresses, with ports and brackets or not. */
void forwarded_take_list(struct forwarded *forwarded, toni_str value);

/** Takes a value of Forwarded.
 * @return 0, or -1 if it can't be read: who says where its elements end may say who the client is,
 * so such a request is to be refused. */
int forwarded_take_elements(struct forwarded *forwarded, toni_str value);

/** @param address  Set if somebody is named. @return Whether somebody is. */
bool forwarded_end(const struct forwarded *forwarded, toni_ip *address);

#endif
