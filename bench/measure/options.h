/* The command line of `toni-bench measure`. */
#ifndef MEASURE_OPTIONS_H
#define MEASURE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Most servers that share the connections: the nodes of a cluster. */
#define SERVERS_MAX 16U

struct options {
    uint16_t ports[SERVERS_MAX];
    uint32_t port_count;
    pid_t pids[SERVERS_MAX]; /* of the servers; what others cost is not measured */
    uint32_t pid_count;
    bool tls;

    /* How to speak to the server: templates, see template.h. */
    const char *path;
    const char *init; /* sent first, or NULL */
    uint64_t init_ms; /* what it takes until the server has dealt with it */
    const char *join; /* "" if the path already joins */
    const char *publish;
    const char *ignored; /* what the server takes and nobody gets */
    bool binary;

    /* Who is there. */
    uint32_t connections;
    uint32_t rooms;
    uint32_t slow;       /* of the connections: read nothing while messages are published */
    uint32_t idle;       /* connections that stand by, beside the others */
    uint32_t idle_joins; /* rooms that each of them joins */
    uint32_t idle_share; /* of how many members each of those rooms is */

    /* What is published. */
    uint32_t publishers;
    uint32_t messages;
    uint32_t warm_up; /* messages before the window that is measured */
    uint32_t size;
    uint32_t window; /* deliveries, or handshakes, outstanding at most */
    uint32_t ahead;  /* ignored messages that go before each message */
    uint32_t ahead_size;
    bool handshakes; /* instead of publishing, open and close so many connections */
    bool others;     /* a message is not for its publisher */
    bool burst;  /* publish a whole window while the server stands still, then wait for all of it */
    double rate; /* messages a second, whatever has come back; 0: as the window allows */

    uint64_t settle_ms;   /* silence that says that all have joined */
    uint64_t patience_ms; /* silence that says that nothing more will come */
    bool gate;
};

/** Ends the process with a message if the options make no sense. */
void options_read(struct options *options, int argc, char **argv);

#endif
