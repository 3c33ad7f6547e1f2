/* The reasons in words. */
#include "cluster/terms.h"

const char *cluster_why_text(enum cluster_why why)
{
    static const char *const texts[WHY_COUNT] = {
        [WHY_NONE] = "",
        [WHY_START] = "nothing has been tried yet",
        [WHY_CONNECTING] = "the connection is being made",
        [WHY_CONNECTED] = "connected; rooms are being caught up with",
        [WHY_CAUGHT_UP] = "all rooms are caught up with",
        [WHY_CLOSED] = "the connection ended, or could not be made",
        [WHY_NO_REPLY] = "a request had no answer in time",
        [WHY_NO_ECHO] = "a probe did not come back as a message",
        [WHY_READ_ONLY] = "the server is a read-only replica",
        [WHY_INCARNATION] = "the server's data are others than before",
        [WHY_OTHER_ENGINE] =
            "the server has lost its data, or is another one: its rooms begin anew",
        [WHY_REQUEST_REFUSED] = "the server answered a request with an error",
        [WHY_TOO_OLD] = "it waited for too long",
        [WHY_ORDER] = "a later message of the room was applied before it",
        [WHY_EPOCH] = "the room's numbers began anew",
        [WHY_NO_HISTORY] = "the room keeps no history",
        [WHY_TRIMMED] = "the history no longer goes back that far",
        [WHY_HOLDING] = "too much waited for the history",
        [WHY_LOCAL] = "what a node says while it is alone reaches its own members only",
        [WHY_AHEAD] = "the position is ahead of the room",
        [WHY_TOO_MUCH] = "more is missing than may be asked for",
        [WHY_AWAY] = "the server is away",
        [WHY_PENDING] = "too much waited to be delivered on this host",
        [WHY_NO_MEMORY] = "there was no memory",
        [WHY_LEASE_OVER] = "the lease is over by this node's clock",
        [WHY_LEASE_TAKEN] = "the engine gave another identity",
        [WHY_LEASE_FULL] = "other nodes have all slots of the engine",
        [WHY_LEASE_KEY] = "the engine has lost the cluster's key, and has another",
        [WHY_LEFT] = "this host stops, and gives its lease back",
        [WHY_GONE] = "the engine no longer lists it",
        [WHY_SAME_NAME] = "another node has the same name",
    };
    return (unsigned)why < WHY_COUNT ? texts[why] : "";
}
