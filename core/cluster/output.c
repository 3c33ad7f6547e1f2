/* The queue of outputs, and what they lead to. */
#include "cluster/output.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAPACITY 64

struct room_keys *room_keys_create(const struct room_key *keys, uint32_t count)
{
    const size_t head = sizeof(struct room_keys) + count * sizeof(struct room_key);
    size_t bytes = 0;

    for (uint32_t i = 0; i < count; i++)
        bytes += keys[i].size;
    struct room_keys *copy = malloc(head + bytes);
    if (!copy)
        return NULL;
    copy->refs = 1;
    copy->count = count;
    char *at = (char *)copy + head;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(at, keys[i].bytes, keys[i].size);
        copy->list[i] = (struct room_key){.bytes = at, .size = keys[i].size};
        at += keys[i].size;
    }
    return copy;
}

struct room_keys *room_keys_ref(struct room_keys *keys)
{
    keys->refs++;
    return keys;
}

void room_keys_unref(struct room_keys *keys)
{
    if (keys && --keys->refs == 0)
        free(keys);
}

struct entries *entries_create(uint32_t most)
{
    struct entries *entries = malloc(sizeof(*entries) + most * sizeof(struct entry));

    if (entries)
        entries->count = 0;
    return entries;
}

void entries_destroy(struct entries *entries)
{
    if (!entries)
        return;
    for (uint32_t i = 0; i < entries->count; i++)
        payload_unref(entries->list[i].payload);
    free(entries);
}

void output_finish(struct output *output)
{
    room_keys_unref(output->keys);
    payload_unref(output->payload);
    output->keys = NULL;
    output->payload = NULL;
    if (output->kind == OUTPUT_RECOVERED) {
        entries_destroy(output->recovered.entries);
        output->recovered.entries = NULL;
    }
}

void outputs_init(struct outputs *outputs)
{
    *outputs = (struct outputs){0};
}

void outputs_finish(struct outputs *outputs)
{
    struct output output;

    while (outputs_take(outputs, &output))
        output_finish(&output);
    free(outputs->list);
    outputs_init(outputs);
}

int outputs_reserve(struct outputs *outputs, size_t more)
{
    size_t capacity = outputs->capacity > 0 ? outputs->capacity : SMALLEST_CAPACITY;

    if (outputs->capacity - outputs->count >= more)
        return 0;
    while (capacity - outputs->count < more)
        capacity *= 2;
    struct output *list = malloc(capacity * sizeof(*list));
    if (!list)
        return -1;
    for (size_t i = 0; i < outputs->count; i++)
        list[i] = outputs->list[(outputs->first + i) & (outputs->capacity - 1)];
    free(outputs->list);
    outputs->list = list;
    outputs->capacity = capacity;
    outputs->first = 0;
    return 0;
}

void outputs_put(struct outputs *outputs, const struct output *output)
{
    assert(outputs->count < outputs->capacity && "room was to be made before");
    outputs->list[(outputs->first + outputs->count) & (outputs->capacity - 1)] = *output;
    outputs->count++;
}

bool outputs_take(struct outputs *outputs, struct output *output)
{
    if (outputs->count == 0)
        return false;
    *output = outputs->list[outputs->first];
    outputs->first = (outputs->first + 1) & (outputs->capacity - 1);
    outputs->count--;
    return true;
}
