/* Libraries beside a plugin that it needs (DT_NEEDED), and what these need: copied with it, so that
 * a RUNPATH of $ORIGIN leads to them, and nobody who overwrites them does harm. The dynamic linker
 * maps one of each name: who comes later gets that one, whatever lies beside him. So another
 * content under a name that is there is refused. */
#ifndef PLUGIN_NEIGHBOURS_H
#define PLUGIN_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>

struct neighbour;

/** All of a host, whoever needs them; {0} is none. One thread at a time. */
struct neighbours {
    struct neighbour *first;
};

/** Those of one library; {0} is none. */
struct neighbour_list {
    struct neighbour **items;
    size_t count;
};

/** Copies beside a library's copy what it needs of its folder.
 * @param all      What is there already.
 * @param own      Added to; to be given to neighbours_release() in any case.
 * @param path     Of the library.
 * @param copy     Of its copy.
 * @param copy_fd  Open for reading that.
 * @param problem  Filled in if it failed: what was found, what would mend it.
 * @return 0, or -1. */
int neighbours_bring(struct neighbours *all, struct neighbour_list *own, const char *path,
                     const char *copy, int copy_fd, char *problem, size_t size);

/** Compares what lies beside a library with what it runs with.
 * @return 0; -1 if it differs, and @p problem says what. */
int neighbours_compare(const struct neighbour_list *own, const char *path, char *problem,
                       size_t size);

/** Gives back a library's. What nobody else has, and is not mapped any more, may come anew.
 * @param may_ask  Whether the dynamic linker may be asked what is mapped; if not, all stays. */
void neighbours_release(struct neighbours *all, struct neighbour_list *own, bool may_ask);

/** Frees all; none is in use. */
void neighbours_finish(struct neighbours *all);

#endif
