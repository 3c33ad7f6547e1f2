/* Ends of certificates; see certificates.h. */
#include "host/certificates.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

/* What has been said of a certificate. */
struct certificate_notice {
    char name[256];
    int64_t ends_s;
    int days; /* of `stages`; NOTHING_SAID: nothing */
};

#define NOTHING_SAID INT32_MAX

static const int stages[] = {0, 1, 7, 21};

/* @return The stage that it is in, in days; NOTHING_SAID: it lasts for longer than the first. */
static int stage_of(int64_t left_s)
{
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        if (left_s <= (int64_t)stages[i] * DAY_S)
            return stages[i];
    }
    return NOTHING_SAID;
}

static void say(const char *address, const struct certificate_notice *notice, int64_t left_s)
{
    char ends[32] = "?";
    struct tm fields;
    const time_t when = (time_t)notice->ends_s;
    if (gmtime_r(&when, &fields))
        (void)strftime(ends, sizeof ends, "%Y-%m-%dT%H:%M:%SZ", &fields);
    if (left_s <= 0) {
        log_error("a certificate has expired, and clients refuse it: replace its file, then `toni "
                  "reload`",
                  log_str("address", address), log_str("name", notice->name),
                  log_str("expired", ends));
    } else {
        log_warn("a certificate expires soon: replace its file, then `toni reload`",
                 log_str("address", address), log_str("name", notice->name),
                 log_str("expires", ends), log_int("hours_left", left_s / 3600));
    }
}

/* @return What was said of the same one before; NOTHING_SAID: nothing. */
static int said_of(const struct certificate_watch *watch, const struct certificate_notice *notice)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->notices[i].ends_s == notice->ends_s &&
            strcmp(watch->notices[i].name, notice->name) == 0)
            return watch->notices[i].days;
    }
    return NOTHING_SAID;
}

static void look_at(struct certificate_watch *watch, const struct tls_context *context,
                    const char *address, int64_t now_s, struct certificate_notice *notices)
{
    for (size_t i = 0; i < tls_context_count(context); i++) {
        struct certificate_notice *notice = &notices[i];
        (void)snprintf(notice->name, sizeof notice->name, "%s", tls_context_title(context, i));
        notice->ends_s = tls_context_ends_s(context, i);
        const int64_t left_s = notice->ends_s - now_s;
        const int said = said_of(watch, notice), stage = stage_of(left_s);
        notice->days = stage < said ? stage : said;
        if (stage < said)
            say(address, notice, left_s);
    }
}

void certificate_watch_look(struct certificate_watch *watch, const struct tls_set *set,
                            const struct address_list *addresses, int64_t now_s)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += set->contexts[i] ? tls_context_count(set->contexts[i]) : 0;
    struct certificate_notice *notices = calloc(count + 1, sizeof *notices);
    if (!notices) /* it looks again in an hour */
        return;
    count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (!set->contexts[i])
            continue;
        look_at(watch, set->contexts[i], listen_address_text(&addresses->addresses[i]), now_s,
                notices + count);
        count += tls_context_count(set->contexts[i]);
    }
    certificate_watch_finish(watch);
    *watch = (struct certificate_watch){.notices = notices, .count = count};
}

void certificate_watch_finish(struct certificate_watch *watch)
{
    free(watch->notices);
    *watch = (struct certificate_watch){0};
}
