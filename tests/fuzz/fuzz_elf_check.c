/* elf_check on any bytes: it says yes, or why not in one line that fits. What it lets pass has its
 * header, program headers and segments inside the file, which is what keeps dlopen from a SIGBUS.
 */
#include "fuzz_file.h"

#include "plugin/elf_check.h"

#include <link.h>
#include <string.h>

#define PROBLEM_SIZE 160

static void require_inside(uint64_t offset, uint64_t count, size_t size)
{
    FUZZ_REQUIRE(offset <= size && count <= size - offset);
}

static void check_promise(const uint8_t *data, size_t size)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) segment;

    require_inside(0, sizeof header, size);
    memcpy(&header, data, sizeof header);
    FUZZ_REQUIRE(header.e_type == ET_DYN);
    for (unsigned i = 0; i < header.e_phnum; i++) {
        uint64_t offset = header.e_phoff + i * sizeof segment;
        require_inside(offset, sizeof segment, size);
        memcpy(&segment, data + offset, sizeof segment);
        require_inside(segment.p_offset, segment.p_filesz, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char problem[PROBLEM_SIZE];
    int fd = fuzz_file(data, size);

    memset(problem, '\n', sizeof problem);
    if (elf_check(fd, problem, sizeof problem) == 0) {
        check_promise(data, size);
    } else {
        size_t length = strnlen(problem, sizeof problem);
        FUZZ_REQUIRE(length > 0 && length < sizeof problem && !memchr(problem, '\n', length));
    }
    (void)close(fd);
    return 0;
}
