/* A new project: which files it consists of, and what they are made from. */
#ifndef NEW_PROJECT_H
#define NEW_PROJECT_H

#include "base/buffer.h"

#include <stdbool.h>

struct project {
    const char *name;   /* that project_name_check has passed */
    const char *folder; /* that it is written into: a new one, or an empty one */
    bool is_service;    /* else a gateway, which alone can have events */
    bool has_events;
    bool is_cxx; /* else C */
};

enum project_result {
    PROJECT_WRITTEN,
    PROJECT_REFUSED, /* something is in the way: nothing was written */
    PROJECT_FAILED,  /* what was written is removed again, or the fault names what stays */
};

/** Writes it.
 * @param templates  The folder with the templates.
 * @param fault      What is wrong, and what mends it, is appended here. */
enum project_result project_write(const struct project *project, const char *templates,
                                  struct buffer *fault);

#endif
