/* See gap_notice.h. */
#include "config/gap_notice.h"

#include "base/utf8.h"
#include "rooms/gap_notice.h"

#include <jansson.h>
#include <string.h>

/* --- Events */

/* The envelope of sdk/events. */
static json_t *make_event(toni_str name, toni_str room, uint32_t count)
{
    json_t *lost = count == GAP_COUNT_UNKNOWN ? json_null() : json_integer(count);
    json_t *where = room.size > 0 ? json_stringn(room.data, room.size) : json_null();
    return json_pack("{s:s%, s:{s:o, s:o}}", "event", name.data, name.size, "data", "room", where,
                     "count", lost);
}

static size_t write_event(const struct gap_notice *notice, toni_str room, uint32_t count,
                          char *text)
{
    json_t *event = make_event(notice->text, room, count);
    const size_t size = event ? json_dumpb(event, text, GAP_TEXT_MAX, JSON_COMPACT) : 0;
    json_decref(event);
    return size <= GAP_TEXT_MAX ? size : 0;
}

/* --- Reading */

static const char *event_fault(toni_str name)
{
    if (name.size == 0)
        return "is empty";
    if (name.size > GAP_EVENT_MAX)
        return "is longer than 255 bytes";
    if (!utf8_valid(name.data, name.size) || utf8_has_control(name.data, name.size))
        return "is not UTF-8 without control characters";
    return NULL;
}

static int read_notice(const struct section *provider, const struct value *setting,
                       const char *fault, const char *expected, gap_notice_write *write,
                       struct limits *limits)
{
    const char *text = value_string(setting);
    if (fault) {
        fault_at(provider->faults, setting, "`%s` of %s is `%s`, which %s; expected %s",
                 value_name(setting), provider->title, text, fault, expected);
        return 0;
    }
    limits->gap_notice = gap_notice_create(toni_str_of(text), write);
    return limits->gap_notice ? 0 : -1;
}

int config_gap_notice_read(const struct section *provider, struct limits *limits)
{
    const struct value *notice = section_get(provider, "gap_notice", VALUE_STRING);
    const struct value *event = section_get(provider, "gap_event", VALUE_STRING);
    if (notice && event) {
        fault_at(provider->faults, event,
                 "%s has both `gap_notice` and `gap_event`, and its clients are told once; remove "
                 "one of them",
                 provider->title);
        return 0;
    }
    const struct value *setting = notice ? notice : event;
    if (!setting)
        return 0;
    const toni_str text = toni_str_of(value_string(setting));
    return notice ? read_notice(provider, setting, gap_template_fault(text),
                                "a text of at most 512 bytes such as \"lost {count} in {room}\", "
                                "with `{{` and `}}` for braces",
                                gap_template_write, limits)
                  : read_notice(provider, setting, event_fault(text),
                                "the name of an event such as \"room.gap\"", write_event, limits);
}
