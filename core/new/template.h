/* Texts with placeholders, and lines that only some projects have.
 *
 *     @name@              becomes the value of that name: lower-case letters and `_`
 *     @only gateway c     what follows is for projects of which all these facts hold,
 *     @all                up to here
 *
 * The last two stand on lines of their own, which are left out; `#` or `//` may stand before them,
 * so that a template is still a source of its language. */
#ifndef NEW_TEMPLATE_H
#define NEW_TEMPLATE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct template_value {
    const char *name, *text;
};

struct template_fact {
    const char *name;
    bool holds;
};

/** What a project is: its values and facts. Each list ends with one whose name is NULL. */
struct template_terms {
    const struct template_value *values;
    const struct template_fact *facts;
};

/** Fills a template in.
 * @param text    Borrowed for the call; needs no NUL.
 * @param out     What comes of it is appended here.
 * @return 0; or the line of a value or fact that nobody knows, from 1; or -1 on no memory. */
int template_fill(const char *text, size_t length, const struct template_terms *terms,
                  struct buffer *out);

/** @param facts  With spaces between them; none hold always.
 * @return 1 if all of them hold, 0 if not; -1: one is unknown. */
int template_holds(const char *facts, size_t length, const struct template_terms *terms);

#endif
