/* The lease and the other nodes: see lease.h. */
#include "cluster/lease.h"

#include <stdlib.h>

int lease_init(struct lease *lease, uint64_t node, uint32_t lease_ms, uint32_t renew_ms,
               uint32_t other_max)
{
    *lease = (struct lease){
        .node = node, .lease_ms = lease_ms, .renew_ms = renew_ms, .other_max = other_max};
    lease->others = calloc(other_max > 0 ? other_max : 1, sizeof(*lease->others));
    return lease->others ? 0 : -1;
}

void lease_finish(struct lease *lease)
{
    free(lease->others);
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
        .lease = {.incarnation = incarnation,
                  .node = lease->node,
                  .identity = lease->identity,
                  /* Only a server that forgot may give it again: one that let it end has told
                   * the others so. */
                  .may_restore = lease->identity.slot != 0 && incarnation != lease->incarnation,
                  .boot_floor = lease->boot_highest,
                  .ttl_ms = lease->lease_ms},
    };
}

static void put(struct outputs *outputs, enum output_kind kind, struct node_identity identity,
                uint64_t node, enum cluster_why why)
{
    outputs_put(outputs, &(struct output){
                             .kind = kind,
                             .node = {.identity = identity, .node = node, .why = why},
                         });
}

static void note_boot(struct lease *lease, struct node_identity identity)
{
    if (identity.boot > lease->boot_highest)
        lease->boot_highest = identity.boot;
}

static void take_own(struct lease *lease, uint64_t incarnation, struct node_identity identity,
                     struct outputs *outputs)
{
    const struct node_identity before = lease->identity;

    lease->identity = identity;
    lease->incarnation = incarnation;
    lease->until_ms = lease->sent_ms + lease->lease_ms - lease->lease_ms / 100;
    note_boot(lease, identity);
    if (node_identity_equal(before, identity))
        return;
    if (before.slot != 0)
        put(outputs, OUTPUT_LEASE_LOST, before, lease->node, WHY_LEASE_TAKEN);
    put(outputs, OUTPUT_LEASE_HELD, identity, lease->node, WHY_NONE);
}

static struct lease_other *find(struct lease *lease, struct node_identity identity)
{
    for (uint32_t i = 0; i < lease->other_count; i++) {
        if (node_identity_equal(lease->others[i].identity, identity))
            return &lease->others[i];
    }
    return NULL;
}

static void take_other(struct lease *lease, uint64_t incarnation, const struct lease_entry *entry,
                       struct outputs *outputs, uint64_t now_ms)
{
    struct lease_other *other = find(lease, entry->identity);

    note_boot(lease, entry->identity);
    if (!other) {
        if (lease->other_count == lease->other_max)
            return;
        other = &lease->others[lease->other_count++];
        *other = (struct lease_other){.identity = entry->identity, .node = entry->node};
        put(outputs, OUTPUT_NODE_SEEN, other->identity, other->node, WHY_NONE);
    }
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
            put(outputs, OUTPUT_NODE_LOST, other->identity, other->node, WHY_GONE);
        }
    }
    lease->other_count = kept;
}

int lease_take(struct lease *lease, uint64_t incarnation, struct node_identity identity,
               const struct lease_entry *leases, uint32_t count, struct outputs *outputs,
               uint64_t now_ms)
{
    const uint64_t until_ms = lease->sent_ms + lease->lease_ms - lease->lease_ms / 100;

    if (outputs_reserve(outputs, (size_t)count + lease->other_count + 2) != 0)
        return -1;
    lease->request = 0;
    if (identity.slot == 0 || now_ms >= until_ms) {
        lease->due_ms = now_ms; /* it came too late to be of use */
        return 0;
    }
    take_own(lease, incarnation, identity, outputs);
    /* The lost before the seen: a node that has a new identity is both, and its slot is free. */
    for (uint32_t i = 0; i < count; i++) {
        struct lease_other *other = find(lease, leases[i].identity);
        if (other)
            other->is_listed = true;
    }
    drop_gone(lease, incarnation, outputs, now_ms);
    for (uint32_t i = 0; i < count; i++) {
        if (leases[i].node != lease->node)
            take_other(lease, incarnation, &leases[i], outputs, now_ms);
    }
    for (uint32_t i = 0; i < lease->other_count; i++)
        lease->others[i].is_listed = false;
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
        if (now_ms < lost_ms(lease, &other))
            lease->others[kept++] = other;
        else
            put(outputs, OUTPUT_NODE_LOST, other.identity, other.node, WHY_LEASE_OVER);
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
    if (lease->identity.slot == 0 || now_ms < lease->until_ms)
        return 0;
    put(outputs, OUTPUT_LEASE_LOST, lease->identity, lease->node, WHY_LEASE_OVER);
    lease->identity = (struct node_identity){0};
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
