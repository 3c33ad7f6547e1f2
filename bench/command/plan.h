/* What a run of `toni bench` does: its command line, and which connection is what. */
#ifndef COMMAND_PLAN_H
#define COMMAND_PLAN_H

#include "client/target.h"
#include "client/template.h"

#include <stdbool.h>
#include <stdint.h>

/* How is known which message of the server belongs to which that was sent. */
enum matching {
    MATCHING_MARK,  /* {message} begins with a mark (client/mark.h) that comes back */
    MATCHING_ID,    /* an event's answer has its id */
    MATCHING_ORDER, /* the first answer belongs to the first message, and so on */
};

struct plan {
    struct url url;
    const char *url_text;
    struct target target; /* ready but for TLS */
    char *fields;         /* of the request; allocated */
    const char *authorities;
    bool takes_any; /* certificate */

    uint32_t connections; /* numbered from 0: the first are slow, the last publish */
    uint32_t slow;
    uint32_t publishers;
    uint32_t rooms; /* 0: a room for each connection */
    uint32_t threads;
    double connect_rate; /* a second; 0: as fast as they are answered */
    uint64_t slow_rate;  /* bytes a second that each slow one reads; 0: none */

    enum matching matching;
    bool joins;
    bool others; /* who sends to a room does not get it back */
    bool binary;
    bool handshakes; /* only opens and closes connections */
    uint32_t size;   /* of {message} */
    struct template path, join, message;

    double rate; /* messages a second, whatever has come back; 0: a closed loop */
    uint32_t outstanding;
    uint64_t duration_ns; /* with the warm-up */
    uint64_t warm_up_ns;
    uint64_t timeout_ns;
    bool json;
};

/** Reads a command line. Ends the process with a message, and exit code 2, if it makes no sense. */
void plan_read(struct plan *plan, int argc, char **argv);

void plan_finish(struct plan *plan);

#define ROOM_NAME_SIZE 32U

/** @return The room of a connection, from 0. */
uint32_t plan_room(const struct plan *plan, uint32_t connection);

/** Writes a room's name, which a gateway is told: `bench-0`, `bench-1`, … */
void plan_room_name(uint32_t room, char name[ROOM_NAME_SIZE]);

/** @return How many connections of a room publish. */
uint32_t plan_room_publishers(const struct plan *plan, uint32_t room);

/** @return Whether a connection publishes. */
bool plan_publishes(const struct plan *plan, uint32_t connection);

/** @return Which of the publishers of its room a publisher is, from 0. */
uint32_t plan_publisher_index(const struct plan *plan, uint32_t connection);

/** @return The connection of a room's publisher. */
uint32_t plan_publisher(const struct plan *plan, uint32_t room, uint32_t index);

#endif
