/* Receipts of publishes; see receipts.h. */
#include "clustering/receipts.h"

#include <stdlib.h>

struct receipt_ticket *receipt_ticket_create(struct receipt *receipt, uint64_t number,
                                             struct node_identity identity)
{
    struct receipt_ticket *ticket = calloc(1, sizeof *ticket);
    if (ticket) {
        ticket->receipt = receipt;
        ticket->number = number;
        ticket->identity = identity;
    }
    return ticket;
}

/* Numbers follow each other, so they spread well as they are. */
static uint64_t hash_of(uint64_t number)
{
    return number;
}

static struct receipt_ticket *ticket_of(struct hash_node *node)
{
    return (struct receipt_ticket *)(void *)node;
}

static bool has_number(const struct hash_node *node, const void *number)
{
    const struct receipt_ticket *ticket = (const struct receipt_ticket *)(const void *)node;
    return ticket->number == *(const uint64_t *)number;
}

static struct receipt_ticket *find(const struct receipts *receipts, uint64_t number)
{
    return ticket_of(hash_table_find(&receipts->table, hash_of(number), has_number, &number));
}

/* It has reached nobody that is known of. */
static void end(struct receipt_ticket *ticket)
{
    struct receipt *receipt = ticket->receipt;
    free(ticket);
    receipt->finished(receipt);
}

void receipts_add(struct receipts *receipts, struct receipt_ticket *ticket)
{
    if (hash_table_insert(&receipts->table, &ticket->node, hash_of(ticket->number)))
        end(ticket);
}

static void remove_from_list(struct receipts *receipts, struct receipt_ticket *ticket)
{
    if (ticket->until_ms == 0)
        return;
    *(ticket->previous ? &ticket->previous->next : &receipts->first) = ticket->next;
    *(ticket->next ? &ticket->next->previous : &receipts->last) = ticket->previous;
}

static void take_out(struct receipts *receipts, struct receipt_ticket *ticket)
{
    remove_from_list(receipts, ticket);
    hash_table_remove(&receipts->table, &ticket->node);
}

struct receipt *receipts_take(struct receipts *receipts, uint64_t number,
                              struct node_identity identity)
{
    struct receipt_ticket *ticket = find(receipts, number);
    if (!ticket || !node_identity_equal(ticket->identity, identity))
        return NULL;
    struct receipt *receipt = ticket->receipt;
    take_out(receipts, ticket);
    free(ticket);
    return receipt;
}

void receipts_result(struct receipts *receipts, uint64_t number, uint64_t until_ms)
{
    struct receipt_ticket *ticket = find(receipts, number);
    if (!ticket)
        return;
    if (until_ms == 0) {
        take_out(receipts, ticket);
        end(ticket);
        return;
    }
    ticket->until_ms = until_ms;
    ticket->previous = receipts->last;
    *(receipts->last ? &receipts->last->next : &receipts->first) = ticket;
    receipts->last = ticket;
}

void receipts_expire(struct receipts *receipts, uint64_t now_ms)
{
    struct receipt_ticket *ticket;
    while ((ticket = receipts->first) && ticket->until_ms <= now_ms) {
        take_out(receipts, ticket);
        end(ticket);
    }
}

uint64_t receipts_due(const struct receipts *receipts)
{
    return receipts->first ? receipts->first->until_ms : UINT64_MAX;
}

static void end_node(struct hash_node *node, void *data)
{
    (void)data;
    end(ticket_of(node));
}

void receipts_finish(struct receipts *receipts)
{
    hash_table_finish(&receipts->table, end_node, NULL);
    *receipts = (struct receipts){0};
}
