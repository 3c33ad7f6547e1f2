/* Histories of a fake host's rooms: those that the test has named keep what is sent to them alone,
 * by the rules of a host. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int is_room(const toni_fake_history *history, toni_str room)
{
    return toni_str_equal(toni_str_make(history->room, history->room_size), room);
}

static toni_fake_history *find(toni_fake_host *host, toni_str room)
{
    for (size_t i = 0; i < host->history_count; i++) {
        if (is_room(&host->histories[i], room))
            return &host->histories[i];
    }
    return NULL;
}

void toni_fake_host_keep(toni_fake_host *host, const char *room, uint32_t messages,
                         uint32_t seconds)
{
    const toni_str name = toni_str_of(room);
    ck_assert_ptr_nonnull(room);
    ck_assert_int_eq(fake_check_room(name), TONI_OK);
    ck_assert_msg(host->history_count < TONI_FAKE_MAX_HISTORIES,
                  "more rooms keep messages than the fake host takes: TONI_FAKE_MAX_HISTORIES");
    ck_assert_uint_le(messages, TONI_FAKE_HISTORY_MESSAGES);
    toni_fake_history *history = &host->histories[host->history_count++];
    *history = (toni_fake_history){.room_size = name.size,
                                   .messages = messages,
                                   .seconds = seconds,
                                   .at = {.epoch = host->history_count, .offset = 0}};
    memcpy(history->room, name.data, name.size);
}

/* --- What is kept */

static void drop_first(toni_fake_history *history)
{
    history->count--;
    memmove(history->kept, history->kept + 1, history->count * sizeof *history->kept);
}

static void forget_old(const toni_fake_host *host, toni_fake_history *history)
{
    while (history->count > 0 &&
           host->now_ms - history->kept[0].at_ms >= (uint64_t)history->seconds * 1000)
        drop_first(history);
}

static toni_message message_of(const toni_fake_kept_message *kept)
{
    toni_message message = toni_text(toni_str_make(kept->bytes, kept->size));
    message.kind = kept->kind;
    return message;
}

toni_message fake_keep(toni_fake_host *host, toni_str room, const toni_message *message)
{
    toni_fake_history *history = find(host, room);
    if (!history || history->messages == 0)
        return *message;
    ck_assert_msg(message->body.size <= TONI_FAKE_HISTORY_SIZE,
                  "a message is longer than the fake host keeps: TONI_FAKE_HISTORY_SIZE");
    forget_old(host, history);
    if (history->count == history->messages)
        drop_first(history);
    history->at.offset++;
    toni_fake_kept_message *kept = &history->kept[history->count++];
    *kept = (toni_fake_kept_message){
        .at_ms = host->now_ms, .kind = message->kind, .size = message->body.size};
    memcpy(kept->bytes, message->body.data, message->body.size);
    const size_t at = toni_fake_position_at(message);
    if (at > 0) {
        char text[TONI_POSITION_TEXT + 1];
        toni_position_text(history->at, text);
        memcpy(kept->bytes + at, text, TONI_POSITION_TEXT);
    }
    return message_of(kept);
}

static int32_t room_position(toni_connections *connections, toni_str room, toni_position *position)
{
    toni_fake_host *host = host_of_connections(connections);
    const toni_fake_history *history = find(host, room);
    *position = (toni_position){0, 0};
    const int32_t is_there =
        history || fake_room_has_members(host, room) ? TONI_OK : TONI_ERR_NOT_FOUND;
    const int32_t result =
        fake_answer(host, "room_position", fake_first_error(fake_check_room(room), is_there));
    if (result == TONI_OK && history)
        *position = history->at;
    return result;
}

/* --- Who comes back */

/* What the task tells, and is released with. */
struct told {
    toni_joined joined;
    toni_joined_fn notify;
    void *data;
    toni_release_fn release;
    char room[TONI_FAKE_ROOM_SIZE];
};

static void tell(void *self, void *data)
{
    const struct told *told = data;
    told->notify(self, told->data, &told->joined);
}

static void end(void *data)
{
    struct told *told = data;
    if (told->release)
        told->release(told->data);
    free(told);
}

/* @param missed  Set to how many it is to get. @return Why it gets none; NULL: it does. */
static const char *judge(const toni_fake_history *history, const toni_since *since,
                         uint32_t *missed)
{
    *missed = 0;
    if (since->position.epoch == 0) {
        const uint32_t kept = history ? (uint32_t)history->count : 0;
        *missed = since->last < kept ? since->last : kept;
        return history || since->last == 0 ? NULL : "no_history";
    }
    if (!history || history->messages == 0)
        return "no_history";
    if (since->position.epoch != history->at.epoch)
        return "epoch";
    if (since->position.offset > history->at.offset)
        return "ahead";
    const uint64_t behind = history->at.offset - since->position.offset;
    if (since->limit > 0 && behind > since->limit)
        return "too_much";
    if (behind > history->count)
        return "trimmed";
    *missed = (uint32_t)behind;
    return NULL;
}

static void come_back(toni_fake_host *host, toni_client_id client, toni_str room,
                      const toni_since *since, toni_joined *joined)
{
    toni_fake_history *history = find(host, room);
    if (history)
        forget_old(host, history);
    joined->at = history ? history->at : (toni_position){0, 0};
    const char *why =
        fake_is_member(host, client, room) ? "member" : judge(history, since, &joined->messages);
    fake_join(host, client, room);
    joined->why = toni_str_of(why ? why : "");
    joined->is_recovered = !why && since->position.epoch != 0;
    for (size_t i = 0; history && !why && i < joined->messages; i++) {
        const toni_message message =
            message_of(&history->kept[history->count - joined->messages + i]);
        fake_deliver(host, client, &message);
    }
}

/* NOLINTNEXTLINE(readability-function-size): as many parameters as toni_join_room_since has */
static int32_t join_room_since(toni_connections *connections, toni_client_id client, toni_str room,
                               const toni_since *since, toni_context *context,
                               toni_joined_fn notify, void *data, toni_release_fn release)
{
    toni_fake_host *host = host_of_connections(connections);
    char position[TONI_POSITION_TEXT + 1];
    (void)host_of_context(context);
    toni_position_text(since->position, position);
    fake_record(host, "join_since %" PRIu64 " %.*s %s %" PRIu32 "\n", client, TONI_STR_ARG(room),
                position, since->last);
    int32_t refusal = fake_first_error(fake_check_room(room), fake_check_open(host, client));
    refusal = fake_first_error(refusal, fake_check_join(host, client, room));
    if (!notify || since->struct_size < TONI_SINCE_SIZE_1_0)
        refusal = TONI_ERR_INVALID;
    const int32_t result = fake_answer(host, "join_since", refusal);
    if (result < 0)
        return result;
    struct told *told = calloc(1, sizeof *told);
    ck_assert_ptr_nonnull(told);
    told->notify = notify;
    told->data = data;
    told->release = release;
    memcpy(told->room, room.data, room.size);
    told->joined = (toni_joined){.struct_size = sizeof told->joined,
                                 .client = client,
                                 .room = toni_str_make(told->room, room.size)};
    come_back(host, client, room, since, &told->joined);
    fake_add_task(host, tell, told, end);
    return TONI_OK;
}

void fake_history_fill(toni_host *table)
{
    table->room_position = room_position;
    table->join_room_since = join_room_since;
}
