/* Two kinds: what others may take the place of, and what is one for the whole process. */
#include "plugin/symbols_check.h"

#include "plugin/elf_facts.h"

#include <stdio.h>

#define NAMES_SIZE 256

static void list_names(const struct elf_names *names, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < names->count && i < ELF_NAMES_MAX && used < size; i++) {
        const int length =
            snprintf(text + used, size - used, "%s`%.64s`", i > 0 ? ", " : "", names->first[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    if (names->count > ELF_NAMES_MAX && used < size)
        (void)snprintf(text + used, size - used, " and %zu more", names->count - ELF_NAMES_MAX);
}

#define REMEDY                                                                                     \
    "use toni_add_plugin, or compile it with -fvisibility=hidden and link it with what "           \
    "`pkg-config --libs toni` prints"

void symbols_check(int fd, const char *path, const struct value *at, struct fault_list *faults)
{
    struct elf_facts facts;
    char names[NAMES_SIZE];

    if (elf_facts_read(fd, &facts) == 0 && facts.shown.count > 0 && !facts.is_symbolic) {
        list_names(&facts.shown, names, sizeof names);
        fault_warn_at(faults, at,
                      "library `%s` shows more than its one symbol: %s; where the host or one of "
                      "its libraries has that name, theirs is called in its place; " REMEDY,
                      path, names);
    }
    if (facts.unique.count > 0) {
        list_names(&facts.unique, names, sizeof names);
        fault_warn_at(faults, at,
                      "library `%s` shows unique symbols of C++ (STB_GNU_UNIQUE): %s; all its "
                      "versions share these, so one that is swapped in goes on with the values of "
                      "the one before, and it is never unmapped; use toni_add_plugin, or link it "
                      "with a version script that shows toni_plugin_entry alone, or compile it "
                      "with -fno-gnu-unique",
                      path, names);
    }
    elf_facts_finish(&facts);
}
