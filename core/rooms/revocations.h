/* Subjects that were revoked (toni_revoke_subject), and when: tokens of theirs that are not younger
 * are refused. A bounded table; an entry lives `revocation_s`, after which the tokens are meant to
 * have expired by themselves. Not about who is connected; rooms/revoking.h is.
 *
 * The clock of who issues tokens may be ahead of this one, by its *lead*: a token that is here
 * before it was issued shows it. Tokens from before a revocation then name times from after it. So
 * an entry holds for so much longer, and keeps the lead, also as text.
 *
 * Any thread; its lock is a leaf. */
#ifndef ROOMS_REVOCATIONS_H
#define ROOMS_REVOCATIONS_H

#include "base/buffer.h"
#include "base/hash.h"
#include "base/hash_table.h"

#include <toni/str.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/** Instead of the name of a namespace: all of them. No name is like that. */
#define REVOKED_EVERYWHERE "*"

struct revocation;

struct revocations {
    pthread_mutex_t lock;
    const struct hash_key *hash_key; /* borrowed */
    uint64_t most;
    int64_t life_s;
    int64_t lead_s;                     /* of issuers, as far as it has shown to this host */
    struct hash_table table;            /* by namespace and subject */
    struct revocation *oldest, *newest; /* in the order of the calls */
    uint64_t given_up;                  /* that were forgotten before their time */
    uint64_t number;                    /* of the last change */
    void (*changed)(void *data);        /* after a change, if it is not NULL; must not call back */
    void *changed_data;
};

/** @param hash_key  Outlives the table. @param most  Entries. @param life_s  In seconds.
 * @return 0, or -1 on no memory. */
int revocations_init(struct revocations *revocations, const struct hash_key *hash_key,
                     uint64_t most, uint64_t life_s);

void revocations_finish(struct revocations *revocations);

/** Notes a subject. If the table is full, who was revoked longest ago gives way, and is logged.
 * @param space      Name of the namespace, or REVOKED_EVERYWHERE.
 * @param revoked_s  When, by the wall clock; an earlier time than is known changes nothing.
 * @return 1; 0: nothing has changed; -1 on no memory. */
int revocations_add(struct revocations *revocations, const char *space, toni_str subject,
                    int64_t revoked_s);

/** Judges a token that is here now, and notes what it shows of its issuer's clock.
 * @param space     Of the client.
 * @param issued_s  When it was issued, as it says; 0: not known. Of the same second is not younger.
 * @return Whether the token is refused. */
bool revocations_cover(struct revocations *revocations, const char *space, toni_str subject,
                       int64_t issued_s);

/** @return How many there are. */
uint64_t revocations_count(struct revocations *revocations);

/** @return How many were forgotten before their time. */
uint64_t revocations_given_up(struct revocations *revocations);

/* --- As text, to be kept: a line for each, `SECONDS NAMESPACE/SUBJECT`, or, with a lead,
 * `SECONDS+LEAD NAMESPACE/SUBJECT`. */

/** Appends all that were noted after a change.
 * @param after   Its number; 0: all.
 * @param number  Set to that of the last one. @return 0, or -1 on no memory. */
int revocations_write(struct revocations *revocations, uint64_t after, struct buffer *text,
                      uint64_t *number);

/** What a line says. */
struct revocation_line {
    int64_t revoked_s, lead_s;
    toni_str space, subject; /* in the line */
};

/** @return Whether it is a line. @param read  Set to what it says. */
bool revocations_parse_line(toni_str line, struct revocation_line *read);

/** Notes what a line says. @param read  Set to that.
 * @return 1; 0: it was known; -1: it is no such line, or there is no memory. */
int revocations_read_line(struct revocations *revocations, toni_str line,
                          struct revocation_line *read);

#endif
