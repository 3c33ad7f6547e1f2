/* What a fake host delivers: to clients, to the members of rooms, and to targets. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- What clients get */

/* A test that does not look may send as much as it likes. */
void fake_got(toni_fake_client *client, const char *format, ...)
{
    va_list arguments;
    const size_t used = strlen(client->got), space = sizeof client->got - used;
    va_start(arguments, format);
    const int length = vsnprintf(client->got + used, space, format, arguments);
    va_end(arguments);
    client->got_too_much |= length < 0 || (size_t)length >= space;
}

void fake_deliver(toni_fake_host *host, toni_client_id id, const toni_message *message)
{
    const toni_fake_known *known = fake_find_client(host, id);
    if (!known || !known->client)
        return;
    toni_fake_client *client = known->client;
    fake_got(client, "%s:", message->kind == TONI_TEXT ? "text" : "binary");
    for (size_t i = 0; i < message->body.size && !client->got_too_much; i++)
        fake_got(client, "%c", message->body.data[i] ? message->body.data[i] : '~');
    fake_got(client, "\n");
}

void toni_fake_client_clear(toni_fake_client *client)
{
    client->got[0] = '\0';
    client->got_too_much = 0;
}

/* --- Whom it is for */

static void add_target(toni_fake_host *host, toni_client_id id, void *data)
{
    const toni_fake_known *known = fake_find_client(host, id);
    (void)data;
    if (!known || known->is_closing)
        return;
    for (size_t i = 0; i < host->targeted_count; i++) {
        if (host->targeted[i] == id)
            return;
    }
    host->targeted[host->targeted_count++] = id;
}

static void leave_out(toni_fake_host *host, toni_client_id id)
{
    for (size_t i = 0; i < host->targeted_count; i++) {
        if (host->targeted[i] == id)
            host->targeted[i--] = host->targeted[--host->targeted_count];
    }
}

/* @param room    Whose message it is; empty: of no one room.
 * @param result  What is returned unless it is TONI_OK: an error, or a count that a test has set.
 * @return How many were targeted. */
static int32_t deliver_to_targets(toni_fake_host *host, int32_t result, toni_str room,
                                  const toni_message *message)
{
    if (result < 0)
        return result;
    const toni_message kept = room.size > 0 ? fake_keep(host, room, message) : *message;
    for (size_t i = 0; i < host->targeted_count; i++)
        fake_deliver(host, host->targeted[i], &kept);
    return result > 0 ? result : (int32_t)host->targeted_count;
}

static int32_t broadcast_to_room(toni_connections *connections, toni_str room,
                                 const toni_message *message)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "broadcast %.*s", TONI_STR_ARG(room));
    fake_record_message(host, message);
    const int32_t refusal = fake_first_error(
        fake_check_room(room), toni_fake_message_check(message, TONI_FAKE_BROADCAST_MAX));
    host->targeted_count = 0;
    fake_for_members(host, room, add_target, NULL);
    return deliver_to_targets(host, fake_answer(host, "broadcast", refusal), room, message);
}

static int32_t client_may_publish(toni_client *client, toni_str room)
{
    toni_fake_host *host = host_of(client);
    fake_record(host, "may_publish %" PRIu64 " %.*s\n", client_of(client)->id, TONI_STR_ARG(room));
    return fake_answer(
        host, "may_publish",
        fake_first_error(fake_check_room(room), fake_check_publish(client_of(client), room)));
}

static int32_t broadcast_from(toni_client *client, toni_str room, const toni_message *message)
{
    toni_fake_host *host = host_of(client);
    fake_record(host, "broadcast_from %" PRIu64 " %.*s", client_of(client)->id, TONI_STR_ARG(room));
    fake_record_message(host, message);
    int32_t refusal = fake_first_error(fake_check_room(room),
                                       toni_fake_message_check(message, TONI_FAKE_BROADCAST_MAX));
    refusal = fake_first_error(refusal, fake_check_publish(client_of(client), room));
    host->targeted_count = 0;
    fake_for_members(host, room, add_target, NULL);
    return deliver_to_targets(host, fake_answer(host, "broadcast_from", refusal), room, message);
}

/* --- Targets: one at a time */

static toni_target *target_create(toni_connections *connections)
{
    toni_fake_host *host = host_of_connections(connections);
    fake_record(host, "target\n");
    host->handed_out++;
    host->target_error = TONI_OK;
    host->targeted_count = host->left_out_count = 0;
    host->target_parts = 0;
    host->target_room = TONI_LIT("");
    return (toni_target *)&host->target;
}

static void target_to_room(toni_target *target, toni_str room)
{
    toni_fake_host *host = host_of_target(target);
    fake_record(host, "to_room %.*s\n", TONI_STR_ARG(room));
    host->target_error = fake_first_error(host->target_error, fake_check_room(room));
    host->target_parts++;
    if (fake_check_room(room) == TONI_OK) {
        memcpy(host->target_name, room.data, room.size);
        host->target_room = toni_str_make(host->target_name, room.size);
    }
    fake_for_members(host, room, add_target, NULL);
}

static void target_to_client(toni_target *target, toni_client_id client)
{
    toni_fake_host *host = host_of_target(target);
    fake_record(host, "to_client %" PRIu64 "\n", client);
    host->target_parts += 2;
    add_target(host, client, NULL);
}

/* All clients of a fake host are its plugin's, whose name is "fake". */
static void target_to_gateway(toni_target *target, toni_str gateway)
{
    toni_fake_host *host = host_of_target(target);
    fake_record(host, "to_gateway %.*s\n", TONI_STR_ARG(gateway));
    host->target_parts += 2;
    if (gateway.size == 0)
        host->target_error = fake_first_error(host->target_error, TONI_ERR_INVALID);
    for (size_t i = 0; i < host->known_count && toni_str_equal(gateway, TONI_LIT("fake")); i++)
        add_target(host, host->known[i].id, NULL);
}

static void target_to_all(toni_target *target)
{
    toni_fake_host *host = host_of_target(target);
    fake_record(host, "to_all\n");
    host->target_parts += 2;
    for (size_t i = 0; i < host->known_count; i++)
        add_target(host, host->known[i].id, NULL);
}

static void target_except(toni_target *target, toni_client_id client)
{
    toni_fake_host *host = host_of_target(target);
    fake_record(host, "except %" PRIu64 "\n", client);
    ck_assert_msg(host->left_out_count < TONI_FAKE_MAX_CLIENTS,
                  "more clients are left out than the fake host takes: TONI_FAKE_MAX_CLIENTS");
    host->left_out[host->left_out_count++] = client;
}

int32_t fake_send_to_target(toni_fake_host *host, const char *call, const toni_message *message,
                            int is_taken)
{
    fake_record(host, "%s", call);
    fake_record_message(host, message);
    host->handed_out--;
    for (size_t i = 0; i < host->left_out_count; i++)
        leave_out(host, host->left_out[i]);
    const int32_t refusal = fake_first_error(
        host->target_error, toni_fake_message_check(message, TONI_FAKE_BROADCAST_MAX));
    const toni_str room = host->target_parts == 1 ? host->target_room : TONI_LIT("");
    const int32_t result = fake_answer(host, call, refusal);
    if (result >= 0 && !is_taken)
        return result > 0 ? result : (int32_t)host->targeted_count;
    return deliver_to_targets(host, result, room, message);
}

static int32_t target_send(toni_target *target, const toni_message *message)
{
    return fake_send_to_target(host_of_target(target), "target_send", message, 1);
}

static void target_destroy(toni_target *target)
{
    fake_take_back(host_of_target(target), "target_destroy", NULL);
}

void fake_delivery_fill(toni_host *table)
{
    table->broadcast_to_room = broadcast_to_room;
    table->client_may_publish = client_may_publish;
    table->broadcast_from = broadcast_from;
    table->target_create = target_create;
    table->target_to_room = target_to_room;
    table->target_to_client = target_to_client;
    table->target_to_all = target_to_all;
    table->target_to_gateway = target_to_gateway;
    table->target_except = target_except;
    table->target_send = target_send;
    table->target_destroy = target_destroy;
}
