/* Templates; see template.h. */
#include "client/template.h"

#include <stdlib.h>
#include <string.h>

/* Of a 32-bit number, or a size. */
#define DIGITS_MAX 20U

static const struct {
    const char *name;
    enum placeholder kind;
} placeholders[] = {
    {"{room}", PLACEHOLDER_ROOM},     {"{client}", PLACEHOLDER_CLIENT},
    {"{number}", PLACEHOLDER_NUMBER}, {"{message}", PLACEHOLDER_MESSAGE},
    {"{size}", PLACEHOLDER_SIZE},
};

/* @return Which placeholder begins there, and its size; PLACEHOLDER_NONE: none. */
static enum placeholder placeholder_at(const char *text, size_t *size)
{
    for (size_t i = 0; *text == '{' && i < sizeof placeholders / sizeof placeholders[0]; i++) {
        *size = strlen(placeholders[i].name);
        if (strncmp(text, placeholders[i].name, *size) == 0)
            return placeholders[i].kind;
    }
    return PLACEHOLDER_NONE;
}

/* Copies one character, or what an escape means. @return How many were read. */
static size_t copy_character(char *out, const char *text, bool has_escapes)
{
    *out = *text;
    if (!has_escapes || *text != '\\' || !text[1] || !strchr("rn\\", text[1]))
        return 1;
    *out = '\\';
    if (text[1] == 'r')
        *out = '\r';
    else if (text[1] == 'n')
        *out = '\n';
    return 2;
}

/* @return The part that text goes into: the last one if that is text, else another. */
static struct template_part *text_part(struct template *template, const char *at)
{
    struct template_part *last = template->count > 0 ? &template->parts[template->count - 1] : NULL;
    if (last && last->kind == PLACEHOLDER_NONE)
        return last;
    last = &template->parts[template->count++];
    *last = (struct template_part){.text = at};
    return last;
}

int template_init(struct template *template, const char *pattern, bool has_escapes)
{
    const size_t length = strlen(pattern);
    *template = (struct template){.text = malloc(length + 1),
                                  .parts = calloc(length + 1, sizeof *template->parts)};
    if (!template->text || !template->parts) {
        template_finish(template);
        return -1;
    }
    char *out = template->text;
    while (*pattern) {
        size_t size;
        const enum placeholder kind = placeholder_at(pattern, &size);
        if (kind != PLACEHOLDER_NONE) {
            template->parts[template->count++] = (struct template_part){.kind = kind};
            pattern += size;
            continue;
        }
        struct template_part *part = text_part(template, out);
        pattern += copy_character(out++, pattern, has_escapes);
        part->size++;
    }
    return 0;
}

void template_finish(struct template *template)
{
    free(template->text);
    free(template->parts);
    *template = (struct template){0};
}

bool template_has(const struct template *template, enum placeholder kind)
{
    for (size_t i = 0; i < template->count; i++) {
        if (template->parts[i].kind == kind)
            return true;
    }
    return false;
}

size_t template_bound(const struct template *template, const struct template_values *values)
{
    size_t bound = 1;
    for (size_t i = 0; i < template->count; i++) {
        const struct template_part *part = &template->parts[i];
        bound += part->kind == PLACEHOLDER_NONE      ? part->size
                 : part->kind == PLACEHOLDER_MESSAGE ? values->size
                 : part->kind == PLACEHOLDER_ROOM    ? strlen(values->room)
                                                     : DIGITS_MAX;
    }
    return bound;
}

static size_t write_bytes(uint8_t *out, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(out, bytes, size);
    return size;
}

static size_t write_number(uint8_t *out, uint64_t number)
{
    uint8_t digits[DIGITS_MAX];
    size_t count = 0;
    do
        digits[count++] = (uint8_t)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

size_t template_write(uint8_t *out, const struct template *template,
                      const struct template_values *values)
{
    size_t at = 0;
    for (size_t i = 0; i < template->count; i++) {
        const struct template_part *part = &template->parts[i];
        switch (part->kind) {
        case PLACEHOLDER_NONE:
            at += write_bytes(out + at, part->text, part->size);
            break;
        case PLACEHOLDER_ROOM:
            at += write_bytes(out + at, values->room, strlen(values->room));
            break;
        case PLACEHOLDER_CLIENT:
            at += write_number(out + at, values->client);
            break;
        case PLACEHOLDER_NUMBER:
            at += write_number(out + at, values->number);
            break;
        case PLACEHOLDER_MESSAGE:
            at += write_bytes(out + at, values->message, values->size);
            break;
        case PLACEHOLDER_SIZE:
            at += write_number(out + at, values->size);
            break;
        }
    }
    return at;
}
