/* What the log says of a client; see client.h. */
#include "rooms/client.h"

#include "base/log_limit.h"

#include <string.h>

struct log_field client_log_name(const toni_client *client)
{
    return log_str("client", client->name);
}

struct log_field client_log_address(const toni_client *client)
{
    const toni_str address = client->request->address;
    return log_strn("address", address.data, address.size);
}

struct log_field client_log_subject(toni_client *client, char text[IDENTITY_SUBJECT_MAX])
{
    size_t size = 0;
    lock_take(&client->lock);
    if (client->identity) {
        size = client->identity->subject.size;
        memcpy(text, client->identity->subject.data, size);
    }
    lock_give(&client->lock);
    return log_brief("subject", text, size);
}

/* --- What receivers find */

static void report_slow(toni_client *client)
{
    char subject[IDENTITY_SUBJECT_MAX];
    const struct outbox *outbox = &client->receiver.outbox;
    log_limited(LOG_LEVEL_WARN, "client closed: slow consumer", LOG_CLIENT(client, subject),
                log_uint("outbox_messages", outbox->messages),
                log_uint("outbox_bytes", outbox->bytes));
}

static void report_evicted(toni_client *client)
{
    char subject[IDENTITY_SUBJECT_MAX];
    const struct receiver *receiver = &client->receiver;
    log_limited(LOG_LEVEL_WARN,
                "client closed: what waits for clients together is above outbox_bytes_total",
                LOG_CLIENT(client, subject), log_uint("outbox_bytes", receiver->outbox.bytes),
                log_uint("stuck_ms", backlog_stuck_ms(&receiver->backlog, receiver->lane)));
}

static void report_starved(toni_client *client)
{
    char subject[IDENTITY_SUBJECT_MAX];
    log_limited(LOG_LEVEL_ERROR, "client closed: no memory for its outbox",
                LOG_CLIENT(client, subject));
}

void client_log_fault(struct receiver *receiver, enum receiver_fault fault)
{
    toni_client *client = client_of_receiver(receiver);
    switch (fault) {
    case RECEIVER_IS_SLOW:
        report_slow(client);
        break;
    case RECEIVER_IS_EVICTED:
        report_evicted(client);
        break;
    case RECEIVER_IS_STARVED:
        report_starved(client);
        break;
    }
}
