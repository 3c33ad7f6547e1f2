/* The rules for rooms of a fake host's gateway: what gateways.conf says as `rooms`. */
#include "toni_testkit_private.h"

#include <string.h>

static int claims_fit(const toni_fake_client *client, toni_str name, toni_str room)
{
    toni_str value;
    for (uint32_t i = 0; toni_client_claim((const toni_client *)client, name, i, &value) == TONI_OK;
         i++) {
        if (toni_fake_pattern_fits(value, room))
            return 1;
    }
    return 0;
}

/* @param client  NULL: nobody knows who it is. */
static int fits(const char *const *patterns, const toni_fake_client *client, toni_str room)
{
    for (; *patterns; patterns++) {
        const toni_str pattern = toni_str_of(*patterns);
        toni_str claim;
        ck_assert_msg(toni_fake_is_pattern(pattern), "no host takes the pattern `%s`", *patterns);
        if (!toni_str_strip_prefix(pattern, TONI_LIT("claim:"), &claim)) {
            if (toni_fake_pattern_fits(pattern, room))
                return 1;
        } else if (client && claims_fit(client, claim, room)) {
            return 1;
        }
    }
    return 0;
}

int32_t fake_check_join(toni_fake_host *host, toni_client_id id, toni_str room)
{
    const toni_fake_known *known = fake_find_client(host, id);
    const int may = !host->rooms.join || fits(host->rooms.join, known ? known->client : NULL, room);
    return may ? TONI_OK : TONI_ERR_FORBIDDEN;
}

static int may_publish(toni_fake_host *host, const toni_fake_client *client, toni_str room)
{
    const char *rule = host->rooms.publish;
    ck_assert_msg(!rule || !host->rooms.publish_to, "`publish` is a word or patterns, not both");
    if (host->rooms.publish_to)
        return fits(host->rooms.publish_to, client, room);
    if (!rule || strcmp(rule, "anyone") == 0)
        return 1;
    if (strcmp(rule, "member") == 0)
        return fake_is_member(host, client->id, room);
    ck_assert_msg(strcmp(rule, "nobody") == 0, "no host takes `%s` as `publish`", rule);
    return 0;
}

int32_t fake_check_publish(const toni_fake_client *client, toni_str room)
{
    return may_publish(host_of(client), client, room) ? TONI_OK : TONI_ERR_MAY_NOT_PUBLISH;
}
