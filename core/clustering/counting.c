/* Receipts of messages that go by the cluster; see receipts.h. */
#include "clustering/clustering_private.h"

#include "cluster/control.h"
#include "cluster/envelope.h"

#include <stdlib.h>
#include <toni/error.h>

/* What lanes count of one message. */
struct counted {
    struct receipt receipt; /* first */
    struct clustering *clustering;
    struct counted *next;
    uint64_t number;
    struct node_identity from;
};

void receipts_init(struct receipts *receipts)
{
    receipts->last = &receipts->first;
}

static struct counted *take_all(struct receipts *receipts)
{
    lock_take(&receipts->lock);
    struct counted *taken = receipts->first;
    receipts->first = NULL;
    receipts->last = &receipts->first;
    lock_give(&receipts->lock);
    return taken;
}

void receipts_finish(struct receipts *receipts)
{
    struct counted *next;
    for (struct counted *counted = take_all(receipts); counted; counted = next) {
        next = counted->next;
        free(counted);
    }
}

/* --- This host's publishes */

int32_t receipts_admit(struct receipts *receipts)
{
    if (atomic_fetch_add(&receipts->out, 1) < RECEIPTS_MOST)
        return TONI_OK;
    receipts_give_back(receipts);
    return TONI_ERR_BUSY;
}

void receipts_give_back(struct receipts *receipts)
{
    atomic_fetch_sub(&receipts->out, 1);
}

static void finish(struct receipts *receipts, struct receipt *receipt)
{
    receipts_give_back(receipts);
    receipt->finished(receipt);
}

void receipts_end(struct receipts *receipts, struct receipt *receipt, int32_t status)
{
    receipt->status = status;
    receipt->nodes = 0;
    finish(receipts, receipt);
}

int receipts_begin(struct clustering *clustering, struct sent *sent)
{
    struct node_identity from;
    if (!sent->receipt)
        return CLUSTER_DONE;
    const int status =
        control_receipt(clustering->control.table, (uint64_t)(uintptr_t)sent->receipt,
                        &sent->receipt_number, &from);
    if (status != CLUSTER_DONE)
        return status;
    envelope_set_receipt(sent->payload->bytes, sent->receipt_number, from.slot, from.boot);
    return CLUSTER_DONE;
}

void receipts_result(struct clustering *clustering, struct sent *sent, enum publish_result result,
                     enum cluster_why why, uint32_t receivers)
{
    if (sent->receipt_number != 0) {
        control_receipt_sent(clustering->control.table, sent->receipt_number, result, receivers,
                             clustering->receipt_ms, now_ms());
        control_channel_settle(clustering);
        return;
    }
    receipts_end(&clustering->receipts, sent->receipt,
                 why == WHY_NO_MEMORY ? TONI_ERR_NO_MEMORY : TONI_ERR_BUSY);
}

static int32_t status_of(const struct clustering *clustering, const struct control_ask *done)
{
    if (done->outcome == CONTROL_ANSWERED)
        return TONI_OK;
    if (done->outcome == CONTROL_NOT_SENT)
        return TONI_ERR_BUSY;
    return clustering->control.is_closed ? TONI_ERR_CLOSING : TONI_ERR_TIMEOUT;
}

void receipts_tell(struct clustering *clustering, const struct control_ask *done)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the table keeps it as a number */
    struct receipt *receipt = (struct receipt *)(uintptr_t)done->cookie;
    toni_str *names = malloc((done->target_count + (size_t)1) * sizeof *names);
    receipt->targeted = done->counts.targeted;
    atomic_store(&receipt->answers[OUTBOX_TOOK], done->counts.queued);
    atomic_store(&receipt->answers[OUTBOX_NO_MEMORY], done->counts.dropped);
    atomic_store(&receipt->answers[OUTBOX_CLOSED], done->counts.closed);
    receipt->status = status_of(clustering, done);
    receipt->nodes = done->answered;
    receipt->nodes_missing = done->missing;
    if (names && done->missing > 0) { /* without memory they are counted, but not named */
        receipt->missing = names;
        receipt->missing_count = control_channel_name_missing(done, names);
    }
    finish(&clustering->receipts, receipt);
    free(names);
}

/* --- What comes to this host */

static void on_counted(struct receipt *receipt)
{
    struct counted *counted = (struct counted *)receipt;
    struct clustering *clustering = counted->clustering;
    struct receipts *receipts = &clustering->receipts;
    lock_take(&receipts->lock);
    *receipts->last = counted;
    receipts->last = &counted->next;
    lock_give(&receipts->lock);
    loop_wake_send(&clustering->wake);
}

struct receipt *receipts_count(struct clustering *clustering, uint64_t number,
                               struct node_identity from)
{
    struct receipts *receipts = &clustering->receipts;
    if (atomic_load(&receipts->counting) >= RECEIPTS_COUNTED_MOST)
        return NULL;
    struct counted *counted = calloc(1, sizeof *counted);
    if (!counted)
        return NULL;
    atomic_fetch_add(&receipts->counting, 1);
    counted->receipt.finished = on_counted;
    counted->clustering = clustering;
    counted->number = number;
    counted->from = from;
    return &counted->receipt;
}

void receipts_run(struct clustering *clustering)
{
    struct counted *next;
    for (struct counted *counted = take_all(&clustering->receipts); counted; counted = next) {
        struct receipt *receipt = &counted->receipt;
        next = counted->next;
        control_receipt_counted(
            clustering->control.table, counted->number, counted->from,
            (struct control_counts){.targeted = receipt->targeted,
                                    .queued = atomic_load(&receipt->answers[OUTBOX_TOOK]),
                                    .dropped = atomic_load(&receipt->answers[OUTBOX_NO_MEMORY]),
                                    .closed = atomic_load(&receipt->answers[OUTBOX_CLOSED])});
        free(counted);
        atomic_fetch_sub(&clustering->receipts.counting, 1);
    }
}
