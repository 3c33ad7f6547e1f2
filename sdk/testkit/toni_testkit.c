/* The fake host: the whole table of toni/host.h, each function one line of the record. */
#include "toni_testkit.h"

#include "toni_testkit_rules.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The table is the host's first member, and every handle begins with a pointer to the table. */
static toni_fake_host *host_of(const void *handle)
{
    return (toni_fake_host *)toni_host_of(handle);
}

static toni_fake_client *client_of(const toni_client *client)
{
    return (toni_fake_client *)client;
}

static toni_fake_host *host_of_connections(const toni_connections *connections)
{
    toni_fake_host *host = host_of(connections);
    ck_assert_msg((const void *)connections == &host->connections, "not a connections handle");
    return host;
}

static toni_fake_host *host_of_context(const toni_context *context)
{
    toni_fake_host *host = host_of(context);
    ck_assert_msg((const void *)context == &host->context, "not a context");
    return host;
}

static toni_fake_host *host_of_target(const toni_target *target)
{
    toni_fake_host *host = host_of(target);
    ck_assert_msg((const void *)target == &host->target, "not a target");
    ck_assert_msg(host->handed_out > 0, "a target that has ended already");
    return host;
}

/* --- The record */

/* A plugin may use its tickets on threads of its own: guards what becomes of them, and the record.
 * No check fails under it, since that would leave it locked where Check does not fork. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

TONI_PRINTF(2, 3) static void record(toni_fake_host *host, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&lock);
    size_t used = strlen(host->calls);
    size_t space = sizeof host->calls - used;
    int length = vsnprintf(host->calls + used, space, format, arguments);
    pthread_mutex_unlock(&lock);
    va_end(arguments);
    ck_assert_msg(length >= 0 && (size_t)length < space,
                  "more calls than the fake host takes: use toni_fake_host_expect or _clear");
}

static void record_message(toni_fake_host *host, const toni_message *message)
{
    ck_assert_uint_eq(message->struct_size, sizeof *message);
    ck_assert(message->kind == TONI_TEXT || message->kind == TONI_BINARY);
    record(host, " %s:", message->kind == TONI_TEXT ? "text" : "binary");
    host->last_size = message->body.size;
    if (message->body.size > sizeof host->calls) {
        record(host, "(%zu bytes)\n", message->body.size);
        return;
    }
    for (size_t i = 0; i < message->body.size; i++)
        record(host, "%c", message->body.data[i] ? message->body.data[i] : '~');
    record(host, "\n");
}

static int32_t result_of(const toni_fake_host *host, const char *call)
{
    return !host->result_of || strcmp(host->result_of, call) == 0 ? host->result : TONI_OK;
}

/* What the test has set has the last word: the fake host can't know what a host is out of. */
static int32_t answer(const toni_fake_host *host, const char *call, int32_t refusal)
{
    return refusal < 0 ? refusal : result_of(host, call);
}

/* --- Who is connected */

static toni_fake_known *find_client(toni_fake_host *host, toni_client_id id)
{
    for (size_t i = 0; i < host->known_count; i++) {
        if (host->known[i].id == id)
            return &host->known[i];
    }
    return NULL;
}

void toni_fake_host_know(toni_fake_host *host, toni_client_id id)
{
    toni_fake_known *known = find_client(host, id);
    if (!known) {
        ck_assert_msg(host->known_count < TONI_FAKE_MAX_CLIENTS,
                      "more clients than the fake host takes: TONI_FAKE_MAX_CLIENTS");
        known = &host->known[host->known_count++];
    }
    *known = (toni_fake_known){.id = id};
}

static void forget_client(toni_fake_host *host, toni_client_id id)
{
    toni_fake_known *known = find_client(host, id);
    if (known)
        *known = host->known[--host->known_count];
}

static int32_t check_known(toni_fake_host *host, toni_client_id id)
{
    return find_client(host, id) ? TONI_OK : TONI_ERR_NOT_FOUND;
}

/* For what can't be done with a client that is being closed. */
static int32_t check_open(toni_fake_host *host, toni_client_id id)
{
    const toni_fake_known *known = find_client(host, id);
    if (!known)
        return TONI_ERR_NOT_FOUND;
    return known->is_closing ? TONI_ERR_CLOSING : TONI_OK;
}

static int32_t check_room(toni_str room)
{
    return toni_fake_is_room(room) ? TONI_OK : TONI_ERR_INVALID;
}

/* @return The first that is an error. */
static int32_t first_error(int32_t a, int32_t b)
{
    return a < 0 ? a : b;
}

static int32_t note_closing(toni_fake_host *host, toni_client_id id, int32_t result)
{
    toni_fake_known *known = find_client(host, id);
    if (known && result >= 0)
        known->is_closing = 1;
    return result;
}

/* --- Connections */

static int32_t join_room(toni_connections *connections, toni_client_id client, toni_str room)
{
    toni_fake_host *host = host_of_connections(connections);
    record(host, "join %" PRIu64 " %.*s\n", client, TONI_STR_ARG(room));
    return answer(host, "join", first_error(check_room(room), check_open(host, client)));
}

static int32_t leave_room(toni_connections *connections, toni_client_id client, toni_str room)
{
    toni_fake_host *host = host_of_connections(connections);
    record(host, "leave %" PRIu64 " %.*s\n", client, TONI_STR_ARG(room));
    return answer(host, "leave", first_error(check_room(room), check_known(host, client)));
}

static int32_t remove_client(toni_connections *connections, toni_client_id client)
{
    toni_fake_host *host = host_of_connections(connections);
    record(host, "remove %" PRIu64 "\n", client);
    return note_closing(host, client, answer(host, "remove", check_known(host, client)));
}

static int32_t broadcast_to_room(toni_connections *connections, toni_str room,
                                 const toni_message *message)
{
    toni_fake_host *host = host_of_connections(connections);
    record(host, "broadcast %.*s", TONI_STR_ARG(room));
    record_message(host, message);
    return answer(
        host, "broadcast",
        first_error(check_room(room), toni_fake_message_check(message, TONI_FAKE_BROADCAST_MAX)));
}

static int32_t get_room_members(toni_connections *connections, toni_str room,
                                toni_client_ids **members)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = answer(host, "members", check_room(room));
    record(host, "members %.*s\n", TONI_STR_ARG(room));
    *members = result == TONI_OK ? &host->members : NULL;
    host->handed_out += result == TONI_OK;
    return result;
}

static int32_t get_client_rooms(toni_connections *connections, toni_client_id client,
                                toni_room_names **rooms)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = answer(host, "rooms", check_known(host, client));
    record(host, "rooms %" PRIu64 "\n", client);
    *rooms = result == TONI_OK ? &host->rooms : NULL;
    host->handed_out += result == TONI_OK;
    return result;
}

static uint64_t room_count(toni_connections *connections)
{
    return host_of_connections(connections)->room_count;
}

static int32_t get_client(toni_connections *connections, toni_client_id client,
                          toni_client_info **info)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = answer(host, "client", check_known(host, client));
    record(host, "client %" PRIu64 "\n", client);
    host->info.id = client;
    *info = result == TONI_OK ? &host->info : NULL;
    host->handed_out += result == TONI_OK;
    return result;
}

static int32_t get_room(toni_connections *connections, toni_str room, toni_room_info **info)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t result = answer(host, "room", check_room(room));
    record(host, "room %.*s\n", TONI_STR_ARG(room));
    *info = result == TONI_OK ? &host->room : NULL;
    host->handed_out += result == TONI_OK;
    return result;
}

static int32_t check_send(toni_fake_host *host, toni_client_id client, const toni_message *message)
{
    if (check_known(host, client) < 0)
        return TONI_ERR_NOT_FOUND;
    return first_error(toni_fake_message_check(message, TONI_FAKE_SEND_MAX),
                       check_open(host, client));
}

static int32_t check_close(uint16_t code, toni_str reason)
{
    return toni_fake_is_close(code, reason) ? TONI_OK : TONI_ERR_INVALID;
}

static int32_t send_to_client(toni_connections *connections, toni_client_id client,
                              const toni_message *message)
{
    toni_fake_host *host = host_of_connections(connections);
    record(host, "send_to %" PRIu64, client);
    record_message(host, message);
    return answer(host, "send_to", check_send(host, client, message));
}

static int32_t close_client(toni_connections *connections, toni_client_id client, uint16_t code,
                            toni_str reason)
{
    toni_fake_host *host = host_of_connections(connections);
    record(host, "close_client %" PRIu64 " %u %.*s\n", client, code, TONI_STR_ARG(reason));
    const int32_t refusal = first_error(check_known(host, client), check_close(code, reason));
    return note_closing(host, client, answer(host, "close_client", refusal));
}

static void take_back(toni_fake_host *host, const char *call)
{
    record(host, "%s\n", call);
    ck_assert_msg(host->handed_out > 0, "%s: ended twice", call);
    host->handed_out--;
}

static void client_ids_destroy(toni_client_ids *ids)
{
    take_back(host_of(ids), "ids_destroy");
}

static void room_names_destroy(toni_room_names *names)
{
    take_back(host_of(names), "names_destroy");
}

static void client_info_destroy(toni_client_info *info)
{
    take_back(host_of(info), "info_destroy");
}

static void room_info_destroy(toni_room_info *info)
{
    take_back(host_of(info), "room_destroy");
}

/* --- Targets */

static toni_target *target_create(toni_connections *connections)
{
    toni_fake_host *host = host_of_connections(connections);
    record(host, "target\n");
    host->handed_out++;
    host->target_error = TONI_OK;
    return (toni_target *)&host->target;
}

static void target_to_room(toni_target *target, toni_str room)
{
    toni_fake_host *host = host_of_target(target);
    record(host, "to_room %.*s\n", TONI_STR_ARG(room));
    host->target_error = first_error(host->target_error, check_room(room));
}

static void target_to_client(toni_target *target, toni_client_id client)
{
    record(host_of_target(target), "to_client %" PRIu64 "\n", client);
}

static void target_to_all(toni_target *target)
{
    record(host_of_target(target), "to_all\n");
}

static void target_except(toni_target *target, toni_client_id client)
{
    record(host_of_target(target), "except %" PRIu64 "\n", client);
}

static int32_t check_target(const toni_fake_host *host, const toni_message *message)
{
    return first_error(host->target_error,
                       toni_fake_message_check(message, TONI_FAKE_BROADCAST_MAX));
}

static int32_t target_send(toni_target *target, const toni_message *message)
{
    toni_fake_host *host = host_of_target(target);
    record(host, "target_send");
    record_message(host, message);
    host->handed_out--;
    return answer(host, "target_send", check_target(host, message));
}

static void target_destroy(toni_target *target)
{
    take_back(host_of_target(target), "target_destroy");
}

/* --- The client */

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
    record(host, "send %" PRIu64, client_of(client)->id);
    record_message(host, message);
    return answer(host, "send", check_send(host, client_of(client)->id, message));
}

static int32_t client_close(toni_client *client, uint16_t code, toni_str reason)
{
    toni_fake_host *host = host_of(client);
    record(host, "close %" PRIu64 " %u %.*s\n", client_of(client)->id, code, TONI_STR_ARG(reason));
    const toni_client_id id = client_of(client)->id;
    const int32_t refusal = first_error(check_close(code, reason), check_known(host, id));
    return note_closing(host, id, answer(host, "close", refusal));
}

static void *client_data(const toni_client *client)
{
    return client_of(client)->data;
}

static void client_set_data(toni_client *client, void *data)
{
    toni_fake_known *known = find_client(host_of(client), client_of(client)->id);
    client_of(client)->data = data;
    if (known)
        known->carries_data = data != NULL;
}

static const toni_request *client_request(const toni_client *client)
{
    return (const toni_request *)&client_of(client)->request;
}

/* --- Settings: options, headers and parameters */

typedef int (*equal_fn)(toni_str a, toni_str b);

static int lower(int letter)
{
    return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter;
}

static int equal_in_any_case(toni_str a, toni_str b)
{
    if (a.size != b.size)
        return 0;
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return 0;
    }
    return 1;
}

static const toni_fake_setting *find(const toni_fake_setting *settings, size_t count, toni_str name,
                                     equal_fn equal)
{
    for (size_t i = 0; i < count; i++) {
        if (equal(settings[i].name, name))
            return &settings[i];
    }
    return NULL;
}

static toni_fake_setting *add(toni_fake_setting *settings, size_t *count, const char *name)
{
    ck_assert_msg(*count < TONI_FAKE_MAX, "no room for %s: TONI_FAKE_MAX", name);
    toni_fake_setting *setting = &settings[(*count)++];
    *setting = (toni_fake_setting){.name = toni_str_of(name)};
    return setting;
}

static int32_t get_text(const toni_fake_setting *setting, toni_str *value)
{
    if (!setting)
        return TONI_ERR_NOT_FOUND;
    *value = setting->text;
    return TONI_OK;
}

/* --- The request */

static const toni_fake_request *request_of(const toni_request *request)
{
    return (const toni_fake_request *)request;
}

static toni_str request_part(const toni_request *request, uint32_t part)
{
    ck_assert_uint_ge(part, TONI_REQUEST_PATH);
    ck_assert_uint_le(part, TONI_REQUEST_SUBPROTOCOL);
    return request_of(request)->parts[part];
}

static int32_t request_parameter(const toni_request *request, toni_str name, toni_str *value)
{
    const toni_fake_request *of = request_of(request);
    return get_text(find(of->parameters, of->parameter_count, name, toni_str_equal), value);
}

static int32_t request_header(const toni_request *request, toni_str name, toni_str *value)
{
    const toni_fake_request *of = request_of(request);
    return get_text(find(of->headers, of->header_count, name, equal_in_any_case), value);
}

/* --- Guards that wait */

static toni_fake_ticket *ticket_of(const toni_guard_ticket *ticket)
{
    toni_fake_ticket *of = (toni_fake_ticket *)ticket;
    pthread_mutex_lock(&lock);
    const int is_open = of->host && !of->is_decided;
    pthread_mutex_unlock(&lock);
    ck_assert_msg(is_open, "a ticket that has been decided already");
    return of;
}

static toni_guard_ticket *guard_wait(const toni_request *request)
{
    toni_fake_host *host = host_of(request);
    toni_fake_client *client =
        (toni_fake_client *)((char *)request - offsetof(toni_fake_client, request));
    if (!client->in_guard || client->ticket)
        return NULL;
    record(host, "guard_wait %" PRIu64 "\n", client->id);
    client->in_vain = result_of(host, "guard_wait") < 0;
    if (client->in_vain)
        return NULL;
    toni_fake_ticket *ticket = host->tickets, *end = ticket + TONI_FAKE_MAX_TICKETS;
    pthread_mutex_lock(&lock);
    while (ticket < end && ticket->host)
        ticket++;
    if (ticket < end)
        *ticket = (toni_fake_ticket){
            .host = &host->table, .id = client->id, .client = client, .request = request};
    pthread_mutex_unlock(&lock);
    ck_assert_msg(ticket < end, "more tickets than the fake host takes: TONI_FAKE_MAX_TICKETS");
    client->ticket = ticket;
    return (toni_guard_ticket *)ticket;
}

static const toni_request *guard_request(const toni_guard_ticket *ticket)
{
    return ticket_of(ticket)->request;
}

static int32_t guard_is_cancelled(const toni_guard_ticket *ticket)
{
    const toni_fake_ticket *of = ticket_of(ticket);
    pthread_mutex_lock(&lock);
    const int is_cancelled = !of->client;
    pthread_mutex_unlock(&lock);
    return is_cancelled;
}

static void guard_decide(toni_guard_ticket *ticket, int32_t result)
{
    toni_fake_ticket *of = ticket_of(ticket);
    record(host_of(ticket), "guard_decide %" PRIu64 " %" PRId32 "\n", of->id, result);
    pthread_mutex_lock(&lock);
    of->result = result;
    of->is_decided = 1;
    if (!of->client)
        of->host = NULL;
    pthread_mutex_unlock(&lock);
}

/* The client has no more to do with it. */
static void leave_ticket(toni_fake_client *client)
{
    toni_fake_ticket *ticket = client->ticket;
    client->ticket = NULL;
    pthread_mutex_lock(&lock);
    ticket->client = NULL;
    if (ticket->is_decided)
        ticket->host = NULL;
    pthread_mutex_unlock(&lock);
}

static int is_decided(const toni_fake_client *client)
{
    pthread_mutex_lock(&lock);
    const int result = client->ticket->is_decided;
    pthread_mutex_unlock(&lock);
    return result;
}

/* --- The context */

static toni_str context_name(const toni_context *context)
{
    (void)host_of_context(context);
    return TONI_LIT("fake");
}

static int needs(const toni_plugin *plugin, toni_str interface_name)
{
    for (size_t i = 0; plugin->needs && plugin->needs[i]; i++) {
        if (toni_str_equal(plugin->needs[i]->interface_name, interface_name))
            return 1;
    }
    return 0;
}

static void *context_inject(toni_context *context, toni_str interface_name)
{
    toni_fake_host *host = host_of_context(context);
    static const toni_slot empty_slot;
    if (toni_str_equal(interface_name, toni_str_of(TONI_CONNECTIONS_INTERFACE)))
        return host->plugin && !needs(host->plugin, interface_name) ? NULL : &host->connections;
    for (size_t i = 0; i < host->provision_count; i++) {
        if (toni_str_equal(host->provisions[i].interface_name, interface_name))
            return (void *)host->provisions[i].slot;
    }
    return host->plugin && needs(host->plugin, interface_name) ? (void *)&empty_slot : NULL;
}

static void context_log(toni_context *context, uint32_t level, toni_str message,
                        const toni_log_field *fields, size_t count)
{
    toni_fake_host *host = host_of_context(context);
    record(host, "log %u %.*s", level, TONI_STR_ARG(message));
    for (size_t i = 0; i < count; i++) {
        record(host, " %.*s=%.*s", TONI_STR_ARG(fields[i].key), TONI_STR_ARG(fields[i].value));
    }
    record(host, "\n");
}

static int32_t context_acquire(toni_context *context)
{
    toni_fake_host *host = host_of_context(context);
    int32_t result = result_of(host, "acquire");
    record(host, "acquire\n");
    host->acquired += result >= 0;
    return result;
}

static int32_t context_release(toni_context *context)
{
    toni_fake_host *host = host_of_context(context);
    record(host, "release\n");
    ck_assert_msg(host->acquired > 0, "a context that was not acquired is released");
    host->acquired--;
    return TONI_OK;
}

static int32_t find_option(toni_context *context, toni_str path, char type,
                           const toni_fake_setting **option)
{
    const toni_fake_host *host = host_of_context(context);
    *option = find(host->options, host->option_count, path, toni_str_equal);
    if (!*option)
        return TONI_ERR_NOT_FOUND;
    int whole_number = type == 'd' && (*option)->type == 'i';
    return (*option)->type == type || whole_number ? TONI_OK : TONI_ERR_TYPE;
}

static int32_t option_bool(toni_context *context, toni_str path, int32_t *value)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 'b', &option);
    if (result == TONI_OK)
        *value = (int32_t)option->integer;
    return result;
}

static int32_t option_int(toni_context *context, toni_str path, int64_t *value)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 'i', &option);
    if (result == TONI_OK)
        *value = option->integer;
    return result;
}

static int32_t option_double(toni_context *context, toni_str path, double *value)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 'd', &option);
    if (result == TONI_OK)
        *value = option->number;
    return result;
}

static int32_t option_str(toni_context *context, toni_str path, toni_str *value)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 's', &option);
    if (result == TONI_OK)
        *value = option->text;
    return result;
}

static int32_t option_count(toni_context *context, toni_str path, size_t *count)
{
    const toni_fake_setting *option;
    int32_t result = find_option(context, path, 'c', &option);
    if (result == TONI_OK)
        *count = (size_t)option->integer;
    return result;
}

/* --- HTTP */

static toni_fake_exchange *exchange_of(const toni_exchange *exchange)
{
    return (toni_fake_exchange *)exchange;
}

static toni_str exchange_part(const toni_exchange *exchange, uint32_t part)
{
    ck_assert_uint_ge(part, TONI_EXCHANGE_METHOD);
    ck_assert_uint_le(part, TONI_EXCHANGE_ADDRESS);
    return exchange_of(exchange)->parts[part];
}

static int32_t exchange_parameter(const toni_exchange *exchange, toni_str name, toni_str *value)
{
    const toni_fake_exchange *of = exchange_of(exchange);
    return get_text(find(of->parameters, of->parameter_count, name, toni_str_equal), value);
}

static int32_t exchange_header(const toni_exchange *exchange, toni_str name, toni_str *value)
{
    const toni_fake_exchange *of = exchange_of(exchange);
    return get_text(find(of->headers, of->header_count, name, equal_in_any_case), value);
}

static int32_t exchange_add_header(toni_exchange *exchange, toni_str name, toni_str value)
{
    toni_fake_host *host = host_of(exchange);
    ck_assert_msg(name.size > 0 && value.size > 0, "a header field without a name or value");
    record(host, "header %.*s: %.*s\n", TONI_STR_ARG(name), TONI_STR_ARG(value));
    return result_of(host, "header");
}

static int32_t exchange_answer(toni_exchange *exchange, uint32_t status, toni_str content_type,
                               toni_str body)
{
    toni_fake_host *host = host_of(exchange);
    ck_assert_msg(status >= 200 && status <= 599, "%u is no status of an answer", status);
    record(host, "answer %u %.*s %.*s\n", status, TONI_STR_ARG(content_type), TONI_STR_ARG(body));
    exchange_of(exchange)->status = status;
    return result_of(host, "answer");
}

/* --- Tasks */

static int32_t add_task(toni_fake_host *host, const toni_fake_task *wanted, uint64_t delay_ms)
{
    if (host->closing)
        return TONI_ERR_CLOSING;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        toni_fake_task *task = &host->tasks[i];
        if (task->id != 0)
            continue;
        *task = *wanted;
        task->id = ++host->last_task;
        task->due_ms = host->now_ms + delay_ms;
        return TONI_OK;
    }
    ck_abort_msg("more tasks than the fake host takes: TONI_FAKE_MAX_TASKS");
    return TONI_ERR_LIMIT;
}

static int64_t add_timer(toni_fake_host *host, const char *call, const toni_fake_task *timer,
                         uint64_t delay_ms)
{
    int32_t result = result_of(host, call);
    record(host, "%s %" PRIu64 "\n", call, delay_ms);
    if (!timer->run || delay_ms > TONI_TASK_MOST_MS)
        return TONI_ERR_INVALID;
    if (result >= 0)
        result = add_task(host, timer, delay_ms);
    return result < 0 ? result : host->last_task;
}

static int64_t context_after(toni_context *context, uint64_t delay_ms, toni_run_fn run, void *data,
                             toni_release_fn release)
{
    toni_fake_task timer = {.is_timer = 1, .run = run, .data = data, .release = release};
    return add_timer(host_of_context(context), "after", &timer, delay_ms);
}

static int64_t context_every(toni_context *context, uint64_t period_ms, toni_run_fn run, void *data,
                             toni_release_fn release)
{
    toni_fake_task timer = {
        .is_timer = 1, .run = run, .data = data, .release = release, .period_ms = period_ms};
    if (period_ms == 0)
        timer.run = NULL; /* refused as that is */
    return add_timer(host_of_context(context), "every", &timer, period_ms);
}

static int32_t context_post(toni_context *context, toni_run_fn run, void *data,
                            toni_release_fn release)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_task task = {.run = run, .data = data, .release = release};
    int32_t result = result_of(host, "post");
    record(host, "post\n");
    if (!run)
        return TONI_ERR_INVALID;
    return result < 0 ? result : add_task(host, &task, 0);
}

static int32_t context_work(toni_context *context, toni_job_fn job, toni_done_fn done, void *data,
                            toni_release_fn release)
{
    toni_fake_host *host = host_of_context(context);
    toni_fake_task task = {.job = job, .done = done, .data = data, .release = release};
    int32_t result = result_of(host, "work");
    record(host, "work\n");
    if (!job)
        return TONI_ERR_INVALID;
    return result < 0 ? result : add_task(host, &task, 0);
}

static int32_t target_send_with_receipt(toni_target *target, const toni_message *message,
                                        toni_context *context, toni_receipt_fn notify, void *data,
                                        toni_release_fn release)
{
    toni_fake_host *host = host_of_target(target);
    (void)host_of_context(context);
    int32_t result = answer(host, "target_send_with_receipt", check_target(host, message));
    record(host, "target_send_with_receipt");
    record_message(host, message);
    host->handed_out--;
    if (!notify)
        return TONI_ERR_INVALID;
    toni_fake_task task = {.notify = notify, .data = data, .release = release};
    task.receipt = (toni_receipt){.struct_size = sizeof task.receipt,
                                  .targeted = (uint32_t)result,
                                  .queued = (uint32_t)result};
    int32_t added = result < 0 ? result : add_task(host, &task, 0);
    return added < 0 ? added : result;
}

/* Its place is free before `release` is called, which may look at the host. */
static void end_task(toni_fake_task *task)
{
    toni_fake_task ended = *task;
    *task = (toni_fake_task){0};
    if (ended.release)
        ended.release(ended.data);
}

/* Is released by the next toni_fake_host_advance: no function of the table calls back. */
static int32_t context_cancel_timer(toni_context *context, int64_t timer)
{
    toni_fake_host *host = host_of_context(context);
    record(host, "cancel_timer %" PRId64 "\n", timer);
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        toni_fake_task *task = &host->tasks[i];
        if (task->id == 0 || task->id != timer || !task->is_timer)
            continue;
        task->is_timer = 0;
        task->run = NULL;
        task->period_ms = 0;
        task->due_ms = 0;
        return TONI_OK;
    }
    return TONI_ERR_NOT_FOUND;
}

/* The first task that is due by then, or waits as a job. */
static toni_fake_task *first_task(toni_fake_host *host, int is_job, uint64_t until_ms)
{
    toni_fake_task *first = NULL;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        toni_fake_task *task = &host->tasks[i];
        if (task->id == 0 || (task->job != NULL) != is_job || task->due_ms > until_ms)
            continue;
        if (!first || task->due_ms < first->due_ms ||
            (task->due_ms == first->due_ms && task->id < first->id))
            first = task;
    }
    return first;
}

static void run_task(toni_fake_host *host, toni_fake_task *task)
{
    toni_fake_task now = *task;
    if (!now.period_ms)
        task->is_timer = 0; /* one that has begun can't be cancelled */
    if (now.run)
        now.run(host->self, now.data);
    else if (now.notify)
        now.notify(host->self, now.data, &now.receipt);
    else if (now.done)
        now.done(host->self, now.data, now.result);
    if (task->period_ms) /* it was not cancelled meanwhile */
        task->due_ms += task->period_ms;
    else
        end_task(task);
}

static void cancel_tasks(toni_fake_host *host)
{
    host->closing = 1;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++) {
        if (host->tasks[i].id != 0)
            end_task(&host->tasks[i]);
    }
}

/* --- State */

static int32_t add_to_state(toni_fake_host *host, toni_fake_state *state, const void *bytes,
                            size_t size)
{
    int32_t result = result_of(host, "state_write");
    if (result < 0)
        return result;
    if (size > host->state_bytes || state->size > host->state_bytes - size)
        return TONI_ERR_TOO_BIG;
    ck_assert_msg(size <= TONI_FAKE_MAX_STATE - state->size,
                  "a larger state than the fake host takes: TONI_FAKE_MAX_STATE");
    if (size > 0)
        memcpy(state->bytes + state->size, bytes, size);
    state->size += size;
    return TONI_OK;
}

static int32_t state_write(toni_state_writer *writer, const void *bytes, size_t size)
{
    toni_fake_host *host = host_of(writer);
    toni_fake_state *state = (toni_fake_state *)writer;
    record(host, "state_write %zu\n", size);
    if (state->error == TONI_OK)
        state->error = add_to_state(host, state, bytes, size);
    return state->error;
}

/* --- The host, as tests see it */

static const toni_host table = {
    .struct_size = sizeof(toni_host),
    .abi_major = TONI_ABI_MAJOR,
    .abi_minor = TONI_ABI_MINOR,
    .join_room = join_room,
    .leave_room = leave_room,
    .remove_client = remove_client,
    .broadcast_to_room = broadcast_to_room,
    .get_room_members = get_room_members,
    .get_client_rooms = get_client_rooms,
    .room_count = room_count,
    .get_client = get_client,
    .send_to_client = send_to_client,
    .close_client = close_client,
    .client_ids_destroy = client_ids_destroy,
    .room_names_destroy = room_names_destroy,
    .client_info_destroy = client_info_destroy,
    .target_create = target_create,
    .target_to_room = target_to_room,
    .target_to_client = target_to_client,
    .target_to_all = target_to_all,
    .target_except = target_except,
    .target_send = target_send,
    .target_destroy = target_destroy,
    .client_id = client_id,
    .client_name = client_name,
    .client_id_name = client_id_name,
    .client_send = client_send,
    .client_close = client_close,
    .client_data = client_data,
    .client_set_data = client_set_data,
    .client_request = client_request,
    .request_part = request_part,
    .request_parameter = request_parameter,
    .request_header = request_header,
    .context_name = context_name,
    .context_inject = context_inject,
    .context_log = context_log,
    .option_bool = option_bool,
    .option_int = option_int,
    .option_double = option_double,
    .option_str = option_str,
    .option_count = option_count,
    .exchange_part = exchange_part,
    .exchange_parameter = exchange_parameter,
    .exchange_header = exchange_header,
    .exchange_add_header = exchange_add_header,
    .exchange_answer = exchange_answer,
    .context_after = context_after,
    .context_every = context_every,
    .context_cancel_timer = context_cancel_timer,
    .context_post = context_post,
    .context_work = context_work,
    .target_send_with_receipt = target_send_with_receipt,
    .state_write = state_write,
    .context_acquire = context_acquire,
    .context_release = context_release,
    .get_room = get_room,
    .room_info_destroy = room_info_destroy,
    .guard_wait = guard_wait,
    .guard_request = guard_request,
    .guard_is_cancelled = guard_is_cancelled,
    .guard_decide = guard_decide,
};

void toni_fake_host_init(toni_fake_host *host)
{
    *host = (toni_fake_host){.table = table};
    host->context = host->connections = host->target = &host->table;
    host->members.host = host->rooms.host = host->info.host = host->room.host = &host->table;
    host->info.struct_size = sizeof host->info;
    host->room.struct_size = sizeof host->room;
    host->state_bytes = TONI_FAKE_MAX_STATE;
}

const toni_plugin *toni_fake_host_load(toni_fake_host *host, const char *path)
{
    toni_plugin_entry_fn entry;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    void *symbol = dlsym(library, TONI_PLUGIN_ENTRY);
    ck_assert_msg(symbol != NULL, "%s exports no " TONI_PLUGIN_ENTRY, path);
    memcpy(&entry, &symbol, sizeof entry); /* ISO C converts no object pointer to a function's */
    /* cppcheck-suppress resourceLeak ; a host doesn't unload a plugin either */
    return toni_fake_host_use(host, entry());
}

/* Members of a later minor are not there in an older descriptor: they are read from the copy alone.
 */
const toni_plugin *toni_fake_host_use(toni_fake_host *host, const toni_plugin *plugin)
{
    ck_assert_ptr_nonnull(plugin);
    ck_assert_uint_eq(plugin->magic, TONI_ABI_MAGIC);
    ck_assert_uint_eq(plugin->abi_major, TONI_ABI_MAJOR);
    ck_assert_uint_le(plugin->abi_minor, TONI_ABI_MINOR);
    ck_assert_uint_ge(plugin->size, TONI_PLUGIN_SIZE_LEAST);
    ck_assert(plugin->kind == TONI_GATEWAY || plugin->kind == TONI_SERVICE);
    ck_assert_msg(plugin->create != NULL, "`create` is missing");
    ck_assert_msg(plugin->kind != TONI_GATEWAY || plugin->on_message, "`on_message` is missing");
    host->descriptor = (toni_plugin){0};
    memcpy(&host->descriptor, plugin,
           plugin->size < sizeof host->descriptor ? plugin->size : sizeof host->descriptor);
    host->plugin = &host->descriptor;
    return host->plugin;
}

/* --- Life */

/* @return An error, or TONI_OK: a count is a success. */
static int32_t without_count(int32_t result)
{
    return result < 0 ? result : TONI_OK;
}

static int32_t create(toni_fake_host *host)
{
    host->closing = 0;
    int32_t result = host->plugin->create(toni_fake_host_context(host), &host->self);
    if (result < 0)
        cancel_tasks(host);
    return without_count(result);
}

static void destroy(toni_fake_host *host)
{
    cancel_tasks(host);
    if (host->plugin->destroy)
        host->plugin->destroy(host->self);
}

static int32_t call_hook(toni_fake_host *host, int32_t (*hook)(void *self))
{
    return hook ? without_count(hook(host->self)) : TONI_OK;
}

static int32_t import_from(toni_fake_host *host, const toni_fake_state *state)
{
    toni_state given = {.struct_size = sizeof given,
                        .version = state->version,
                        .bytes = toni_str_make(state->bytes, state->size)};
    return without_count(host->plugin->import_state(host->self, &given));
}

int32_t toni_fake_host_start(toni_fake_host *host)
{
    int32_t result = create(host);
    if (result != TONI_OK)
        return result;
    result = call_hook(host, host->plugin->start);
    if (result == TONI_OK)
        result = call_hook(host, host->plugin->ready);
    if (result != TONI_OK)
        destroy(host);
    return result;
}

void toni_fake_host_stop(toni_fake_host *host)
{
    if (host->plugin->stopping)
        host->plugin->stopping(host->self, 0);
    destroy(host);
    ck_assert_msg(host->handed_out == 0, "%d snapshots or targets were never ended",
                  host->handed_out);
    ck_assert_msg(host->acquired == 0, "the context was acquired and not released, %d times",
                  host->acquired);
    for (size_t i = 0; i < TONI_FAKE_MAX_TICKETS; i++) {
        const toni_fake_ticket *ticket = &host->tickets[i];
        ck_assert_msg(!ticket->host || ticket->is_decided,
                      "the ticket of client %" PRIu64 " was never decided", ticket->id);
    }
}

/* --- Swaps */

int32_t toni_fake_host_export(toni_fake_host *host, toni_fake_state *state)
{
    ck_assert_msg(host->plugin->export_state != NULL, "the plugin has no `export_state`");
    *state = (toni_fake_state){.host = &host->table, .version = host->plugin->state_version};
    int32_t result = host->plugin->export_state(host->self, (toni_state_writer *)state);
    return result < 0 ? result : state->error;
}

int32_t toni_fake_host_import(toni_fake_host *host, const toni_fake_state *state)
{
    ck_assert_msg(host->plugin->import_state != NULL, "the plugin has no `import_state`");
    int32_t result = create(host);
    if (result != TONI_OK)
        return result;
    result = call_hook(host, host->plugin->start);
    if (result == TONI_OK)
        result = import_from(host, state);
    if (result == TONI_OK)
        result = call_hook(host, host->plugin->ready);
    if (result != TONI_OK)
        destroy(host);
    return result;
}

static int32_t transfer(toni_fake_host *host, toni_fake_host *next)
{
    toni_fake_state state;
    if (!host->plugin->export_state || !next->plugin->import_state)
        return TONI_OK;
    int32_t result = toni_fake_host_export(host, &state);
    return result == TONI_OK ? import_from(next, &state) : result;
}

/* Its callbacks would look for what the old one has kept with a client. */
static int loses_data(const toni_fake_host *host, const toni_fake_host *next)
{
    int carries = 0;
    for (size_t i = 0; i < host->known_count; i++)
        carries |= host->known[i].carries_data;
    return carries && !next->plugin->on_adopt;
}

int32_t toni_fake_host_swap(toni_fake_host *host, toni_fake_host *next)
{
    if (loses_data(host, next))
        return TONI_ERR_FAILED;
    int32_t result = create(next);
    if (result != TONI_OK)
        return result;
    result = call_hook(next, next->plugin->start);
    ck_assert_msg(host->acquired == 0, "a swap would wait: the old one has its context acquired");
    if (result == TONI_OK)
        result = transfer(host, next);
    if (result != TONI_OK) {
        destroy(next);
        return result;
    }
    host->closing = 1;
    (void)call_hook(next, next->plugin->ready); /* it serves already: a host logs an error */
    return TONI_OK;
}

/* --- What tests set and ask */

toni_context *toni_fake_host_context(toni_fake_host *host)
{
    return (toni_context *)&host->context;
}

toni_connections *toni_fake_host_connections(toni_fake_host *host)
{
    return (toni_connections *)&host->connections;
}

void toni_fake_host_provide(toni_fake_host *host, const char *interface_name, const void *slot)
{
    ck_assert_msg(host->provision_count < TONI_FAKE_MAX, "no room for %s: TONI_FAKE_MAX",
                  interface_name);
    host->provisions[host->provision_count++] =
        (toni_fake_provision){.interface_name = toni_str_of(interface_name), .slot = slot};
}

void toni_fake_host_clear(toni_fake_host *host)
{
    host->calls[0] = '\0';
}

void toni_fake_host_advance(toni_fake_host *host, uint64_t ms)
{
    const uint64_t until = host->now_ms + ms;
    unsigned most = 1000000;
    for (toni_fake_task *task = first_task(host, 0, until); task && !host->closing;
         task = first_task(host, 0, until)) {
        ck_assert_msg(most-- > 0, "there is no end of tasks that are due");
        if (task->due_ms > host->now_ms)
            host->now_ms = task->due_ms;
        run_task(host, task);
    }
    host->now_ms = until;
}

void toni_fake_host_run_work(toni_fake_host *host)
{
    const int64_t last = host->last_task;
    for (toni_fake_task *task = first_task(host, 1, UINT64_MAX);
         task && task->id <= last && !host->closing; task = first_task(host, 1, UINT64_MAX)) {
        const toni_job_fn job = task->job;
        task->result = job(task->data);
        task->job = NULL;
        task->due_ms = host->now_ms;
    }
    toni_fake_host_advance(host, 0);
}

size_t toni_fake_host_task_count(const toni_fake_host *host)
{
    size_t count = 0;
    for (size_t i = 0; i < TONI_FAKE_MAX_TASKS; i++)
        count += host->tasks[i].id != 0;
    return count;
}

static toni_fake_setting *set_option(toni_fake_host *host, const char *path, char type)
{
    toni_fake_setting *option = (toni_fake_setting *)find(host->options, host->option_count,
                                                          toni_str_of(path), toni_str_equal);
    if (!option)
        option = add(host->options, &host->option_count, path);
    option->type = type;
    return option;
}

void toni_fake_host_set_bool(toni_fake_host *host, const char *path, int value)
{
    set_option(host, path, 'b')->integer = value != 0;
}

void toni_fake_host_set_int(toni_fake_host *host, const char *path, int64_t value)
{
    toni_fake_setting *option = set_option(host, path, 'i');
    option->integer = value;
    option->number = (double)value;
}

void toni_fake_host_set_double(toni_fake_host *host, const char *path, double value)
{
    set_option(host, path, 'd')->number = value;
}

void toni_fake_host_set_str(toni_fake_host *host, const char *path, const char *value)
{
    set_option(host, path, 's')->text = toni_str_of(value);
}

void toni_fake_host_set_count(toni_fake_host *host, const char *path, size_t count)
{
    set_option(host, path, 'c')->integer = (int64_t)count;
}

/* --- Clients, as tests see them */

void toni_fake_client_init(toni_fake_client *client, toni_fake_host *host, toni_client_id id)
{
    *client = (toni_fake_client){.host = &host->table, .id = id, .request.host = &host->table};
    client_id_name(id, client->name);
    toni_fake_host_know(host, id);
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
    add(request->headers, &request->header_count, name)->text = toni_str_of(value);
}

void toni_fake_client_set_parameter(toni_fake_client *client, const char *name, const char *value)
{
    toni_fake_request *request = &client->request;
    add(request->parameters, &request->parameter_count, name)->text = toni_str_of(value);
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
    leave_ticket(client);
    return result == TONI_LATER ? TONI_ERR_FORBIDDEN : result;
}

/* @return What has come of the guard: TONI_LATER if it waits. */
static int32_t ask_guard(toni_fake_client *client)
{
    toni_fake_host *host = host_of(client);
    client->in_guard = 1;
    client->in_vain = 0;
    int32_t result = host->plugin->guard(host->self, (const toni_request *)&client->request);
    client->in_guard = 0;
    if (client->ticket) {
        ck_assert_msg(result == TONI_LATER, "a guard took a ticket and did not return TONI_LATER");
        return is_decided(client) ? take_decision(client) : result;
    }
    ck_assert_msg(result != TONI_LATER || client->in_vain,
                  "a guard returned 1, which is TONI_LATER, and has no ticket");
    return result == TONI_LATER ? TONI_ERR_BUSY : result;
}

/* @param result  Of the guard. */
static int32_t let_in(toni_fake_client *client, int32_t result)
{
    toni_fake_host *host = host_of(client);
    if (result == TONI_OK && host->plugin->on_connect)
        result = host->plugin->on_connect(host->self, toni_fake_client_handle(client));
    if (result == TONI_OK)
        return result;
    free_data(host, client);
    forget_client(host, client->id);
    return result;
}

int32_t toni_fake_client_connect(toni_fake_client *client)
{
    toni_fake_host *host = host_of(client);
    toni_fake_host_know(host, client->id);
    int32_t result = host->plugin->guard ? ask_guard(client) : TONI_OK;
    return result == TONI_LATER ? result : let_in(client, result);
}

int32_t toni_fake_client_resume(toni_fake_client *client)
{
    ck_assert_msg(client->ticket != NULL, "no guard waits for this client");
    return is_decided(client) ? let_in(client, take_decision(client)) : TONI_LATER;
}

void toni_fake_client_cancel(toni_fake_client *client)
{
    ck_assert_msg(client->ticket != NULL, "no guard waits for this client");
    leave_ticket(client);
    forget_client(host_of(client), client->id);
}

int32_t toni_fake_client_adopt(toni_fake_client *client, toni_fake_host *host)
{
    toni_fake_host *before = host_of(client);
    const toni_fake_known *known = find_client(before, client->id);
    const int is_closing = !known || known->is_closing;
    free_data(before, client);
    forget_client(before, client->id);
    client->host = client->request.host = &host->table;
    toni_fake_host_know(host, client->id);
    find_client(host, client->id)->is_closing = is_closing;
    if (!host->plugin->on_adopt)
        return TONI_OK;
    return without_count(host->plugin->on_adopt(host->self, toni_fake_client_handle(client)));
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
    (void)note_closing(host_of(client), client->id, TONI_OK);
    return result;
}

int32_t toni_fake_client_send(toni_fake_client *client, const toni_message *message)
{
    toni_fake_host *host = host_of(client);
    return take_result(
        client, TONI_IN_MESSAGE,
        host->plugin->on_message(host->self, toni_fake_client_handle(client), message));
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
    note_closing(host, client->id, TONI_OK);
    if (host->plugin->on_disconnect)
        host->plugin->on_disconnect(host->self, toni_fake_client_handle(client), &info);
    free_data(host, client);
    forget_client(host, client->id);
}

/* --- HTTP, as tests see it */

void toni_fake_exchange_init(toni_fake_exchange *exchange, toni_fake_host *host, const char *method,
                             const char *path)
{
    const toni_plugin *plugin = host->plugin;
    toni_str whole = toni_str_of(path);
    ck_assert_msg(plugin != NULL, "no plugin is loaded");
    ck_assert_msg(plugin->on_request != NULL, "the plugin answers no HTTP");
    toni_str own = plugin->path;
    ck_assert_msg(whole.size >= own.size &&
                      toni_str_equal(toni_str_make(whole.data, own.size), own),
                  "%s is not below the service's path", path);
    toni_str below = toni_str_make(whole.data + own.size, whole.size - own.size);
    *exchange = (toni_fake_exchange){.host = &host->table};
    exchange->parts[TONI_EXCHANGE_METHOD] = toni_str_of(method);
    exchange->parts[TONI_EXCHANGE_PATH] = toni_str_of(path);
    exchange->parts[TONI_EXCHANGE_SUBPATH] = below;
    exchange->parts[TONI_EXCHANGE_BODY] = TONI_LIT("");
    exchange->parts[TONI_EXCHANGE_ADDRESS] = TONI_LIT("192.0.2.1");
}

void toni_fake_exchange_set_part(toni_fake_exchange *exchange, uint32_t part, toni_str value)
{
    ck_assert_uint_le(part, TONI_EXCHANGE_ADDRESS);
    exchange->parts[part] = value;
}

void toni_fake_exchange_set_header(toni_fake_exchange *exchange, const char *name,
                                   const char *value)
{
    add(exchange->headers, &exchange->header_count, name)->text = toni_str_of(value);
}

void toni_fake_exchange_set_parameter(toni_fake_exchange *exchange, const char *name,
                                      const char *value)
{
    add(exchange->parameters, &exchange->parameter_count, name)->text = toni_str_of(value);
}

int32_t toni_fake_exchange_run(toni_fake_exchange *exchange)
{
    toni_fake_host *host = host_of(exchange);
    return host->plugin->on_request(host->self, (toni_exchange *)exchange);
}
