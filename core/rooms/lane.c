/* Lanes; see lane.h. */
#include "rooms/lane.h"

#include "rooms/backlog.h"
#include "rooms/client.h"
#include "rooms/room.h"
#include "rooms/spread.h"

#include <stdlib.h>

/* The lane that the calling thread runs; NULL: none. */
static _Thread_local struct lane *own;

int lane_init(struct lane *lane, uint32_t index, struct budget *budgets, void (*wake)(void *data),
              void *wake_data)
{
    *lane = (struct lane){.index = index,
                          .budgets = budgets,
                          .wake = wake,
                          .wake_data = wake_data,
                          .sleep = LANE_ASLEEP};
    lane->scratch = malloc(FRAME_MAX);
    if (!lane->scratch)
        return -1;
    if (pthread_mutex_init(&lane->mutex, NULL)) {
        free(lane->scratch);
        lane->scratch = NULL;
        return -1;
    }
    return 0;
}

void lane_attach(struct lane *lane)
{
    own = lane;
    spares_attach(&lane->spares);
    lane->thread = pthread_self();
    atomic_store_explicit(&lane->attached, true, memory_order_release);
}

bool lane_is_mine(const struct lane *lane)
{
    return atomic_load_explicit(&lane->attached, memory_order_acquire) &&
           pthread_equal(lane->thread, pthread_self());
}

/* --- The inbox */

/* Under the inbox's lock. */
static void append(struct letter **first, struct letter **last, struct letter *letter)
{
    letter->next = NULL;
    if (*last)
        (*last)->next = letter;
    else
        *first = letter;
    *last = letter;
}

/* Under the inbox's lock. */
static bool is_empty(const struct lane *lane)
{
    return !lane->first_letter && !lane->first_call;
}

static enum lane_sleep sleep_of(const struct lane *lane)
{
    return atomic_load_explicit(&lane->sleep, memory_order_relaxed);
}

static void set_sleep(struct lane *lane, enum lane_sleep sleep)
{
    atomic_store_explicit(&lane->sleep, sleep, memory_order_relaxed);
}

/* Each worker that posts promises for itself: the turn of one that did so before may take long. */
static void promise(struct lane *lane)
{
    set_sleep(lane, LANE_PROMISED);
    own->to_wake[lane->index / 64] |= UINT64_C(1) << lane->index % 64;
    own->wakes = true;
}

/* The worker takes what is there at the end of its turn anyway. While it sleeps, who posts has to
 * make it turn. */
static void unlock_and_wake(struct lane *lane)
{
    bool sleeps = sleep_of(lane) != LANE_AWAKE && !lane_is_mine(lane);
    bool wakes = sleeps && !own;
    if (wakes)
        set_sleep(lane, LANE_AWAKE);
    else if (sleeps)
        promise(lane);
    pthread_mutex_unlock(&lane->mutex);
    if (wakes)
        lane->wake(lane->wake_data);
}

void lane_post(struct lane *lane, struct letter *letter)
{
    pthread_mutex_lock(&lane->mutex);
    if (letter->kind == LETTER_CALL)
        append(&lane->first_call, &lane->last_call, letter);
    else
        append(&lane->first_letter, &lane->last_letter, letter);
    if (letter->kind == LETTER_CLIENT)
        counter_add(&lane->targeted, 1);
    unlock_and_wake(lane);
}

bool lane_post_room(struct lane *lane, struct room *room, struct batch *batch, uint32_t index,
                    uint32_t targets, struct letter **spares)
{
    pthread_mutex_lock(&lane->mutex);
    struct letter *last = lane->last_letter;
    bool same = last && last->kind == LETTER_ROOM && last->with.batch == batch &&
                last->first + last->count == index;
    if (same) {
        last->count++;
    } else {
        struct letter *letter = *spares;
        *spares = letter->next;
        letter->kind = LETTER_ROOM;
        letter->first = index;
        letter->count = 1;
        letter->to.room = room_ref(room);
        letter->with.batch = batch_ref(batch);
        append(&lane->first_letter, &lane->last_letter, letter);
    }
    counter_add(&lane->targeted, targets);
    unlock_and_wake(lane);
    return !same;
}

struct letter *letter_create(void)
{
    return spare_take(SPARE_LETTER, sizeof(struct letter));
}

/* Several sends to one client in a row, such as an answer in parts, become one batch. */
static bool append_to_last(struct lane *lane, toni_client *client, const toni_message *message)
{
    struct letter *last = lane->last_letter;
    return last && last->kind == LETTER_CLIENT && last->to.client == client &&
           batch_has_room(last->with.batch, frame_message_size(message->body.size)) &&
           !batch_append(last->with.batch, message->kind, message->body.data, message->body.size);
}

int lane_post_message(struct lane *lane, toni_client *client, const toni_message *message)
{
    pthread_mutex_lock(&lane->mutex);
    if (append_to_last(lane, client, message)) {
        counter_add(&lane->targeted, 1);
        unlock_and_wake(lane); /* who posted the letter may have promised only */
        return 0;
    }
    pthread_mutex_unlock(&lane->mutex);

    struct letter *letter = letter_create();
    struct batch *batch = batch_create(frame_message_size(message->body.size));
    if (!letter || !batch ||
        batch_append(batch, message->kind, message->body.data, message->body.size)) {
        batch_unref(batch);
        free(letter);
        return -1;
    }
    *letter = (struct letter){
        .kind = LETTER_CLIENT, .to.client = client_ref(client), .with.batch = batch};
    lane_post(lane, letter);
    return 0;
}

int lane_post_call(struct lane *lane, void (*call)(void *data), void *data)
{
    struct letter *letter = malloc(sizeof *letter);
    if (!letter)
        return -1;
    *letter = (struct letter){.kind = LETTER_CALL, .to.call = call, .with.data = data};
    lane_post(lane, letter);
    return 0;
}

/* Takes a whole queue. */
static struct letter *take_all(struct lane *lane, struct letter **first, struct letter **last)
{
    pthread_mutex_lock(&lane->mutex);
    struct letter *letters = *first;
    *first = *last = NULL;
    pthread_mutex_unlock(&lane->mutex);
    return letters;
}

static struct letter *take_letters(struct lane *lane)
{
    return take_all(lane, &lane->first_letter, &lane->last_letter);
}

static struct letter *take_calls(struct lane *lane)
{
    return take_all(lane, &lane->first_call, &lane->last_call);
}

/* Without the lock: who sees it too late wakes a loop that is awake, and that is all. */
void lane_rouse(struct lane *lane)
{
    set_sleep(lane, LANE_AWAKE);
}

/* Unless somebody has done so since, or it has turned by itself: then it has taken what was there,
 * or will. */
static void keep_promise(struct lane *lane)
{
    enum lane_sleep promised = LANE_PROMISED;
    if (atomic_compare_exchange_strong_explicit(&lane->sleep, &promised, LANE_AWAKE,
                                                memory_order_relaxed, memory_order_relaxed))
        lane->wake(lane->wake_data);
}

/* Those whom this worker has posted to. */
static void wake_others(struct lane *lane)
{
    if (!lane->wakes)
        return;
    lane->wakes = false;
    struct lane *lanes = lane - lane->index;
    for (uint32_t word = 0; word < LANES_MAX / 64; word++) {
        for (uint64_t bits = lane->to_wake[word]; bits; bits &= bits - 1)
            keep_promise(&lanes[word * 64 + (uint32_t)__builtin_ctzll(bits)]);
        lane->to_wake[word] = 0;
    }
}

bool lane_pending(struct lane *lane)
{
    wake_others(lane);
    pthread_mutex_lock(&lane->mutex);
    bool pending = !is_empty(lane) || lane->first_touched;
    set_sleep(lane, pending ? LANE_AWAKE : LANE_ASLEEP);
    pthread_mutex_unlock(&lane->mutex);
    return pending;
}

/* --- The turn */

static void deliver(struct lane *lane, struct letter *letter)
{
    switch (letter->kind) {
    case LETTER_ROOM:
        room_deliver(letter->to.room, lane->index, letter->with.batch, letter->first,
                     letter->count);
        break;
    case LETTER_SPREAD:
        spread_deliver(letter->to.spread, lane);
        break;
    case LETTER_CLIENT:
        client_deliver(letter->to.client, letter->with.batch);
        break;
    case LETTER_CLOSE:
        client_deliver_close(letter->to.client, letter->with.batch);
        break;
    case LETTER_CALL:
        letter->to.call(letter->with.data);
        break;
    }
}

static void letter_destroy(struct letter *letter)
{
    switch (letter->kind) {
    case LETTER_ROOM:
        batch_unref(letter->with.batch);
        room_unref(letter->to.room);
        break;
    case LETTER_SPREAD:
        spread_unref(letter->to.spread);
        break;
    case LETTER_CLIENT:
    case LETTER_CLOSE:
        client_unref(letter->to.client);
        batch_unref(letter->with.batch);
        break;
    case LETTER_CALL:
        break;
    }
    spare_give(SPARE_LETTER, letter);
}

void lane_touch(struct lane *lane, toni_client *client)
{
    if (client->touched)
        return;
    client->touched = true;
    client->next_touched = NULL;
    if (client->finished)
        client_ref(client);
    if (lane->last_touched)
        lane->last_touched->next_touched = client;
    else
        lane->first_touched = client;
    lane->last_touched = client;
}

/* @return The first of those to flush. */
static toni_client *next_touched(struct lane *lane)
{
    toni_client *client = lane->first_touched;
    lane->first_touched = client->next_touched;
    if (!lane->first_touched)
        lane->last_touched = NULL;
    client->touched = false;
    return client;
}

/* Drops the list's reference. */
static void let_go(toni_client *client)
{
    if (client->finished)
        client_unref(client);
}

static void flush_touched(struct lane *lane)
{
    while (lane->first_touched) {
        toni_client *client = next_touched(lane);
        client_flush(client);
        let_go(client);
    }
}

static void deliver_all(struct lane *lane, struct letter *letters)
{
    for (struct letter *next; letters; letters = next) {
        next = letters->next;
        deliver(lane, letters);
        letter_destroy(letters);
    }
}

static void destroy_all(struct letter *letters)
{
    for (struct letter *next; letters; letters = next) {
        next = letters->next;
        letter_destroy(letters);
    }
}

void lane_deliver(struct lane *lane)
{
    deliver_all(lane, take_letters(lane));
}

void lane_flush(struct lane *lane)
{
    lane_deliver(lane);
    flush_touched(lane);
    batch_refs_drop(&lane->refs);
}

void lane_flush_midway(struct lane *lane)
{
    wake_others(lane);
    lane_flush(lane);
}

void lane_turn(struct lane *lane)
{
    deliver_all(lane, take_calls(lane));
    wake_others(lane); /* now, so that they write while this one does */
    lane_flush(lane);
    if (budget_is_passed(&lane->budgets[BUDGET_OUTBOX]))
        backlog_relieve(lane);
    lane->turn++;
}

void lane_finish(struct lane *lane)
{
    if (own == lane) {
        own = NULL;
        spares_attach(NULL);
    }
    destroy_all(take_calls(lane));
    destroy_all(take_letters(lane));
    while (lane->first_touched)
        let_go(next_touched(lane));
    batch_refs_drop(&lane->refs);
    spares_finish(&lane->spares);
    pthread_mutex_destroy(&lane->mutex);
    free(lane->scratch);
}
