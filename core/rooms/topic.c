/* Topics; see topic.h. */
#include "rooms/topic.h"

#include <stdlib.h>

struct topic *topic_ref(struct topic *topic)
{
    if (topic)
        atomic_fetch_add_explicit(&topic->refs, 1, memory_order_relaxed);
    return topic;
}

void topic_unref(struct topic *topic)
{
    if (topic && atomic_fetch_sub_explicit(&topic->refs, 1, memory_order_acq_rel) == 1)
        free(topic);
}
