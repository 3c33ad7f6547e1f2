/* Keeps the table of revocations in a file of the state folder, on a thread that may block: over
 * restarts, crashes, and between a host and its successor while both have clients. Who changes the
 * file holds the lock of another one beside it, takes over what is new in it, and puts a whole one
 * in its place; a second later at most every host that has the folder has read it. One that was
 * removed is written again. */
#ifndef HOST_REVOCATION_STORE_H
#define HOST_REVOCATION_STORE_H

#include <toni/types.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct revocation_store {
    toni_connections *connections;
    char *folder, *path, *next_path, *lock_path;
    struct stat seen; /* the file, when it was read or written last; zero: it was not there */
    bool has_failed;  /* since it last went well */
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t lock; /* a leaf: guards what follows */
    pthread_cond_t woken;
    bool is_changed;
    bool is_stopping;
};

/** Reads what the folder has, and keeps it from now on. What can't be read or written is logged,
 * and tried again.
 * @param folder  NULL: nothing is kept. @return 0, or -1, which is logged: no memory or thread. */
int revocation_store_open(struct revocation_store *store, toni_connections *connections,
                          const char *folder);

/** Writes what has changed, and ends; a second call does nothing. Zero is fine. */
void revocation_store_close(struct revocation_store *store);

#endif
