/* Questions with a mark at their end: see checks.h. */
#include "cluster/checks.h"

static struct check *by_probe(struct checks *checks, uint64_t probe)
{
    for (uint32_t i = 0; i < CHECKS_MAX; i++) {
        if (checks->list[i].probe == probe)
            return &checks->list[i];
    }
    return NULL;
}

struct check *checks_free(struct checks *checks)
{
    return by_probe(checks, 0);
}

struct check *checks_by_probe(struct checks *checks, uint64_t probe)
{
    return probe != 0 ? by_probe(checks, probe) : NULL;
}

struct check *checks_by_tops(struct checks *checks, uint64_t tops)
{
    for (uint32_t i = 0; i < CHECKS_MAX && tops != 0; i++) {
        if (checks->list[i].probe != 0 && checks->list[i].tops == tops)
            return &checks->list[i];
    }
    return NULL;
}

struct check *checks_complete(struct checks *checks)
{
    for (uint32_t i = 0; i < CHECKS_MAX; i++) {
        struct check *check = &checks->list[i];
        if (check->probe != 0 && check->has_reply && check->has_echo &&
            (check->tops == 0 || check->has_tops))
            return check;
    }
    return NULL;
}

const struct check *checks_oldest(const struct checks *checks)
{
    const struct check *oldest = NULL;

    for (uint32_t i = 0; i < CHECKS_MAX; i++) {
        const struct check *check = &checks->list[i];
        if (check->probe != 0 && (!oldest || check->sent_ms < oldest->sent_ms))
            oldest = check;
    }
    return oldest;
}

void check_end(struct check *check)
{
    room_keys_unref(check->keys);
    *check = (struct check){0};
}

void checks_restart(struct checks *checks)
{
    for (uint32_t i = 0; i < CHECKS_MAX; i++)
        check_end(&checks->list[i]);
}
