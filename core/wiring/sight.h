/* What the modules of a configuration can see of each other: own providers, what imports export,
 * and what global modules export. Not about who then gets what; resolver.h is. */
#ifndef WIRING_SIGHT_H
#define WIRING_SIGHT_H

#include "wiring/declarations.h"

struct sight {
    const struct declarations *declarations;
    bool *exported;  /* by module and provider: passed on to who imports the module */
    bool *uncertain; /* by module: something that it imports is not known, so what it can't see may
                        be there all the same */
};

/** Looks at imports and exports.
 * @param declarations  Borrowed, and outliving the sight.
 * @param faults        Told of imports that are no module, exports that the module lacks, rings.
 * @return 0, or -1 on no memory; sight_finish() must follow in both cases. */
int sight_init(struct sight *sight, const struct declarations *declarations,
               struct fault_list *faults);

void sight_finish(struct sight *sight);

/** Tells whether who imports @p module sees @p provider. */
bool sight_exports(const struct sight *sight, size_t module, size_t provider);

/** Tells whether providers of @p module see @p provider. */
bool sight_sees(const struct sight *sight, size_t module, size_t provider);

#endif
