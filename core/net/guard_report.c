/* Reports of guards; see guard_report.h. */
#include "net/guard_report.h"

#include "base/clock.h"
#include "net/connection.h"
#include "rooms/guard_notes.h"
#include "rooms/identity.h"
#include "rooms/shared.h"

unsigned guard_report_status(const struct opening *opening, enum refusal refusal)
{
    const struct guard_notes *notes = opening->notes;
    return refusal == REFUSAL_FORBIDDEN && notes && notes->status != 0 ? notes->status
                                                                       : refusal_status(refusal);
}

static toni_str subject_of(const struct guard_notes *notes)
{
    const struct identity_draft *draft = notes ? notes->identity : NULL;
    return draft ? toni_str_make(draft->subject, draft->subject_size) : toni_str_make("", 0);
}

static const char *label_of(enum guard_answer answer)
{
    static const char *const labels[] = {
#define GUARD_ANSWER_LABEL(name, label) label,
        GUARD_ANSWERS(GUARD_ANSWER_LABEL)
#undef GUARD_ANSWER_LABEL
    };
    return labels[answer];
}

static void say(const struct connection *connection, struct slot *guard, enum guard_answer answer,
                enum refusal refusal)
{
    const struct opening *opening = connection->opening;
    const struct guard_notes *notes = opening->notes;
    const char *text = notes && refusal == REFUSAL_FORBIDDEN ? notes->text : "";
    const toni_str subject = subject_of(notes), path = head_path(&opening->head);
    log_limited_by(&guard->figures.guard.lines, LOG_LEVEL_INFO, "a guard refuses a handshake",
                   log_str("guard", guard->name), log_str("answer", label_of(answer)),
                   log_uint("status", guard_report_status(opening, refusal)),
                   log_brief("text", text, strlen(text)),
                   log_str("gateway", connection->served.slot->name),
                   log_brief("path", path.data, path.size), log_str("address", connection->address),
                   log_brief("subject", subject.data, subject.size));
}

bool guard_report_is_revoked(const struct connection *connection)
{
    const struct guard_notes *notes = connection->opening->notes;
    const struct identity_draft *said = notes ? notes->identity : NULL;
    const struct space *space = connection->served.slot->space;
    return said &&
           revocations_cover(&space->connections->revocations, space->name,
                             toni_str_make(said->subject, said->subject_size), said->issued_s);
}

/* Whose guard it was is noted behind this; see guard_notes_asked(). */
static bool has_just_identified(const struct opening *opening)
{
    return opening->notes && opening->notes->identity && !opening->notes->identity->guard;
}

void guard_report(struct connection *connection, enum guard_answer answer, enum refusal refusal)
{
    const struct opening *opening = connection->opening;
    struct slot *guard = opening->guards.asked;
    if (!guard || !opening->guards.has_answer)
        return;
    if (answer == GUARD_LET_IN && has_just_identified(opening) &&
        guard_report_is_revoked(connection))
        answer = GUARD_SAID_REVOKED;
    counter_add_shared(&guard->figures.guard.answers[answer], 1);
    striped_histogram_add(&guard->figures.guard.times, clock_now_ns() - opening->asked_ns);
    if (answer != GUARD_LET_IN && answer != GUARD_SAID_REVOKED) /* see guard_report_over() */
        say(connection, guard, answer, refusal);
}

void guard_report_over(const struct connection *connection, const char *why)
{
    const struct opening *opening = connection->opening;
    const toni_str subject = subject_of(opening->notes), path = head_path(&opening->head);
    log_limited(LOG_LEVEL_INFO, "a handshake is refused, though its guard lets it in",
                log_str("reason", why), log_str("gateway", connection->served.slot->name),
                log_brief("path", path.data, path.size), log_str("address", connection->address),
                log_brief("subject", subject.data, subject.size));
}
