/* The metrics of rooms, of what they keep, and of what waits for their members. */
#include "http/metrics.h"
#include "rooms/connections.h"

static void write_histories(struct exposition *exposition, const struct histories *histories)
{
    exposition_gauge(exposition, "toni_history_rooms", "Rooms that keep messages.",
                     atomic_load(&histories->rooms));
    exposition_gauge(exposition, "toni_history_bytes",
                     "What the messages are charged that rooms keep; see history_bytes.",
                     atomic_load(&histories->bytes));
    exposition_counter(
        exposition, "toni_history_crowded_total",
        "Messages that rooms did not keep, or not for as long as they should, for want "
        "of history_bytes.",
        counter_read(&histories->crowded));
    exposition_gauge(exposition, "toni_history_awaited_rooms",
                     "Rooms that nobody is in, and that go on for those who may come back.",
                     atomic_load(&histories->awaited));
    exposition_counter(exposition, "toni_history_unawaited_total",
                       "Rooms that did not go on for those who may come back, for want of "
                       "history_bytes.",
                       counter_read(&histories->unawaited));
    exposition_counter(exposition, "toni_recovered_total",
                       "Clients that came back to a room and got all that they had missed.",
                       counter_read(&histories->recovered));
    exposition_family(exposition, "toni_not_recovered_total", "counter",
                      "Clients that came back to a room and got nothing of what they had missed.");
    for (unsigned i = 0; i < NOT_RECOVERED_COUNT; i++)
        exposition_number(exposition, LABELS({"reason", not_recovered_word((enum not_recovered)i)}),
                          counter_read(&histories->not_recovered[i]));
}

void metrics_write_rooms(struct exposition *exposition, toni_connections *connections,
                         const struct connections_figures *figures)
{
    exposition_gauge(exposition, "toni_outbox_messages",
                     "Messages that wait in outboxes, as the last flushes left them.",
                     figures->outbox_messages);
    exposition_gauge(exposition, "toni_outbox_bytes",
                     "Bytes that wait in outboxes, as the last flushes left them.",
                     figures->outbox_bytes);
    exposition_gauge(
        exposition, "toni_outbox_memory_bytes",
        "Memory of what waits in outboxes, each message once however many it waits in; see "
        "outbox_bytes_total.",
        budget_used(&connections->budgets[BUDGET_OUTBOX]));
    exposition_gauge(exposition, "toni_inbound_bytes",
                     "Memory of messages from clients that have not come to their end; see "
                     "inbound_bytes.",
                     budget_used(&connections->budgets[BUDGET_INBOUND]));
    exposition_gauge(exposition, "toni_pending_bytes",
                     "Bytes of broadcasts that are on their way to workers.",
                     atomic_load(&connections->pending));
    exposition_gauge(exposition, "toni_rooms", "Rooms that have a member, of all namespaces.",
                     figures->rooms);
    exposition_family(exposition, "toni_namespace_rooms", "gauge",
                      "Rooms that have a member, by namespace; that of the default one is empty.");
    for (const struct space *space = &connections->common; space; space = space->next)
        exposition_number(exposition, LABELS({"namespace", space->name}),
                          atomic_load(&space->rooms));
    exposition_gauge(exposition, "toni_room_memberships", "Memberships of clients in rooms.",
                     atomic_load(&connections->memberships));
    exposition_gauge(exposition, "toni_room_metadata_bytes",
                     "Metadata that plugins have given to rooms, with what it is kept in; see "
                     "room_metadata_bytes.",
                     atomic_load(&connections->metadata_bytes));
    write_histories(exposition, &connections->histories);
    exposition_gauge(exposition, "toni_identified_clients",
                     "Clients of which a guard has said who they are.",
                     atomic_load(&connections->identities));
    exposition_gauge(exposition, "toni_identity_bytes", "Memory of who they are, claims included.",
                     atomic_load(&connections->identity_bytes));
    exposition_gauge(exposition, "toni_revocations", "Subjects that were revoked, see revocations.",
                     revocations_count(&connections->revocations));
    exposition_counter(exposition, "toni_revocations_given_up_total",
                       "Subjects that were revoked and forgotten before revocation_s was over.",
                       revocations_given_up(&connections->revocations));
}
