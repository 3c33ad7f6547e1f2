/* When certificates end: a line in the log 21, 7 and 1 days before, and when it is over, once each.
 * Looked at when the host starts, after each reload, and once an hour.
 *
 * All on the main thread. */
#ifndef HOST_CERTIFICATES_H
#define HOST_CERTIFICATES_H

#include "tls/set.h"

#include <stdint.h>
#include <uv.h>

struct certificate_notice;

/* Of the addresses of one setting. Zero is one that has looked at nothing. */
struct certificate_watch {
    struct certificate_notice *notices; /* of those that were there when it last looked */
    size_t count;
};

/** Looks, and says what has not been said yet.
 * @param addresses  Those of the set.
 * @param now_s      Unix time. */
void certificate_watch_look(struct certificate_watch *watch, const struct tls_set *set,
                            const struct address_list *addresses, int64_t now_s);

void certificate_watch_finish(struct certificate_watch *watch);

#endif
