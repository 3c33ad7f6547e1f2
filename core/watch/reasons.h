/* Which changes of a save are a reason to build. All are that, but for those that the build itself
 * makes, where it writes among the sources: without that it would never end. */
#ifndef WATCH_REASONS_H
#define WATCH_REASONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Of one save; of a larger one all is a reason. */
#define REASONS_PATHS_MAX 256

/** Of so many files it is known what they hold; one that is seen again after that counts as
 * changed. */
#define REASONS_KNOWN_MAX 1024

/** Where the same files change while each of several builds in a row runs, so many builds follow at
 * once, then others after twice the time each, and none after so many. */
#define REASONS_ECHOES_AT_ONCE 3
#define REASONS_ECHOES_MAX 9
#define REASONS_FIRST_WAIT_MS 1000

/** A build that has run for so long may hang: then they are a reason all the same. */
#define REASONS_HANG_MS 10000

/** No build runs, and none has just ended. */
#define REASONS_NO_BUILD UINT64_MAX

struct reasons_known {
    uint64_t path, content; /* hashes */
};

/** Zero is none. Given back by reasons_finish(). */
struct reasons {
    char *paths[REASONS_PATHS_MAX]; /* of the save that goes on */
    size_t count;
    bool is_large; /* there are more */
    struct reasons_known known[REASONS_KNOWN_MAX];
    size_t known_next; /* that is forgotten next */
    unsigned echoes;
    uint64_t echo_paths[REASONS_PATHS_MAX]; /* of the last one */
    size_t echo_count;
};

struct reasons_found {
    bool is_reason;
    bool is_again;    /* the same files have changed while the build before ran */
    bool is_loop;     /* once: they do so at each build */
    uint64_t wait_ms; /* how long to wait before one is followed by another for that */
    bool is_gone;     /* none of them is there: removed, or an editor's own for a moment */
    size_t count;     /* of files that are there, if one is; more than REASONS_PATHS_MAX: more */
    char name[256];   /* of one of them, as a person would say it */
};

/** A file has changed. */
void reasons_note(struct reasons *reasons, const char *path);

/** The save is over: looks at its files.
 * @param build_ms  For how long a build has run that runs, or has just ended: so they may be its
 *                  own. Then one whose content is what it was is no reason, and neither is one
 *                  that came and went. REASONS_NO_BUILD: none does. */
void reasons_take(struct reasons *reasons, uint64_t build_ms, struct reasons_found *found);

void reasons_finish(struct reasons *reasons);

#endif
