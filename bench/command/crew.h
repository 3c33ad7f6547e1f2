/* One thread's share of a run: its connections, and what comes of them. All threads go through the
 * same phases, which the main thread sets (bench.c): who is done with one goes on reading until the
 * next. */
#ifndef COMMAND_CREW_H
#define COMMAND_CREW_H

#include "client/opening.h"
#include "client/watched.h"
#include "command/plan.h"
#include "command/reasons.h"
#include "command/schedule.h"

#include <pthread.h>
#include <stdatomic.h>

enum phase {
    PHASE_CONNECT = 1,
    PHASE_JOIN,
    PHASE_RUN,
    PHASE_DRAIN, /* nothing is sent; what is on its way is waited for */
    PHASE_LEAVE,
    PHASE_OVER,
};

/* What all threads of a run share. */
struct shared {
    const struct plan *plan;
    atomic_int phase;
    atomic_bool stops;   /* as soon as possible, with a report */
    uint64_t start_ns;   /* of PHASE_RUN; these three are set before it begins */
    uint64_t measure_ns; /* the warm-up is over */
    uint64_t end_ns;
    uint32_t *sent; /* messages, by connection: set before PHASE_DRAIN */
};

#define PATH_SIZE 4096U

/* How many connections of a thread are opening at a time, at most. */
#define OPENINGS_MAX 64U

/* One that is being opened. */
struct entry {
    struct opening opening;
    bool is_used;
    uint64_t due_ns, begun_ns;
    char request[TARGET_REQUEST_SIZE];
};

struct caller {
    struct connection connection;
    struct entry *entry; /* while it is opening */
    uint32_t number;     /* of all connections */
    uint32_t sender;     /* among those of its crew that publish */
    uint32_t index;      /* among those of its room that publish */
    bool is_open;
    bool is_slow;
    bool publishes;
    uint32_t events;   /* that its socket is watched for */
    uint32_t sent;     /* messages */
    uint32_t given_up; /* in a closed loop, with marks: so many are not waited for any more */
    uint64_t sent_ns;  /* when the last one was */
    uint8_t *rest;     /* of a frame that the socket has not taken whole; NULL: nothing */
    size_t rest_at, rest_size;
};

/* What there was at one moment. */
struct moment {
    uint64_t at_ns;
    uint64_t sent, delivered;
    struct cpu_time cpu;
};

/* What the main thread may look at meanwhile. */
struct glance {
    atomic_uint_fast64_t opened, open, publishing, sent, delivered, wrong;
};

struct crew {
    struct shared *shared;
    const struct plan *plan;
    uint32_t number;
    pthread_t thread;
    atomic_int done; /* with this phase */
    int epoll;
    struct caller *callers;
    uint32_t count;
    struct caller **senders;
    uint32_t sender_count;
    uint32_t *next;    /* for all ledgers */
    uint8_t *message;  /* but for its mark */
    uint8_t *frame;    /* what is being sent */
    size_t frame_size; /* it has room for */
    struct entry *entries;
    uint32_t begun;   /* connections */
    uint32_t opening; /* of these */
    struct schedule schedule;
    uint64_t turn;     /* the next message of an open loop */
    uint64_t heard_ns; /* when something came last */
    uint64_t ticked_ns;

    /* What came of it. */
    struct tally healthy, slow;
    struct percentiles handshakes;
    struct percentiles late; /* how long after they were due messages were sent */
    struct reasons refused, closed, closed_slow;
    uint64_t opened, open, sent;
    uint64_t connected_ns; /* what the opening of all took */
    uint64_t timed_out;    /* in a closed loop: not answered in time */
    uint64_t missing;      /* sent to who was there to the end, and never came */
    uint64_t held_back;    /* due, and not taken by the server in time */
    uint64_t unsent;       /* due, and not sent in time by this thread */
    struct moment from, to;
    struct glance glance;
};

/** @return 0, or -1 on no memory or an error of the system. */
int crew_init(struct crew *crew, struct shared *shared, uint32_t number);

void crew_finish(struct crew *crew);

/** The thread: goes through all phases. @param data  A crew. */
void *crew_work(void *data);

/* --- Between the files of a crew */

/** Notes a moment of the measurement. */
void crew_note(struct crew *crew, struct moment *moment);

/** Waits for something to come, at most @p timeout_ns, and handles it. */
void crew_pump(struct crew *crew, uint64_t timeout_ns);

/** Watches a caller's socket for what is of interest now. */
void crew_watch(struct crew *crew, struct caller *caller);

/** A connection has ended: counts how. */
void crew_ended(struct crew *crew, struct caller *caller);

/** Opens all connections, or says why not. */
void crew_connect(struct crew *crew);

/** Something has come for one that is opening. */
void crew_go_on_opening(struct crew *crew, struct caller *caller);

/** Opens and closes connections until the end. */
void crew_visit(struct crew *crew);

/** Sends what a template makes. @return 0, or -1: it can't be sent now. */
int crew_send(struct crew *crew, struct caller *caller, const struct template *template,
              const struct template_values *values);

/** Sends what is left of a frame, and what has become due meanwhile. */
void crew_flush(struct crew *crew, struct caller *caller);

/** Sends what is due. @return How long until something is, in ns. */
uint64_t crew_send_due(struct crew *crew);

/** In a closed loop: sends the next messages, now that answers have come. */
void crew_refill(struct crew *crew, struct caller *caller);

/** Every 100 ms: those that wait too long, and those that read slowly. */
void crew_tick(struct crew *crew);

/** Counts what was due and was not sent. */
void crew_count_unsent(struct crew *crew);

/** @return Whether a frame is half-way out. */
static inline bool crew_is_blocked(const struct caller *caller)
{
    return caller->rest != NULL;
}

#endif
