/* The files of a project; see project.h. All are made in memory before the first is written, so a
 * template that is missing leaves no trace. */
#include "new/project.h"

#include "new/folder.h"
#include "new/template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A template has at most so many bytes. */
#define TEMPLATE_MAX 65536

/* What each file is made from, where it goes, and for which projects it is. The names of files are
 * filled in as their texts are. */
static const struct part {
    const char *template, *file, *only;
} parts[] = {
    {"CMakeLists.txt", "CMakeLists.txt", ""},
    {"README.md", "README.md", ""},
    {"gateways.conf", "gateways.conf", ""},
    {"gateway.c", "@name@_gateway.c", "gateway plain c"},
    {"gateway.cc", "@name@_gateway.cc", "gateway plain cxx"},
    {"events.c", "@name@_gateway.c", "gateway events c"},
    {"events.cc", "@name@_gateway.cc", "gateway events cxx"},
    {"service.c", "@name@_service.c", "service c"},
    {"service.cc", "@name@_service.cc", "service cxx"},
    {"test.c", "test_@name@.@suffix@", ""},
    {"gitignore", ".gitignore", ""},
    {"editorconfig", ".editorconfig", ""},
    {"vscode.json", ".vscode/settings.json", ""},
};

enum { PARTS = sizeof parts / sizeof parts[0] };

struct made {
    struct buffer file; /* its name, with a NUL */
    struct buffer text;
};

/* @return 0, or an error. */
static int read_to_end(int fd, struct buffer *text)
{
    ssize_t size = 1;
    while (size > 0) {
        if (text->length > TEMPLATE_MAX)
            return EFBIG;
        if (buffer_reserve(text, 4096))
            return ENOMEM;
        size = read(fd, text->bytes + text->length, 4096);
        text->length += size > 0 ? (size_t)size : 0;
    }
    return size < 0 ? errno : 0;
}

static int read_template(int templates, const char *name, struct buffer *text)
{
    const int fd = openat(templates, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    const int error = read_to_end(fd, text);
    close(fd);
    return error;
}

/* @return 0, or -1: the fault says why. */
static int make(const struct part *part, int templates, const struct template_terms *terms,
                struct made *made, struct buffer *fault)
{
    struct buffer text;
    buffer_init(&text);
    const int error = read_template(templates, part->template, &text);
    int line = error ? 0 : template_fill(text.bytes, text.length, terms, &made->text);
    if (line == 0)
        line = template_fill(part->file, strlen(part->file) + 1, terms, &made->file);
    buffer_finish(&text);
    if (error) {
        (void)buffer_appendf(fault, "the template %s can't be read: %s; install toni again",
                             part->template, strerror(error));
    } else if (line > 0) {
        (void)buffer_appendf(fault,
                             "%s:%d: the template has a word that this toni does not know; "
                             "install toni again",
                             part->template, line);
    } else if (line < 0) {
        (void)buffer_appendf(fault, "out of memory");
    }
    return error || line ? -1 : 0;
}

static enum project_result write_all(const struct project *project, const struct made *made,
                                     struct buffer *fault)
{
    struct folder folder;
    enum folder_result result = folder_open(&folder, project->folder, fault);
    if (result == FOLDER_OK) {
        for (size_t i = 0; i < PARTS && result == FOLDER_OK; i++) {
            if (made[i].file.length > 0)
                result = folder_write(&folder, made[i].file.bytes, &made[i].text, fault);
        }
        if (result != FOLDER_OK)
            folder_undo(&folder, fault);
        folder_close(&folder);
    }
    return result == FOLDER_OK           ? PROJECT_WRITTEN
           : result == FOLDER_IN_THE_WAY ? PROJECT_REFUSED
                                         : PROJECT_FAILED;
}

static enum project_result make_and_write(const struct project *project, int templates,
                                          const struct template_terms *terms, struct buffer *fault)
{
    struct made made[PARTS];
    enum project_result result = PROJECT_WRITTEN;
    for (size_t i = 0; i < PARTS; i++) {
        buffer_init(&made[i].file);
        buffer_init(&made[i].text);
    }
    for (size_t i = 0; i < PARTS && result == PROJECT_WRITTEN; i++) {
        if (template_holds(parts[i].only, strlen(parts[i].only), terms) > 0 &&
            make(&parts[i], templates, terms, &made[i], fault))
            result = PROJECT_FAILED;
    }
    if (result == PROJECT_WRITTEN)
        result = write_all(project, made, fault);
    for (size_t i = 0; i < PARTS; i++) {
        buffer_finish(&made[i].file);
        buffer_finish(&made[i].text);
    }
    return result;
}

/* Until 1.0 each minor version may change the plugin ABI, so a project asks for this one. */
static size_t minor_version_length(void)
{
    const char *end = strrchr(TONI_VERSION, '.');
    return end ? (size_t)(end - TONI_VERSION) : strlen(TONI_VERSION);
}

enum project_result project_write(const struct project *project, const char *templates,
                                  struct buffer *fault)
{
    char version[sizeof TONI_VERSION] = TONI_VERSION;
    version[minor_version_length()] = '\0';
    const struct template_terms terms = {
        .values =
            (const struct template_value[]){{"name", project->name},
                                            {"kind", project->is_service ? "service" : "gateway"},
                                            {"suffix", project->is_cxx ? "cc" : "c"},
                                            {"languages", project->is_cxx ? "C CXX" : "C"},
                                            {"version", version},
                                            {0}},
        .facts = (const struct template_fact[]){{"gateway", !project->is_service},
                                                {"service", project->is_service},
                                                {"events", project->has_events},
                                                {"plain", !project->has_events},
                                                {"c", !project->is_cxx},
                                                {"cxx", project->is_cxx},
                                                {0}},
    };
    const int fd = open(templates, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        (void)buffer_appendf(fault,
                             "the templates can't be read: %s: %s; they come with what plugins are "
                             "built against (Debian's package libtoni-dev)",
                             templates, strerror(errno));
        return PROJECT_FAILED;
    }
    const enum project_result result = make_and_write(project, fd, &terms, fault);
    close(fd);
    return result;
}
