/* A file of gateways.conf, the first or an included one: opened with care, since a folder, a FIFO,
 * a device or a ring would end or hang the process, and read as a whole. */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include "base/buffer.h"
#include "config/fault.h"

#include <stddef.h>
#include <sys/types.h>

/* Of all files together; a module with a gateway is some 200 bytes. */
#define CONFIG_BYTES_MAX (8u << 20)

/** A file, and where a pass over it is. */
struct source {
    const struct source *parent; /* that includes it; NULL: it is the first */
    const char *file;
    struct value_place from; /* the `@include`; of the first file: the file itself */
    dev_t device;
    ino_t inode;
    const char *bytes;
    size_t length, at;
    unsigned line;
    unsigned depth;
};

/** @return The byte @p offset behind where the pass is; NUL at the end. */
static inline char source_at(const struct source *source, size_t offset)
{
    if (source->at + offset < source->length)
        return source->bytes[source->at + offset];
    return '\0';
}

/** Opens a file and reads it.
 * @param content  Empty; gets the bytes, which the source borrows.
 * @param total    Of all files so far; counted up, to CONFIG_BYTES_MAX at most.
 * @return 0, or -1 after a fault. */
int source_load(struct source *source, struct buffer *content, size_t *total,
                struct fault_list *faults);

/** Adds a fault at the `@include` that names the file, or of the first file as a whole.
 * @return -1. */
int source_refuse(const struct source *source, const char *problem, const char *remedy,
                  struct fault_list *faults);

/** Adds a fault where the pass is. @return -1. */
int source_out_of_memory(const struct source *source, struct fault_list *faults);

#endif
