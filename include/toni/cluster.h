/** @file
 * What a plugin is told of the cluster that its host is one node of; see engine.h for who carries
 * messages between nodes.
 *
 * @since ABI 1.0
 */
#ifndef TONI_CLUSTER_H
#define TONI_CLUSTER_H

#include <toni/str.h>
#include <toni/types.h>

/* How a server of the engine is. */
#define TONI_SERVER_DOWN 0u     /**< broadcasts to its rooms are refused: TONI_ERR_BUSY */
#define TONI_SERVER_DEGRADED 1u /**< it takes broadcasts; rooms are still being caught up with */
#define TONI_SERVER_UP 2u

/** What `on_degraded` tells: a server's state has changed, or broadcasts are lost. Grows at its
 * end. */
typedef struct toni_degraded {
    uint32_t struct_size;
    uint32_t state;  /**< one of TONI_SERVER_…, now */
    uint64_t lost;   /**< broadcasts of this node without a receipt that were not, or maybe not,
                        applied since the last call for this server */
    toni_str server; /**< its name, as the engine has it; borrowed for the call */
    toni_str why;    /**< a few words for people; borrowed for the call */
} toni_degraded;

#endif
