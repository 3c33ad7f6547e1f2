/* Revocations; see revocations.h. */
#include "rooms/revocations.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "rooms/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a namespace: see config/modules.c. */
#define SPACE_MAX 64
#define KEY_MAX (SPACE_MAX + 1 + IDENTITY_SUBJECT_MAX + 1)
#define SECONDS_MAX 20 /* digits */

struct revocation {
    struct hash_node node;             /* first */
    struct revocation *before, *after; /* in the order of the calls */
    int64_t revoked_s;
    int64_t lead_s; /* of issuers, as far as it has shown to who has written it */
    uint64_t number;
    size_t size;
    char key[]; /* NAMESPACE/SUBJECT */
};

int revocations_init(struct revocations *revocations, const struct hash_key *hash_key,
                     uint64_t most, uint64_t life_s)
{
    *revocations =
        (struct revocations){.hash_key = hash_key, .most = most, .life_s = (int64_t)life_s};
    hash_table_init(&revocations->table);
    return pthread_mutex_init(&revocations->lock, NULL) ? -1 : 0;
}

static void free_one(struct hash_node *node, void *data)
{
    (void)data;
    free(node);
}

void revocations_finish(struct revocations *revocations)
{
    hash_table_finish(&revocations->table, free_one, NULL);
    pthread_mutex_destroy(&revocations->lock);
}

/* --- Under the lock */

static bool match(const struct hash_node *node, const void *key)
{
    const struct revocation *revocation = (const struct revocation *)node;
    return toni_str_equal(toni_str_make(revocation->key, revocation->size), *(const toni_str *)key);
}

static struct revocation *find(const struct revocations *revocations, toni_str key)
{
    const uint64_t hash = hash_bytes(revocations->hash_key, key.data, key.size);
    return (struct revocation *)hash_table_find(&revocations->table, hash, match, &key);
}

static void link_last(struct revocations *revocations, struct revocation *revocation)
{
    revocation->before = revocations->newest;
    revocation->after = NULL;
    if (revocations->newest)
        revocations->newest->after = revocation;
    else
        revocations->oldest = revocation;
    revocations->newest = revocation;
}

static void unlink_one(struct revocations *revocations, const struct revocation *revocation)
{
    if (revocation->before)
        revocation->before->after = revocation->after;
    else
        revocations->oldest = revocation->after;
    if (revocation->after)
        revocation->after->before = revocation->before;
    else
        revocations->newest = revocation->before;
}

static void forget_oldest(struct revocations *revocations)
{
    struct revocation *oldest = revocations->oldest;
    unlink_one(revocations, oldest);
    hash_table_remove(&revocations->table, &oldest->node);
    free(oldest);
}

static bool is_over(const struct revocations *revocations, const struct revocation *revocation,
                    int64_t now_s)
{
    return now_s - revocation->revoked_s > revocations->life_s;
}

static int64_t lead_of(const struct revocations *revocations, const struct revocation *revocation)
{
    return revocation->lead_s > revocations->lead_s ? revocation->lead_s : revocations->lead_s;
}

/* @return Whether one that is not over had to go. */
static bool make_room(struct revocations *revocations, int64_t now_s)
{
    while (revocations->oldest && is_over(revocations, revocations->oldest, now_s))
        forget_oldest(revocations);
    if (!revocations->oldest || revocations->table.count < revocations->most)
        return false;
    forget_oldest(revocations);
    revocations->given_up++;
    return true;
}

/* Who is revoked again stands last again. */
static bool renew(struct revocations *revocations, struct revocation *known, int64_t revoked_s,
                  int64_t lead_s)
{
    if (lead_s > known->lead_s)
        known->lead_s = lead_s;
    if (known->revoked_s >= revoked_s)
        return false;
    known->revoked_s = revoked_s;
    unlink_one(revocations, known);
    link_last(revocations, known);
    known->number = ++revocations->number;
    return true;
}

/* @return 0, or -1 on no memory. */
static int insert(struct revocations *revocations, toni_str key, int64_t revoked_s, int64_t lead_s)
{
    struct revocation *made = malloc(sizeof *made + key.size);
    const uint64_t hash = hash_bytes(revocations->hash_key, key.data, key.size);
    if (!made || hash_table_insert(&revocations->table, &made->node, hash)) {
        free(made);
        return -1;
    }
    made->revoked_s = revoked_s;
    made->lead_s = lead_s;
    made->size = key.size;
    memcpy(made->key, key.data, key.size);
    made->number = ++revocations->number;
    link_last(revocations, made);
    return 0;
}

/* --- What is asked of it */

/* @return The key of both, in @p text; empty: too long. */
static toni_str make_key(const char *space, toni_str subject, char text[KEY_MAX])
{
    const int size = snprintf(text, KEY_MAX, "%s/%.*s", space, TONI_STR_ARG(subject));
    return toni_str_make(text, size > 0 && size < KEY_MAX ? (size_t)size : 0);
}

static int add(struct revocations *revocations, toni_str key, int64_t revoked_s, int64_t lead_s)
{
    bool is_given_up = false;
    pthread_mutex_lock(&revocations->lock);
    struct revocation *known = find(revocations, key);
    const uint64_t before = revocations->number;
    int result = 0;
    if (known) {
        (void)renew(revocations, known, revoked_s, lead_s);
    } else {
        is_given_up = make_room(revocations, clock_wall_s());
        result = insert(revocations, key, revoked_s, lead_s);
    }
    const bool is_changed = revocations->number != before;
    pthread_mutex_unlock(&revocations->lock);
    if (is_given_up) {
        log_limited(LOG_LEVEL_WARN,
                    "who was revoked longest ago is forgotten: `revocations` subjects are known; "
                    "raise it in `limits`, or lower `revocation_s`",
                    log_uint("limit", revocations->most));
    }
    if (is_changed && revocations->changed)
        revocations->changed(revocations->changed_data);
    return result ? result : is_changed;
}

int revocations_add(struct revocations *revocations, const char *space, toni_str subject,
                    int64_t revoked_s)
{
    char text[KEY_MAX];
    const toni_str key = make_key(space, subject, text);
    return key.size > 0 ? add(revocations, key, revoked_s, 0) : -1;
}

static bool covers(const struct revocations *revocations, const char *space, toni_str subject,
                   int64_t issued_s, int64_t now_s)
{
    char text[KEY_MAX];
    const struct revocation *known = find(revocations, make_key(space, subject, text));
    return known && issued_s - lead_of(revocations, known) <= known->revoked_s &&
           !is_over(revocations, known, now_s);
}

/* @return Whether it is larger than it was known to be. */
static bool note_lead(struct revocations *revocations, int64_t issued_s, int64_t now_s)
{
    int64_t lead_s = issued_s - now_s;
    if (lead_s > IDENTITY_LEAD_MAX_S)
        lead_s = IDENTITY_LEAD_MAX_S;
    if (lead_s <= revocations->lead_s)
        return false;
    revocations->lead_s = lead_s;
    return true;
}

bool revocations_cover(struct revocations *revocations, const char *space, toni_str subject,
                       int64_t issued_s)
{
    const int64_t now_s = clock_wall_s();
    pthread_mutex_lock(&revocations->lock);
    const bool has_any = revocations->table.count > 0;
    const bool is_changed = note_lead(revocations, issued_s, now_s) && has_any;
    const bool result =
        has_any && (covers(revocations, space, subject, issued_s, now_s) ||
                    covers(revocations, REVOKED_EVERYWHERE, subject, issued_s, now_s));
    pthread_mutex_unlock(&revocations->lock);
    if (is_changed && revocations->changed)
        revocations->changed(revocations->changed_data);
    return result;
}

static uint64_t read_under_lock(struct revocations *revocations, const uint64_t *number)
{
    pthread_mutex_lock(&revocations->lock);
    const uint64_t result = number ? *number : revocations->table.count;
    pthread_mutex_unlock(&revocations->lock);
    return result;
}

uint64_t revocations_count(struct revocations *revocations)
{
    return read_under_lock(revocations, NULL);
}

uint64_t revocations_given_up(struct revocations *revocations)
{
    return read_under_lock(revocations, &revocations->given_up);
}

/* --- As text */

/* They stand in the order of their numbers, so who asks for the last ones goes through no others.
 */
static const struct revocation *first_after(const struct revocations *revocations, uint64_t after)
{
    const struct revocation *first = NULL;
    for (const struct revocation *one = revocations->newest; one && one->number > after;
         one = one->before)
        first = one;
    return first;
}

static int write_line(struct buffer *text, const struct revocation *one, int64_t lead_s)
{
    const int key_size = (int)one->size;
    if (lead_s == 0)
        return buffer_appendf(text, "%" PRId64 " %.*s\n", one->revoked_s, key_size, one->key);
    return buffer_appendf(text, "%" PRId64 "+%" PRId64 " %.*s\n", one->revoked_s, lead_s, key_size,
                          one->key);
}

int revocations_write(struct revocations *revocations, uint64_t after, struct buffer *text,
                      uint64_t *number)
{
    int result = 0;
    pthread_mutex_lock(&revocations->lock);
    const int64_t now = clock_wall_s();
    for (const struct revocation *one = first_after(revocations, after); one && !result;
         one = one->after) {
        if (!is_over(revocations, one, now))
            result = write_line(text, one, lead_of(revocations, one));
    }
    *number = revocations->number;
    pthread_mutex_unlock(&revocations->lock);
    return result;
}

/* @return Whether it is a number, which is not below 0. */
static bool read_seconds(toni_str text, int64_t *seconds)
{
    char digits[SECONDS_MAX + 1], *end;
    if (text.size > SECONDS_MAX)
        return false;
    (void)snprintf(digits, sizeof digits, "%.*s", TONI_STR_ARG(text));
    *seconds = strtoll(digits, &end, 10);
    return end != digits && *end == '\0' && *seconds >= 0;
}

bool revocations_parse_line(toni_str line, struct revocation_line *read)
{
    toni_str seconds, lead, key;
    read->lead_s = 0;
    if (!toni_str_split_once(line, ' ', &seconds, &key) ||
        !toni_str_split_once(key, '/', &read->space, &read->subject) ||
        read->space.size > SPACE_MAX || !subject_valid(read->subject))
        return false;
    if (toni_str_split_once(seconds, '+', &seconds, &lead) &&
        (!read_seconds(lead, &read->lead_s) || read->lead_s > IDENTITY_LEAD_MAX_S))
        return false;
    return read_seconds(seconds, &read->revoked_s);
}

int revocations_read_line(struct revocations *revocations, toni_str line,
                          struct revocation_line *read)
{
    char space[SPACE_MAX + 1], text[KEY_MAX];
    if (!revocations_parse_line(line, read))
        return -1;
    (void)snprintf(space, sizeof space, "%.*s", TONI_STR_ARG(read->space));
    const toni_str key = make_key(space, read->subject, text);
    return key.size > 0 ? add(revocations, key, read->revoked_s, read->lead_s) : -1;
}
