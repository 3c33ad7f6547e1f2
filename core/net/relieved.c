/* See relieved.h. */
#include "net/relieved.h"

#include "net/ending.h"

void relieved_note(struct connection *connection)
{
    struct worker *worker = connection->served.worker;
    if (connection->is_relieved)
        return;
    connection->is_relieved = true;
    connection->next_relieved = worker->relieved;
    worker->relieved = connection;
}

void relieved_forget(struct connection *connection)
{
    struct connection **place = &connection->served.worker->relieved;
    if (!connection->is_relieved)
        return;
    while (*place != connection)
        place = &(*place)->next_relieved;
    *place = connection->next_relieved;
    connection->is_relieved = false;
}

static void tell(struct connection *connection)
{
    const toni_client *client = connection->served.client;
    if (connection->state != CONNECTION_OPEN || !client || connection->served.is_refused)
        return;
    const uint16_t code = gateway_on_drained(&connection->served);
    if (code > 0)
        connection_fault(connection, code);
}

/* A connection ends when the loop lets go of it, never in here. What is noted meanwhile comes after
 * the next flush: or one whose socket takes all that its gateway sends would hold up all others. */
void relieved_tell(struct worker *worker)
{
    struct connection *next, *connection = worker->relieved;
    worker->relieved = NULL;
    for (; connection; connection = next) {
        next = connection->next_relieved;
        connection->is_relieved = false;
        tell(connection);
    }
}
