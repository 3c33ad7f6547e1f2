/* The dynamic section tells the libraries, the section of dynamic symbols the symbols. */
#include "plugin/elf_facts.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <toni/plugin.h>
#include <unistd.h>

/* No more is read of a table of strings; what lies beyond is treated as absent. */
#define STRINGS_MAX (64u << 20)
#define NEEDED_MAX 1024u
#define SEGMENTS_MAX 64u
#define ENTRIES_MAX 4096u /* of the dynamic section */

#define SYMBOLS_AT_ONCE 256u

struct image {
    int fd;
    uint64_t size;
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[SEGMENTS_MAX];
    unsigned segment_count;
    ElfW(Dyn) * entries; /* of the dynamic section, up to DT_NULL */
    size_t entry_count;
    uint64_t strings_size;
};

static bool read_at(const struct image *image, void *bytes, size_t size, uint64_t offset)
{
    size_t done = 0;

    if (offset > image->size || size > image->size - offset)
        return false;
    while (done < size) {
        const ssize_t got =
            pread(image->fd, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static void read_segments(struct image *image)
{
    const unsigned count =
        image->header.e_phnum < SEGMENTS_MAX ? image->header.e_phnum : SEGMENTS_MAX;

    if (image->header.e_phentsize == sizeof image->segments[0] &&
        read_at(image, image->segments, count * sizeof image->segments[0], image->header.e_phoff))
        image->segment_count = count;
}

/* @return Where in the file an address lies; 0 if nowhere: that is the header's place. */
static uint64_t offset_of(const struct image *image, uint64_t address)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        const ElfW(Phdr) *segment = &image->segments[i];

        if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
            address - segment->p_vaddr < segment->p_filesz)
            return segment->p_offset + (address - segment->p_vaddr);
    }
    return 0;
}

static const ElfW(Phdr) * find_dynamic(const struct image *image)
{
    for (unsigned i = 0; i < image->segment_count; i++) {
        if (image->segments[i].p_type == PT_DYNAMIC)
            return &image->segments[i];
    }
    return NULL;
}

/* @return -1 on no memory. */
static int read_entries(struct image *image)
{
    const ElfW(Phdr) *dynamic = find_dynamic(image);
    const uint64_t most = dynamic ? dynamic->p_filesz / sizeof *image->entries : 0;
    const size_t count = most < ENTRIES_MAX ? (size_t)most : ENTRIES_MAX;

    image->entries = calloc(count + 1, sizeof *image->entries);
    if (!image->entries)
        return -1;
    if (!dynamic ||
        !read_at(image, image->entries, count * sizeof *image->entries, dynamic->p_offset))
        return 0;
    while (image->entry_count < count && image->entries[image->entry_count].d_tag != DT_NULL)
        image->entry_count++;
    return 0;
}

/* --- The dynamic section: first where the strings are, then those that it names */

struct layout {
    uint64_t strings;
    uint64_t strings_size;
    size_t needed;
    bool is_symbolic;
};

static void take_layout(void *data, const ElfW(Dyn) * entry)
{
    struct layout *layout = data;

    if (entry->d_tag == DT_STRTAB)
        layout->strings = entry->d_un.d_ptr;
    else if (entry->d_tag == DT_STRSZ)
        layout->strings_size = entry->d_un.d_val;
    else if (entry->d_tag == DT_NEEDED && layout->needed < NEEDED_MAX)
        layout->needed++;
    else if (entry->d_tag == DT_SYMBOLIC ||
             (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_SYMBOLIC)))
        layout->is_symbolic = true;
}

static const char *name_at(const struct image *image, const struct elf_facts *facts,
                           uint64_t offset)
{
    return offset < image->strings_size ? facts->strings + offset : "";
}

static void take_names(const struct image *image, struct elf_facts *facts, size_t most)
{
    for (size_t i = 0; i < image->entry_count; i++) {
        const ElfW(Dyn) *entry = &image->entries[i];

        if (entry->d_tag == DT_NEEDED && facts->needed_count < most)
            facts->needed[facts->needed_count++] = name_at(image, facts, entry->d_un.d_val);
        else if (entry->d_tag == DT_SONAME)
            facts->soname = name_at(image, facts, entry->d_un.d_val);
    }
}

/* @return -1 on no memory. */
static int read_dynamic(struct image *image, struct elf_facts *facts)
{
    struct layout layout = {0};

    for (size_t i = 0; i < image->entry_count; i++)
        take_layout(&layout, &image->entries[i]);
    facts->is_symbolic = layout.is_symbolic;
    const uint64_t offset = offset_of(image, layout.strings);
    if (offset == 0 || layout.strings_size == 0 || layout.strings_size > STRINGS_MAX ||
        offset > image->size || layout.strings_size > image->size - offset)
        return 0;
    facts->strings = calloc(1, layout.strings_size + 1);
    facts->needed = calloc(layout.needed + 1, sizeof *facts->needed);
    if (!facts->strings || !facts->needed)
        return -1;
    if (!read_at(image, facts->strings, layout.strings_size, offset))
        return 0;
    image->strings_size = layout.strings_size;
    take_names(image, facts, layout.needed);
    return 0;
}

/* --- Symbols */

static void take_symbol(const struct image *image, struct elf_facts *facts,
                        const ElfW(Sym) * symbol)
{
    /* The same for both sizes of ELF. */
    const unsigned binding = ELF64_ST_BIND(symbol->st_info);
    const unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);
    const bool is_unique = binding == STB_GNU_UNIQUE;
    struct elf_names *names = is_unique ? &facts->unique : &facts->shown;

    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS ||
        symbol->st_name >= image->strings_size ||
        (binding != STB_GLOBAL && binding != STB_WEAK && !is_unique) || visibility == STV_HIDDEN ||
        visibility == STV_INTERNAL)
        return;
    const char *name = facts->strings + symbol->st_name;
    if (name[0] == '\0' || strcmp(name, TONI_PLUGIN_ENTRY) == 0)
        return;
    if (names->count < ELF_NAMES_MAX)
        names->first[names->count] = name;
    names->count++;
}

static void read_symbols(const struct image *image, struct elf_facts *facts,
                         const ElfW(Shdr) * section)
{
    ElfW(Sym) symbols[SYMBOLS_AT_ONCE] = {0};
    const uint64_t count = section->sh_size / sizeof symbols[0];

    for (uint64_t from = 0; from < count; from += SYMBOLS_AT_ONCE) {
        const size_t some =
            count - from < SYMBOLS_AT_ONCE ? (size_t)(count - from) : SYMBOLS_AT_ONCE;
        if (!read_at(image, symbols, some * sizeof symbols[0],
                     section->sh_offset + from * sizeof symbols[0]))
            return;
        for (size_t i = 0; i < some; i++)
            take_symbol(image, facts, &symbols[i]);
    }
}

/* A stripped file may have no sections: then nothing is known of its symbols. */
static void read_sections(const struct image *image, struct elf_facts *facts)
{
    ElfW(Shdr) section;

    if (!facts->strings || image->header.e_shentsize != sizeof section)
        return;
    for (unsigned i = 0; i < image->header.e_shnum; i++) {
        if (!read_at(image, &section, sizeof section,
                     image->header.e_shoff + (uint64_t)i * sizeof section))
            return;
        if (section.sh_type == SHT_DYNSYM && section.sh_size <= image->size) {
            read_symbols(image, facts, &section);
            return;
        }
    }
}

int elf_facts_read(int fd, struct elf_facts *facts)
{
    struct image image = {.fd = fd};
    struct stat status;

    *facts = (struct elf_facts){0};
    if (fstat(fd, &status) || status.st_size < 0)
        return 0;
    image.size = (uint64_t)status.st_size;
    if (!read_at(&image, &image.header, sizeof image.header, 0))
        return 0;
    read_segments(&image);
    int result = read_entries(&image);
    if (!result)
        result = read_dynamic(&image, facts);
    free(image.entries);
    if (!result)
        read_sections(&image, facts);
    return result;
}

void elf_facts_finish(struct elf_facts *facts)
{
    free(facts->needed);
    free(facts->strings);
    *facts = (struct elf_facts){0};
}
