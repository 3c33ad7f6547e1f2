/* See mutation.h. */
#include "mutation.h"

#include <string.h>

#define MUTATION_NAME(name, text) #name,
#define MUTATION_TEXT(name, text) text,

const char *const mutation_names[MUTATION_COUNT] = {MUTATIONS(MUTATION_NAME)};
const char *const mutation_texts[MUTATION_COUNT] = {MUTATIONS(MUTATION_TEXT)};

enum mutation mutation_named(const char *name)
{
    unsigned i = 0;

    while (i < MUTATION_COUNT && strcmp(mutation_names[i], name) != 0)
        i++;
    return (enum mutation)i;
}
