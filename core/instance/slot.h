/* A slot: the place of an instance. Clients, HTTP requests and tasks come to the slot, and find in
 * it the instance of the moment; what is counted and what connections refer to is the slot's. So an
 * instance can be exchanged, and those who use it keep what they hold. Not about how that is done:
 * swap.h.
 *
 * There is one slot for each name that a gateway or a service has ever had. It is made when an
 * instance of that name is, and stays where it is until the host ends. */
#ifndef INSTANCE_SLOT_H
#define INSTANCE_SLOT_H

#include "base/gate.h"
#include "instance/figures.h"
#include "instance/kept.h"
#include "instance/plugin_figures.h"
#include "rooms/lane_figures.h"
#include "rooms/limits.h"

#include <toni/str.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct instance;
struct slots;

/* Answers by the class of their status: 1xx to 5xx. */
#define HTTP_CLASSES 5

/** What status and metrics show of the instance in a slot. */
struct slot_facts {
    char *module;
    char *version;       /* of the plugin; empty: it has none */
    char *library;       /* its file */
    int64_t since;       /* wall clock, milliseconds: when the instance began to serve */
    uint32_t generation; /* 1 for the first instance, one more for each that took its place; 0: the
                            slot is vacant */
};

struct slot {
    struct slot *_Atomic next; /* of all slots, in the order in which they were made */
    struct slots *slots;
    char *name;
    _Atomic uint32_t kind; /* TONI_GATEWAY, TONI_SERVICE, or both: that of its instance, or the last
                              one. Whether it is a gateway never changes. */

    struct gate gate;
    /* The next three change only while the gate is closed, so they are constant for a call
     * inside. */
    struct instance *_Atomic instance; /* NULL: nobody answers here */
    struct instance *retired;          /* the one before, as long as clients may have data of it */
    uint32_t generation;               /* of `instance` */

    struct limits_copy *_Atomic limits; /* see slot_limits() */
    struct space *_Atomic space; /* whose its clients are: that of its instance, or the last one */

    /* Guarded by the lock of the slots. */
    char *path;   /* where it answers; empty: nowhere */
    bool is_open; /* new clients and requests find it there */
    struct slot_facts facts;

    atomic_uint visitors;                 /* threads that have begun a visit with it */
    atomic_bool is_abandoned;             /* a thread is in a call of it that does not end */
    atomic_uint_fast64_t connections;     /* of a gateway: let in and not closed yet */
    atomic_uint_fast64_t requests;        /* of a service: inside its on_request */
    struct gateway_figures clients;       /* of a gateway */
    struct counter answers[HTTP_CLASSES]; /* of a service */
    struct instance_figures figures;
};

/** All slots. */
struct slots {
    pthread_mutex_t lock; /* a leaf */
    struct slot *_Atomic first;
    struct slot *last;
    struct gate visitors; /* of all slots: threads of plugins' own, and jobs */
    struct figure_families plugin_figures;
    struct kept_list kept; /* HTTP exchanges of all services; has a lock of its own */
};

/** @return 0, or -1 on no memory. */
int slots_init(struct slots *slots);

/** Frees all slots. There must be no instance any more, and no thread that uses them. */
void slots_finish(struct slots *slots);

/** @return The slot of that name that is a gateway, or is none, as @p kind is; or NULL if there is
 * none. @thread Any. */
struct slot *slots_get(struct slots *slots, uint32_t kind, const char *name);

/** @return The slot of that name that somebody is in, of whatever kind, or NULL. @thread Any. */
struct slot *slots_find_named(struct slots *slots, const char *name);

/** As slots_get(), but makes it if there is none, vacant and closed.
 * @param name  Copied. @return NULL on no memory. */
struct slot *slots_make(struct slots *slots, uint32_t kind, const char *name);

/** @return The first slot, or NULL; the others follow by slot_next(). @thread Any. */
struct slot *slots_first(const struct slots *slots);

/** @return The slot that was made after this one, or NULL. @thread Any. */
struct slot *slot_next(const struct slot *slot);

/** How well a path fits. @param path  Of a slot; not empty. @return 0: not at all. */
typedef size_t slot_fit(toni_str path, void *data);

/** @return Of the open slots that are of that kind, maybe among others, the one whose path fits
 * best, or NULL. @thread Any. */
struct slot *slots_find(struct slots *slots, uint32_t kind, slot_fit *fit, void *data);

/** @return The open gateway on exactly this path, or NULL. @thread Any. */
struct slot *slots_find_gateway(struct slots *slots, toni_str path);

/** @return Whether new clients and requests still find the slot. @thread Any. */
bool slot_is_open(struct slot *slot);

/** @return Whether nobody is in it, or comes to it any more: an instance of that name has been
 * removed, or was never there. @thread Any. */
bool slot_is_vacant(struct slot *slot);

/** @return Whether its instance, or the last that was in it, answers on a path. @thread Any. */
bool slot_has_path(struct slot *slot);

/* --- Who is in it: the thread that owns the graph */

/** An instance that is about to take its place. */
struct arrival {
    struct instance *instance;
    struct space *space;
    uint32_t kind; /* 0: the slot's stays as it is */
    char *path;
    struct slot_facts facts;
};

/** Gets all together that is needed. @return 0, or -1 on no memory. */
int arrival_init(struct arrival *arrival, struct instance *instance);

/** @param arrival  One that took its place, or not; or zero. */
void arrival_finish(struct arrival *arrival);

/** All changes between these two become visible at one moment to every thread that looks for a
 * slot; so does which gates a swap has closed. */
void slots_begin(struct slots *slots);
void slots_end(struct slots *slots);

/** Puts an instance into a slot, whoever was there before; clients and requests find it. Can't
 * fail. Nobody may be inside the slot's gate. */
void slot_settle(struct slot *slot, struct arrival *arrival);

/** New clients and requests don't find the slot any more. */
void slot_close(struct slot *slot);

/** Closes the slot, and takes its instance out: who still comes finds nobody. */
void slot_vacate(struct slot *slot);

/** Copies what status and metrics show. @param path  Set, too; both to be freed by the caller.
 * @param facts  Set; its strings are to be freed by slot_facts_finish().
 * @return 0, or -1 on no memory. @thread Any. */
int slot_read(struct slot *slot, char **path, struct slot_facts *facts);

void slot_facts_finish(struct slot_facts *facts);

/* --- Calling the instance */

/** Begins a call: the instance stays in the slot until slot_exit(). Waits while it is being
 * exchanged. Not from within another call of the same slot.
 * @return The instance; NULL if the slot is vacant. slot_exit() must follow. @thread Any. */
struct instance *slot_enter(struct slot *slot);

/** Ends a call. By the thread that began it. */
void slot_exit(struct slot *slot);

/** Begins a hook of a quiesced instance, behind its closed gate: visit_begin() does not wait in it.
 */
void slot_enter_quiesced(struct slot *slot);

/** Ends it. By the thread that began it. */
void slot_exit_quiesced(void);

/** Begins a visit, see toni_enter(): until visit_end() no swap exchanges anything. May be nested,
 * also with other slots: the first counts. Waits while a swap exchanges; but not in a call of a
 * slot that quiesces, whose end that swap waits for.
 * @param slot  Of the instance that the thread belongs to. @thread Any. */
void visit_begin(struct slot *slot);

/** Ends it. @return 0, or -1 if the thread has not begun one. */
int visit_end(void);

/** A thread is in a call of the slot's instance that does not end: the host ends without it.
 * @thread Any. */
void slot_abandon(struct slot *slot);

/* --- Limits. A set of them never changes, and stays where it is as long as the slot. */

/** @return The limits of the moment. @thread Any. */
const struct limits *slot_limits(const struct slot *slot);

/** Gives a slot other limits: who asks from now on gets these.
 * @param limits  Copied. @return 0, or -1 on no memory; then nothing has changed. */
int slot_set_limits(struct slot *slot, const struct limits *limits);

#endif
