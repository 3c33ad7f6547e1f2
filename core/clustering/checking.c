/* What an engine finds out about its servers, for `toni check`: asked for in the place of a hello,
 * and kept for whoever looks. */
#include "clustering/clustering_private.h"

#include "base/visible.h"

#include <stdlib.h>

bool check_begin(struct clustering *clustering, const struct output *output,
                 const toni_engine_hello *hello)
{
    void *self;
    if (!clustering->only_looks || !clustering->engine || !engine_table(clustering, &self)->check)
        return false;
    ENGINE_CALL(clustering, check, (engine_self, output->server, output->request, hello));
    return true;
}

int check_take(struct clustering *clustering, uint32_t server, const toni_engine_finding *findings,
               uint32_t count)
{
    struct clustering_findings *kept = calloc(1, sizeof *kept);
    if (!kept)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        struct clustering_finding *finding = &kept->list[kept->count++];
        finding->is_warning = findings[i].is_warning != 0;
        visible_words(finding->text, sizeof finding->text, findings[i].text.data,
                      findings[i].text.size);
    }
    pthread_mutex_lock(&clustering->lock);
    if (!clustering->findings[server]) {
        clustering->findings[server] = kept;
        kept = NULL;
    }
    pthread_mutex_unlock(&clustering->lock);
    free(kept);
    return 0;
}

bool clustering_findings(struct clustering *clustering, uint32_t server,
                         struct clustering_findings *findings)
{
    pthread_mutex_lock(&clustering->lock);
    const struct clustering_findings *kept = clustering->findings[server];
    if (kept)
        *findings = *kept;
    pthread_mutex_unlock(&clustering->lock);
    return kept != NULL;
}

void checks_finish(struct clustering *clustering)
{
    for (uint32_t i = 0; i < NODE_SERVERS_MAX; i++)
        free(clustering->findings[i]);
}
