/** @file
 * The host's function table: all that a plugin can ask of the host.
 *
 * Plugins call the wrappers of connections.h, client.h, send.h, request.h, context.h, http.h,
 * task.h, state.h, guard.h and identity.h, which are thin; what each function takes, returns and
 * costs is said there. A test of a plugin fills a table of its own and hands out handles that begin
 * with a pointer to it.
 *
 * The table grows at its end only; `struct_size` says how much of it the host has. What this
 * version declares is all there in every host that accepts the plugin, so no wrapper has to look.
 */
#ifndef TONI_HOST_H
#define TONI_HOST_H

#include <toni/types.h>

/** The table. Functions return 0 or more, or one of error.h, unless their wrapper says otherwise.
 */
struct toni_host {
    uint32_t struct_size;
    uint16_t abi_major;
    uint16_t abi_minor;

    /* connections.h: clients and rooms, by id and by name */
    int32_t (*join_room)(toni_connections *connections, toni_client_id client, toni_str room);
    int32_t (*leave_room)(toni_connections *connections, toni_client_id client, toni_str room);
    int32_t (*remove_client)(toni_connections *connections, toni_client_id client);
    int32_t (*broadcast_to_room)(toni_connections *connections, toni_str room,
                                 const toni_message *message);
    int32_t (*get_room_members)(toni_connections *connections, toni_str room,
                                toni_client_ids **members);
    int32_t (*get_client_rooms)(toni_connections *connections, toni_client_id client,
                                toni_room_names **rooms);
    uint64_t (*room_count)(toni_connections *connections);
    int32_t (*get_client)(toni_connections *connections, toni_client_id client,
                          toni_client_info **info);
    int32_t (*send_to_client)(toni_connections *connections, toni_client_id client,
                              const toni_message *message);
    int32_t (*close_client)(toni_connections *connections, toni_client_id client, uint16_t code,
                            toni_str reason);
    void (*client_ids_destroy)(toni_client_ids *ids);
    void (*room_names_destroy)(toni_room_names *names);
    void (*client_info_destroy)(toni_client_info *info);

    /* connections.h: the target builder */
    toni_target *(*target_create)(toni_connections *connections);
    void (*target_to_room)(toni_target *target, toni_str room);
    void (*target_to_client)(toni_target *target, toni_client_id client);
    void (*target_to_all)(toni_target *target);
    void (*target_except)(toni_target *target, toni_client_id client);
    int32_t (*target_send)(toni_target *target, const toni_message *message);
    void (*target_destroy)(toni_target *target);

    /* client.h: the client of the running callback */
    toni_client_id (*client_id)(const toni_client *client);
    const char *(*client_name)(const toni_client *client);
    void (*client_id_name)(toni_client_id client, char name[TONI_CLIENT_NAME_SIZE]);
    int32_t (*client_send)(toni_client *client, const toni_message *message);
    int32_t (*client_close)(toni_client *client, uint16_t code, toni_str reason);
    void *(*client_data)(const toni_client *client);
    void (*client_set_data)(toni_client *client, void *data);
    const toni_request *(*client_request)(const toni_client *client);

    /* request.h: what was asked for when the connection was opened */
    toni_str (*request_part)(const toni_request *request, uint32_t part);
    int32_t (*request_parameter)(const toni_request *request, toni_str name, toni_str *value);
    int32_t (*request_header)(const toni_request *request, toni_str name, toni_str *value);

    /* context.h: what the host gives to one instance */
    toni_str (*context_name)(const toni_context *context);
    void *(*context_inject)(toni_context *context, toni_str interface_name);
    void (*context_log)(toni_context *context, uint32_t level, toni_str message,
                        const toni_log_field *fields, size_t count);
    int32_t (*context_log_enabled)(const toni_context *context, uint32_t level);
    void (*context_fail)(toni_context *context, toni_str why);

    /* option.h: the options of one instance */
    int32_t (*option_get)(const toni_context *context, toni_str name, uint32_t type, size_t index,
                          toni_option_value *value);
    int32_t (*option_member)(const toni_context *context, toni_str name, size_t index,
                             toni_str member, uint32_t type, toni_option_value *value);

    /* http.h: a request to a service, and its answer */
    toni_str (*exchange_part)(const toni_exchange *exchange, uint32_t part);
    int32_t (*exchange_parameter)(const toni_exchange *exchange, toni_str name, toni_str *value);
    int32_t (*exchange_header)(const toni_exchange *exchange, toni_str name, toni_str *value);
    int32_t (*exchange_add_header)(toni_exchange *exchange, toni_str name, toni_str value);
    int32_t (*exchange_answer)(toni_exchange *exchange, uint32_t status, toni_str content_type,
                               toni_str body);

    /* task.h: time and work of one instance */
    int64_t (*context_after)(toni_context *context, uint64_t delay_ms, toni_run_fn run, void *data,
                             toni_release_fn release);
    int64_t (*context_every)(toni_context *context, uint64_t period_ms, toni_run_fn run, void *data,
                             toni_release_fn release);
    int32_t (*context_cancel_timer)(toni_context *context, int64_t timer);
    int32_t (*context_post)(toni_context *context, toni_run_fn run, void *data,
                            toni_release_fn release);
    int32_t (*context_work)(toni_context *context, toni_job_fn job, toni_done_fn done, void *data,
                            toni_release_fn release);
    int32_t (*target_send_with_receipt)(toni_target *target, const toni_message *message,
                                        toni_context *context, toni_receipt_fn notify, void *data,
                                        toni_release_fn release);

    /* state.h: what goes along when an instance is swapped */
    int32_t (*state_write)(toni_state_writer *writer, const void *bytes, size_t size);
    void (*context_enter)(toni_context *context);
    int32_t (*context_leave)(toni_context *context);

    /* connections.h: one room */
    int32_t (*get_room)(toni_connections *connections, toni_str room, toni_room_info **info);
    void (*room_info_destroy)(toni_room_info *info);

    /* guard.h: guards that wait */
    toni_guard_ticket *(*guard_wait)(const toni_request *request);
    const toni_request *(*guard_request)(const toni_guard_ticket *ticket);
    int32_t (*guard_is_cancelled)(const toni_guard_ticket *ticket);
    void (*guard_decide)(toni_guard_ticket *ticket, int32_t result);

    /* http.h: exchanges that are answered later */
    int32_t (*exchange_keep)(toni_exchange *exchange, uint64_t limit_ms, toni_exchange_id *id);
    int32_t (*kept_answer)(toni_context *context, toni_exchange_id id, uint32_t status,
                           toni_str content_type, toni_str body);
    int32_t (*kept_add_header)(toni_context *context, toni_exchange_id id, toni_str name,
                               toni_str value);
    int32_t (*kept_is_waiting)(toni_context *context, toni_exchange_id id);

    /* connections.h: whose rooms these are */
    toni_str (*connections_namespace)(toni_connections *connections);

    /* figures.h: a plugin's own figures */
    toni_figure *(*figure_get)(toni_context *context, uint32_t type, toni_str name, toni_str help,
                               const double *bounds, size_t count);
    void (*figure_count)(toni_figure *figure, uint64_t more);
    void (*figure_set)(toni_figure *figure, double value);
    void (*figure_add)(toni_figure *figure, double more);
    void (*figure_observe)(toni_figure *figure, double value);

    /* task.h: descriptors */
    int64_t (*context_watch)(toni_context *context, int32_t fd, uint32_t events, toni_watch_fn run,
                             void *data, toni_release_fn release);
    int32_t (*context_unwatch)(toni_context *context, int64_t watch);

    /* http.h: streams */
    int32_t (*exchange_begin)(toni_context *context, toni_exchange_id id, uint32_t status,
                              toni_str content_type, toni_stream_fn notify, void *data,
                              toni_release_fn release);
    int32_t (*exchange_write)(toni_context *context, toni_exchange_id id, toni_str bytes);
    int32_t (*exchange_end)(toni_context *context, toni_exchange_id id);

    /* connections.h: all members of a room, and lists by pages */
    int32_t (*members_join)(toni_connections *connections, toni_str room, toni_str other);
    int32_t (*members_leave)(toni_connections *connections, toni_str room);
    int32_t (*members_close)(toni_connections *connections, toni_str room, uint16_t code,
                             toni_str reason);
    int32_t (*list_clients)(toni_connections *connections, toni_page *page, toni_client_ids **ids);
    int32_t (*list_rooms)(toni_connections *connections, toni_page *page, toni_room_names **names);

    /* connections.h: the target builder */
    void (*target_to_gateway)(toni_target *target, toni_str gateway);

    /* guard.h: what a guard leaves */
    int32_t (*request_value)(const toni_request *request, toni_str name, toni_str *value);
    int32_t (*guard_leave_value)(const toni_request *request, toni_str name, toni_str value);
    int32_t (*guard_add_header)(const toni_request *request, toni_str name, toni_str value);
    int32_t (*guard_choose_subprotocol)(const toni_request *request, toni_str name);

    /* connections.h: metadata of a room */
    int32_t (*set_room_metadata)(toni_connections *connections, toni_str room, toni_str value);
    int32_t (*get_room_metadata)(toni_connections *connections, toni_str room, void *buffer,
                                 size_t capacity, size_t *size);

    /* guard.h: refusals with a text */
    int32_t (*guard_refuse)(const toni_request *request, uint32_t status, toni_str text);

    /* guard.h: parameters that nobody is to see */
    int32_t (*guard_drop_parameter)(const toni_request *request, toni_str name);

    /* identity.h: who a client is */
    int32_t (*guard_identify)(const toni_request *request, const toni_identity *identity);
    int32_t (*guard_add_claim)(const toni_request *request, toni_str name, toni_str value);
    toni_str (*client_subject)(const toni_client *client);
    int32_t (*client_identity)(const toni_client *client, toni_identity *identity);
    int32_t (*client_claim)(const toni_client *client, toni_str name, uint32_t index,
                            toni_str *value);
    int32_t (*client_refresh)(toni_client *client, toni_str token);
    int32_t (*revoke_subject)(toni_connections *connections, toni_str subject);

    /* send.h: what a client has sent, to a room */
    int32_t (*client_may_publish)(toni_client *client, toni_str room);
    int32_t (*broadcast_from)(toni_client *client, toni_str room, const toni_message *message);

    /* certificate.h: what a client has shown */
    int32_t (*request_certificate)(const toni_request *request, toni_certificate *certificate);
    int32_t (*exchange_certificate)(const toni_exchange *exchange, toni_certificate *certificate);

    /* request.h, http.h: whether it came over TLS */
    int32_t (*request_is_secure)(const toni_request *request);
    int32_t (*exchange_is_secure)(const toni_exchange *exchange);

    /* history.h: clients that come back */
    int32_t (*room_position)(toni_connections *connections, toni_str room, toni_position *position);
    int32_t (*join_room_since)(toni_connections *connections, toni_client_id client, toni_str room,
                               const toni_since *since, toni_context *context,
                               toni_joined_fn notify, void *data, toni_release_fn release);

    /* cluster.h: clients and rooms of other hosts */
    int32_t (*cluster_ask)(toni_connections *connections, const toni_cluster_request *request,
                           toni_context *context, toni_cluster_fn notify, void *data,
                           toni_release_fn release);
};

/** The frozen first member of every handle, read.
 * @param handle  Any handle that the host gave out; not NULL.
 * @return The table to call. @thread Any. @since ABI 1.0 */
static inline const toni_host *toni_host_of(const void *handle)
{
    return *(const toni_host *const *)handle;
}

#endif
