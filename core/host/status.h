/* What `toni status` shows: the host, each instance, and the largest rooms. Collected on the main
 * thread out of what the slots hold, so the workers go on meanwhile, and a reload too. */
#ifndef HOST_STATUS_H
#define HOST_STATUS_H

#include "base/buffer.h"
#include "clustering/clustering.h"
#include "host/control.h"
#include "host/reload.h"
#include "instance/slot.h"
#include "net/server.h"
#include "rooms/histories.h"
#include "rooms/largest.h"

#include <stdbool.h>
#include <stdint.h>

/** Where it comes from; all borrowed. */
struct status_sources {
    const char *config_path;
    int64_t started_ms; /* wall clock */
    const struct server *server;
    toni_connections *connections;
    struct clustering *clustering; /* NULL: the host is alone */
    struct slots *slots;
    const struct reload *reload;
    bool is_draining;
};

struct status_instance {
    const char *kind;
    const char *name;
    const char *module;
    const char *namespace; /* of its clients and rooms; empty: the default one */
    toni_str path;         /* empty: it answers nowhere */
    toni_str version;      /* of the plugin; empty if it has none. Any bytes, as the library */
    uint64_t generation;
    int64_t since_ms;
    const char *library;
    bool is_gateway;
    uint64_t clients;                           /* of a gateway */
    uint64_t guard_answers[GUARD_ANSWER_COUNT]; /* of a guard */

    /* What the strings above are borrowed from. */
    const struct space *space; /* NULL: it has none yet */
    char *own_path;
    struct slot_facts facts;
};

/** One of the rooms with most members. */
struct status_room {
    const char *namespace; /* empty: the default one */
    toni_str name;
    uint64_t members;
};

/* What rooms keep, and what became of clients that came back to them. */
struct status_histories {
    uint64_t rooms;
    uint64_t bytes;
    uint64_t recovered;
    uint64_t not_recovered[NOT_RECOVERED_COUNT];
};

struct status_report {
    const char *version; /* of the host */
    int64_t pid;
    const char *state;
    int64_t since_ms;
    const char *config_path;
    uint64_t workers;
    uint64_t clients;
    uint64_t reloads; /* that were tried */
    int64_t last_reload_ms;
    const char *last_reload;           /* its result, lines; NULL: there was none */
    uint64_t old_libraries;            /* of instances that were swapped or removed, mapped still */
    struct status_instance *instances; /* in the order in which they start */
    size_t instance_count;
    uint64_t rooms;                           /* of all namespaces */
    struct status_room largest[LARGEST_MOST]; /* of these, the largest first */
    size_t largest_count;
    struct status_histories histories;
    const struct clustering_report *cluster; /* NULL: the host is alone */
};

/** A handler of the control socket (control.h).
 * @param data       A struct status_sources.
 * @param arguments  `text` or `json`. */
void status_handle(void *data, struct control_request *request, const char *arguments);

/** Appends it for people, 80 columns wide if names and paths are not too long.
 * @return 0, or -1 on no memory. */
int status_write_text(const struct status_report *report, struct buffer *out);

/** Appends the cluster for people. @return 0, or -1 on no memory. */
int status_write_cluster(const struct clustering_report *report, struct buffer *out);

/** @return `down`, `degraded` or `up`. */
const char *status_server_state(const struct clustering_server *server);

/** Appends one JSON object (RFC 8259), documented where it is made. @return 0, or -1 on no memory.
 */
int status_write_json(const struct status_report *report, struct buffer *out);

#endif
