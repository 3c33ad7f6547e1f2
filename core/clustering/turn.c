/* A turn: what others have asked for goes to the node, what the node says is carried out, and the
 * engine sends it together. */
#include "clustering/clustering_private.h"

/* --- Rooms */

/* @return 0; -1: there is no memory, and it is tried again. */
static int change_room(struct clustering *clustering, struct wanted *wanted, bool is_wanted)
{
    struct cluster_node *node = clustering->node;
    const struct room_key key = wanted_key(wanted);
    if (is_wanted && !wanted->is_subscribed) {
        if (node_subscribe(node, key, wanted->flags, now_ms()) != CLUSTER_DONE)
            return -1;
        wanted->server = node_server_of(node, key);
        wanted->is_subscribed = true;
    } else if (!is_wanted && wanted->is_subscribed) {
        (void)node_unsubscribe(node, key, now_ms());
        wanted->is_subscribed = false;
    }
    if (!is_wanted)
        inbox_forget(&clustering->inbox, wanted);
    return 0;
}

static void take_rooms(struct clustering *clustering)
{
    struct wanted *wanted;
    bool is_wanted;
    clustering->is_short = false;
    while (!clustering->is_short && (wanted = inbox_take_changed(&clustering->inbox, &is_wanted))) {
        if (change_room(clustering, wanted, is_wanted)) {
            inbox_put_back(&clustering->inbox, wanted);
            clustering->is_short = true;
        }
    }
}

/* --- Publishes */

static void hand_on(struct clustering *clustering, struct sent *sent)
{
    int status = receipts_begin(clustering, sent);
    if (status == CLUSTER_DONE)
        status = node_publish(clustering->node, sent_key(sent), sent->payload, sent->keeping,
                              sent->flags, (uint64_t)(uintptr_t)sent, now_ms());
    if (status != CLUSTER_DONE)
        sent_finish(clustering, sent, PUBLISH_REJECTED,
                    status == CLUSTER_NO_MEMORY ? WHY_NO_MEMORY : WHY_AWAY, 0);
}

void turn_publish(struct clustering *clustering, struct sent *sent)
{
    sent->server = node_server_of(clustering->node, sent_key(sent));
    sent->asked_ms = now_ms();
    atomic_fetch_add(&clustering->views[sent->server].waiting_bytes, sent->charged);
    clustering->outstanding++;
    hand_on(clustering, sent);
}

void turn_release(struct clustering *clustering, struct wanted *wanted)
{
    struct sent *sent;
    while ((sent = sent_take(&wanted->waiting)))
        hand_on(clustering, sent);
}

/* Whoever has joined a room, and then says something in it, hears that too: so it waits until the
 * room is heard here. */
static void publish(struct clustering *clustering, struct sent *sent)
{
    struct wanted *wanted = inbox_find_for(&clustering->inbox, sent);
    const bool must_wait = wanted && wanted->is_subscribed && !wanted->is_heard &&
                           !clustering->is_stopping &&
                           clustering->links[wanted->server].state != SERVER_DOWN;
    if (!must_wait) {
        if (wanted)
            turn_release(clustering, wanted);
        hand_on(clustering, sent);
        return;
    }
    sent_append(&wanted->waiting, sent);
    if (!wanted->is_waiting) {
        wanted->is_waiting = true;
        wanted->next_waiting = clustering->waiting;
        clustering->waiting = wanted;
    }
}

static bool waits_still(const struct clustering *clustering, const struct wanted *wanted)
{
    const struct sent *oldest = wanted->waiting.first;
    return oldest && !clustering->is_stopping && now_ms() < oldest->asked_ms + WAITING_MS &&
           clustering->links[wanted->server].state != SERVER_DOWN;
}

static void look_at_waiting(struct clustering *clustering)
{
    struct wanted **place = &clustering->waiting;
    while (*place) {
        struct wanted *wanted = *place;
        if (waits_still(clustering, wanted)) {
            place = &wanted->next_waiting;
            continue;
        }
        turn_release(clustering, wanted);
        *place = wanted->next_waiting;
        wanted->is_waiting = false;
        inbox_forget(&clustering->inbox, wanted);
    }
}

/* While the engine is exchanged publishes stay where they are, if that does not take too long:
 * until the rooms are heard again, so that members here get what is said here. */
static bool is_held(struct clustering *clustering)
{
    if (clustering->held_until_ms == 0)
        return false;
    bool is_there = clustering->engine && clustering->let_go_until_ms == 0;
    for (uint32_t i = 0; i < clustering->server_count; i++)
        is_there = is_there && clustering->links[i].state == SERVER_UP;
    if (!is_there && now_ms() < clustering->held_until_ms && !clustering->is_stopping)
        return true;
    clustering->held_until_ms = 0;
    return false;
}

static void take_publishes(struct clustering *clustering, struct sent_list *taken)
{
    struct sent *sent;
    while ((sent = sent_take(taken))) {
        clustering->outstanding++;
        publish(clustering, sent);
    }
}

/* --- What is shown */

static uint64_t take_lost_untold(struct server_link *link)
{
    const uint64_t lost = link->lost_untold;
    link->lost_untold = 0;
    return lost;
}

static void show_state(struct clustering *clustering, uint32_t index)
{
    struct server_link *link = &clustering->links[index];
    if (link->shown == link->state)
        return;
    link->shown = link->state;
    atomic_store_explicit(&clustering->views[index].state, (uint32_t)link->state,
                          memory_order_relaxed);
    pthread_mutex_lock(&clustering->lock);
    pthread_cond_broadcast(&clustering->changed); /* for clustering_wait_up() */
    pthread_mutex_unlock(&clustering->lock);
    tell_degraded(clustering, index, link->state, link->state_why, take_lost_untold(link));
}

static void show_states(struct clustering *clustering)
{
    for (uint32_t i = 0; i < clustering->server_count; i++)
        show_state(clustering, i);
}

static void tell_losses(struct clustering *clustering)
{
    if (clustering->tell_at_ms == 0 || now_ms() < clustering->tell_at_ms)
        return;
    clustering->tell_at_ms = 0;
    for (uint32_t i = 0; i < clustering->server_count; i++) {
        struct server_link *link = &clustering->links[i];
        const uint64_t lost = take_lost_untold(link);
        if (lost > 0)
            tell_degraded(clustering, i, link->shown, link->state_why, lost);
    }
}

/* --- All of it */

static void carry_out(struct clustering *clustering)
{
    struct output output;
    while (node_take(clustering->node, &output)) {
        if (output.kind < OUTPUT_RESULT)
            command_carry_out(clustering, &output);
        else
            event_carry_out(clustering, &output);
        output_finish(&output);
    }
}

/* The last thing that a host does: nobody waits for anything of it any more. */
static void leave(struct clustering *clustering)
{
    if (!clustering->is_stopping || clustering->outstanding > 0)
        return;
    node_leave(clustering->node, now_ms());
    carry_out(clustering);
}

void turn_run(struct clustering *clustering)
{
    struct sent_list taken = {0};
    engine_run_posts(clustering);
    const bool is_paused = is_held(clustering);
    /* Out of the inbox before the rooms: whoever joins one meanwhile and speaks is of the next
     * turn, and no message is handed on before its room is subscribed. */
    if (!is_paused)
        taken = inbox_take(&clustering->inbox);
    take_rooms(clustering);
    if (!is_paused) {
        take_publishes(clustering, &taken);
        look_at_waiting(clustering);
        receipts_run(clustering);
        asks_run(clustering);
        control_channel_run(clustering);
        recoveries_run(clustering);
        notices_run(clustering);
    }
    if (node_due(clustering->node) <= now_ms())
        node_tick(clustering->node, now_ms());
    carry_out(clustering);
    leave(clustering);
    if (!is_paused)
        show_states(clustering);
    else if (!is_held(clustering))
        loop_wake_send(&clustering->wake); /* what has waited is taken by the next turn */
    tell_losses(clustering);
    telling_run(clustering);
    report_make(clustering);
    ENGINE_CALL(clustering, flush, (engine_self));
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* @return When requests, publishes and clients that wait are due: none of these is looked at while
 * the engine is exchanged. */
static uint64_t waiting_due(const struct clustering *clustering)
{
    uint64_t due = earlier(control_channel_due(&clustering->control), recoveries_due(clustering));
    due = earlier(due, notices_due(clustering));
    for (const struct wanted *wanted = clustering->waiting; wanted; wanted = wanted->next_waiting)
        due =
            earlier(due, wanted->waiting.first ? wanted->waiting.first->asked_ms + WAITING_MS : 0);
    return due;
}

uint64_t turn_due(const struct clustering *clustering)
{
    uint64_t due = earlier(node_due(clustering->node), telling_due(clustering));
    if (clustering->is_report_old)
        due = earlier(due, clustering->reported_ms + REPORT_MS);
    if (clustering->tell_at_ms > 0)
        due = earlier(due, clustering->tell_at_ms);
    if (clustering->is_short)
        due = earlier(due, now_ms() + SHORT_MS);
    if (clustering->let_go_until_ms > 0)
        due = earlier(due, clustering->let_go_until_ms);
    return earlier(due, clustering->held_until_ms > 0 ? clustering->held_until_ms
                                                      : waiting_due(clustering));
}
