/* Requests of this host; see asks.h. */
#include "clustering/clustering_private.h"

#include "rooms/asked.h"

#include <stdlib.h>
#include <string.h>
#include <toni/cluster.h>

/* A request of this host, with a copy of all that it leads to. */
struct ask {
    struct ask *next;
    struct remote_call *call; /* NULL: nobody waits for an answer */
    struct space *space;
    toni_cluster_request request;
    toni_message message;
    size_t bytes;
    char text[];
};

void asks_init(struct asks *asks)
{
    asks->last = &asks->first;
}

/* --- Any thread */

static bool is_of_client(const toni_cluster_request *request)
{
    return request->kind != TONI_CLUSTER_ROOM && request->kind != TONI_CLUSTER_NODES;
}

static toni_str keep(char **at, toni_str text)
{
    if (text.size > 0)
        memcpy(*at, text.data, text.size);
    const toni_str kept = {*at, text.size};
    *at += text.size;
    return kept;
}

static struct ask *make_ask(struct space *space, const toni_cluster_request *request,
                            struct remote_call *call)
{
    const size_t body = request->message ? request->message->body.size : 0;
    const size_t bytes = sizeof(struct ask) + request->text.size + body;
    struct ask *ask = malloc(bytes);
    if (!ask)
        return NULL;
    char *at = ask->text;
    *ask = (struct ask){.call = call, .space = space, .request = *request, .bytes = bytes};
    ask->request.text = keep(&at, request->text);
    if (request->message) {
        ask->message = (toni_message){.struct_size = sizeof ask->message,
                                      .kind = request->message->kind,
                                      .body = keep(&at, request->message->body)};
        ask->request.message = &ask->message;
    }
    return ask;
}

/* Under the lock. */
static int32_t append(struct asks *asks, struct ask *ask)
{
    if (asks->is_closed)
        return TONI_ERR_CLOSING;
    if (asks->count >= ASKS_MOST || ask->bytes > ASKS_BYTES_MOST - asks->bytes)
        return TONI_ERR_BUSY;
    *asks->last = ask;
    asks->last = &ask->next;
    asks->count++;
    asks->bytes += ask->bytes;
    return TONI_OK;
}

int32_t asks_put(struct clustering *clustering, struct space *space,
                 const toni_cluster_request *request, struct remote_call *call)
{
    struct asks *asks = &clustering->asks;
    if (is_of_client(request) && !control_channel_reaches(clustering, request->client))
        return TONI_ERR_NOT_FOUND;
    if (request->message && request->message->body.size > ASKS_BYTES_MOST - sizeof(struct ask))
        return TONI_ERR_TOO_BIG;
    struct ask *ask = make_ask(space, request, call);
    if (!ask)
        return TONI_ERR_NO_MEMORY;
    lock_take(&asks->lock);
    const int32_t result = append(asks, ask);
    lock_give(&asks->lock);
    if (result != TONI_OK)
        free(ask);
    else
        loop_wake_send(&clustering->wake);
    return result;
}

static struct ask *take_put(struct asks *asks)
{
    lock_take(&asks->lock);
    struct ask *taken = asks->first;
    asks->first = NULL;
    asks->last = &asks->first;
    lock_give(&asks->lock);
    return taken;
}

/* --- What comes of a request */

static void end_ask(struct clustering *clustering, struct ask *ask,
                    const toni_cluster_answer *answer)
{
    struct asks *asks = &clustering->asks;
    lock_take(&asks->lock);
    asks->count--;
    asks->bytes -= ask->bytes;
    lock_give(&asks->lock);
    if (ask->call) {
        ask->call->finished(ask->call, answer);
    } else if (answer->status != TONI_OK) {
        log_limited(LOG_LEVEL_WARN,
                    "what was handed on to a client of another node came to nothing",
                    log_uint("kind", ask->request.kind),
                    log_str("reason", toni_error_name(answer->status)));
    }
    free(ask);
}

static void end_with(struct clustering *clustering, struct ask *ask, int32_t status)
{
    end_ask(clustering, ask,
            &(toni_cluster_answer){.struct_size = sizeof(toni_cluster_answer), .status = status});
}

/* The members of others and of this host, in one page.
 * @param done  NULL: nobody was asked. @param page  Room for twice as many as were asked for. */
static void add_members(const struct control_ask *done, const struct asked_members *here,
                        uint32_t limit, toni_client_id *page, toni_cluster_answer *answer)
{
    const size_t others = done ? done->id_count : 0;
    answer->count = here->count + (done ? done->count : 0);
    if (others > 0)
        memcpy(page, done->ids, others * sizeof *page);
    if (here->id_count > 0)
        memcpy(page + others, here->ids, here->id_count * sizeof *page);
    const size_t count = others + here->id_count;
    client_ids_sort(page, count);
    answer->members = page;
    answer->member_count = count < limit ? count : limit;
}

/* @param done  NULL: nobody was asked, as @p status says. */
static void end_room(struct clustering *clustering, struct ask *ask, const struct control_ask *done,
                     int32_t status)
{
    const uint32_t limit = ask->request.limit;
    toni_cluster_answer answer = {.struct_size = sizeof answer, .status = status};
    struct asked_members here;
    const int32_t result = asked_members(ask->space, &ask->request, &here);
    toni_client_id *page = malloc((2 * (size_t)limit + 1) * sizeof *page);
    toni_str *names = malloc(((done ? done->target_count : 0) + (size_t)1) * sizeof *names);
    if (result != TONI_OK || !page || !names) {
        answer.status = TONI_ERR_NO_MEMORY;
    } else {
        add_members(done, &here, limit, page, &answer);
        if (done) {
            answer.nodes = names;
            answer.node_count = control_channel_name_missing(done, names);
        }
    }
    end_ask(clustering, ask, &answer);
    free(here.ids);
    free(page);
    free(names);
}

static void end_nodes(struct clustering *clustering, struct ask *ask)
{
    const struct control_table *control = clustering->control.table;
    const struct payload *name;
    toni_str names[1 + NODES_MOST];
    toni_cluster_answer answer = {
        .struct_size = sizeof answer, .status = TONI_OK, .nodes = names, .node_count = 1};
    names[0] = toni_str_of(clustering->node_name);
    for (uint32_t i = 0; i < NODES_MOST && (name = control_name(control, i)); i++)
        names[answer.node_count++] = node_name_str(name);
    end_ask(clustering, ask, &answer);
}

static int32_t status_of(const struct control_ask *done, bool is_room)
{
    switch (done->outcome) {
    case CONTROL_ANSWERED:
        return is_room ? TONI_OK : done->status;
    case CONTROL_NOT_SENT:
        return TONI_ERR_BUSY;
    case CONTROL_NO_NODE:
        return is_room ? TONI_ERR_TIMEOUT : TONI_ERR_NOT_FOUND;
    default:
        return TONI_ERR_TIMEOUT;
    }
}

void asks_tell(struct clustering *clustering, const struct control_ask *done)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the table keeps it as a number */
    struct ask *ask = (struct ask *)(uintptr_t)done->cookie;
    const bool is_room = ask->request.kind == TONI_CLUSTER_ROOM;
    if (is_room)
        end_room(clustering, ask, done, status_of(done, is_room));
    else
        end_with(clustering, ask, status_of(done, is_room));
}

/* --- Asking */

static struct control_bytes bytes_of(toni_str text)
{
    return (struct control_bytes){text.data, text.size};
}

static struct control_request control_request_of(const struct ask *ask)
{
    static const enum control_form forms[] = {
        [TONI_CLUSTER_SEND] = CONTROL_SEND, [TONI_CLUSTER_CLOSE] = CONTROL_CLOSE,
        [TONI_CLUSTER_JOIN] = CONTROL_JOIN, [TONI_CLUSTER_LEAVE] = CONTROL_LEAVE,
        [TONI_CLUSTER_ROOM] = CONTROL_ROOM,
    };
    const toni_cluster_request *request = &ask->request;
    struct control_request asked = {.form = forms[request->kind],
                                    .client = request->client,
                                    .after = request->after,
                                    .code = request->code,
                                    .limit = request->limit,
                                    .space = bytes_of(toni_str_of(ask->space->name))};
    if (request->kind == TONI_CLUSTER_SEND) {
        asked.code = ask->message.kind;
        asked.body = bytes_of(ask->message.body);
    } else if (request->kind == TONI_CLUSTER_CLOSE) {
        asked.body = bytes_of(request->text);
    } else {
        asked.room = bytes_of(request->text);
    }
    return asked;
}

static int ask_node(struct clustering *clustering, struct ask *ask,
                    const struct control_request *request)
{
    struct control_table *control = clustering->control.table;
    const struct client_origin origin =
        naming_origin(&clustering->connections->naming, ask->request.client);
    struct node_identity to;
    if (!control_find(control, origin, &to))
        return CLUSTER_INVALID;
    return control_ask_node(control, to, request, clustering->receipt_ms, (uint64_t)(uintptr_t)ask,
                            now_ms());
}

static void begin_ask(struct clustering *clustering, struct ask *ask)
{
    if (ask->request.kind == TONI_CLUSTER_NODES) {
        end_nodes(clustering, ask);
        return;
    }
    const bool is_room = ask->request.kind == TONI_CLUSTER_ROOM;
    const struct control_request request = control_request_of(ask);
    const int status =
        is_room ? control_ask_all(clustering->control.table, &request, clustering->receipt_ms,
                                  (uint64_t)(uintptr_t)ask, now_ms())
                : ask_node(clustering, ask, &request);
    if (status == CLUSTER_DONE)
        return;
    const int32_t error = status == CLUSTER_NO_MEMORY ? TONI_ERR_NO_MEMORY
                          : status == CLUSTER_INVALID ? TONI_ERR_NOT_FOUND
                                                      : TONI_ERR_BUSY;
    if (is_room && error == TONI_ERR_BUSY)
        end_room(clustering, ask, NULL, error);
    else
        end_with(clustering, ask, error);
}

void asks_run(struct clustering *clustering)
{
    struct ask *next;
    for (struct ask *ask = take_put(&clustering->asks); ask; ask = next) {
        next = ask->next;
        begin_ask(clustering, ask);
    }
}

void asks_close(struct clustering *clustering)
{
    struct asks *asks = &clustering->asks;
    struct ask *next;
    lock_take(&asks->lock);
    asks->is_closed = true;
    lock_give(&asks->lock);
    for (struct ask *ask = take_put(asks); ask; ask = next) {
        next = ask->next;
        end_with(clustering, ask, TONI_ERR_CLOSING);
    }
}
