/* What people should know: see remarks.h. */
#include "remarks.h"

#include <stdio.h>

void remark_mended(struct connection *connection, toni_str fields)
{
    static const struct {
        char field;
        const char *cost;
    } costs[] = {
        {'i', "its rooms begin anew"},
        {'g', "its rooms begin anew"},
        {'b', "boot numbers go on above those of the hosts that are there"},
        {'k', "the key of clients' ids is that which this host has had"},
    };
    char text[256];
    for (size_t i = 0; i < fields.size; i++) {
        for (size_t j = 0; j < sizeof costs / sizeof costs[0]; j++) {
            if (costs[j].field != fields.data[i])
                continue;
            (void)snprintf(
                text, sizeof text,
                "the field `%c` of its hash \"%.*s:%c:\" was damaged, and was made anew: "
                "%s. Does something else write there?",
                costs[j].field, TONI_STR_ARG(connection->common->settings->prefix), KEY_SERVER,
                costs[j].cost);
            connection_warn(connection, text);
        }
    }
}

/* Somebody else's, or damaged: hosts go on without them, and they stay where they are unless they
 * are very many. That is told once, so it is not left to connection_warn(), which passes over some.
 */
void remark_strange(struct connection *connection, const struct answer_lease *lease)
{
    char text[400];
    const toni_str prefix = connection->common->settings->prefix;
    if (lease->is_cleared) {
        toni_log(connection->common->context, TONI_LOG_WARN,
                 "%.*s: %u fields of its hash \"%.*s:%c:\" were no leases of toni, and were taken "
                 "out, as reading so many takes too long: something else uses the same `prefix`",
                 TONI_STR_ARG(connection->server->name), lease->strange_count, TONI_STR_ARG(prefix),
                 KEY_LEASES);
        return;
    }
    (void)snprintf(text, sizeof text,
                   "%u fields of its hash \"%.*s:%c:\" are no leases of toni, and are passed over; "
                   "HDEL takes them out. One is \"%.*s\"",
                   lease->strange_count, TONI_STR_ARG(prefix), KEY_LEASES,
                   TONI_STR_ARG(lease->strange));
    connection_warn(connection, text);
}

/* One and the same host may be met at each server. */
void remark_other_lists(struct connection *connection, const redisReply *reply)
{
    const struct common *common = connection->common;
    toni_str list;
    char text[900];
    for (size_t i = 0; answer_other_list(reply, i, &list); i++) {
        toni_str name = {NULL, 0};
        (void)toni_str_split_once(list, '\n', &name, &list);
        (void)snprintf(text, sizeof text,
                       "the host \"%.*s\" names other servers than this one. It has %.*s; this one "
                       "has %s. They look for some rooms at different servers, and neither hears "
                       "what is said at the other's: name the same in `servers` and `masters`",
                       TONI_STR_ARG(name), TONI_STR_ARG(list), common->list.text);
        connection_warn_of_all(connection, text);
    }
}
