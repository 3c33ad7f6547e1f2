/* What the modules of a configuration can see of each other: own providers, what imports export,
 * and what global modules export. Not about who then gets what; resolver.h is. */
#ifndef GRAPH_SIGHT_H
#define GRAPH_SIGHT_H

#include "graph/declarations.h"

struct sight {
    const struct declarations *declarations;
    size_t *by_name;    /* modules, sorted by their names, then by their numbers */
    size_t *providers;  /* of all modules, sorted by module, then by name, then by number */
    size_t **imports;   /* by module and import: the module that is meant, or NOBODY */
    size_t **passed_on; /* by module and export: the module all of whose exports it passes on, or
                           NOBODY */
    size_t *order;      /* modules, each after those that it imports, rings aside */
    size_t row_words;   /* of a row of bits, one for each provider */
    uint64_t *exported; /* rows by module: what who imports it sees */
    uint64_t *seen;     /* rows by module: what its providers see */
    bool *uncertain; /* by module: something that it imports is not known, so what it can't see may
                        be there all the same */
};

/** Looks at imports and exports.
 * @param declarations  Borrowed, and outliving the sight.
 * @param faults        Gets imports that are no module, exports that the module lacks, rings.
 * @return 0, or -1 on no memory; sight_finish() must follow in both cases. */
int sight_init(struct sight *sight, const struct declarations *declarations,
               struct fault_list *faults);

void sight_finish(struct sight *sight);

/** Tells whether who imports @p module sees @p provider. */
bool sight_exports(const struct sight *sight, size_t module, size_t provider);

/** Tells whether providers of @p module see @p provider. */
bool sight_sees(const struct sight *sight, size_t module, size_t provider);

#endif
