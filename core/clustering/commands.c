/* What the node asks of the engine, said in the engine's words. A command of a connection that is
 * no more is dropped: the node knows. */
#include "clustering/clustering_private.h"

#include <string.h>

static toni_str key_str(struct room_key key)
{
    return (toni_str){key.bytes, key.size};
}

static toni_str first_key(const struct output *output)
{
    return key_str(output->keys->list[0]);
}

/* --- Connections */

void connection_ended(struct clustering *clustering, uint32_t server)
{
    struct server_link *link = &clustering->links[server];
    link->generation = link->open_wanted = 0;
    inbox_forget_unwanted(&clustering->inbox, server);
}

static void open_connection(struct clustering *clustering, const struct output *output)
{
    struct server_link *link = &clustering->links[output->server];
    link->generation = output->generation;
    link->open_wanted = clustering->engine ? 0 : output->generation;
    ENGINE_CALL(clustering, open, (engine_self, output->server, output->generation));
}

/* It is the node that ends this one: what the engine last said was about another. */
static void close_connection(struct clustering *clustering, const struct output *output)
{
    clustering->links[output->server].why[0] = '\0';
    connection_ended(clustering, output->server);
    ENGINE_CALL(clustering, close, (engine_self, output->server, output->generation));
}

void engine_open_all(struct clustering *clustering)
{
    for (uint32_t i = 0; i < clustering->server_count; i++) {
        struct server_link *link = &clustering->links[i];
        const uint64_t generation = link->open_wanted;
        link->open_wanted = 0;
        if (generation != 0)
            ENGINE_CALL(clustering, open, (engine_self, i, generation));
    }
}

/* --- The rest */

static void hello(struct clustering *clustering, const struct output *output)
{
    const toni_engine_hello hello = {.struct_size = sizeof hello,
                                     .proposed = output->hello.proposed,
                                     .node = clustering->incarnation};
    if (!check_begin(clustering, output, &hello))
        ENGINE_CALL(clustering, hello, (engine_self, output->server, output->request, &hello));
}

static void publish(struct clustering *clustering, const struct output *output)
{
    const toni_engine_publish publish = {
        .struct_size = sizeof publish,
        .kind = output->payload->kind,
        .number = output->request,
        .incarnation = output->publish.incarnation,
        .node = output->publish.node,
        .proposed = output->publish.proposed,
        .after = output->publish.after,
        .epoch = output->publish.epoch,
        .is_repeat = output->publish.is_repeat ? 1 : 0,
        .keep_messages = output->publish.keeping.messages,
        .keep_seconds = output->publish.keeping.seconds,
        .room = first_key(output),
        .body = {(const char *)output->payload->bytes, output->payload->size},
    };
    ENGINE_CALL(clustering, publish, (engine_self, output->server, &publish));
}

_Static_assert(ROOMS_A_COMMAND <= TONI_ENGINE_KEYS_MOST && ROOM_KEY_MAX <= TONI_ENGINE_KEY_MOST,
               "an engine is told of no more than engine.h says");

static uint32_t list_keys(const struct output *output, toni_str keys[ROOMS_A_COMMAND])
{
    for (uint32_t i = 0; i < output->keys->count; i++)
        keys[i] = key_str(output->keys->list[i]);
    return output->keys->count;
}

static void subscribe(struct clustering *clustering, const struct output *output)
{
    toni_str keys[ROOMS_A_COMMAND];
    const uint32_t count = list_keys(output, keys);
    for (uint32_t i = 0; i < count; i++) {
        const struct wanted *wanted = inbox_find(&clustering->inbox, output->keys->list[i]);
        clustering->links[output->server].resubscriptions += wanted && wanted->is_heard ? 1 : 0;
    }
    ENGINE_CALL(clustering, subscribe, (engine_self, output->server, keys, count));
}

/* From here on what is published in the rooms may not come any more. */
static void unsubscribe(struct clustering *clustering, const struct output *output)
{
    toni_str keys[ROOMS_A_COMMAND];
    const uint32_t count = list_keys(output, keys);
    for (uint32_t i = 0; i < count; i++)
        room_heard(clustering, output->keys->list[i], false);
    ENGINE_CALL(clustering, unsubscribe, (engine_self, output->server, keys, count));
}

static void tops(struct clustering *clustering, const struct output *output)
{
    toni_str keys[ROOMS_A_COMMAND];
    const uint32_t count = list_keys(output, keys);
    ENGINE_CALL(clustering, tops, (engine_self, output->server, output->request, keys, count));
}

static void history(struct clustering *clustering, const struct output *output)
{
    const toni_engine_history history = {
        .struct_size = sizeof history,
        .limit = output->history.limit,
        .since = {output->history.since.epoch, output->history.since.offset},
        .is_last = output->history.is_last ? 1 : 0,
        .room = first_key(output),
    };
    ENGINE_CALL(clustering, history, (engine_self, output->server, output->request, &history));
}

static void probe(struct clustering *clustering, const struct output *output)
{
    ENGINE_CALL(clustering, probe,
                (engine_self, output->server, output->request, output->probe.incarnation));
}

static void lease(struct clustering *clustering, const struct output *output)
{
    const toni_engine_lease lease = {
        .struct_size = sizeof lease,
        .ttl_ms = output->lease.ttl_ms,
        .incarnation = output->lease.incarnation,
        .node = output->lease.node,
        .slot = output->lease.identity.slot,
        .may_restore = output->lease.may_restore ? 1 : 0,
        .boot = output->lease.identity.boot,
        .boot_floor = output->lease.boot_floor,
        .boot_step = output->lease.boot_step,
        .id_key = output->lease.id_key,
        .name = node_name_str(output->payload),
    };
    ENGINE_CALL(clustering, lease, (engine_self, output->server, output->request, &lease));
}

void command_carry_out(struct clustering *clustering, const struct output *output)
{
    static void (*const carry_out[])(struct clustering *, const struct output *) = {
        [OUTPUT_OPEN] = open_connection,
        [OUTPUT_CLOSE] = close_connection,
        [OUTPUT_HELLO] = hello,
        [OUTPUT_PUBLISH] = publish,
        [OUTPUT_SUBSCRIBE] = subscribe,
        [OUTPUT_UNSUBSCRIBE] = unsubscribe,
        [OUTPUT_TOPS] = tops,
        [OUTPUT_HISTORY] = history,
        [OUTPUT_PROBE] = probe,
        [OUTPUT_LEASE] = lease,
    };
    if (output->kind == OUTPUT_OPEN ||
        output->generation == clustering->links[output->server].generation)
        carry_out[output->kind](clustering, output);
}
