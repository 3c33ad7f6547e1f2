/* Where a server is now: see find.h. */
#include "find.h"

#include <stdio.h>
#include <string.h>

static void look_up(struct find *find, const struct address *address);
static void next_sentinel(struct find *find);

static void end(struct find *find, const char *why)
{
    const struct address *at =
        find->server->sentinel_count > 0 ? &find->primary : &find->server->addresses[0];
    if (why != find->why)
        (void)snprintf(find->why, sizeof find->why, "%s", why ? why : "");
    find->done(find->data, why ? NULL : &find->places, at->host, why ? find->why : NULL);
}

/* --- Asking a sentinel */

/* This one will not do: the next may. */
static void give_up_sentinel(struct find *find, const char *why)
{
    const struct address *sentinel = &find->server->addresses[find->sentinel];
    (void)snprintf(find->why, sizeof find->why, "sentinel %s:%s: %.200s", sentinel->host,
                   sentinel->port, why);
    link_close(&find->link);
    find->sentinel = (find->sentinel + 1) % find->server->sentinel_count;
    find->left--;
    next_sentinel(find);
}

static bool read_primary(struct find *find, const redisReply *reply)
{
    char text[ADDRESS_HOST_MOST + 16];
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        reply->element[0]->len > ADDRESS_HOST_MOST || reply->element[1]->len > 5)
        return false;
    const bool is_ipv6 = memchr(reply->element[0]->str, ':', reply->element[0]->len) != NULL;
    (void)snprintf(text, sizeof text, is_ipv6 ? "[%s]:%s" : "%s:%s", reply->element[0]->str,
                   reply->element[1]->str);
    return address_read(&find->primary, toni_str_of(text), NULL) == NULL;
}

static void replied(void *data, const redisReply *reply)
{
    struct find *find = data;
    char why[256];
    if (reply->type == REDIS_REPLY_ERROR) {
        if (find->has_asked)
            talk_fault(why, sizeof why, "asking it", reply);
        else
            talk_auth_fault(why, sizeof why, &find->settings->sentinel, reply);
        give_up_sentinel(find, why);
    } else if (!find->has_asked) {
        find->has_asked = true;
    } else if (reply->type == REDIS_REPLY_NIL) {
        (void)snprintf(why, sizeof why, "it knows no primary with the name \"%.*s\"",
                       (int)(find->server->name.size < 100 ? find->server->name.size : 100),
                       find->server->name.data);
        give_up_sentinel(find, why);
    } else if (!read_primary(find, reply)) {
        give_up_sentinel(find, "what it answers is no address");
    } else {
        link_close(&find->link);
        find->is_at_sentinel = false;
        look_up(find, &find->primary);
    }
}

static void opened(void *data)
{
    struct find *find = data;
    const int auth = talk_auth(find->command, &find->link, &find->settings->sentinel);
    find->has_asked = auth == 0;
    command_begin(find->command);
    command_add(find->command, TONI_LIT("SENTINEL"));
    command_add(find->command, TONI_LIT("get-master-addr-by-name"));
    command_add(find->command, find->server->name);
    if (auth < 0 || command_end(find->command, &find->link.outgoing) != 0)
        give_up_sentinel(find, "no memory");
}

static void ended(void *data, const char *why);
static const struct link_calls calls = {opened, replied, ended};

static void connect_sentinel(struct find *find)
{
    const struct settings *settings = find->settings;
    const struct address *sentinel = &find->server->addresses[find->sentinel];
    const struct link_settings with = {
        .engine = find->engine,
        .calls = &calls,
        .data = find,
        .tls = settings->tls,
        .tls_name = settings->tls_name.size > 0 ? settings->tls_name.data : sentinel->host,
        .reply_most = 65536,
        .output_most = 65536};
    while (find->place < find->places.count) {
        if (link_open(&find->link, &with, &find->places.list[find->place++]) == 0)
            return;
    }
    give_up_sentinel(find, find->places.count > 0 ? find->link.why : "it has no address");
}

static void ended(void *data, const char *why)
{
    struct find *find = data;
    char copy[256];
    (void)snprintf(copy, sizeof copy, "%s", why);
    if (find->place < find->places.count)
        connect_sentinel(find);
    else
        give_up_sentinel(find, copy);
}

static void next_sentinel(struct find *find)
{
    if (find->left == 0) {
        end(find, find->why);
        return;
    }
    find->is_at_sentinel = true;
    look_up(find, &find->server->addresses[find->sentinel]);
}

/* --- Names */

/* Each time that all sentinels were the first, another address of a name is.
 * @param places  May be those of `find`. */
static void take_places(struct find *find, const struct places *places)
{
    const struct places all = *places;
    const size_t sentinels = find->server->sentinel_count;
    const size_t rounds = find->turn / (sentinels > 0 ? sentinels : 1);
    find->places.count = all.count;
    for (size_t i = 0; i < all.count; i++)
        find->places.list[i] = all.list[(i + rounds) % all.count];
}

static void looked_up(void *data, const struct places *places, const char *why)
{
    struct find *find = data;
    char text[320];
    find->lookup = NULL;
    if (why)
        (void)snprintf(text, sizeof text, "looking up the name: %.200s", why);
    else
        take_places(find, places);
    find->place = 0;
    if (!find->is_at_sentinel)
        end(find, why ? text : NULL);
    else if (why)
        give_up_sentinel(find, text);
    else
        connect_sentinel(find);
}

static void look_up(struct find *find, const struct address *address)
{
    const char *why;
    find->lookup = lookup_start(find->engine, address, &find->places, looked_up, find, &why);
    if (!find->lookup)
        looked_up(find, &find->places, why);
}

void find_start(struct find *find)
{
    const size_t sentinels = find->server->sentinel_count;
    find->sentinel = sentinels > 0 ? find->turn % sentinels : 0;
    find->left = sentinels;
    find->is_at_sentinel = false;
    if (sentinels > 0)
        next_sentinel(find);
    else
        look_up(find, &find->server->addresses[0]);
}

void find_stop(struct find *find)
{
    lookup_cancel(find->lookup);
    find->lookup = NULL;
    link_close(&find->link);
}
