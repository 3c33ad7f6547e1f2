/* All connections of a run: active ones that are dealt to the rooms, the first of which may be
 * slow, and idle ones behind them. One thread and one epoll for all. */
#ifndef MEASURE_CROWD_H
#define MEASURE_CROWD_H

#include "client/connection.h"
#include "client/template.h"
#include "measure/options.h"

#define ROOM_NAME_SIZE 32U

/* Who publishes, and as which of the publishers of its room. */
struct publisher {
    struct connection *connection;
    uint32_t index;
    uint32_t seq; /* of its next message */
};

struct crowd {
    const struct options *options;
    struct target targets[SERVERS_MAX];
    SSL_CTX *tls; /* for all of them; NULL: plain */
    int epoll;
    struct connection *connections; /* active, then idle */
    uint32_t count;
    struct publisher *publishers;
    uint32_t *next;    /* for all ledgers */
    uint32_t *members; /* of each room, the slow ones not counted */
    uint8_t *message;  /* what is published, but for the mark at its head */
    uint8_t *frame;    /* what is being sent */
    size_t frame_capacity;
    struct template path, init, join, publish;
    uint8_t *ahead; /* the ignored messages before each message, as frames */
    size_t ahead_bytes;
    uint64_t received; /* how often something came */
    struct tally healthy, slow;
    struct percentiles late; /* how long after they were due messages were sent */
};

/** Allocates; connects nobody yet. @return 0, or -1 on no memory or an error of the system. */
int crowd_init(struct crowd *crowd, const struct options *options);

/** Closes all connections and frees what crowd_init made. */
void crowd_finish(struct crowd *crowd);

#define PATH_SIZE 256U

/** Writes the path of a connection's handshake. @return 0, or -1 if it is too long. */
int crowd_path(const struct crowd *crowd, uint32_t index, char path[PATH_SIZE]);

/** Connects everybody. @return 0, or -1 after a line on stderr. */
int crowd_connect(struct crowd *crowd);

/** Lets the active ones join their rooms. @return 0, or -1 after a line on stderr. */
int crowd_join(struct crowd *crowd);

/** Lets the idle ones join theirs. @return 0, or -1 after a line on stderr. */
int crowd_join_idle(struct crowd *crowd);

/** Waits for something to come, at most @p timeout_ns, and reads it. */
void crowd_pump(struct crowd *crowd, uint64_t timeout_ns);

/** Reads until nothing has come for @p silence_ms. */
void crowd_settle(struct crowd *crowd, uint64_t silence_ms);

/** Makes the slow ones stop or begin to read. */
void crowd_listen_slow(struct crowd *crowd, bool listen);

/** Publishes the next message of a publisher, after what goes ahead of it; reads while the socket
 * takes no more.
 * @param due_ns  When it should be sent, which its latency counts from; 0: now.
 * @return 0, or -1 if the connection has ended. */
int crowd_publish(struct crowd *crowd, struct publisher *publisher, uint64_t due_ns);

#endif
