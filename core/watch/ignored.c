/* Names; see ignored.h. */
#include "watch/ignored.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* CMake and ninja, in a build that is made among the sources; vim, which makes a file `4913` to see
 * whether it can; and what others fetch. */
static const char *const names[] = {
    "CMakeCache.txt",       "CMakeFiles",   "cmake_install.cmake",   "CTestTestfile.cmake",
    "build.ninja",          "Testing",      "compile_commands.json", "_deps",
    "install_manifest.txt", "4913",         "node_modules",          "__pycache__",
    "___jb_tmp___",         "___jb_old___",
};

static const char *const endings[] = {
    "~",     ".o",   ".a",           ".d",           ".so",   ".lo",   ".la",  ".gch",
    ".pch",  ".obj", ".pyc",         ".swp",         ".swo",  ".swx",  ".tmp", ".bak",
    ".orig", ".rej", "___jb_tmp___", "___jb_old___", ".gcda", ".gcno", ".dwo", ".log",
};

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name), size = strlen(ending);
    return length > size && strcmp(name + length - size, ending) == 0;
}

static bool is_between_hashes(const char *name)
{
    const size_t length = strlen(name);
    return length > 1 && name[0] == '#' && name[length - 1] == '#';
}

bool ignored_name(const char *name)
{
    /* Hidden: .git, vim's .game.c.swp, emacs's .#game.c; and versions of libraries. */
    if (name[0] == '.' || is_between_hashes(name) || strstr(name, ".so."))
        return true;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < COUNT(endings); i++) {
        if (ends_with(name, endings[i]))
            return true;
    }
    return false;
}
