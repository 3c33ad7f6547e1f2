/* See session.h. */
#include "session.h"

#include <stdlib.h>
#include <string.h>

pthread_mutex_t session_lock = PTHREAD_MUTEX_INITIALIZER;

struct subscription {
    struct subscription *next;
    size_t key_size;
    char key[];
};

/* --- What waits for the cluster's thread */

/* Without memory for a post, the next flush does it. */
static void wake(struct session *session)
{
    if (!session->is_posted)
        session->is_posted = toni_engine_post(session->engine, session_deliver, session) == TONI_OK;
}

void session_lose(struct session *session, const char *why)
{
    if (session->connection == 0 || session->lost)
        return;
    session->lost = why;
    wake(session);
}

static void free_items(struct item *items)
{
    while (items) {
        struct item *next = items->next;
        free(items);
        items = next;
    }
}

static struct item *take_items(struct session *session)
{
    struct item *items = session->first;
    session->first = session->last = NULL;
    session->queue_bytes = 0;
    return items;
}

static toni_str keep(char *where, toni_str text)
{
    if (text.size > 0)
        memcpy(where, text.data, text.size);
    return toni_str_make(where, text.size);
}

void session_push(struct session *session, struct item item)
{
    const size_t size = sizeof item + item.room.size + item.body.size;
    if (session->queue_bytes + size > SESSION_QUEUE_BYTES) {
        session_lose(session, "the node does not take its messages: 64 MiB wait");
        return;
    }
    struct item *made = malloc(size);
    if (!made) {
        session_lose(session, "no memory for a message");
        return;
    }
    *made = item;
    made->room = keep(made->bytes, item.room);
    made->body = keep(made->bytes + item.room.size, item.body);
    if (session->last)
        session->last->next = made;
    else
        session->first = made;
    session->last = made;
    session->queue_bytes += size;
    wake(session);
}

/* --- Subscriptions */

/* @return Where the list points to it, or to NULL. */
static struct subscription **find_subscription(struct session *session, toni_str room)
{
    struct subscription **found = &session->subscriptions;
    while (*found && !toni_str_equal(toni_str_make((*found)->key, (*found)->key_size), room))
        found = &(*found)->next;
    return found;
}

void session_subscribe(struct session *session, toni_str room)
{
    if (*find_subscription(session, room))
        return;
    struct subscription *made = session->subscription_count < SESSION_SUBSCRIPTIONS_MOST
                                    ? malloc(sizeof *made + room.size)
                                    : NULL;
    if (!made) {
        session_lose(session, "no memory for a subscription, or 100,000 of them");
        return;
    }
    *made = (struct subscription){.next = session->subscriptions, .key_size = room.size};
    (void)keep(made->key, room);
    session->subscriptions = made;
    session->subscription_count++;
}

static void remove_subscription(struct session *session, struct subscription **where)
{
    struct subscription *over = *where;
    if (!over)
        return;
    *where = over->next;
    session->subscription_count--;
    free(over);
}

void session_unsubscribe(struct session *session, toni_str room)
{
    remove_subscription(session, find_subscription(session, room));
}

bool session_is_subscribed(struct session *session, toni_str room)
{
    return *find_subscription(session, room) != NULL;
}

/* --- Connections */

void session_end(struct session *session)
{
    while (session->subscriptions)
        remove_subscription(session, &session->subscriptions);
    free_items(take_items(session));
    session->connection = session->node = 0;
    session->lost = NULL;
}

static void tell(const struct session *session, const struct item *item)
{
    const uint64_t connection = session->connection;
    switch (item->kind) {
    case ITEM_MESSAGE:
        toni_engine_message(session->engine, 0, connection, item->room, item->at,
                            item->message_kind, item->body);
        break;
    case ITEM_ECHO:
        toni_engine_probe_echo(session->engine, 0, connection, item->request);
        break;
    default:
        toni_engine_subscribed(session->engine, 0, connection, item->room,
                               item->kind == ITEM_SUBSCRIBED);
    }
}

void session_deliver(void *data)
{
    struct session *session = data;
    pthread_mutex_lock(&session_lock);
    struct item *items = take_items(session);
    const uint64_t connection = session->connection;
    const char *lost = session->lost;
    session->is_posted = false;
    if (lost)
        session_end(session);
    pthread_mutex_unlock(&session_lock);
    for (const struct item *item = items; item && !lost; item = item->next)
        tell(session, item);
    free_items(items);
    if (lost)
        toni_engine_closed(session->engine, 0, connection, toni_str_of(lost));
}
