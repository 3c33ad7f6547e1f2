/* See report.h. */
#include "swap/report.h"

#include "config/name.h"

#include <inttypes.h>
#include <toni/error.h>

void swap_report_finish(struct swap_report *report)
{
    buffer_finish(&report->lines);
}

const char *swap_state_words(const struct instance *before, const struct instance *after)
{
    if (!instance_can_export(before))
        return "without state: the version that ran has no export_state";
    if (!instance_can_import(after))
        return "without state: the new version has no import_state";
    return "with its state";
}

void swap_report_swapped(struct swap_report *report, const struct instance_setup *setup,
                         const char *state)
{
    (void)buffer_appendf(&report->lines, "%s `%s`: swapped, %s\n", kind_name(setup->slot->kind),
                         setup->name, state);
}

void swap_report_not_ready(struct swap_report *report, const struct instance_setup *setup,
                           int32_t error, const struct life *life)
{
    report->not_ready++;
    if (life->is_abandoned) {
        (void)buffer_appendf(&report->lines,
                             "%s `%s`: `ready` of the new version did not return within hook_ms "
                             "(%" PRIu64 "): its callbacks wait for it, unless the plugin is "
                             "TONI_CONCURRENT; mend it and `toni restart`\n",
                             kind_name(setup->slot->kind), setup->name, setup->limits.hook_ms);
        return;
    }
    (void)buffer_appendf(&report->lines,
                         "%s `%s`: `ready` of the new version returned %s (%s): it serves all the "
                         "same; mend it and reload\n",
                         kind_name(setup->slot->kind), setup->name, toni_error_name(error),
                         life_why(life, error));
}
