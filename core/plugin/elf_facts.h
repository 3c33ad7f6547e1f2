/* What a shared object says of itself without being mapped: the libraries that it needs, its
 * soname, and the symbols that it shows. Read from the file and bound by its size, whatever stands
 * in it; not whether it is whole, which elf_check.h tells. */
#ifndef PLUGIN_ELF_FACTS_H
#define PLUGIN_ELF_FACTS_H

#include <stdbool.h>
#include <stddef.h>

/* Names that are kept for a message. */
#define ELF_NAMES_MAX 3

struct elf_names {
    const char *first[ELF_NAMES_MAX];
    size_t count; /* of all */
};

/** Strings are borrowed from `strings`; read-only. */
struct elf_facts {
    char *strings;       /* the table of strings, and a NUL; NULL: the file has none */
    const char **needed; /* DT_NEEDED, in their order */
    size_t needed_count;
    const char *soname;      /* NULL: none */
    bool is_symbolic;        /* its own symbols come before those of others (-Bsymbolic) */
    struct elf_names shown;  /* defined for others, but for TONI_PLUGIN_ENTRY and what is unique */
    struct elf_names unique; /* STB_GNU_UNIQUE: one for the whole process */
};

/** Reads what there is. What points outside of the file is taken for not there.
 * @param fd     Of a regular file that elf_check() has let pass.
 * @param facts  Filled in; elf_facts_finish() must follow, whatever is returned.
 * @return 0, or -1 on no memory. */
int elf_facts_read(int fd, struct elf_facts *facts);

void elf_facts_finish(struct elf_facts *facts);

#endif
