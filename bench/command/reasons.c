/* Reasons; see reasons.h. */
#include "command/reasons.h"

#include <string.h>

static void copy_printable(char to[REASON_SIZE], const char *from)
{
    size_t i = 0;
    for (; i < REASON_SIZE - 1 && from[i]; i++)
        to[i] = (char)(from[i] < ' ' || from[i] > '~' ? '?' : from[i]);
    to[i] = '\0';
}

void reasons_add(struct reasons *reasons, const char *text, uint64_t count)
{
    char printable[REASON_SIZE];
    memset(printable, 0, sizeof printable);
    copy_printable(printable, text);
    for (uint32_t i = 0; i < reasons->used; i++) {
        if (strcmp(reasons->entries[i].text, printable) == 0) {
            reasons->entries[i].count += count;
            return;
        }
    }
    if (reasons->used == REASONS_MAX) {
        reasons->others += count;
        return;
    }
    struct reason *entry = &reasons->entries[reasons->used++];
    memcpy(entry->text, printable, sizeof printable);
    entry->count = count;
}

void reasons_merge(struct reasons *into, const struct reasons *from)
{
    for (uint32_t i = 0; i < from->used; i++)
        reasons_add(into, from->entries[i].text, from->entries[i].count);
    into->others += from->others;
}

uint64_t reasons_total(const struct reasons *reasons)
{
    uint64_t total = reasons->others;
    for (uint32_t i = 0; i < reasons->used; i++)
        total += reasons->entries[i].count;
    return total;
}
