/* Host; see host.h. */
#include "http/host.h"

#include "base/log_limit.h"
#include "http/deadlines.h"
#include "net/access.h"
#include "ws/web_name.h"

#include <microhttpd.h>
#include <string.h>

/* The address that the client has reached. */
static struct sockaddr_storage find_local(const struct http_connection *connection)
{
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof local;
    if (connection->secure)
        return connection->secure->local;
    (void)getsockname(connection->fd, (struct sockaddr *)&local, &size); /* if not, it is none */
    return local;
}

bool http_host_is_ours(struct access *access, struct MHD_Connection *mhd,
                       const struct http_connection *connection, const char *address)
{
    const char *host = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    if (!host)
        return true;
    const struct sockaddr_storage local = find_local(connection);
    if (access_knows_host(access, toni_str_of(host), (const struct sockaddr *)&local))
        return true;
    log_limited(LOG_LEVEL_WARN,
                "an HTTP request is refused: its Host is no name of this host; if it should be, "
                "add it to `hosts` in gateways.conf, without its port",
                log_brief("host", host, strlen(host)), log_str("address", address));
    return false;
}
