/* The status as text; see status.h. */
#include "base/clock.h"
#include "base/utf8.h"
#include "host/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum column { NAME, MODULE, PATH, CLIENTS, VERSION, GENERATION, COLUMNS };

static const char *const titles[COLUMNS] = {"NAME", "MODULE", "PATH", "CLIENTS", "VERSION", "GEN"};

/* One row; its cells are borrowed but for the numbers. */
struct row {
    toni_str cells[COLUMNS];
    char clients[24];
    char generation[24];
};

static toni_str str(const char *text)
{
    return (toni_str){.data = text, .size = strlen(text)};
}

/* What a plugin calls its version, and what a file is called, may be any bytes. */
static toni_str printable(toni_str text)
{
    if (text.size == 0)
        return str("-");
    if (!utf8_valid(text.data, text.size) || utf8_has_control(text.data, text.size))
        return str("?");
    return text;
}

static size_t width(toni_str text)
{
    size_t characters = 0;
    for (size_t i = 0; i < text.size; i++)
        characters += ((unsigned char)text.data[i] & 0xc0u) != 0x80u;
    return characters;
}

static void fill_row(struct row *row, const struct status_instance *instance)
{
    (void)snprintf(row->clients, sizeof row->clients, "%" PRIu64, instance->clients);
    (void)snprintf(row->generation, sizeof row->generation, "%" PRIu64, instance->generation);
    row->cells[NAME] = str(instance->name);
    row->cells[MODULE] = str(instance->module);
    row->cells[PATH] = printable(instance->path);
    row->cells[CLIENTS] = str(instance->is_gateway ? row->clients : "-");
    row->cells[VERSION] = printable(instance->version);
    row->cells[GENERATION] = str(row->generation);
}

static void fill_titles(struct row *row)
{
    for (size_t i = 0; i < COLUMNS; i++)
        row->cells[i] = str(titles[i]);
}

static void widen(size_t widths[COLUMNS], const struct row *row)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const size_t needed = width(row->cells[i]);
        if (needed > widths[i])
            widths[i] = needed;
    }
}

static int write_row(const struct row *row, const char *kind, const size_t widths[COLUMNS],
                     struct buffer *out)
{
    int result = buffer_appendf(out, "%-7s", kind);
    for (size_t i = 0; i < COLUMNS; i++) {
        const int padding = (int)(widths[i] - width(row->cells[i]));
        const bool is_number = i == CLIENTS || i == GENERATION;
        result |= buffer_appendf(out, "  %*s%.*s%*s", is_number ? padding : 0, "",
                                 TONI_STR_ARG(row->cells[i]),
                                 is_number || i == COLUMNS - 1 ? 0 : padding, "");
    }
    return result | buffer_append(out, "\n", 1);
}

/* Of one that was asked; most instances are no guards. */
static int write_guard(const struct status_instance *instance, struct buffer *out)
{
    static const char *const labels[] = {
#define ANSWER_LABEL(name, label) label,
        GUARD_ANSWERS(ANSWER_LABEL)
#undef ANSWER_LABEL
    };
    int result = 0;
    const char *before = "         as a guard: ";
    for (unsigned i = 0; i < GUARD_ANSWER_COUNT; i++) {
        if (instance->guard_answers[i] == 0)
            continue;
        result |= buffer_appendf(out, "%s%" PRIu64 " %s", before, instance->guard_answers[i],
                                 i == GUARD_LET_IN ? "let in" : labels[i]);
        before = ", ";
    }
    return before[0] == ',' ? result | buffer_append(out, "\n", 1) : result;
}

static int write_instance(const struct status_instance *instance, const size_t widths[COLUMNS],
                          struct buffer *out)
{
    struct row row;
    char since[CLOCK_TEXT_SIZE];
    fill_row(&row, instance);
    clock_format(instance->since_ms, since);
    return write_row(&row, instance->kind, widths, out) |
           buffer_appendf(out, "         since %s%s%s\n         %.*s\n", since,
                          instance->namespace[0] ? ", namespace " : "", instance->namespace,
                          TONI_STR_ARG(printable(str(instance->library)))) |
           write_guard(instance, out);
}

/* Nothing where no room keeps messages, and none has. */
static int write_histories(const struct status_histories *histories, struct buffer *out)
{
    uint64_t not_recovered = 0;
    for (unsigned i = 0; i < NOT_RECOVERED_COUNT; i++)
        not_recovered += histories->not_recovered[i];
    if (histories->rooms + histories->recovered + not_recovered == 0)
        return 0;
    int result =
        buffer_appendf(out,
                       "histories      %" PRIu64 " rooms, %" PRIu64 " bytes\n"
                       "came back      %" PRIu64 " recovered, %" PRIu64 " not",
                       histories->rooms, histories->bytes, histories->recovered, not_recovered);
    const char *before = ": ";
    for (unsigned i = 0; i < NOT_RECOVERED_COUNT; i++) {
        if (histories->not_recovered[i] == 0)
            continue;
        result |=
            buffer_appendf(out, "%s%s %" PRIu64, before, not_recovered_word((enum not_recovered)i),
                           histories->not_recovered[i]);
        before = ", ";
    }
    return result | buffer_append(out, "\n", 1);
}

static int write_host(const struct status_report *report, struct buffer *out)
{
    char since[CLOCK_TEXT_SIZE];
    clock_format(report->since_ms, since);
    return buffer_appendf(out,
                          "toni %s, pid %" PRId64 ", %s, since %s\n"
                          "configuration  %.*s\n"
                          "workers        %" PRIu64 "\n"
                          "clients        %" PRIu64 "\n"
                          "rooms          %" PRIu64 "\n",
                          report->version, report->pid, report->state, since,
                          TONI_STR_ARG(printable(str(report->config_path))), report->workers,
                          report->clients, report->rooms);
}

/* The result has several lines: the first stands beside its time, the others below. */
static int write_reload(const struct status_report *report, struct buffer *out)
{
    char time[CLOCK_TEXT_SIZE];
    int result = 0;
    if (!report->last_reload)
        return buffer_appendf(out, "last reload    none\n");
    clock_format(report->last_reload_ms, time);
    result |= buffer_appendf(out, "last reload    %s\n", time);
    for (const char *line = report->last_reload; *line;) {
        const size_t size = strcspn(line, "\n");
        result |= buffer_appendf(out, "               %.*s\n", (int)size, line);
        line += size + (line[size] == '\n');
    }
    return result;
}

static int write_reloads(const struct status_report *report, struct buffer *out)
{
    return write_reload(report, out) |
           buffer_appendf(out, "old libraries  %" PRIu64 " mapped still\n", report->old_libraries);
}

/* A room's name with its namespace, as figures and the log have it. */
static int write_rooms(const struct status_report *report, struct buffer *out)
{
    int result = 0;
    if (report->largest_count == 0)
        return 0;
    result |= buffer_appendf(out, "\nMEMBERS  LARGEST ROOMS\n");
    for (size_t i = 0; i < report->largest_count; i++) {
        const struct status_room *room = &report->largest[i];
        result |= buffer_appendf(out, "%7" PRIu64 "  %s%s%.*s\n", room->members, room->namespace,
                                 room->namespace[0] ? "/" : "", TONI_STR_ARG(room->name));
    }
    return result;
}

int status_write_text(const struct status_report *report, struct buffer *out)
{
    struct row row;
    size_t widths[COLUMNS] = {0};
    fill_titles(&row);
    widen(widths, &row);
    for (size_t i = 0; i < report->instance_count; i++) {
        fill_row(&row, &report->instances[i]);
        widen(widths, &row);
    }
    fill_titles(&row);
    int result = write_host(report, out) | write_histories(&report->histories, out) |
                 write_reloads(report, out) | buffer_append(out, "\n", 1) |
                 write_row(&row, "KIND", widths, out);
    for (size_t i = 0; i < report->instance_count; i++)
        result |= write_instance(&report->instances[i], widths, out);
    result |= write_rooms(report, out);
    if (report->cluster)
        result |= status_write_cluster(report->cluster, out);
    return result ? -1 : 0;
}
