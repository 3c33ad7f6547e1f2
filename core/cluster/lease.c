/* The lease and the other nodes: see lease.h. */
#include "cluster/lease.h"

#include "base/utf8.h"
#include "cluster/client_id.h"

#include <stdlib.h>
#include <string.h>

/* Engines give out boot numbers above all that nodes have seen. Theirs are of a clock in ms and of
 * steps that BOOT_STEP_MAX bounds, so that the upper half of 64 bits is nobody's; a forged one in
 * there would leave none for others. */
#define BOOT_MOST ((uint64_t)INT64_MAX)

/* The highest that others may have been given, by more leases than there ever are. What is above it
 * was forged: as a floor for new numbers it would soon leave none below BOOT_MOST. */
#define BOOT_SEEN_MOST (BOOT_MOST / 2)

/* Between two requests that others have made earlier: anybody who may publish can say that there is
 * a new node. */
#define EARLY_MS 1000

bool lease_is_name(const char *bytes, size_t size)
{
    return size <= NODE_NAME_MAX && utf8_valid(bytes, size) && !utf8_has_control(bytes, size);
}

bool lease_identity_is_good(struct node_identity identity)
{
    return identity.slot > 0 && identity.slot <= CLIENT_ID_SLOT_MOST && identity.boot > 0 &&
           identity.boot <= BOOT_MOST;
}

bool lease_entry_is_good(const struct lease_entry *entry)
{
    return lease_identity_is_good(entry->identity) && entry->node != 0;
}

int lease_init(struct lease *lease, const struct lease_settings *settings)
{
    const char *name = settings->name ? settings->name : "";

    *lease = (struct lease){
        .node = settings->node,
        .id_key = settings->id_key,
        .name = payload_create(name, strlen(name), 0),
        .lease_ms = settings->lease_ms,
        .renew_ms = settings->renew_ms,
        .other_max = settings->nodes_max,
        .others =
            calloc(settings->nodes_max > 0 ? settings->nodes_max : 1, sizeof(struct lease_other)),
    };
    return lease->others && lease->name ? 0 : -1;
}

void lease_finish(struct lease *lease)
{
    for (uint32_t i = 0; i < lease->other_count; i++)
        payload_unref(lease->others[i].name);
    free(lease->others);
    payload_unref(lease->name);
    *lease = (struct lease){0};
}

void lease_ask(struct lease *lease, uint64_t request, uint64_t incarnation, uint64_t now_ms,
               struct output *output)
{
    lease->request = request;
    lease->sent_ms = now_ms;
    lease->due_ms = now_ms + lease->renew_ms;
    *output = (struct output){
        .kind = OUTPUT_LEASE,
        .request = request,
        .payload = payload_ref(lease->name),
        .lease = {.incarnation = incarnation,
                  .node = lease->node,
                  .identity = lease->former,
                  /* Whether it is held or over here: a request that an engine which stood still
                   * runs late must not give another. */
                  .may_restore = lease->former.slot != 0,
                  .boot_floor = lease->boot_highest,
                  .ttl_ms = lease->lease_ms,
                  .id_key = lease->id_key},
    };
}

void lease_renew_early(struct lease *lease, uint32_t wait_ms, uint64_t now_ms)
{
    const uint64_t first_ms = lease->early_ms > 0 ? lease->early_ms + EARLY_MS : 0;
    const uint64_t at_ms = now_ms + wait_ms > first_ms ? now_ms + wait_ms : first_ms;

    if (at_ms < lease->due_ms)
        lease->early_ms = lease->due_ms = at_ms;
}

static void put(struct outputs *outputs, enum output_kind kind, const struct lease_other *node,
                enum cluster_why why, uint64_t id_key)
{
    outputs_put(
        outputs,
        &(struct output){
            .kind = kind,
            .payload = payload_ref(node->name),
            .node = {.identity = node->identity, .node = node->node, .why = why, .id_key = id_key},
        });
}

static void put_own(const struct lease *lease, struct outputs *outputs, enum output_kind kind,
                    struct node_identity identity, enum cluster_why why)
{
    const struct lease_other own = {.identity = identity, .node = lease->node, .name = lease->name};

    put(outputs, kind, &own, why, kind == OUTPUT_LEASE_HELD ? lease->id_key : 0);
}

static void lose_own(struct lease *lease, struct outputs *outputs, enum cluster_why why)
{
    if (lease->identity.slot != 0)
        put_own(lease, outputs, OUTPUT_LEASE_LOST, lease->identity, why);
    lease->identity = (struct node_identity){0};
}

void lease_give_back(struct lease *lease, uint64_t request, uint64_t incarnation, uint64_t now_ms,
                     struct outputs *outputs, struct output *output)
{
    lease_ask(lease, request, incarnation, now_ms, output);
    output->lease.may_restore = false;
    output->lease.ttl_ms = 0;
    lose_own(lease, outputs, WHY_LEFT);
    lease->former = (struct node_identity){0};
}

static void note_boot(struct lease *lease, struct node_identity identity)
{
    if (identity.boot > lease->boot_highest && identity.boot <= BOOT_SEEN_MOST)
        lease->boot_highest = identity.boot;
}

static void take_own(struct lease *lease, uint64_t incarnation, const struct lease_reply *reply,
                     struct outputs *outputs)
{
    const struct node_identity before = lease->identity;
    const bool is_same = node_identity_equal(before, reply->identity);

    const bool has_other_key = lease->id_key != reply->id_key;

    lease->identity = reply->identity;
    lease->former = reply->identity;
    lease->id_key = reply->id_key;
    lease->incarnation = incarnation;
    lease->until_ms = lease->sent_ms + lease->lease_ms - lease->lease_ms / 100;
    note_boot(lease, reply->identity);
    if (is_same && !has_other_key)
        return;
    if (before.slot != 0)
        put_own(lease, outputs, OUTPUT_LEASE_LOST, before,
                is_same ? WHY_LEASE_KEY : WHY_LEASE_TAKEN);
    put_own(lease, outputs, OUTPUT_LEASE_HELD, reply->identity, WHY_NONE);
}

static struct lease_other *find(struct lease *lease, struct node_identity identity)
{
    for (uint32_t i = 0; i < lease->other_count; i++) {
        if (node_identity_equal(lease->others[i].identity, identity))
            return &lease->others[i];
    }
    return NULL;
}

static bool is_same_name(const struct payload *a, const struct payload *b)
{
    return a->size > 0 && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static bool has_name(const struct lease *lease, const struct payload *name)
{
    if (is_same_name(lease->name, name))
        return true;
    for (uint32_t i = 0; i < lease->other_count; i++) {
        if (is_same_name(lease->others[i].name, name))
            return true;
    }
    return false;
}

/* @param name  The reference is taken, and may be NULL for one that is known. */
static void take_other(struct lease *lease, uint64_t incarnation, const struct lease_entry *entry,
                       struct payload *name, struct outputs *outputs, uint64_t now_ms)
{
    struct lease_other *other = find(lease, entry->identity);

    note_boot(lease, entry->identity);
    if (!other && lease->other_count < lease->other_max && name) {
        const enum cluster_why why = has_name(lease, name) ? WHY_SAME_NAME : WHY_NONE;
        other = &lease->others[lease->other_count++];
        *other = (struct lease_other){
            .identity = entry->identity, .node = entry->node, .name = payload_ref(name)};
        put(outputs, OUTPUT_NODE_SEEN, other, why, 0);
    }
    payload_unref(name);
    if (!other)
        return;
    other->is_listed = true;
    other->incarnation = incarnation;
    other->until_ms = now_ms + entry->left_ms;
}

/* One that is not listed is gone, unless the engine has forgotten all leases meanwhile: then it has
 * the time that it had, to renew its own. */
static void drop_gone(struct lease *lease, uint64_t incarnation, struct outputs *outputs,
                      uint64_t now_ms)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < lease->other_count; i++) {
        struct lease_other *other = &lease->others[i];
        if (other->is_listed || (other->incarnation != incarnation && now_ms < other->until_ms)) {
            other->is_listed = false;
            lease->others[kept++] = *other;
        } else {
            put(outputs, OUTPUT_NODE_LOST, other, WHY_GONE, 0);
            payload_unref(other->name);
        }
    }
    lease->other_count = kept;
}

/* The names of those that are listed and not known yet, and NULL for all others.
 * @return NULL on no memory. */
static struct payload **make_names(struct lease *lease, const struct lease_reply *reply)
{
    struct payload **names = calloc(reply->count > 0 ? reply->count : 1, sizeof(struct payload *));

    for (uint32_t i = 0; names && i < reply->count; i++) {
        const struct lease_entry *entry = &reply->leases[i];
        const size_t size = lease_is_name(entry->name, entry->name_size) ? entry->name_size : 0;
        if (entry->node == lease->node || find(lease, entry->identity))
            continue;
        names[i] = payload_create(entry->name, size, 0);
        if (names[i])
            continue;
        while (i-- > 0)
            payload_unref(names[i]);
        free(names);
        return NULL;
    }
    return names;
}

int lease_take(struct lease *lease, uint64_t incarnation, const struct lease_reply *reply,
               struct outputs *outputs, uint64_t now_ms)
{
    const uint64_t until_ms = lease->sent_ms + lease->lease_ms - lease->lease_ms / 100;
    const bool is_full = reply->identity.slot == 0;
    const bool is_useless = is_full || now_ms >= until_ms;

    if (outputs_reserve(outputs, (size_t)reply->count + lease->other_count + 2) != 0)
        return -1;
    struct payload **names = is_useless ? NULL : make_names(lease, reply);
    if (!is_useless && !names)
        return -1;
    lease->request = 0;
    /* The node asks again when it would have renewed a lease: at once would be without an end. */
    if (is_full)
        lose_own(lease, outputs, WHY_LEASE_FULL);
    if (is_useless)
        return 0;
    take_own(lease, incarnation, reply, outputs);
    /* The lost before the seen: a node that has a new identity is both, and its slot is free. */
    for (uint32_t i = 0; i < reply->count; i++) {
        struct lease_other *other = find(lease, reply->leases[i].identity);
        if (other)
            other->is_listed = true;
    }
    drop_gone(lease, incarnation, outputs, now_ms);
    for (uint32_t i = 0; i < reply->count; i++) {
        if (reply->leases[i].node != lease->node)
            take_other(lease, incarnation, &reply->leases[i], names[i], outputs, now_ms);
    }
    for (uint32_t i = 0; i < lease->other_count; i++)
        lease->others[i].is_listed = false;
    free(names);
    return 0;
}

void lease_restart(struct lease *lease)
{
    lease->request = 0;
    lease->due_ms = 0;
}

/* Whoever lives has renewed it by then, as this node has. */
static uint64_t lost_ms(const struct lease *lease, const struct lease_other *other)
{
    return other->until_ms + lease->renew_ms;
}

static void expire_others(struct lease *lease, struct outputs *outputs, uint64_t now_ms)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < lease->other_count; i++) {
        const struct lease_other other = lease->others[i];
        if (now_ms < lost_ms(lease, &other)) {
            lease->others[kept++] = other;
        } else {
            put(outputs, OUTPUT_NODE_LOST, &other, WHY_LEASE_OVER, 0);
            payload_unref(other.name);
        }
    }
    lease->other_count = kept;
}

int lease_expire(struct lease *lease, struct outputs *outputs, uint64_t now_ms)
{
    if (now_ms < lease_due(lease))
        return 0;
    if (outputs_reserve(outputs, 1 + (size_t)lease->other_count) != 0)
        return -1;
    expire_others(lease, outputs, now_ms);
    if (now_ms >= lease->until_ms)
        lose_own(lease, outputs, WHY_LEASE_OVER);
    return 0;
}

uint64_t lease_due(const struct lease *lease)
{
    uint64_t due = lease->identity.slot != 0 ? lease->until_ms : UINT64_MAX;

    for (uint32_t i = 0; i < lease->other_count; i++) {
        const uint64_t at_ms = lost_ms(lease, &lease->others[i]);
        if (at_ms < due)
            due = at_ms;
    }
    return due;
}
