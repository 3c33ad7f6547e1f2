/* `trusted_proxies` and `proxy_header` of `listen`: who may say which address a client has, and
 * how. */
#ifndef CONFIG_PROXIES_H
#define CONFIG_PROXIES_H

#include "config/setting.h"
#include "ws/forwarded.h"

/** Networks that one list may hold. */
#define PROXIES_MOST 256

/** How a proxy says it. X(NAME, word) */
#define PROXY_WAYS(X)                                                                              \
    X(PROXY_BY_LIST, "x-forwarded-for")                                                            \
    X(PROXY_BY_FIELD, "forwarded")                                                                 \
    X(PROXY_BY_PROTOCOL, "proxy-protocol")

enum proxy_way {
    PROXY_NONE, /* nobody is trusted */
#define PROXY_WAY_NAME(name, word) name,
    PROXY_WAYS(PROXY_WAY_NAME)
#undef PROXY_WAY_NAME
};

struct config_proxies {
    struct trusted_proxies trusted;
    enum proxy_way way;
};

/** Reads both.
 * @param listen   The group.
 * @param proxies  Filled in, to be given to config_proxies_finish().
 * @return 0, or -1 on no memory. */
int config_proxies_read(const struct section *listen, struct config_proxies *proxies);

void config_proxies_finish(struct config_proxies *proxies);

#endif
