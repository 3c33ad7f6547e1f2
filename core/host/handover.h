/* What a host and its successor say to each other at a restart, over a pair of sockets: the
 * listening sockets go one way, "ready" or what is wrong the other. The two may be of different
 * versions, so both say the version of these words first, and skip lines that they don't know.
 *
 *     old: "toni 1\n", then "ticket_key=…\n" for each key of TLS tickets, then for each socket
 *          "socket\nsetting=…\naddress=…\nis_ours=0|1\n", then "revocations\n"
 *          (revocation_link.h), all in one message, the descriptors beside it in the same order
 *     new: "fault\nTEXT", as often as need be; "ready\n", once */
#ifndef HOST_HANDOVER_H
#define HOST_HANDOVER_H

#include "net/inherited.h"
#include "net/listener.h"

#include <stdbool.h>
#include <stddef.h>

/* Which descriptor of the successor it is. */
#define HANDOVER_VARIABLE "TONI_HANDOVER_FD"

/* As many descriptors as the kernel lets through at once, less some: the link is one of those. */
#define HANDOVER_SOCKETS_MAX 250

/* Enough for any message of a successor. */
#define HANDOVER_TEXT_SIZE 32768

/** Makes the pair; nothing that is started gets either by accident.
 * @param ends  The old host's, the successor's. @return 0, or -1 with errno set. */
int handover_open(int ends[2]);

/* --- The old host's end */

/** Sends the listening sockets; never waits.
 * @param revocations  The successor's end of a revocation_link, which stays the caller's; -1: none.
 * @return 0, or -1 with errno set; EMSGSIZE if there are more than HANDOVER_SOCKETS_MAX. */
int handover_send(int fd, struct listener *const *listeners, size_t count, int revocations);

enum handover_answer {
    HANDOVER_NOTHING, /* has come yet */
    HANDOVER_READY,
    HANDOVER_FAULT, /* that text says what is wrong; more may come */
    HANDOVER_END,   /* the successor is gone */
};

/** Reads the successor's next message; never waits.
 * @param text  Of HANDOVER_FAULT. */
enum handover_answer handover_read(int fd, char text[HANDOVER_TEXT_SIZE]);

/* --- The successor's end */

/** Looks whether this process is a successor, and removes what says so from the environment.
 * @return Its end of the pair, or -1: it is none. */
int handover_find(void);

/** Receives the listening sockets; waits for them.
 * @param inherited    They are added here.
 * @param revocations  Set to this end of a revocation_link, to be closed; -1: none came.
 * @return 0, or -1, which is logged: the host before this one speaks otherwise, or is gone. */
int handover_receive(int fd, struct inherited *inherited, int *revocations);

/** Sends what is wrong; what finds no room is lost. @param size  A longer text is cut. */
void handover_send_fault(int fd, const char *text, size_t size);

/** Sends all that is wrong, lines, in as many messages as it takes. Waits for the old host to read,
 * for some seconds at most; what it does not take then is lost. */
void handover_send_faults(int fd, const char *text, size_t size);

/** Sends that the successor is ready. @return 0, or -1 if the host before this one is gone. */
int handover_send_ready(int fd);

#endif
