/* What the files of the fake host share. Internal to the test kit. */
#ifndef TONI_TESTKIT_PRIVATE_H
#define TONI_TESTKIT_PRIVATE_H

#include "toni_testkit.h"

#include "toni_testkit_rules.h"

#include <pthread.h>

/* The table is the host's first member, and every handle begins with a pointer to the table. */
static inline toni_fake_host *host_of(const void *handle)
{
    return (toni_fake_host *)toni_host_of(handle);
}

static inline toni_fake_client *client_of(const toni_client *client)
{
    return (toni_fake_client *)client;
}

static inline toni_fake_host *host_of_connections(const toni_connections *connections)
{
    toni_fake_host *host = host_of(connections);
    ck_assert_msg((const void *)connections == &host->connections, "not a connections handle");
    return host;
}

static inline toni_fake_host *host_of_context(const toni_context *context)
{
    toni_fake_host *host = host_of(context);
    ck_assert_msg((const void *)context == &host->context, "not a context");
    return host;
}

static inline toni_fake_host *host_of_target(const toni_target *target)
{
    toni_fake_host *host = host_of(target);
    ck_assert_msg((const void *)target == &host->target, "not a target");
    ck_assert_msg(host->handed_out > 0, "a target that has ended already");
    return host;
}

/* --- record.c */

/* A plugin may use its tickets on threads of its own: guards what becomes of them, and the record.
 * No check fails under it, since that would leave it locked where Check does not fork. */
extern pthread_mutex_t fake_lock;
TONI_PRINTF(2, 3) void fake_record(toni_fake_host *host, const char *format, ...);
void fake_record_message(toni_fake_host *host, const toni_message *message);
int32_t fake_result_of(const toni_fake_host *host, const char *call);
/* What the test has set has the last word: the fake host can't know what a host is out of. */
int32_t fake_answer(const toni_fake_host *host, const char *call, int32_t refusal);

/* --- known.c */

toni_fake_known *fake_find_client(toni_fake_host *host, toni_client_id id);
void fake_forget_client(toni_fake_host *host, toni_client_id id);
int32_t fake_check_known(toni_fake_host *host, toni_client_id id);
/* For what can't be done with a client that is being closed. */
int32_t fake_check_open(toni_fake_host *host, toni_client_id id);
int32_t fake_check_room(toni_str room);
/* @return The first that is an error. */
int32_t fake_first_error(int32_t a, int32_t b);
/* The host knows the client, and whom to hand what it gets. */
void fake_know_client(toni_fake_client *client);
/* @param result  Of the call that asks for it; after an error nothing is done. @return @p result.
 */
int32_t fake_close(toni_fake_host *host, toni_client_id id, int32_t result, uint16_t code,
                   toni_str reason);
int32_t fake_check_close(uint16_t code, toni_str reason);
int32_t fake_check_send(toni_fake_host *host, toni_client_id client, const toni_message *message);

/* --- rooms.c */

typedef void (*fake_member_fn)(toni_fake_host *host, toni_client_id client, void *data);
/* Calls for each member, in the order in which they joined. */
void fake_for_members(toni_fake_host *host, toni_str room, fake_member_fn call, void *data);
void fake_leave_all_rooms(toni_fake_host *host, toni_client_id client);
void fake_take_rooms_along(toni_fake_host *host, toni_fake_host *next, toni_client_id client);
int fake_is_member(toni_fake_host *host, toni_client_id client, toni_str room);
int fake_room_has_members(const toni_fake_host *host, toni_str room);
/* Unless it is in it. */
void fake_join(toni_fake_host *host, toni_client_id client, toni_str room);
/* @return In how many rooms it is. */
size_t fake_count_rooms(const toni_fake_host *host, toni_client_id client);
/* @return A snapshot, zero, for fake_take_back. */
void *fake_hand_out(toni_fake_host *host, size_t size);
void fake_take_back(toni_fake_host *host, const char *call, void *snapshot);

/* --- room_rules.c */

/* What the rules for rooms say. */
int32_t fake_check_join(toni_fake_host *host, toni_client_id id, toni_str room);
int32_t fake_check_publish(const toni_fake_client *client, toni_str room);

/* --- cluster.c */

/* What becomes of a message. @param targeted  By what is here. */
toni_receipt fake_receipt(const toni_fake_host *host, uint32_t targeted);
/* @return Whether anybody gets it. */
int fake_is_taken(const toni_fake_host *host);

/* --- metadata.c */

/* A room that has no member any more has no metadata either. */
void fake_end_metadata(toni_fake_host *host, toni_str room);
/* Before the first member comes into the room of `next`. */
void fake_take_metadata_along(const toni_fake_host *host, toni_fake_host *next, toni_str room);

/* --- history.c */

/* A message of one room: kept if the room keeps its messages.
 * @return As it is delivered: with its position, where it wants one. Good until the next call. */
toni_message fake_keep(toni_fake_host *host, toni_str room, const toni_message *message);

/* --- delivery.c */

/* Adds to what the client has got. */
TONI_PRINTF(2, 3) void fake_got(toni_fake_client *client, const char *format, ...);
void fake_deliver(toni_fake_host *host, toni_client_id id, const toni_message *message);
/* Ends the target of the host. @param call  The line's first word. @param is_taken  Else nobody
 * gets it. */
int32_t fake_send_to_target(toni_fake_host *host, const char *call, const toni_message *message,
                            int is_taken);

/* --- settings.c */

typedef int (*fake_equal_fn)(toni_str a, toni_str b);

/* Letter case makes no difference. */
int fake_equal_in_any_case(toni_str a, toni_str b);

/** As toni_request_certificate. @param from  NULL: there is none. */
int32_t fake_show_certificate(const toni_certificate *from, toni_certificate *to);

const toni_fake_setting *fake_find_setting(const toni_fake_setting *settings, size_t count,
                                           toni_str name, fake_equal_fn equal);
toni_fake_setting *fake_add_setting(toni_fake_setting *settings, size_t *count, const char *name);
int32_t fake_get_text(const toni_fake_setting *setting, toni_str *value);

/* --- options.c */

/* Fails the test if it has set what no option is declared for. */
void fake_check_options(const toni_fake_host *host);

/* --- client.c */

/* @return What a service offers as a guard; NULL: it is none. */
const struct toni_guard_table *fake_offered_guard(const toni_fake_host *host);

/* --- guard.c */

/* The client has no more to do with it. */
void fake_leave_ticket(toni_fake_client *client);
int fake_is_decided(const toni_fake_client *client);

/* --- tasks.c */

void fake_cancel_tasks(toni_fake_host *host);
/* Runs when time passes; if there are no more tasks, is released at once. */
void fake_add_task(toni_fake_host *host, toni_run_fn run, void *data, toni_release_fn release);

/* --- host.c */

int32_t fake_create(toni_fake_host *host);
void fake_destroy(toni_fake_host *host);
int32_t fake_call_hook(toni_fake_host *host, int32_t (*hook)(void *self));
/* @return An error, or TONI_OK: a count is a success. */
int32_t fake_without_count(int32_t result);

/* --- Each file puts its functions into the table */

void fake_known_fill(toni_host *table);
void fake_rooms_fill(toni_host *table);
void fake_delivery_fill(toni_host *table);
void fake_client_fill(toni_host *table);
void fake_request_fill(toni_host *table);
void fake_guard_fill(toni_host *table);
void fake_notes_fill(toni_host *table);
void fake_identity_fill(toni_host *table);
void fake_context_fill(toni_host *table);
void fake_options_fill(toni_host *table);
void fake_exchange_fill(toni_host *table);
void fake_kept_fill(toni_host *table);
void fake_tasks_fill(toni_host *table);
void fake_state_fill(toni_host *table);
void fake_figures_fill(toni_host *table);
void fake_crowd_fill(toni_host *table);
void fake_metadata_fill(toni_host *table);
void fake_history_fill(toni_host *table);

#endif
