/* The rule for names of projects, and what is said of those that break it; see name.h. A name
 * stands in names of files, of targets of CMake and of events, in a path of the host's and in
 * strings of the sources. It is no identifier there, but people make identifiers and headers of it.
 */
#include "new/name.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* How much of a name is shown in a message. */
#define SHOWN_MAX 60

/* Lists of words: a space stands before and behind each. */
static const char c_keywords[] =
    " "
    "alignas alignof asm auto bool break case char const constexpr continue default do double "
    "else enum extern false float for goto if inline int long nullptr register restrict "
    "return short signed sizeof static static_assert struct switch thread_local true typedef "
    "typeof typeof_unqual union unsigned void volatile while ";

static const char cxx_keywords[] =
    " "
    "and and_eq bitand bitor catch char8_t char16_t char32_t class co_await co_return "
    "co_yield compl concept consteval constinit const_cast decltype delete dynamic_cast "
    "explicit export friend mutable namespace new noexcept not not_eq operator or or_eq "
    "private protected public reinterpret_cast requires static_cast template this throw try "
    "typeid typename using virtual wchar_t xor xor_eq ";

/* A header of the project's own, which is called as the project is, would hide these. */
static const char c_headers[] =
    " "
    "assert complex ctype errno fenv inttypes iso646 limits locale math setjmp signal "
    "stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib "
    "stdnoreturn string tgmath threads time uchar wchar wctype ";

static const struct reserved {
    const char *name, *what;
} reserved[] = {
    {"broadcast", "the module of the host's that every gateway uses"},
    {"main", "the function that every program begins with"},
    {"std", "the namespace of C++'s standard library"},
    {"toni", "the host"},
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *found = c ? strchr(upper, c) : NULL;
    if (!found)
        return c;
    return "abcdefghijklmnopqrstuvwxyz"[found - upper];
}

static bool is_well_formed(const char *name)
{
    if (!is_lower(name[0]))
        return false;
    for (; *name; name++) {
        if (!is_lower(*name) && !is_digit(*name) && *name != '_')
            return false;
    }
    return true;
}

/* @param name  A well-formed one. */
static bool is_listed(const char *list, const char *name)
{
    char word[PROJECT_NAME_MAX + sizeof "  "];
    const int length = snprintf(word, sizeof word, " %s ", name);
    return length > 0 && (size_t)length < sizeof word && strstr(list, word);
}

/* @return What a word is that `toni new` keeps for itself; NULL: it is none. */
static const char *reserved_for(const char *name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (strcmp(reserved[i].name, name) == 0)
            return reserved[i].what;
    }
    return NULL;
}

static bool is_taken(const char *name)
{
    return is_listed(c_keywords, name) || is_listed(cxx_keywords, name) ||
           is_listed(c_headers, name) || reserved_for(name);
}

/* A name as a terminal may show it. */
static void show(struct buffer *out, const char *name)
{
    const size_t length = strnlen(name, SHOWN_MAX);
    if (strlen(name) == length && utf8_valid(name, length) && !utf8_has_control(name, length)) {
        (void)buffer_appendf(out, "`%s`", name);
        return;
    }
    (void)buffer_append(out, "`", 1);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)name[i];
        (void)buffer_appendf(out, c >= ' ' && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    (void)buffer_appendf(out, "%s`", name[length] ? "…" : "");
}

/* Appends the nearest name that is well formed: lower case, what can't stand in it as `_`, and no
 * `_` at its ends. Nothing, if too little is left. */
static void propose(struct buffer *out, const char *name)
{
    char near[PROJECT_NAME_MAX + 1];
    size_t length = 0;
    for (; *name && length < PROJECT_NAME_MAX; name++) {
        const char c = to_lower(*name);
        if (is_lower(c) || (is_digit(c) && length > 0))
            near[length++] = c;
        else if (length > 0 && near[length - 1] != '_' && (unsigned char)c < 0x80)
            near[length++] = '_';
    }
    while (length > 0 && near[length - 1] == '_')
        length--;
    near[length] = '\0';
    if (length > 1)
        (void)buffer_appendf(out, ", such as `%s%s`", is_taken(near) ? "my_" : "", near);
}

static void judge_form(const char *name, struct buffer *fault)
{
    const char *slash = strrchr(name, '/');
    show(fault, name);
    if (slash) {
        (void)buffer_appendf(fault, " is a path, expected a name alone");
        propose(fault, slash + 1);
        (void)buffer_appendf(fault, "; --dir says in which folder the project is to be");
        return;
    }
    (void)buffer_appendf(fault, " can't be a project's name, which has lower-case letters, digits "
                                "and `_`, and begins with a letter: take another");
    propose(fault, name);
}

/* For a word that means something else where the name may come to stand. */
static void judge_meaning(const char *name, struct buffer *fault)
{
    if (is_listed(c_keywords, name)) {
        (void)buffer_appendf(fault, "`%s` is a keyword of C", name);
    } else if (is_listed(cxx_keywords, name)) {
        (void)buffer_appendf(fault, "`%s` is a keyword of C++", name);
    } else if (is_listed(c_headers, name)) {
        (void)buffer_appendf(fault,
                             "`%s` is a name of the standard library's, whose header <%s.h> one of "
                             "the project's own would hide",
                             name, name);
    } else {
        (void)buffer_appendf(fault, "`%s` is %s", name, reserved_for(name));
    }
    (void)buffer_appendf(fault, ": take another name, such as `my_%s`", name);
}

int project_name_check(const char *name, struct buffer *fault)
{
    const size_t length = strlen(name);
    if (length == 0) {
        (void)buffer_appendf(fault, "the name is empty, expected one such as `board`");
    } else if (!is_well_formed(name)) {
        judge_form(name, fault);
    } else if (length > PROJECT_NAME_MAX) {
        (void)buffer_appendf(fault,
                             "a name has at most %d bytes, and this one %zu: take a shorter one",
                             PROJECT_NAME_MAX, length);
    } else if (is_taken(name)) {
        judge_meaning(name, fault);
    } else {
        return 0;
    }
    return -1;
}
