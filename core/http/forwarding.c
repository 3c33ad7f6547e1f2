/* Forwarded requests; see forwarding.h. */
#include "http/forwarding.h"

#include "base/log_limit.h"
#include "http/deadlines.h"
#include "http/exchange.h"
#include "net/access.h"
#include "ws/field.h"

#include <microhttpd.h>

static enum MHD_Result take(void *data, enum MHD_ValueKind kind, const char *name, size_t name_size,
                            const char *value, size_t value_size)
{
    struct forwarded_reading *reading = data;
    (void)kind;
    if (field_equal(toni_str_make(name, name_size), proxy_field_name(reading->way)) && value)
        access_take_forwarded(reading, toni_str_make(value, value_size));
    return MHD_YES;
}

bool http_forwarding_read(struct access *access, struct toni_exchange *exchange)
{
    toni_ip client;
    struct forwarded_reading reading;
    const enum proxy_way way = exchange->connection->proxy_way;
    if (way == PROXY_NONE)
        return true;
    access_begin_forwarded(access, way, &reading);
    MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, take, &reading);
    const int found = access_end_forwarded(&reading, &client);
    if (found > 0)
        toni_ip_write(&client, exchange->address);
    if (found >= 0)
        return true;
    log_limited(LOG_LEVEL_WARN,
                "an HTTP request is refused: its field Forwarded can't be read, so nobody knows "
                "whose it is; have the proxy drop what clients send of it",
                log_str("proxy", exchange->address));
    http_exchange_refuse(exchange, 400, "Forwarded can't be read.\n", NULL, NULL);
    return false;
}
