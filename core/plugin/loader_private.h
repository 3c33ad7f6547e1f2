/* What the files of the loader share: a library, from its file to its mapping. */
#ifndef PLUGIN_LOADER_PRIVATE_H
#define PLUGIN_LOADER_PRIVATE_H

#include "plugin/loader.h"

#include <sys/types.h>

/** What a plugin is to the loader. */
struct plugin_library {
    struct plugin_loader *loader;
    void *handle;           /* dlopen's; NULL before */
    char *path;             /* of the original */
    const struct value *at; /* that names it, until it is mapped */
    char *description;      /* the descriptor as bytes; NULL: it has not been tried */
    size_t description_size;
    void *described_lists;            /* to which the descriptor points until it is mapped */
    struct neighbour_list neighbours; /* that it needs beside it */
    char *copy;   /* path of the copy that is mapped; a cleaner of temporary files may remove it */
    int copy_fd;  /* of the copy, to compare other files with; -1 before */
    dev_t device; /* these two tell whether a file is the same */
    ino_t inode;
};

/** Finds the file of a library. @return Its path, to be freed; NULL after a fault. */
char *loader_find(const struct plugin_set *set, const char *library, const struct value *at,
                  struct fault_list *faults);

/** Opens the file at the library's path, and notes which file that is.
 * @return The caller's to close; -1 after a fault. */
int loader_open(struct plugin_library *library, const struct value *at, struct fault_list *faults);

/** Frees a library. @param unload  Unmaps it too, unless the loader is stuck. */
void plugin_library_destroy(struct plugin_library *library, bool unload);

/** Adds a fault. @return NULL. */
char *loader_out_of_memory(const struct value *at, struct fault_list *faults);

#endif
