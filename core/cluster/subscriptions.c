/* What one server is to send: see subscriptions.h. */
#include "cluster/subscriptions.h"

static struct subscription *of(struct list *place)
{
    return list_owner(place, struct subscription, place);
}

static bool is_flying(const struct subscription *sub)
{
    return sub->state == SUBSCRIPTION_ASKED || sub->state == SUBSCRIPTION_LEAVING;
}

/* Takes one out of the list that its state has put it into. */
static void take_out(struct subscriptions *subs, struct subscription *sub)
{
    if (!list_is_in(&sub->place))
        return;
    if (is_flying(sub))
        subs->flying_count--;
    else if (sub->state == SUBSCRIPTION_HELD)
        subs->held_count--;
    list_remove(&sub->place);
}

/* Puts one where its state and who needs it say. `held_count` counts those in `todo`, too, whose
 * messages still come. */
static void put_in(struct subscriptions *subs, struct subscription *sub)
{
    const bool is_needed = subscription_is_needed(sub);

    if (is_flying(sub)) {
        subs->flying_count++;
        list_append(&subs->flying, &sub->place);
    } else if (sub->state == SUBSCRIPTION_HELD) {
        subs->held_count++;
        list_append(is_needed ? &subs->held : &subs->todo, &sub->place);
    } else if (is_needed) {
        list_append(&subs->todo, &sub->place);
    }
}

static void set_state(struct subscriptions *subs, struct subscription *sub,
                      enum subscription_state state)
{
    take_out(subs, sub);
    sub->state = state;
    put_in(subs, sub);
}

void subscriptions_init(struct subscriptions *subs, uint32_t flying_max, uint32_t linger_ms)
{
    *subs = (struct subscriptions){.flying_max = flying_max, .linger_ms = linger_ms};
    list_init(&subs->todo);
    list_init(&subs->flying);
    list_init(&subs->held);
    list_init(&subs->leaving);
}

void subscription_want(struct subscriptions *subs, struct subscription *sub)
{
    const bool was_needed = subscription_is_needed(sub);

    sub->wanted++;
    list_remove(&sub->leaving);
    if (!was_needed)
        set_state(subs, sub, sub->state);
}

void subscription_unwant(struct subscriptions *subs, struct subscription *sub, uint64_t now_ms)
{
    if (--sub->wanted > 0)
        return;
    sub->due_ms = now_ms + subs->linger_ms;
    list_append(&subs->leaving, &sub->leaving);
}

struct subscription *subscriptions_expire(struct subscriptions *subs, uint64_t now_ms)
{
    struct list *first = list_first(&subs->leaving);
    struct subscription *sub = first ? list_owner(first, struct subscription, leaving) : NULL;

    if (!sub || sub->due_ms > now_ms)
        return NULL;
    list_remove(&sub->leaving);
    set_state(subs, sub, sub->state);
    return sub;
}

uint32_t subscriptions_batch(const struct subscriptions *subs, struct subscription **batch,
                             uint32_t most, bool *subscribes)
{
    uint32_t count = 0;

    for (struct list *place = subs->todo.next; place != &subs->todo; place = place->next) {
        const bool is_new = of(place)->state == SUBSCRIPTION_NONE;
        if (count == most)
            break;
        if (count == 0)
            *subscribes = is_new;
        else if (is_new != *subscribes)
            break;
        batch[count++] = of(place);
    }
    /* A whole command or none: else each answer would let a command of one room go. */
    return subs->flying_count + count <= subs->flying_max ? count : 0;
}

void subscriptions_sent(struct subscriptions *subs, struct subscription *sub, uint64_t now_ms)
{
    const bool is_new = sub->state == SUBSCRIPTION_NONE;

    sub->asked_ms = now_ms;
    set_state(subs, sub, is_new ? SUBSCRIPTION_ASKED : SUBSCRIPTION_LEAVING);
}

bool subscriptions_acked(struct subscriptions *subs, struct subscription *sub, bool is_subscribed)
{
    if (sub->state != (is_subscribed ? SUBSCRIPTION_ASKED : SUBSCRIPTION_LEAVING))
        return false;
    set_state(subs, sub, is_subscribed ? SUBSCRIPTION_HELD : SUBSCRIPTION_NONE);
    return true;
}

bool subscription_restart(struct subscriptions *subs, struct subscription *sub)
{
    set_state(subs, sub, SUBSCRIPTION_NONE);
    return subscription_is_needed(sub);
}

struct subscription *subscriptions_rotate(struct subscriptions *subs)
{
    struct list *first = list_first(&subs->held);

    if (first)
        list_append(&subs->held, first);
    return first ? of(first) : NULL;
}

void subscriptions_remove(struct subscriptions *subs, struct subscription *sub)
{
    take_out(subs, sub);
    list_remove(&sub->leaving);
}
