/* The ELF header against the host's own, and the file's size against what the headers promise. */
#include "plugin/elf_check.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The program's own ELF header, in memory: the linker defines this symbol. */
extern const ElfW(Ehdr) host_header __asm__("__ehdr_start") __attribute__((visibility("hidden")));

struct elf_file {
    int fd;
    uint64_t size;
    ElfW(Ehdr) header;
    char *problem;
    size_t problem_size;
};

static int refuse(const struct elf_file *file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(const struct elf_file *file, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(file->problem, file->problem_size, format, arguments);
    va_end(arguments);
    return -1;
}

static int refuse_truncated(const struct elf_file *file, const char *what, uint64_t end)
{
    return refuse(file,
                  "is truncated: its %s should end at byte %" PRIu64 ", the file has %" PRIu64
                  "; build or copy it again",
                  what, end, file->size);
}

static int read_exactly(const struct elf_file *file, void *bytes, size_t size, uint64_t offset)
{
    size_t done = 0;

    while (done < size) {
        const ssize_t got =
            pread(file->fd, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return refuse(file, "can't be read: %s",
                          got < 0 ? strerror(errno) : "it became shorter; build or copy it again");
        done += (size_t)got;
    }
    return 0;
}

/* Names of what Debian runs on; the rest goes by number. */
static const char *machine_name(unsigned machine, char text[32])
{
    switch (machine) {
    case EM_X86_64:
        return "x86-64";
    case EM_386:
        return "x86";
    case EM_AARCH64:
        return "arm64";
    case EM_ARM:
        return "arm";
    case EM_RISCV:
        return "risc-v";
    case EM_PPC64:
        return "ppc64";
    case EM_S390:
        return "s390x";
    case EM_MIPS:
        return "mips";
    default:
        (void)snprintf(text, 32, "machine number %u", machine);
        return text;
    }
}

static int check_magic(const struct elf_file *file)
{
    const unsigned char *found = file->header.e_ident;

    if (memcmp(found, ELFMAG, SELFMAG) == 0)
        return 0;
    return refuse(file,
                  "is not ELF: a shared object begins with 7f 45 4c 46, this file with %02x %02x "
                  "%02x %02x; name the .so that the compiler made",
                  found[0], found[1], found[2], found[3]);
}

static int check_ident(const struct elf_file *file)
{
    const unsigned char *found = file->header.e_ident;
    const unsigned char *own = host_header.e_ident;

    if (found[EI_CLASS] != own[EI_CLASS]) {
        return refuse(file, "is for %s-bit programs, this host is a %s-bit one; build it for that",
                      found[EI_CLASS] == ELFCLASS64 ? "64" : "32",
                      own[EI_CLASS] == ELFCLASS64 ? "64" : "32");
    }
    if (found[EI_DATA] != own[EI_DATA]) {
        return refuse(file, "is for a %s-endian machine, this one is %s-endian; build it for that",
                      found[EI_DATA] == ELFDATA2MSB ? "big" : "little",
                      own[EI_DATA] == ELFDATA2MSB ? "big" : "little");
    }
    return 0;
}

static int check_header(const struct elf_file *file)
{
    const ElfW(Ehdr) *header = &file->header;
    char found[32], own[32];

    if (header->e_machine != host_header.e_machine) {
        return refuse(file,
                      "is for another architecture: %s, this host runs on %s; build it for "
                      "that",
                      machine_name(header->e_machine, found),
                      machine_name(host_header.e_machine, own));
    }
    if (header->e_type != ET_DYN) {
        return refuse(file, "is %s, not a shared object; link it with -shared",
                      header->e_type == ET_REL    ? "an object file"
                      : header->e_type == ET_EXEC ? "a program"
                      : header->e_type == ET_CORE ? "a core dump"
                                                  : "an ELF file of another kind");
    }
    if (header->e_phnum == 0 || header->e_phentsize != sizeof(ElfW(Phdr))) {
        return refuse(file,
                      "is damaged: its ELF header names no program headers of %zu bytes; "
                      "build or copy it again",
                      sizeof(ElfW(Phdr)));
    }
    return 0;
}

/* Tells whether `count` bytes from `offset` on lie in the file; sums can't wrap. */
static bool lies_inside(const struct elf_file *file, uint64_t offset, uint64_t count)
{
    return offset <= file->size && count <= file->size - offset;
}

static int check_segments(const struct elf_file *file)
{
    const ElfW(Ehdr) *header = &file->header;
    const uint64_t table_size = (uint64_t)header->e_phnum * sizeof(ElfW(Phdr));

    if (!lies_inside(file, header->e_phoff, table_size))
        return refuse_truncated(file, "table of program headers", header->e_phoff + table_size);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) segment;

        if (read_exactly(file, &segment, sizeof segment, header->e_phoff + i * sizeof segment) != 0)
            return -1;
        if (!lies_inside(file, segment.p_offset, segment.p_filesz))
            return refuse_truncated(file, "last segment", segment.p_offset + segment.p_filesz);
    }
    return 0;
}

/* dlopen doesn't read the table of section headers, but linkers write it last: where it is missing,
 * the file is not whole. A stripped file may have none. */
static int check_sections(const struct elf_file *file)
{
    const ElfW(Ehdr) *header = &file->header;
    const uint64_t table_size = (uint64_t)header->e_shnum * header->e_shentsize;

    if (header->e_shoff != 0 && !lies_inside(file, header->e_shoff, table_size))
        return refuse_truncated(file, "table of section headers", header->e_shoff + table_size);
    return 0;
}

int elf_check(int fd, char *problem, size_t size)
{
    struct elf_file file = {.fd = fd, .problem = problem, .problem_size = size};
    struct stat status;

    if (fstat(fd, &status) != 0)
        return refuse(&file, "can't be examined: %s", strerror(errno));
    file.size = (uint64_t)status.st_size;
    if (file.size == 0)
        return refuse(&file, "is empty, expected an ELF file; build or copy it again");

    const size_t header_size =
        file.size < sizeof file.header ? (size_t)file.size : sizeof file.header;
    if (read_exactly(&file, &file.header, header_size, 0) != 0 || check_magic(&file) != 0)
        return -1;
    if (header_size < sizeof file.header)
        return refuse_truncated(&file, "ELF header", sizeof file.header);

    if (check_ident(&file) != 0 || check_header(&file) != 0 || check_segments(&file) != 0 ||
        check_sections(&file) != 0)
        return -1;
    return 0;
}
