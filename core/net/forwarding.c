/* Forwarded handshakes; see forwarding.h. */
#include "net/forwarding.h"

#include "base/log_limit.h"
#include "net/access.h"
#include "net/connection.h"
#include "net/opening_state.h"
#include "net/server_data.h"

/* @return As access_end_forwarded(). */
static int read_fields(struct connection *connection, toni_ip *client)
{
    toni_str value;
    unsigned index = 0;
    struct forwarded_reading reading;
    const enum proxy_way way = connection->proxy_way;
    const toni_str name = toni_str_of(proxy_field_name(way));
    access_begin_forwarded(connection->served.worker->server->access, way, &reading);
    while (head_next_field(&connection->opening->head, name, &index, &value))
        access_take_forwarded(&reading, value);
    return access_end_forwarded(&reading, client);
}

enum refusal forwarding_read(struct connection *connection, const char **why)
{
    toni_ip client;
    const int found = connection->proxy_way != PROXY_NONE ? read_fields(connection, &client) : 0;
    if (found > 0)
        toni_ip_write(&client, connection->address);
    if (found >= 0)
        return REFUSAL_NONE;
    *why = "Forwarded can't be read";
    log_limited(LOG_LEVEL_WARN,
                "a handshake is refused: its field Forwarded can't be read, so nobody knows whose "
                "it is; have the proxy drop what clients send of it",
                log_str("proxy", connection->address));
    return REFUSAL_BAD_REQUEST;
}
