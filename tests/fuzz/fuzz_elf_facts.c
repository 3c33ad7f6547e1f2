/* elf_facts_read on any bytes: what comes out are strings that lie in its table. */
#include "fuzz_file.h"

#include "plugin/elf_facts.h"

#include <string.h>

static size_t length_of(const char *name)
{
    return name ? strlen(name) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_facts facts;
    size_t length = 0;
    int fd = fuzz_file(data, size);

    FUZZ_REQUIRE(elf_facts_read(fd, &facts) == 0);
    for (size_t i = 0; i < facts.needed_count; i++)
        length += length_of(facts.needed[i]);
    for (size_t i = 0; i < ELF_NAMES_MAX; i++) {
        if (i < facts.shown.count)
            length += length_of(facts.shown.first[i]);
        if (i < facts.unique.count)
            length += length_of(facts.unique.first[i]);
    }
    length += length_of(facts.soname);
    FUZZ_REQUIRE(length == 0 || facts.strings);
    elf_facts_finish(&facts);
    (void)close(fd);
    return 0;
}
