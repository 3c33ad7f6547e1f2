/* A gap notice: what a gateway's clients are told in the place of messages that they don't get:
 * `gap_notice` or `gap_event` in gateways.conf. Where it is told marks.h says, when receiver.c.
 *
 * It never changes, and is counted by references: slots and configurations have it. */
#ifndef ROOMS_GAP_NOTICE_H
#define ROOMS_GAP_NOTICE_H

#include <toni/str.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A count that nobody knows. */
#define GAP_COUNT_UNKNOWN UINT32_MAX

/* Bytes of a template, and of an event's name. */
#define GAP_TEMPLATE_MAX 512
#define GAP_EVENT_MAX 255

/* Bytes that a notice has at most: a template with a room's name and a count in it; or an event,
 * where JSON may double each byte of the two names. */
#define GAP_TEXT_MAX 2048

struct gap_notice;

/** Writes a notice.
 * @param room   The room that lost them; empty: it was not one room.
 * @param count  Messages, or GAP_COUNT_UNKNOWN.
 * @param text   GAP_TEXT_MAX bytes.
 * @return How many bytes it has; 0 on no memory. @thread Any. */
typedef size_t gap_notice_write(const struct gap_notice *notice, toni_str room, uint32_t count,
                                char *text);

struct gap_notice {
    atomic_uint refs;
    gap_notice_write *write;
    toni_str text; /* the template, or the event's name; lies behind the notice */
};

/** @return What is wrong with a template, in a few words; NULL: nothing. */
const char *gap_template_fault(toni_str text);

/** Writes by a template that has no fault; needs no memory. See gap_notice_write. */
size_t gap_template_write(const struct gap_notice *notice, toni_str room, uint32_t count,
                          char *text);

/** @param text  Copied. @return A notice with one reference; NULL on no memory. */
struct gap_notice *gap_notice_create(toni_str text, gap_notice_write *write);

/** @param notice  NULL is fine. @return @p notice. */
struct gap_notice *gap_notice_ref(struct gap_notice *notice);

/** @param notice  NULL is fine. */
void gap_notice_unref(struct gap_notice *notice);

/** @return Whether both say the same. @param a, b  NULL: there is none. */
bool gap_notice_equal(const struct gap_notice *a, const struct gap_notice *b);

#endif
