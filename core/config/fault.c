/* A growing array of faults. */
#include "config/fault.h"

#include "base/visible.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fault_list_init(struct fault_list *list)
{
    *list = (struct fault_list){0};
}

void fault_list_finish(struct fault_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->faults[i].file);
        free(list->faults[i].text);
    }
    free(list->faults);
    fault_list_init(list);
}

bool fault_list_empty(const struct fault_list *list)
{
    return list->count == list->warnings && !list->lost;
}

static int make_room(struct fault_list *list)
{
    if (list->count < list->capacity)
        return 0;
    const size_t capacity = list->capacity != 0 ? 2 * list->capacity : 8;
    struct fault *faults = realloc(list->faults, capacity * sizeof *faults);
    if (!faults)
        return -1;
    list->faults = faults;
    list->capacity = capacity;
    return 0;
}

static void replace_controls(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    }
}

/* What several addresses share, such as a group of TLS that is included, is looked at for each. */
static bool is_known(const struct fault_list *list, const struct fault *fault, const char *file)
{
    for (size_t i = list->count; i > 0; i--) {
        const struct fault *known = &list->faults[i - 1];
        if (known->line == fault->line && known->is_warning == fault->is_warning &&
            strcmp(known->text, fault->text) == 0 && strcmp(known->file, file) == 0)
            return true;
    }
    return false;
}

/* @return Whether there was memory for it. */
static bool add(struct fault_list *list, struct fault fault, const char *file, const char *format,
                va_list arguments)
{
    const int length = vasprintf(&fault.text, format, arguments);
    if (length < 0)
        fault.text = NULL; /* vasprintf leaves it undefined */
    fault.file = strdup(file);
    if (!fault.file || !fault.text || make_room(list) != 0) {
        free(fault.file);
        free(fault.text);
        return false;
    }
    replace_controls(fault.text);
    if (is_known(list, &fault, file)) {
        free(fault.file);
        free(fault.text);
        return true;
    }
    list->faults[list->count++] = fault;
    list->warnings += fault.is_warning;
    return true;
}

void fault_add(struct fault_list *list, const char *file, unsigned line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!add(list, (struct fault){.line = line}, file, format, arguments))
        list->lost = true;
    va_end(arguments);
}

void fault_warn(struct fault_list *list, const char *file, unsigned line, const char *format, ...)
{
    const struct fault warning = {.line = line, .is_warning = true};
    va_list arguments;

    va_start(arguments, format);
    (void)add(list, warning, file, format, arguments);
    va_end(arguments);
}

static bool comes_after(const struct fault *a, const struct fault *b)
{
    const int files = strcmp(a->file, b->file);

    return files != 0 ? files > 0 : a->line > b->line;
}

/* By insertion: stable, and a list that people are to read is short. */
void fault_unreadable(struct fault_list *list, const struct value *value, const char *what,
                      const char *path)
{
    const int error = errno;
    if (error == EACCES) {
        fault_at(list, value,
                 "%s is `%s`, which can't be read: %s; the host reads it as user %u, group %u: "
                 "`chgrp` it to "
                 "that group, `chmod 0640` it, and let the group enter its folders",
                 what, path, strerror(error), (unsigned)geteuid(), (unsigned)getegid());
    } else {
        fault_at(list, value, "%s is `%s`, which can't be read: %s", what, path, strerror(error));
    }
}

void fault_list_sort(struct fault_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        const struct fault fault = list->faults[i];
        size_t to = i;

        for (; to > 0 && comes_after(&list->faults[to - 1], &fault); to--)
            list->faults[to] = list->faults[to - 1];
        list->faults[to] = fault;
    }
}

/* What a plugin or a file has brought into it must not steer the terminal. */
static void print_text(const struct fault *fault, FILE *out)
{
    if (visible_print(out, fault->text, strlen(fault->text)))
        (void)fputs("(there was no memory to print it)", out);
    (void)fputc('\n', out);
}

void fault_list_print(const struct fault_list *list, FILE *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct fault *fault = &list->faults[i];

        const char *kind = fault->is_warning ? "warning: " : "";

        if (fault->line != 0)
            (void)fprintf(out, "%s:%u: %s", fault->file, fault->line, kind);
        else
            (void)fprintf(out, "%s: %s", fault->file, kind);
        print_text(fault, out);
    }
    if (list->lost)
        (void)fputs("there was no memory to keep all faults that were found\n", out);
}
