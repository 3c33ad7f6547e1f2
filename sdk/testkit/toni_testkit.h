/** @file
 * A host for tests of plugins, in memory: it writes down what a plugin asks for, one line for each
 * call, and answers with what the test has set. For tests with Check (https://libcheck.github.io):
 * what can't be right, such as a handle of the wrong kind, fails the test.
 *
 *     toni_fake_host host;
 *     toni_fake_client client;
 *     toni_fake_host_init(&host);
 *     toni_fake_host_load(&host, "build/greeter_gateway.so");
 *     toni_fake_host_set_str(&host, "greeting", "Good day");
 *     ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
 *     toni_fake_client_init(&client, &host, 7);
 *     ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
 *     toni_fake_host_expect(&host, "send 7 text:Good day\n");
 *
 * The lines, where ID is a client's number, NAME that of a room, and BODY is `text:…` or
 * `binary:…` with `~` for each NUL:
 *
 *     join ID NAME           send ID BODY          (toni_client_send and its like)
 *     leave ID NAME          close ID CODE TEXT    (toni_client_close)
 *     remove ID              send_to ID BODY       (toni_send_to_client)
 *     broadcast NAME BODY    close_client ID CODE TEXT
 *     broadcast_from ID NAME BODY             may_publish ID NAME
 *     members NAME           ids_destroy
 *     rooms ID               names_destroy
 *     client ID              info_destroy
 *     room NAME              room_destroy
 *     target                 to_room NAME, to_client ID, to_gateway NAME, to_all, except ID
 *     target_send BODY       target_destroy
 *     target_send_with_receipt BODY: toni_fake_host_advance tells that all targets queued it, or
 *                                    what the test has set as `receipt`
 *     what cluster.h asks for is done as by send_to, close_client, join, leave and members, since
 *     all clients are here; toni_fake_host_advance tells what came of it
 *     header NAME: VALUE     answer STATUS TYPE BODY (of an HTTP request; BODY as it is)
 *     log LEVEL MESSAGE KEY=VALUE…, fail TEXT     (toni_fail)
 *     keep ID MS             header_kept ID NAME: VALUE     answer_kept ID STATUS TYPE BODY
 *     begin ID STATUS TYPE   write ID BYTES  end ID         (of a stream; BYTES as they are)
 *     after MS, every MS, cancel_timer ID, post, work
 *     watch FD EVENTS, unwatch ID
 *     state_write SIZE       enter, leave          (state.h)
 *     members_join NAME NAME, members_leave NAME, members_close NAME CODE TEXT, and a line for each
 *     list_clients CURSOR, list_rooms CURSOR
 *     set_metadata ROOM SIZE, get_metadata ROOM
 *     join_since ID ROOM POSITION LAST             (history.h)
 *     guard_wait ID          guard_decide ID RESULT (guard.h; RESULT is a number: -11 is FORBIDDEN)
 *     guard_value NAME: VALUE       guard_header NAME: VALUE       guard_subprotocol NAME
 *     guard_refuse STATUS TEXT      guard_drop_parameter NAME
 *     guard_identify SUBJECT ISSUED EXPIRES         guard_claim NAME: VALUE      (identity.h)
 *     refresh ID TOKEN              revoke SUBJECT
 *
 * Its time stands still but in toni_fake_host_advance, which runs what is due; jobs run in
 * toni_fake_host_run_work. So what a plugin does later is a matter of the test, and of no clock.
 *
 * What a host refuses, it refuses with the same error: names of rooms, texts that are not UTF-8,
 * close codes and reasons, messages that are too big for a host's defaults, clients that are not
 * connected (any more), or are being closed. A client is connected from toni_fake_client_init to
 * the end of toni_fake_client_disconnect; for a test without a client's callbacks there is
 * toni_fake_host_know.
 *
 * It keeps rooms, and delivers: what a client gets is a line in its own record, and only members
 * get what is broadcast to a room.
 *
 *     toni_fake_client_expect(&client, "text:Joined room: r\ntext:hello\n");
 *
 * Unlike a host it lets every header be read at any time: list those that are needed after
 * `on_connect` in `keep_headers`. Nothing here locks, so a fake host and its clients belong to one
 * thread; but what is done with a ticket (guard.h) may be done on any. What a test sets is
 * borrowed: it must outlive the host.
 */
#ifndef TONI_TESTKIT_H
#define TONI_TESTKIT_H

/* The fake host is one of the newest minor, whatever the plugin needs: its table is whole. */
#ifndef TONI_ABI_NEEDED
#define TONI_ABI_NEEDED TONI_ABI_MINOR
#endif

#include <toni/toni.h>

#if TONI_ABI_NEEDED != TONI_ABI_MINOR
#error                                                                                             \
    "toni_testkit.h needs all that the headers have: include it before toni/, or define TONI_ABI_NEEDED as TONI_ABI_MINOR is"
#endif

#include <check.h>

/** How many options a fake host takes, and how many headers and parameters a request. */
#define TONI_FAKE_MAX 32

/** How many exchanges (http.h) a plugin may keep at a time. */
#define TONI_FAKE_MAX_KEPT 64

/** How many bytes a state (state.h) may have. */
#define TONI_FAKE_MAX_STATE 65536

/** How many tasks (task.h) a plugin may have at a time. */
#define TONI_FAKE_MAX_TASKS 256

/** How many clients a fake host has at a time. */
#define TONI_FAKE_MAX_CLIENTS 256

/** How many memberships of clients in rooms a fake host takes, and the size of a room's name. */
#define TONI_FAKE_MAX_MEMBERSHIPS 1024
#define TONI_FAKE_ROOM_SIZE 256

/** How many rooms of a fake host may have metadata at a time. */
#define TONI_FAKE_MAX_METADATA 64

/** How many rooms of a fake host may keep messages, how many each, and how long these are. */
#define TONI_FAKE_MAX_HISTORIES 8
#define TONI_FAKE_HISTORY_MESSAGES 16
#define TONI_FAKE_HISTORY_SIZE 1024

/** How many tickets (guard.h) a plugin may have at a time. */
#define TONI_FAKE_MAX_TICKETS 256

/** What a host knows of a client. Internal to the fake host. */
typedef struct toni_fake_known {
    toni_client_id id;
    struct toni_fake_client *client; /**< NULL: the test has its number alone */
    int is_closing;
    int is_leaving; /**< its `on_disconnect` has begun */
    int carries_data;
} toni_fake_known;

/** A client in a room. Internal to the fake host. */
typedef struct toni_fake_membership {
    toni_client_id client;
    size_t size;
    char room[TONI_FAKE_ROOM_SIZE]; /**< with a NUL behind it */
} toni_fake_membership;

/** Metadata of a room. Internal to the fake host. */
typedef struct toni_fake_metadata {
    size_t room_size;
    char room[TONI_FAKE_ROOM_SIZE];
    size_t size;
    char bytes[TONI_ROOM_METADATA_MAX];
} toni_fake_metadata;

/** A message that a room keeps. Internal to the fake host. */
typedef struct toni_fake_kept_message {
    uint64_t at_ms;
    uint32_t kind;
    size_t size;
    char bytes[TONI_FAKE_HISTORY_SIZE];
} toni_fake_kept_message;

/** A room that keeps its messages. Internal to the fake host. */
typedef struct toni_fake_history {
    size_t room_size;
    char room[TONI_FAKE_ROOM_SIZE];
    uint32_t messages;
    uint32_t seconds;
    toni_position at;
    toni_fake_kept_message kept[TONI_FAKE_HISTORY_MESSAGES]; /**< the oldest first */
    size_t count;
} toni_fake_history;

/** A task that the plugin asked for. Internal to the fake host. */
typedef struct toni_fake_task {
    int64_t id; /**< 0: none */
    uint64_t due_ms;
    uint64_t period_ms; /**< of toni_every; else 0 */
    int is_timer;
    toni_run_fn run;
    toni_job_fn job; /**< NULL once it has run */
    toni_done_fn done;
    int32_t result; /**< of the job */
    toni_receipt_fn notify;
    toni_receipt receipt;
    toni_cluster_fn on_answer;
    toni_cluster_answer answer;
    toni_client_id *members; /**< of the answer; the task's own */
    toni_watch_fn watch;
    int32_t fd;      /**< of a watch */
    uint32_t events; /**< that it asked for */
    void *data;
    toni_release_fn release;
} toni_fake_task;

/** A figure that the plugin asked for. Internal to the fake host. */
typedef struct toni_fake_figure {
    const toni_host *host; /**< the toni_figure is this */
    uint32_t type;
    char name[129];
    double value;
    uint64_t count; /**< calls that changed it */
} toni_fake_figure;

/** A ticket that a guard took. Internal to the fake host. */
typedef struct toni_fake_ticket {
    const toni_host *host; /**< the toni_guard_ticket is this; NULL: nobody has it */
    toni_client_id id;
    const struct toni_fake_client *client; /**< that waits for it; NULL: none does */
    const toni_request *request;
    int is_decided;
    int32_t result;
} toni_fake_ticket;

/** How many guards a host may list: toni_fake_host_add_guard. */
#define TONI_FAKE_MAX_GUARDS 8

/** How many values a guard (guard.h) may leave. */
#define TONI_FAKE_MAX_NOTES 16

/** A value that a guard has left. Internal to the fake host. */
typedef struct toni_fake_note {
    size_t name_size, value_size;
} toni_fake_note;

/** How long a subject (identity.h), or the name of a claim, may be; how many claims there may be,
 * and how many bytes they may have together. */
#define TONI_FAKE_SUBJECT_MAX 256
#define TONI_FAKE_MAX_CLAIMS 64
#define TONI_FAKE_CLAIMS_SIZE 8192

/** Who a client is. Internal to the fake host. */
typedef struct toni_fake_identity {
    size_t subject_size; /**< 0: nobody has said who it is */
    char subject[TONI_FAKE_SUBJECT_MAX + 1];
    int64_t issued_s, expires_s;
    toni_fake_note claims[TONI_FAKE_MAX_CLAIMS];
    size_t claim_count;
    size_t text_size;
    char text[TONI_FAKE_CLAIMS_SIZE + 2 * TONI_FAKE_MAX_CLAIMS]; /**< names and values */
} toni_fake_identity;

/** Rules for rooms, as `rooms` of a gateway in gateways.conf has them. A pattern is the name of a
 * room, the beginning of one with a `*` behind it, or `claim:NAME`. Borrowed. */
typedef struct toni_fake_rooms {
    const char *const *join;       /**< patterns, with NULL behind the last; NULL: all rooms */
    const char *publish;           /**< "anyone", "member" or "nobody"; NULL: "anyone" */
    const char *const *publish_to; /**< instead of `publish`: patterns, as `join` */
} toni_fake_rooms;

/** A name and what it stands for. Internal to the setters. */
typedef struct toni_fake_setting {
    toni_str name;
    char type;   /**< of an option: the first letter of bool, int, double, str or group */
    int is_item; /**< of a list or map */
    toni_str key;
    toni_str member; /**< of the group of that number in a list or map; else empty */
    size_t group;
    int64_t integer;
    double number;
    toni_str text;
} toni_fake_setting;

/** What is injected for an interface. Internal to toni_fake_host_provide. */
typedef struct toni_fake_provision {
    toni_str interface_name;
    const void *slot;
} toni_fake_provision;

/** A host. Its address is in all handles, so it can't be copied. */
typedef struct toni_fake_host {
    toni_host
        table; /**< first: what all handles point to; a test may put functions of its own in */
    const toni_host *context;     /**< a handle: nothing but its frozen first member */
    const toni_host *connections; /**< the same */
    const toni_host *target;      /**< the same */

    char calls[16384]; /**< lines; compared and forgotten by toni_fake_host_expect */
    size_t last_size;  /**< of the last message's body */
    int handed_out;    /**< snapshots and targets that the plugin has not ended yet */

    int32_t result; /**< of every call that can fail and is not refused: an error, after which
                       nothing is done; or a count, instead of how many there were; TONI_OK: what
                       the fake host finds */
    const char *result_of;       /**< if not NULL: only of calls whose line begins with this word */
    const toni_receipt *receipt; /**< what becomes of messages with a receipt, in a cluster for
                                    instance; NULL: all targets queue them. Nobody gets those that
                                    are refused. What no host tells fails the test */
    toni_fake_rooms rooms;       /**< of the gateway under test; at first none, so all may all */
    toni_client_info info;       /**< what toni_get_client gives, but for the id and the rooms */
    toni_room_info room;         /**< what toni_get_room gives, but for the members */

    toni_fake_setting options[TONI_FAKE_MAX];
    size_t option_count;

    toni_fake_provision provisions[TONI_FAKE_MAX];
    size_t provision_count;

    toni_fake_known known[TONI_FAKE_MAX_CLIENTS]; /**< who is connected */
    size_t known_count;
    int32_t target_error; /**< what a part of the target was refused for */
    toni_client_id targeted[TONI_FAKE_MAX_CLIENTS]; /**< by the last broadcast or target */
    size_t targeted_count;
    toni_client_id left_out[TONI_FAKE_MAX_CLIENTS]; /**< of the target */
    size_t left_out_count;
    toni_fake_membership memberships[TONI_FAKE_MAX_MEMBERSHIPS]; /**< in the order of the joins */
    size_t membership_count;
    toni_fake_metadata metadata[TONI_FAKE_MAX_METADATA]; /**< of rooms with a member */
    size_t metadata_count;

    toni_fake_history histories[TONI_FAKE_MAX_HISTORIES]; /**< see toni_fake_host_keep */
    size_t history_count;
    toni_str target_room; /**< of the target: the one room that it is for */
    char target_name[TONI_FAKE_ROOM_SIZE];
    unsigned target_parts; /**< of the target: 1 if it is for one room alone */

    toni_fake_task tasks[TONI_FAKE_MAX_TASKS]; /**< that are not over */
    int64_t last_task;                         /**< the id of the last that was asked for */
    uint64_t now_ms;                           /**< since toni_fake_host_init */
    int closing;                               /**< it takes no more tasks, and runs none */
    int is_replaced;                           /**< by toni_fake_host_swap */
    uint32_t
        log_level; /**< the lowest that toni_log_enabled says yes to; at first TONI_LOG_DEBUG */

    toni_fake_ticket tickets[TONI_FAKE_MAX_TICKETS]; /**< that are not over */

    struct toni_fake_host *guards[TONI_FAKE_MAX_GUARDS]; /**< that its clients are asked by */
    size_t guard_count;

    struct toni_fake_exchange *kept[TONI_FAKE_MAX_KEPT]; /**< that wait for an answer */
    toni_exchange_id last_kept;

    toni_fake_figure figures[TONI_FIGURES_MOST];
    size_t figure_count;

    toni_str name_space;  /**< what toni_namespace gives; at first empty, the default one */
    uint64_t state_bytes; /**< that `export_state` may write: at first TONI_FAKE_MAX_STATE */
    int entered;          /**< how often the plugin has called toni_enter and not toni_leave */

    toni_plugin descriptor;    /**< of the plugin; zero in what it is too old to have */
    const toni_plugin *plugin; /**< under test: `descriptor`, once there is one */
    void *self;                /**< its instance */
} toni_fake_host;

/** What `export_state` wrote, or what a test hands to `import_state`. Zero is an empty one, of
 * version 0. */
typedef struct toni_fake_state {
    const toni_host *host; /**< the toni_state_writer is this */
    uint32_t version;
    int32_t error; /**< the first that a write met */
    size_t size;
    char bytes[TONI_FAKE_MAX_STATE];
} toni_fake_state;

/** What a client asked for when it connected. */
typedef struct toni_fake_request {
    const toni_host *host;
    toni_str parts[TONI_REQUEST_SUBPROTOCOL + 1]; /**< by TONI_REQUEST_… */
    toni_fake_setting headers[TONI_FAKE_MAX];
    size_t header_count;
    toni_fake_setting parameters[TONI_FAKE_MAX];
    size_t parameter_count;
    const toni_certificate *certificate; /**< that the client has shown; NULL, at first: none */
    int is_secure; /**< it came over TLS; so it did if there is a certificate. At first not */
} toni_fake_request;

/** A client; a test may have several. Can't be copied once a plugin has seen it. */
typedef struct toni_fake_client {
    const toni_host *host;
    toni_client_id id;
    char name[TONI_CLIENT_NAME_SIZE]; /**< `id` and the number, such as "id7" */
    void *data;                       /**< the gateway's own pointer */
    toni_fake_request request;
    toni_fake_ticket *ticket; /**< that the gateway's guard has taken for it, or NULL */
    unsigned last_call;       /**< the id of the last toni_fake_client_call */
    char got[8192];           /**< lines; compared and forgotten by toni_fake_client_expect */
    int got_too_much;         /**< more than that */
    uint16_t closed_with;     /**< since a callback failed: see toni_fake_client_send; 0: not so */
    int in_guard;
    size_t guards_asked; /**< of those that the host lists; and its own */
    int in_vain;         /**< its guard asked for a ticket and got none */
    int in_on_connect;
    toni_fake_note notes[TONI_FAKE_MAX_NOTES]; /**< values that its guard has left */
    size_t note_count;
    char note_text[8192];  /**< their names and values, one after the other */
    char subprotocol[256]; /**< that its guard has chosen */
    toni_fake_identity identity;
    int in_refresh;
} toni_fake_client;

/** An HTTP request to a service, and its answer. Serves once. */
typedef struct toni_fake_exchange {
    const toni_host *host;
    toni_str parts[TONI_EXCHANGE_ADDRESS + 1]; /**< by TONI_EXCHANGE_… */
    toni_fake_setting headers[TONI_FAKE_MAX];
    size_t header_count;
    toni_fake_setting parameters[TONI_FAKE_MAX];
    size_t parameter_count;
    const toni_certificate *certificate; /**< that the client has shown; NULL, at first: none */
    int is_secure;       /**< it came over TLS; so it did if there is a certificate. At first not */
    uint32_t status;     /**< of the answer; 0: none yet */
    toni_exchange_id id; /**< that it is kept by and waits for an answer under; 0: it doesn't */
    int in_callback;
    int is_stream; /**< its answer has begun; `status` says with what */
    int is_full;   /**< a write is refused with TONI_ERR_FULL, until toni_fake_exchange_drain */
    toni_stream_fn on_stream;
    void *stream_data;
    toni_release_fn stream_release;
} toni_fake_exchange;

TONI_BEGIN_DECLS

/* --- The host */

/** Makes a host without a plugin, options or calls, whose calls succeed. Nothing has to be
 * released. */
void toni_fake_host_init(toni_fake_host *host);

/** Loads the plugin to test, as a host would; fails the test if that can't be done. It stays loaded
 * until the process ends.
 * @param path  Of the .so.
 * @return Its descriptor, which is `host->plugin` now. */
const toni_plugin *toni_fake_host_load(toni_fake_host *host, const char *path);

/** Takes a plugin whose source is linked with the test: `toni_fake_host_use(&host,
 * toni_plugin_entry())`. Fails the test if a host would refuse the descriptor's prefix, or a
 * mandatory member is missing.
 * @return What a host knows of it, which is `host->plugin` now: a copy, zero in what the plugin is
 * too old to have. What it lists in `needs`, it gets. */
const toni_plugin *toni_fake_host_use(toni_fake_host *host, const toni_plugin *plugin);

/** What every plugin defines, for tests that are linked with its source. */
TONI_EXPORT const toni_plugin *toni_plugin_entry(void);

/** Calls the plugin's `create`, `start` and `ready`, those that it has.
 * @return TONI_OK, or the first error; tasks were cancelled then and `destroy` called, unless it
 * was that of `create`. */
int32_t toni_fake_host_start(toni_fake_host *host);

/** Calls the plugin's `stopping`, cancels and releases its tasks, calls `destroy`, and fails the
 * test if `handed_out` or `entered` is not 0, or a ticket (guard.h) was never decided. `stopping`
 * is told TONI_STOPPING_HOST, or TONI_STOPPING_SWAP after toni_fake_host_swap. */
void toni_fake_host_stop(toni_fake_host *host);

/** toni_fake_host_stop for another reason. @param why  One of TONI_STOPPING_…. */
void toni_fake_host_stop_because(toni_fake_host *host, uint32_t why);

/** @return The handle that `create` gets. Its name is "fake". */
toni_context *toni_fake_host_context(toni_fake_host *host);

/** @return The handle that a plugin has injected as `toni.connections`. */
toni_connections *toni_fake_host_connections(toni_fake_host *host);

/** Says what the plugin has injected for an interface that it lists in `needs`. Without it, that is
 * an empty slot, as for an optional need that nothing meets.
 * @param interface_name  NUL-terminated.
 * @param slot            A slot of the interface's own type, such as a `chat_slot`; a test may put
 *                        another table into it at any time. */
void toni_fake_host_provide(toni_fake_host *host, const char *interface_name, const void *slot);

/** Forgets the calls. */
void toni_fake_host_clear(toni_fake_host *host);

/** Fails the test unless the calls since the last time were these, and forgets them.
 * @param expected  Lines, each with its newline. */
#define toni_fake_host_expect(host, expected)                                                      \
    do {                                                                                           \
        ck_assert_str_eq((host)->calls, (expected));                                               \
        toni_fake_host_clear(host);                                                                \
    } while (0)

/* --- Histories */

/** A room keeps its messages from now on, as `history` of a namespace in gateways.conf has it: who
 * comes back (toni_join_room_since) gets what it missed, by the rules of a host, and is told when
 * time passes (toni_fake_host_advance).
 * @param room      Its name; not a pattern.
 * @param messages  At most TONI_FAKE_HISTORY_MESSAGES. @param seconds  How long each is kept. */
void toni_fake_host_keep(toni_fake_host *host, const char *room, uint32_t messages,
                         uint32_t seconds);

/* --- The cluster (cluster.h), as far as a plugin is told of it. What it asks for is answered for
 * the clients that are here; what comes of its messages `receipt` says. */

/** A server of the engine has another state, or broadcasts are lost: the plugin's `on_degraded`, as
 * a task. Fails the test if it has none. That calls are refused meanwhile is the test's to say:
 * with `result` TONI_ERR_BUSY.
 * @param degraded  Such as `{.state = TONI_SERVER_DOWN, .server = TONI_LIT("a:6379")}`; its
 *                  struct_size need not be set. */
void toni_fake_host_degrade(toni_fake_host *host, const toni_degraded *degraded);

/** Another host of the cluster is gone: the plugin's `on_node_lost`, as a task. Fails the test if
 * it has none.
 * @param node  Its name; empty: it is not known. */
void toni_fake_host_lose_node(toni_fake_host *host, const char *node);

/* --- Time and work */

/** Lets time pass, and runs what falls due in it: timers, posts and what jobs have left to be
 * notify, by time, then in the order of the calls; each at its own time, so that nothing is ever
 * late. With 0 it runs what is due now, such as posts. Fails the test if there is no end of that.
 * @param ms  In milliseconds. */
void toni_fake_host_advance(toni_fake_host *host, uint64_t ms);

/** Runs the jobs that toni_work has asked for so far, in that order, then what is due, such as
 * their `done`. */
void toni_fake_host_run_work(toni_fake_host *host);

/** What a plugin has watched (toni_watch) is ready: runs its task. Fails the test if there is no
 * such watch, or it did not ask for one of @p events. The fake host waits for nothing: what the
 * plugin then reads or writes is the test's, such as the other end of a pipe.
 * @param watch   What toni_watch returned; the first has 1, if nothing else was asked for before.
 * @param events  Of TONI_READABLE and TONI_WRITABLE. */
void toni_fake_host_fire(toni_fake_host *host, int64_t watch, uint32_t events);

/** @return How many tasks the plugin has: waiting timers, posts, jobs, and watches. */
size_t toni_fake_host_task_count(const toni_fake_host *host);

/* --- Figures (figures.h). What a host refuses, a bad name for instance, fails the test. With
 * `result` an error of "figure" the plugin gets none. */

/** @param name  NUL-terminated. @return The value of a figure that the plugin has asked for: of a
 * histogram the sum of what it was given. */
double toni_fake_host_figure(const toni_fake_host *host, const char *name);

/** @return How many values a histogram was given. */
uint64_t toni_fake_host_observed(const toni_fake_host *host, const char *name);

/* --- Swaps (state.h): two hosts, each with one version of the plugin
 *
 *     ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
 *     ck_assert_int_eq(toni_fake_client_adopt(&client, &next), TONI_OK);
 *     toni_fake_host_stop(&host);
 */

/** Swaps the plugin of a host for that of another, as a host does: `create` and `start` of the new
 * one, `export_state` of the old one and `import_state` of the new one if both are there, `ready`.
 * The old one's tasks don't run any more. Fails the test if the old one has entered
 * (toni_enter) and not left, for which a host would wait.
 * @param host  Started.
 * @param next  Its plugin is loaded, not started.
 * @return TONI_OK; `ready` has no say. TONI_ERR_FAILED: a client carries data, and the new version
 * has no `on_adopt`. Or the first error of those: then @p next has ended, and @p host goes on. */
int32_t toni_fake_host_swap(toni_fake_host *host, toni_fake_host *next);

/** Calls the plugin's `export_state`, and nothing else; fails the test if it has none.
 * @param state  Filled in. @return TONI_OK, what it returned, or what a write met. */
int32_t toni_fake_host_export(toni_fake_host *host, toni_fake_state *state);

/** Starts the plugin as the next version after one that left a state: `create`, `start`,
 * `import_state`, `ready`; fails the test if it has no `import_state`.
 * @param state  Such as one of an older version, or a damaged one: that is for the plugin to find.
 * @return As toni_fake_host_start(). */
int32_t toni_fake_host_import(toni_fake_host *host, const toni_fake_state *state);

/* --- Options */

/* Sets an option that the plugin declares, instead of its default: before its `create`. A duration,
 * size or path is set as the text that stands in gateways.conf; a path is taken as it is. What
 * `toni check` would refuse fails the test: one that is not declared, another type, out of range.
 */
void toni_fake_host_set_bool(toni_fake_host *host, const char *name, int value);
void toni_fake_host_set_int(toni_fake_host *host, const char *name, int64_t value);
void toni_fake_host_set_double(toni_fake_host *host, const char *name, double value);
void toni_fake_host_set_str(toni_fake_host *host, const char *name, const char *value);

/* Adds an item to a list or map. @param key  Of a map's; NULL: it is a list's. */
void toni_fake_host_add_int(toni_fake_host *host, const char *name, const char *key, int64_t value);
void toni_fake_host_add_str(toni_fake_host *host, const char *name, const char *key,
                            const char *value);

/* Adds a group to a list or map of groups; then sets its members, those that are not at their
 * defaults. @param key  Of a map's group; NULL: it is a list's. @return The number of the group. */
size_t toni_fake_host_add_group(toni_fake_host *host, const char *name, const char *key);
void toni_fake_host_set_member_bool(toni_fake_host *host, const char *name, size_t group,
                                    const char *member, int value);
void toni_fake_host_set_member_int(toni_fake_host *host, const char *name, size_t group,
                                   const char *member, int64_t value);
void toni_fake_host_set_member_double(toni_fake_host *host, const char *name, size_t group,
                                      const char *member, double value);
void toni_fake_host_set_member_str(toni_fake_host *host, const char *name, size_t group,
                                   const char *member, const char *value);

/* --- Clients */

/** Makes a client of a host, connected and that asked for `/` and sent no headers.
 * @param host  Must outlive the client.
 * @param id    Not 0. */
void toni_fake_client_init(toni_fake_client *client, toni_fake_host *host, toni_client_id id);

/** Says that a client of this number is connected, of which the test needs nothing else: a plugin
 * may send to it, and so on. @param id  Not 0. */
void toni_fake_host_know(toni_fake_host *host, toni_client_id id);

/** @return The handle that a gateway's callbacks get. */
toni_client *toni_fake_client_handle(toni_fake_client *client);

/** Sets one part of the request. @param part  One of TONI_REQUEST_…. */
void toni_fake_client_set_part(toni_fake_client *client, uint32_t part, const char *value);

/** Adds a header. */
void toni_fake_client_set_header(toni_fake_client *client, const char *name, const char *value);

/** Adds a query parameter, decoded; TONI_REQUEST_QUERY is another matter. */
void toni_fake_client_set_parameter(toni_fake_client *client, const char *name, const char *value);

/** Lists a guard, as `guards = [ … ]` of gateways.conf does: whoever connects to @p host is asked
 * by it, behind those that were listed before, and before the gateway's own `guard`. The first that
 * refuses decides; what one leaves the next finds. Calls that a guard makes with the request are
 * written down in @p host, those with its context in @p guard.
 * @param guard  A host of its own, with the plugin that offers toni_guard (guard_interface.h),
 *               started; must outlive @p host's clients. */
void toni_fake_host_add_guard(toni_fake_host *host, toni_fake_host *guard);

/** Connects: the listed guards, the gateway's `guard` and `on_connect`, those that it has. Of a
 * service that offers toni_guard (guard_interface.h) that is asked, as for a gateway that lists it.
 * @return TONI_OK, or the first error; the client's data was released then. TONI_LATER: the guard
 * has taken a ticket (guard.h), and toni_fake_client_resume or toni_fake_client_cancel must follow.
 * TONI_ERR_BUSY: it got none, since the test has set `result` for "guard_wait", and returned
 * TONI_LATER, for which a host answers 503. What a host logs as an error of the guard's fails the
 * test: TONI_LATER without having asked, or something else with a ticket. */
int32_t toni_fake_client_connect(toni_fake_client *client);

/** Says who a client is (identity.h), as if a guard had: its subject, and when its token was issued
 * and ends. To be read by toni_client_subject and its kin; what the guard under test has said is
 * read in the same way. Claims begin anew. */
void toni_fake_client_identify(toni_fake_client *client, const char *subject, int64_t issued_s,
                               int64_t expires_s);

/** Adds a claim of whom toni_fake_client_identify, or a guard, has named. */
void toni_fake_client_add_claim(toni_fake_client *client, const char *name, const char *value);

/** Hands another token of the client to the guard under test, as a host does when a gateway calls
 * toni_client_refresh. Fails the test if it offers no `refresh`, or takes the token without saying
 * whose it is. (For a gateway under test toni_client_refresh succeeds and changes nothing, unless
 * `result` says otherwise; what it reads then is the test's: toni_fake_client_identify.)
 * @return TONI_OK: the client's identity is the new one; TONI_ERR_NOT_FOUND: it has none;
 * TONI_ERR_FORBIDDEN: it is of another subject; or what the guard returned. */
int32_t toni_fake_client_refresh(toni_fake_client *client, const char *token);

/** Goes on with a client whose guard waits: `on_connect`, if the guard has let it in by now.
 * @return As toni_fake_client_connect(): TONI_OK, what the guard has decided, or the error of
 * `on_connect`; TONI_LATER: it has not decided yet. */
int32_t toni_fake_client_resume(toni_fake_client *client);

/** Ends the wait of a client: it has gone, or was answered 503. Its ticket is cancelled; the guard
 * still has to decide it, before toni_fake_host_stop and while the client is there. */
void toni_fake_client_cancel(toni_fake_client *client);

/** Hands a client on to the host that has taken the place of its own: what the old version kept
 * with it is released by that version's `client_free`, then `on_adopt` of the new one is called, if
 * it has one.
 * @param host  From now on the client's; the old one has not stopped yet.
 * @return TONI_OK, or what `on_adopt` returned: a host closes the client then, so
 * toni_fake_client_disconnect follows. */
int32_t toni_fake_client_adopt(toni_fake_client *client, toni_fake_host *host);

/** Fails the test unless what the client got since the last time was this, and forgets it: sends,
 * and broadcasts to rooms that it is in. Lines as in the host's record, each with its newline:
 * `text:…`, `binary:…`, and `close CODE TEXT` if it was closed. */
#define toni_fake_client_expect(client, expected)                                                  \
    do {                                                                                           \
        ck_assert_str_eq((client)->got, (expected));                                               \
        ck_assert_msg(!(client)->got_too_much, "the client got more than it has room for");        \
        toni_fake_client_clear(client);                                                            \
    } while (0)

/** Forgets what the client got. */
void toni_fake_client_clear(toni_fake_client *client);

/** The client sends a message. If `on_message` fails, `on_error` is asked, as a host does, or a
 * host's own rule (plugin.h): then the client is being closed, if that is so, and its `closed_with`
 * says with which code. @return What `on_message` returned. */
int32_t toni_fake_client_send(toni_fake_client *client, const toni_message *message);

/** The client sends a text. @param text  NUL-terminated. @return What `on_message` returned. */
int32_t toni_fake_client_send_text(toni_fake_client *client, const char *text);

/** Little waits for the client any more: the gateway's `on_drained`, which is taken as `on_message`
 * is. Fails the test if the gateway has none. The fake host counts no outboxes: when a client has
 * much waiting is the test's to say (`result` is TONI_ERR_FULL, for instance), and so is this.
 * @return What it returned. */
int32_t toni_fake_client_drained(toni_fake_client *client);

/** The client calls an event by its name (toni/events.h). Fails the test if `on_message` fails.
 * @param event  Such as "lobby.join".
 * @param data   JSON; NULL: none.
 * @return What has come as the answer, but for its id: `{"data":…}`, `{"complete":true}` or
 * `{"error":…}`, until the next call; NULL: nothing yet, see toni_fake_client_answer. What else the
 * client gets, toni_fake_client_expect shows. */
const char *toni_fake_client_call(toni_fake_client *client, const char *event, const char *data);

/** @return What has come as the next answer to the last call; NULL: nothing. See
 * toni_fake_client_call. */
const char *toni_fake_client_answer(toni_fake_client *client);

/** Ends the connection: `on_disconnect`, then `client_free` for what the gateway kept.
 * @param reason  One of TONI_CLOSED_…. */
void toni_fake_client_disconnect(toni_fake_client *client, uint32_t reason);

/* --- HTTP */

/** Makes a request to the service under test, without a body, headers or parameters.
 * @param host    Its plugin is loaded.
 * @param method  Such as "POST".
 * @param path    Percent-decoded, without a query; what follows the descriptor's `path` becomes the
 *                subpath. */
void toni_fake_exchange_init(toni_fake_exchange *exchange, toni_fake_host *host, const char *method,
                             const char *path);

/** Sets one part of the request. @param part  One of TONI_EXCHANGE_…. */
void toni_fake_exchange_set_part(toni_fake_exchange *exchange, uint32_t part, toni_str value);

/** Adds a header field. */
void toni_fake_exchange_set_header(toni_fake_exchange *exchange, const char *name,
                                   const char *value);

/** Adds a query parameter, decoded. */
void toni_fake_exchange_set_parameter(toni_fake_exchange *exchange, const char *name,
                                      const char *value);

/** Hands the request to the service. @return What `on_request` returned. */
int32_t toni_fake_exchange_run(toni_fake_exchange *exchange);

/** Ends the wait of an exchange that the service has kept, as a host does when its client has gone
 * or its time is over: from now on its id is known no more. To be called before the memory of an
 * exchange goes that was kept and not answered. A stream is told TONI_STREAM_ENDED, here, and by
 * toni_exchange_end when time passes (toni_fake_host_advance); then it is released. */
void toni_fake_exchange_withdraw(toni_fake_exchange *exchange);

/** Lets the client of a stream read all: its instance is told TONI_STREAM_DRAINED, if a write was
 * refused; see `is_full`. */
void toni_fake_exchange_drain(toni_fake_exchange *exchange);

TONI_END_DECLS

#endif
