/* The engine that is attached: found in its slot, called through the slot's gate, and let go of.
 * What it may ask for in return besides telling: watches and posts. */
#include "clustering/attachment.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

#define REFUSES "the engine can't be attached"

/* --- Calls */

bool engine_enter(struct clustering *clustering, const char *name, struct plugin_call *call)
{
    struct attachment *engine = clustering->engine;
    if (!engine)
        return false;
    struct instance *instance = slot_enter(clustering->slot);
    if (instance == engine->instance) {
        instance_call_begin(instance, name, call);
        return true;
    }
    slot_exit(clustering->slot); /* its slot was vacated: the host ends */
    return false;
}

void engine_leave(struct clustering *clustering, const struct plugin_call *call)
{
    instance_call_end(clustering->engine->instance, call);
    slot_exit(clustering->slot);
}

const struct toni_engine_table *engine_table(const struct clustering *clustering, void **self)
{
    *self = clustering->engine->self;
    return clustering->engine->table;
}

/* --- Attaching */

static bool is_whole(const struct toni_engine_table *table)
{
    return table && table->struct_size >= sizeof *table && table->attach && table->detach &&
           table->open && table->close && table->hello && table->publish && table->subscribe &&
           table->unsubscribe && table->tops && table->history && table->probe && table->lease &&
           table->flush;
}

/* One that can't be attached is asked once a second, so what it was given before serves again. */
static struct attachment *find_refused(const struct clustering *clustering,
                                       const struct instance *instance)
{
    struct attachment *engine = clustering->attachments;
    while (engine && !(engine->is_refused && engine->instance == instance))
        engine = engine->next;
    return engine;
}

static struct attachment *make_attachment(struct clustering *clustering, struct instance *instance)
{
    struct attachment *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    *engine = (struct attachment){.handle = {&engine_host},
                                  .clustering = clustering,
                                  .instance = instance,
                                  .next = clustering->attachments};
    clustering->attachments = engine;
    return engine;
}

/* @return What the instance is to be given; NULL on no memory. */
static struct attachment *offer_attachment(struct clustering *clustering, struct instance *instance)
{
    const toni_slot provided = instance_provides(instance);
    struct attachment *engine = find_refused(clustering, instance);
    if (!engine)
        engine = make_attachment(clustering, instance);
    if (!engine)
        return NULL;
    engine->table = provided.table;
    engine->self = provided.self;
    engine->thread = pthread_self();
    lock_take(&engine->lock);
    engine->is_over = false;
    lock_give(&engine->lock);
    return engine;
}

/* The names are bytes for whoever hashes them, and text for people. */
static bool is_server_name(toni_str name)
{
    return name.data && name.size > 0 && name.size <= SERVER_NAME_MOST &&
           !memchr(name.data, '\0', name.size);
}

static bool are_names(const toni_str *servers, uint32_t count)
{
    if (!servers || count == 0 || count > NODE_SERVERS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_server_name(servers[i]))
            return false;
        for (uint32_t other = 0; other < i; other++) {
            if (toni_str_equal(servers[i], servers[other]))
                return false;
        }
    }
    return true;
}

static bool are_known_names(const struct clustering *clustering, const toni_str *servers,
                            uint32_t count)
{
    if (count != clustering->server_count)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!toni_str_equal(servers[i], toni_str_of(clustering->names[i])))
            return false;
    }
    return true;
}

static int learn_names(struct clustering *clustering, const toni_str *servers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        clustering->names[i] = strndup(servers[i].data, servers[i].size);
        if (!clustering->names[i]) {
            while (i-- > 0)
                free(clustering->names[i]);
            return -1;
        }
    }
    clustering->server_count = count;
    return 0;
}

static const char *judge(struct clustering *clustering, const toni_str *servers, uint32_t count)
{
    if (!are_names(servers, count))
        return "it does not name 1 to 64 servers, each once, in 1 to 255 bytes";
    if (clustering->server_count > 0) {
        return are_known_names(clustering, servers, count)
                   ? NULL
                   : "it names other servers than the one before: rooms would be elsewhere than "
                     "on the other nodes; `toni restart`";
    }
    return learn_names(clustering, servers, count) ? "out of memory" : NULL;
}

/* An engine that refuses is asked each second, maybe for days: each line tells of as many attempts
 * as all before it. @param why  Static. */
static void log_refusal(struct clustering *clustering, const char *why)
{
    const uint64_t count = ++clustering->refusals;
    pthread_mutex_lock(&clustering->lock);
    clustering->refusal = why;
    pthread_mutex_unlock(&clustering->lock);
    if ((count & (count - 1)) == 0)
        log_error(REFUSES, log_str("engine", clustering->engine_name), log_str("reason", why),
                  log_uint("attempts", count));
}

static int attach(struct clustering *clustering, struct attachment *engine)
{
    const toni_str *servers = NULL;
    uint32_t count = 0;
    int32_t result = TONI_ERR_CLOSING;
    PLUGIN_CALL(call);
    clustering->engine = engine;
    engine->is_attaching = true;
    if (engine_enter(clustering, "attach", &call)) {
        result = engine->table->attach(engine->self, &engine->handle, &servers, &count);
        engine_leave(clustering, &call);
    }
    engine->is_attaching = false;
    engine->is_refused = true;
    if (result < 0) {
        attachment_end(engine);
        clustering->engine = NULL;
        log_refusal(clustering, toni_strerror(result));
        return -1;
    }
    const char *why = judge(clustering, servers, count);
    engine->is_refused = why != NULL;
    if (!why) {
        clustering->refusals = 0;
        return 0;
    }
    engine_detach(clustering);
    log_refusal(clustering, why);
    return -1;
}

int engine_attach(struct clustering *clustering)
{
    struct instance *instance = slot_enter(clustering->slot);
    const bool is_engine = instance && is_whole(instance_provides(instance).table);
    struct attachment *engine = is_engine ? offer_attachment(clustering, instance) : NULL;
    slot_exit(clustering->slot);
    if (!instance || !is_engine) {
        log_refusal(clustering, instance ? "its table has not all functions of toni_engine"
                                         : "there is no instance of that name");
        return -1;
    }
    if (!engine) {
        log_refusal(clustering, "out of memory");
        return -1;
    }
    return attach(clustering, engine);
}

void engine_detach(struct clustering *clustering)
{
    struct attachment *engine = clustering->engine;
    if (!engine)
        return;
    attachment_end(engine); /* first, so that nothing is told from within `detach` */
    ENGINE_CALL(clustering, detach, (engine_self));
    clustering->engine = NULL;
}

void attachments_finish(struct clustering *clustering)
{
    for (struct attachment *engine = clustering->attachments, *next; engine; engine = next) {
        next = engine->next;
        free(engine);
    }
    clustering->attachments = NULL;
}
