/* Which metrics there are, and where their values come from: what others count is read here, and
 * written as an exposition. The list with all meanings is in docs/operations.md. */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include "http/exposition.h"
#include "instance/slot.h"

#include <stdbool.h>

struct clustering;
struct connections_figures;
struct http_admin;
struct http_server;
struct server;
struct tasks;

/** Where the values come from. */
struct metrics_sources {
    const struct server *server;
    const struct http_server *http;
    const struct http_admin *admin;
    struct slots *slots;
    struct tasks *tasks;
    struct clustering *clustering; /* NULL: the host is alone */
    bool is_ready_by_cluster;      /* while a server of its engine is away, the host is not ready */
};

/** What there is to say of the process itself. */
struct metrics_process {
    bool is_ready;
    int64_t started_ms;        /* wall clock */
    const char *libmicrohttpd; /* its version: this file may not ask for it */
};

/** Writes all of the process. */
void metrics_write_process(struct exposition *exposition, const struct metrics_process *process);

/** Writes all of clients, rooms, services and workers. The sources must not be changed meanwhile,
 * but for their counters. @thread Any. */
void metrics_write_host(struct exposition *exposition, const struct metrics_sources *sources);

/** Writes those of rooms. @thread Any. */
void metrics_write_rooms(struct exposition *exposition, toni_connections *connections,
                         const struct connections_figures *figures);

/** Writes those of TLS. @thread Any. */
void metrics_write_tls(struct exposition *exposition, const struct metrics_sources *sources);

/** Writes those of the cluster. @param clustering  NULL writes none. @thread Any. */
void metrics_write_cluster(struct exposition *exposition, struct clustering *clustering);

/** Writes what plugins ask for. @thread Any. */
void metrics_write_plugins(struct exposition *exposition, struct slots *slots);

#endif
