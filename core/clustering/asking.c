/* Requests between hosts; see asks.h. */
#include "clustering/clustering_private.h"

#include "cluster/control.h"
#include "clustering/keys.h"
#include "rooms/asked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toni/cluster.h>
#include <toni/connections.h>

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

int asks_init(struct asks *asks, uint64_t nameless)
{
    const struct control_settings settings = {.asks_max = ASKS_MOST,
                                              .receipts_max = RECEIPTS_MOST,
                                              .bytes_max = 2 * (uint64_t)ASKS_BYTES_MOST +
                                                           RECEIPTS_BYTES_MOST,
                                              .nodes_max = 1024,
                                              .nameless = nameless};
    asks->last = &asks->first;
    asks->control = control_table_create(&settings);
    return asks->control ? 0 : -1;
}

void asks_finish(struct asks *asks)
{
    control_table_destroy(asks->control);
}

/* --- Any thread */

static bool is_of_client(const toni_cluster_request *request)
{
    return request->kind != TONI_CLUSTER_ROOM && request->kind != TONI_CLUSTER_NODES;
}

/* Whether the client's id is of another node that is seen. */
static bool is_live(struct clustering *clustering, toni_client_id client)
{
    const struct client_origin origin = naming_origin(&clustering->connections->naming, client);
    return origin.slot != 0 && atomic_load_explicit(&clustering->asks.live[origin.slot],
                                                    memory_order_relaxed) == origin.boot + 1;
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
    if (is_of_client(request) && !is_live(clustering, request->client))
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
        uv_async_send(&clustering->wake);
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

uint32_t asks_name_missing(const struct control_ask *done, toni_str *names)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < done->target_count; i++) {
        if (done->targets[i].outcome != CONTROL_ANSWERED)
            names[count++] = node_name_str(done->targets[i].name);
    }
    return count;
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
            answer.node_count = asks_name_missing(done, names);
        }
    }
    end_ask(clustering, ask, &answer);
    free(here.ids);
    free(page);
    free(names);
}

static void end_nodes(struct clustering *clustering, struct ask *ask)
{
    const struct control_table *control = clustering->asks.control;
    const struct payload *name;
    toni_str names[1 + 1024];
    toni_cluster_answer answer = {
        .struct_size = sizeof answer, .status = TONI_OK, .nodes = names, .node_count = 1};
    names[0] = toni_str_of(clustering->node_name);
    for (uint32_t i = 0; (name = control_name(control, i)) && answer.node_count < 1025; i++)
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

static void tell_done(struct clustering *clustering, const struct control_ask *done)
{
    if (done->is_receipt) {
        receipts_tell(clustering, done);
        return;
    }
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
    struct control_table *control = clustering->asks.control;
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
        is_room ? control_ask_all(clustering->asks.control, &request, clustering->receipt_ms,
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

/* A publish's cookie is an address, and so even; one of a control channel is odd. */
static void publish(struct clustering *clustering, const struct control_send *send)
{
    char bytes[ROOM_KEY_MAX];
    const struct keeping none = {0};
    const int status = node_publish(clustering->node, key_of_control(send->slot, bytes),
                                    send->payload, none, 0, send->cookie << 1 | 1, now_ms());
    payload_unref(send->payload);
    if (status != CLUSTER_DONE)
        control_sent(clustering->asks.control, send->cookie, PUBLISH_REJECTED, 0, now_ms());
}

void asks_settle(struct clustering *clustering)
{
    struct control_send send;
    struct control_ask *done;
    while (control_take_send(clustering->asks.control, &send))
        publish(clustering, &send);
    while ((done = control_take(clustering->asks.control))) {
        tell_done(clustering, done);
        control_ask_destroy(done);
    }
}

void asks_run(struct clustering *clustering)
{
    struct ask *next;
    for (struct ask *ask = take_put(&clustering->asks); ask; ask = next) {
        next = ask->next;
        begin_ask(clustering, ask);
    }
    control_tick(clustering->asks.control, now_ms());
    asks_settle(clustering);
}

uint64_t asks_due(const struct asks *asks)
{
    return control_due(asks->control);
}

void asks_close(struct clustering *clustering)
{
    struct asks *asks = &clustering->asks;
    struct control_ask *done;
    struct ask *next;
    lock_take(&asks->lock);
    asks->is_closed = true;
    lock_give(&asks->lock);
    for (struct ask *ask = take_put(asks); ask; ask = next) {
        next = ask->next;
        end_with(clustering, ask, TONI_ERR_CLOSING);
    }
    control_end(asks->control);
    while ((done = control_take(asks->control))) {
        tell_done(clustering, done);
        control_ask_destroy(done);
    }
}

/* --- Who is there */

static void hear_channel(struct clustering *clustering, uint32_t slot)
{
    struct asks *asks = &clustering->asks;
    char bytes[ROOM_KEY_MAX];
    if (asks->channel != 0)
        (void)node_unsubscribe(clustering->node, key_of_control(asks->channel, bytes), now_ms());
    asks->channel = 0;
    /* Without memory nobody's requests are heard until the next lease. */
    if (slot != 0 &&
        node_subscribe(clustering->node, key_of_control(slot, bytes), 0, now_ms()) == CLUSTER_DONE)
        asks->channel = slot;
}

static void note_live(struct asks *asks, struct node_identity identity, bool is_live)
{
    const uint32_t boot = (uint32_t)identity.boot & ((1u << CLIENT_ID_BOOT_BITS) - 1);
    if (identity.slot > CLIENT_ID_SLOT_MOST)
        return;
    _Atomic uint32_t *live = &asks->live[identity.slot];
    if (is_live)
        atomic_store_explicit(live, boot + 1, memory_order_relaxed);
    else if (atomic_load_explicit(live, memory_order_relaxed) == boot + 1)
        atomic_store_explicit(live, 0, memory_order_relaxed);
}

void asks_identity(struct clustering *clustering, const struct output *output)
{
    struct asks *asks = &clustering->asks;
    const struct node_identity identity = output->node.identity;
    switch (output->kind) {
    case OUTPUT_LEASE_HELD:
        naming_identify(&clustering->connections->naming, output->node.id_key, identity);
        control_held(asks->control, identity);
        hear_channel(clustering, identity.slot);
        break;
    case OUTPUT_LEASE_LOST:
        control_lost(asks->control);
        hear_channel(clustering, 0);
        break;
    case OUTPUT_NODE_SEEN:
        control_seen(asks->control, identity, output->payload);
        note_live(asks, identity, true);
        break;
    default:
        control_gone(asks->control, identity);
        note_live(asks, identity, false);
        break;
    }
    asks_settle(clustering);
}

/* --- What comes */

bool asks_result(struct clustering *clustering, const struct output *output)
{
    if ((output->result.cookie & 1) == 0)
        return false;
    control_sent(clustering->asks.control, output->result.cookie >> 1, output->result.result,
                 output->result.receivers, now_ms());
    asks_settle(clustering);
    return true;
}

static toni_str str_of(struct control_bytes bytes)
{
    return (toni_str){bytes.bytes, bytes.size};
}

static toni_cluster_request request_of(const struct control_request *asked, toni_message *message)
{
    static const toni_cluster_kind kinds[] = {
        [CONTROL_SEND] = TONI_CLUSTER_SEND, [CONTROL_CLOSE] = TONI_CLUSTER_CLOSE,
        [CONTROL_JOIN] = TONI_CLUSTER_JOIN, [CONTROL_LEAVE] = TONI_CLUSTER_LEAVE,
        [CONTROL_ROOM] = TONI_CLUSTER_ROOM,
    };
    *message = (toni_message){
        .struct_size = sizeof *message, .kind = asked->code, .body = str_of(asked->body)};
    return (toni_cluster_request){
        .struct_size = sizeof(toni_cluster_request),
        .kind = kinds[asked->form],
        .client = asked->client,
        .after = asked->after,
        .text = str_of(asked->form == CONTROL_CLOSE ? asked->body : asked->room),
        .message = asked->form == CONTROL_SEND ? message : NULL,
        .code = asked->code,
        .limit = asked->limit};
}

static void carry_out(struct clustering *clustering, const struct control_frame *frame)
{
    toni_message message;
    const toni_cluster_request request = request_of(&frame->request, &message);
    struct space *space = door_find_space(clustering, str_of(frame->request.space));
    struct asked_members members = {0};
    struct control_answer answer = {.status = space ? asked_check(&request) : TONI_ERR_NOT_FOUND};
    if (answer.status == TONI_OK && request.kind == TONI_CLUSTER_ROOM)
        answer.status = asked_members(space, &request, &members);
    else if (answer.status == TONI_OK)
        answer.status = asked_here(space, &request);
    answer.count = members.count;
    answer.ids = members.ids;
    answer.id_count = members.id_count;
    (void)control_reply(clustering->asks.control, &frame->head, &answer);
    free(members.ids);
}

bool asks_message(struct clustering *clustering, const struct output *output)
{
    const struct payload *payload = output->payload;
    struct control_frame frame;
    if (!key_is_control(output->keys->list[0]))
        return false;
    if (control_message(clustering->asks.control, payload->bytes, payload->size, &frame))
        carry_out(clustering, &frame);
    asks_settle(clustering);
    return true;
}
