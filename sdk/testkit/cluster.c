/* What a cluster may do to a fake host's plugin: receipts that are not whole, servers and hosts
 * that are away. */
#include "toni_testkit_private.h"

#include <string.h>

/* What no host tells: see toni_receipt. */
static void check_receipt(const toni_receipt *receipt)
{
    const int is_partial = receipt->status == TONI_ERR_TIMEOUT;
    const int is_refused =
        receipt->status == TONI_ERR_BUSY || receipt->status == TONI_ERR_NO_MEMORY;
    ck_assert_msg(receipt->status == TONI_OK || is_partial || is_refused ||
                      receipt->status == TONI_ERR_CLOSING,
                  "no receipt has the status %s", toni_error_name(receipt->status));
    ck_assert_msg(receipt->targeted == receipt->queued + receipt->dropped + receipt->closed,
                  "the receipt's `targeted` is not `queued`, `dropped` and `closed` together");
    ck_assert_msg(!is_refused || receipt->targeted == 0,
                  "the receipt says that nobody got it, and how many did");
    ck_assert_msg(
        is_partial == (receipt->nodes_missing != 0) || receipt->status == TONI_ERR_CLOSING,
        "hosts are missing in the receipt if its status is TONI_ERR_TIMEOUT, and only then");
}

toni_receipt fake_receipt(const toni_fake_host *host, uint32_t targeted)
{
    toni_receipt receipt = {.targeted = targeted, .queued = targeted, .nodes = 1};
    if (host->receipt) {
        check_receipt(host->receipt);
        receipt = *host->receipt;
    }
    receipt.struct_size = sizeof receipt;
    return receipt;
}

int fake_is_taken(const toni_fake_host *host)
{
    return !host->receipt ||
           (host->receipt->status != TONI_ERR_BUSY && host->receipt->status != TONI_ERR_NO_MEMORY);
}

void toni_fake_host_degrade(toni_fake_host *host, const toni_degraded *degraded)
{
    toni_degraded told = *degraded;
    ck_assert_msg(host->plugin->on_degraded != NULL, "the plugin has no `on_degraded`");
    ck_assert_msg(degraded->state <= TONI_SERVER_UP, "a server has no such state");
    told.struct_size = sizeof told;
    host->plugin->on_degraded(host->self, &told);
}

void toni_fake_host_lose_node(toni_fake_host *host, const char *node)
{
    ck_assert_msg(host->plugin->on_node_lost != NULL, "the plugin has no `on_node_lost`");
    host->plugin->on_node_lost(host->self, toni_str_of(node));
}
