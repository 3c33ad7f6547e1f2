/* What is kept of what clients send; see inbound.h. */
#include "net/inbound.h"

#include "net/connection.h"
#include "net/inflating.h"
#include "rooms/pins.h"

#include <stdlib.h>
#include <string.h>

static struct budget *budget_of(const struct worker *worker)
{
    return &worker->lane->budgets[BUDGET_INBOUND];
}

static struct inbound *get(struct connection *connection)
{
    if (!connection->inbound) {
        connection->inbound = calloc(1, sizeof *connection->inbound);
        if (connection->inbound)
            connection->inbound->connection = connection;
    }
    return connection->inbound;
}

static void unlink_resumed(struct inbound *inbound)
{
    struct worker *worker = inbound->connection->served.worker;
    if (!inbound->link)
        return;
    *inbound->link = inbound->next;
    if (inbound->next)
        inbound->next->link = inbound->link;
    else
        worker->last_resumed = inbound->link;
    inbound->link = NULL;
    worker->resumed_count--;
}

static uint64_t memory_of(const struct inbound *inbound)
{
    return sizeof *inbound + inbound->message.capacity + inbound->rest_size +
           (inbound->inflating ? inflating_memory(inbound->inflating) : 0);
}

/* Charges what there is now; frees what keeps nothing. */
static void note(struct connection *connection)
{
    struct inbound *inbound = connection->inbound;
    struct worker *worker = connection->served.worker;
    const bool is_needed = inbound->message.length > 0 || inbound->message_began_ms != 0 ||
                           inbound->inflating || inbound->rest || inbound->link ||
                           connection->is_paused;
    const uint64_t before = inbound->pin.bytes;
    const uint64_t bytes = is_needed ? memory_of(inbound) : 0;
    if (bytes > before)
        budget_charge(budget_of(worker), bytes - before);
    else if (bytes < before)
        budget_release(budget_of(worker), before - bytes);
    if (bytes != before)
        pin_set(worker->lane, BUDGET_INBOUND, &inbound->pin, bytes);
    if (is_needed)
        return;
    buffer_finish(&inbound->message);
    free(inbound);
    connection->inbound = NULL;
}

/* --- The message */

/* Less is not worth a read of its own, which the next message's bytes can't be in. */
#define SPACE_MIN 4096

uint8_t *inbound_space(struct connection *connection, uint64_t left, size_t *size)
{
    struct inbound *inbound = connection->inbound;
    if (left < SPACE_MIN || !inbound || inbound->rest || inbound->message.length == 0)
        return NULL;
    uint64_t most = 3 * (uint64_t)inbound->message.length;
    if (most > WORKER_READ_MAX)
        most = WORKER_READ_MAX;
    *size = (size_t)(left < most ? left : most);
    uint8_t *space = NULL;
    if (!buffer_reserve(&inbound->message, *size))
        space = (uint8_t *)inbound->message.bytes + inbound->message.length;
    note(connection);
    return space;
}

static int append(struct buffer *message, const void *bytes, size_t size)
{
    if (size == 0 || bytes != message->bytes + message->length)
        return buffer_append(message, bytes, size);
    message->length += size; /* they were received there */
    return 0;
}

int inbound_append(struct connection *connection, const void *bytes, size_t size)
{
    struct inbound *inbound = get(connection);
    if (!inbound)
        return -1;
    const bool begins = inbound->message_began_ms == 0;
    if (begins)
        inbound->message_began_ms = connection_now_ms(connection);
    const int result = append(&inbound->message, bytes, size);
    note(connection);
    pin_moved(connection->served.worker->lane, BUDGET_INBOUND, &inbound->pin);
    if (begins)
        connection_look_within(connection, connection->limits->message_ms);
    return result;
}

struct buffer inbound_take_message(struct connection *connection)
{
    struct inbound *inbound = connection->inbound;
    struct buffer message = inbound->message;
    buffer_init(&inbound->message);
    inbound->message_began_ms = 0;
    note(connection);
    return message;
}

int inbound_keep_inflating(struct connection *connection, struct inflating *inflating)
{
    struct inbound *inbound = get(connection);
    if (!inbound)
        return -1;
    inbound->inflating = inflating;
    note(connection);
    pin_moved(connection->served.worker->lane, BUDGET_INBOUND, &inbound->pin);
    return 0;
}

struct inflating *inbound_take_inflating(struct connection *connection)
{
    struct inbound *inbound = connection->inbound;
    struct inflating *inflating = inbound ? inbound->inflating : NULL;
    if (!inflating)
        return NULL;
    inbound->inflating = NULL;
    note(connection);
    return inflating;
}

void inbound_forget_message(struct connection *connection)
{
    struct inflating *inflating = inbound_take_inflating(connection);
    inflating_free(inflating, &connection->served.worker->inflater);
    if (!connection->inbound)
        return;
    struct buffer message = inbound_take_message(connection);
    buffer_finish(&message);
}

/* --- The rest */

int inbound_keep_rest(struct connection *connection, const uint8_t *bytes, size_t size)
{
    struct inbound *inbound = connection->inbound;
    uint8_t *rest = NULL;
    if (size == 0 && !inbound)
        return 0;
    if (size > 0) {
        inbound = get(connection);
        rest = inbound ? malloc(size) : NULL;
        if (!rest)
            return -1;
        memcpy(rest, bytes, size);
    }
    free(inbound->rest);
    inbound->rest = rest;
    inbound->rest_size = size;
    note(connection);
    return 0;
}

uint8_t *inbound_take_rest(struct connection *connection, size_t *size)
{
    struct inbound *inbound = connection->inbound;
    uint8_t *rest = inbound ? inbound->rest : NULL;
    *size = rest ? inbound->rest_size : 0;
    if (!rest)
        return NULL;
    inbound->rest = NULL;
    inbound->rest_size = 0;
    note(connection);
    return rest;
}

int inbound_begin_pause(struct connection *connection)
{
    struct inbound *inbound = get(connection);
    if (!inbound)
        return -1;
    inbound->paused_ms = connection_now_ms(connection);
    note(connection);
    return 0;
}

static void link_resumed(struct inbound *inbound)
{
    struct worker *worker = inbound->connection->served.worker;
    if (inbound->link)
        return;
    inbound->next = NULL;
    inbound->link = worker->last_resumed;
    *inbound->link = inbound;
    worker->last_resumed = &inbound->next;
    worker->resumed_count++;
}

void inbound_resume(struct connection *connection)
{
    struct inbound *inbound = connection->inbound;
    if (!inbound)
        return;
    if (inbound->rest || inbound->inflating)
        link_resumed(inbound);
    note(connection);
}

int inbound_set_aside(struct connection *connection)
{
    struct inbound *inbound = get(connection);
    if (!inbound)
        return -1;
    link_resumed(inbound);
    note(connection);
    return 0;
}

struct connection *inbound_next_resumed(struct worker *worker)
{
    struct inbound *inbound = worker->resumed;
    if (!inbound)
        return NULL;
    unlink_resumed(inbound);
    return inbound->connection;
}

void inbound_forget(struct connection *connection)
{
    struct inbound *inbound = connection->inbound;
    if (!inbound)
        return;
    unlink_resumed(inbound);
    free(inbound->rest);
    inbound->rest = NULL;
    inbound->rest_size = 0;
    inbound_forget_message(connection);
}
