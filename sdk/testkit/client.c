/* Clients of a fake host: what the gateway sees of them, and what tests do with them. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <stdio.h>

static toni_client_id client_id(const toni_client *client)
{
    return client_of(client)->id;
}

static const char *client_name(const toni_client *client)
{
    return client_of(client)->name;
}

static void client_id_name(toni_client_id client, char name[TONI_CLIENT_NAME_SIZE])
{
    (void)snprintf(name, TONI_CLIENT_NAME_SIZE, "id%" PRIu64, client);
}

static int32_t client_send(toni_client *client, const toni_message *message)
{
    toni_fake_host *host = host_of(client);
    fake_record(host, "send %" PRIu64, client_of(client)->id);
    fake_record_message(host, message);
    const toni_client_id id = client_of(client)->id;
    const int32_t result = fake_answer(host, "send", fake_check_send(host, id, message));
    if (result >= 0)
        fake_deliver(host, id, message);
    return result;
}

static int32_t client_close(toni_client *client, uint16_t code, toni_str reason)
{
    toni_fake_host *host = host_of(client);
    fake_record(host, "close %" PRIu64 " %u %.*s\n", client_of(client)->id, code,
                TONI_STR_ARG(reason));
    const toni_client_id id = client_of(client)->id;
    const int32_t refusal =
        fake_first_error(fake_check_close(code, reason), fake_check_known(host, id));
    return fake_close(host, id, fake_answer(host, "close", refusal), code, reason);
}

static void *client_data(const toni_client *client)
{
    return client_of(client)->data;
}

static void client_set_data(toni_client *client, void *data)
{
    toni_fake_known *known = fake_find_client(host_of(client), client_of(client)->id);
    client_of(client)->data = data;
    if (known)
        known->carries_data = data != NULL;
}

static const toni_request *client_request(const toni_client *client)
{
    return (const toni_request *)&client_of(client)->request;
}

/* --- What tests do with them */

void toni_fake_client_init(toni_fake_client *client, toni_fake_host *host, toni_client_id id)
{
    *client = (toni_fake_client){.host = &host->table, .id = id, .request.host = &host->table};
    client_id_name(id, client->name);
    fake_know_client(client);
    toni_fake_client_set_part(client, TONI_REQUEST_PATH, "/");
}

toni_client *toni_fake_client_handle(toni_fake_client *client)
{
    return (toni_client *)client;
}

void toni_fake_client_set_part(toni_fake_client *client, uint32_t part, const char *value)
{
    ck_assert_uint_le(part, TONI_REQUEST_SUBPROTOCOL);
    client->request.parts[part] = toni_str_of(value);
}

void toni_fake_client_set_header(toni_fake_client *client, const char *name, const char *value)
{
    toni_fake_request *request = &client->request;
    fake_add_setting(request->headers, &request->header_count, name)->text = toni_str_of(value);
}

void toni_fake_client_set_parameter(toni_fake_client *client, const char *name, const char *value)
{
    toni_fake_request *request = &client->request;
    fake_add_setting(request->parameters, &request->parameter_count, name)->text =
        toni_str_of(value);
}

static void free_data(toni_fake_host *host, toni_fake_client *client)
{
    if (client->data && host->plugin->client_free)
        host->plugin->client_free(host->self, client->data);
    client_set_data(toni_fake_client_handle(client), NULL);
}

/* All that is no yes is a refusal, TONI_LATER too. */
static int32_t take_decision(toni_fake_client *client)
{
    const int32_t result = client->ticket->result;
    fake_leave_ticket(client);
    return result == TONI_LATER ? TONI_ERR_FORBIDDEN : result;
}

const struct toni_guard_table *fake_offered_guard(const toni_fake_host *host)
{
    const toni_interface *provides = host->plugin->provides;
    return provides && toni_str_equal(provides->name, TONI_LIT("toni_guard")) ? provides->table
                                                                              : NULL;
}

static int has_guard(const toni_fake_host *host)
{
    return host->plugin->guard || fake_offered_guard(host);
}

static int32_t call_guard(const toni_fake_host *host, const toni_request *request)
{
    const struct toni_guard_table *offered = fake_offered_guard(host);
    const toni_guard_slot slot = {.table = offered, .self = host->self};
    const int32_t result = offered ? toni_guard_check(&slot, request) : TONI_OK;
    return result == TONI_OK && host->plugin->guard ? host->plugin->guard(host->self, request)
                                                    : result;
}

/* @param host  Whose guard is asked. @return What has come of it: TONI_LATER if it waits. */
static int32_t ask_guard(toni_fake_client *client, const toni_fake_host *host)
{
    client->in_guard = 1;
    client->in_vain = 0;
    int32_t result = call_guard(host, (const toni_request *)&client->request);
    client->in_guard = 0;
    if (client->ticket) {
        ck_assert_msg(result == TONI_LATER, "a guard took a ticket and did not return TONI_LATER");
        return fake_is_decided(client) ? take_decision(client) : result;
    }
    ck_assert_msg(result != TONI_LATER || client->in_vain,
                  "a guard returned 1, which is TONI_LATER, and has no ticket");
    return result == TONI_LATER ? TONI_ERR_BUSY : result;
}

/* Those that are listed, one after the other, then the gateway's own; goes on where one waited.
 * @return The first that is no yes, or TONI_OK. */
static int32_t ask_guards(toni_fake_client *client)
{
    const toni_fake_host *host = host_of(client);
    int32_t result = TONI_OK;
    while (result == TONI_OK && client->guards_asked <= host->guard_count) {
        const size_t number = client->guards_asked++;
        const toni_fake_host *of = number < host->guard_count ? host->guards[number] : host;
        if (has_guard(of))
            result = ask_guard(client, of);
    }
    return result;
}

/* @param result  Of the guards. */
static int32_t let_in(toni_fake_client *client, int32_t result)
{
    toni_fake_host *host = host_of(client);
    client->in_on_connect = 1;
    if (result == TONI_OK && host->plugin->on_connect)
        result = host->plugin->on_connect(host->self, toni_fake_client_handle(client));
    client->in_on_connect = 0;
    if (result == TONI_OK)
        return result;
    free_data(host, client);
    fake_forget_client(host, client->id);
    return result;
}

int32_t toni_fake_client_connect(toni_fake_client *client)
{
    fake_know_client(client);
    client->guards_asked = 0;
    const int32_t result = ask_guards(client);
    return result == TONI_LATER ? result : let_in(client, result);
}

int32_t toni_fake_client_resume(toni_fake_client *client)
{
    ck_assert_msg(client->ticket != NULL, "no guard waits for this client");
    if (!fake_is_decided(client))
        return TONI_LATER;
    int32_t result = take_decision(client);
    if (result == TONI_OK)
        result = ask_guards(client);
    return result == TONI_LATER ? result : let_in(client, result);
}

void toni_fake_host_add_guard(toni_fake_host *host, toni_fake_host *guard)
{
    ck_assert_msg(host->guard_count < TONI_FAKE_MAX_GUARDS, "no room for one more guard: "
                                                            "TONI_FAKE_MAX_GUARDS");
    ck_assert_msg(guard->self && fake_offered_guard(guard),
                  "the guard is not started, or does not offer `toni_guard`");
    host->guards[host->guard_count++] = guard;
}

void toni_fake_client_cancel(toni_fake_client *client)
{
    ck_assert_msg(client->ticket != NULL, "no guard waits for this client");
    fake_leave_ticket(client);
    fake_forget_client(host_of(client), client->id);
}

int32_t toni_fake_client_adopt(toni_fake_client *client, toni_fake_host *host)
{
    toni_fake_host *before = host_of(client);
    const toni_fake_known *known = fake_find_client(before, client->id);
    const int is_closing = !known || known->is_closing;
    free_data(before, client);
    client->host = client->request.host = &host->table;
    fake_know_client(client);
    fake_take_rooms_along(before, host, client->id);
    fake_forget_client(before, client->id);
    fake_find_client(host, client->id)->is_closing = is_closing;
    if (!host->plugin->on_adopt)
        return TONI_OK;
    return fake_without_count(host->plugin->on_adopt(host->self, toni_fake_client_handle(client)));
}

/* @return The code that a host closes the client with; 0: it stays. */
static uint16_t judge_failure(toni_fake_client *client, uint32_t where, int32_t error)
{
    toni_fake_host *host = host_of(client);
    if (!host->plugin->on_error)
        return toni_error_is_refusal(error) ? 0 : 1011;
    const int32_t answer =
        host->plugin->on_error(host->self, toni_fake_client_handle(client), where, error);
    if (answer == 0)
        return 0;
    const int is_code =
        answer > 0 && answer <= UINT16_MAX && toni_fake_is_close((uint16_t)answer, TONI_LIT(""));
    return is_code ? (uint16_t)answer : 1011;
}

/* @param result  Of a callback of the client's. @return @p result. */
static int32_t take_result(toni_fake_client *client, uint32_t where, int32_t result)
{
    const uint16_t code = result < 0 ? judge_failure(client, where, result) : 0;
    if (code == 0)
        return result;
    client->closed_with = code;
    (void)fake_close(host_of(client), client->id, TONI_OK, code, TONI_LIT(""));
    return result;
}

int32_t toni_fake_client_send(toni_fake_client *client, const toni_message *message)
{
    toni_fake_host *host = host_of(client);
    return take_result(
        client, TONI_IN_MESSAGE,
        host->plugin->on_message(host->self, toni_fake_client_handle(client), message));
}

int32_t toni_fake_client_drained(toni_fake_client *client)
{
    toni_fake_host *host = host_of(client);
    ck_assert_msg(host->plugin->on_drained != NULL, "the plugin has no `on_drained`");
    return take_result(client, TONI_IN_DRAINED,
                       host->plugin->on_drained(host->self, toni_fake_client_handle(client)));
}

int32_t toni_fake_client_send_text(toni_fake_client *client, const char *text)
{
    toni_message message = toni_text(toni_str_of(text));
    return toni_fake_client_send(client, &message);
}

void toni_fake_client_disconnect(toni_fake_client *client, uint32_t reason)
{
    toni_fake_host *host = host_of(client);
    toni_disconnect_info info = {.struct_size = sizeof info, .reason = reason};
    toni_fake_known *known = fake_find_client(host, client->id);
    if (known)
        known->is_closing = known->is_leaving = 1;
    if (host->plugin->on_disconnect)
        host->plugin->on_disconnect(host->self, toni_fake_client_handle(client), &info);
    free_data(host, client);
    fake_forget_client(host, client->id);
}

void fake_client_fill(toni_host *table)
{
    table->client_id = client_id;
    table->client_name = client_name;
    table->client_id_name = client_id_name;
    table->client_send = client_send;
    table->client_close = client_close;
    table->client_data = client_data;
    table->client_set_data = client_set_data;
    table->client_request = client_request;
}
