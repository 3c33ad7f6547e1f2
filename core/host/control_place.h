/* The path of a control socket: its file is made under a temporary name, put into its place in one
 * step, and removed if it is still this host's. Not about requests; control.h is. */
#ifndef HOST_CONTROL_PLACE_H
#define HOST_CONTROL_PLACE_H

#include <sys/types.h>
#include <sys/un.h>

/** Zero has no file. */
struct control_place {
    struct sockaddr_un name;
    struct sockaddr_un temporary; /* empty once the file is in its place */
    dev_t device;                 /* device and inode tell whether the file is still ours */
    ino_t inode;
};

/** Makes the socket under its temporary name. The caller listens on it before claiming the place:
 * another host would take a socket on which nobody listens for a leftover.
 * @param why  On failure: what is wrong, for people; static, or strerror()'s.
 * @return The socket, the caller's to close; or -1. */
int control_place_open(struct control_place *place, const char *path, const char **why);

enum control_claim {
    CLAIM_TAKEN,      /* the file is in its place */
    CLAIM_OTHER_HOST, /* one listens there */
    CLAIM_FAILED,
};

/** Puts the socket into its place, which replaces nothing but a file on which nobody listens, or
 * that of the predecessor.
 * @param predecessor  A process; 0: none.
 * @param other        Of CLAIM_OTHER_HOST: its process, or 0.
 * @param why          Of CLAIM_FAILED: what is wrong, as in control_place_open(). */
enum control_claim control_place_claim(struct control_place *place, pid_t predecessor, pid_t *other,
                                       const char **why);

/** Removes the file, if it is still this host's. Before the socket is closed: until then no other
 * file can have the same inode. */
void control_place_remove(const struct control_place *place);

#endif
