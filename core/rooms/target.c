/* Targets; see target.h. */
#include "rooms/target.h"

#include "rooms/rules.h"

#include <stdlib.h>
#include <string.h>

/* --- The builder */

/* Makes place for one more element.
 * @param few  Where the array begins: in the target. @return The array; NULL on no memory. */
static void *reserve(void *array, const void *few, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    const uint32_t larger = *capacity * 4;
    void *grown = realloc(array == few ? NULL : array, larger * size);
    if (!grown)
        return NULL;
    if (array == few)
        memcpy(grown, few, count * size);
    *capacity = larger;
    return grown;
}

void target_fail(toni_target *target, int32_t error)
{
    if (target->error == TONI_OK)
        target->error = error;
}

static void ids_init(struct target_ids *list)
{
    list->ids = list->few;
    list->count = 0;
    list->capacity = TARGET_FEW_IDS;
}

static void ids_finish(struct target_ids *list)
{
    if (list->ids != list->few)
        free(list->ids);
}

/* Not inlined: most targets name few clients, and would save registers for this.
 * @return 0, or -1 on no memory. */
__attribute__((noinline)) static int grow_ids(struct target_ids *list)
{
    toni_client_id *ids =
        reserve(list->ids, list->few, list->count, &list->capacity, sizeof *list->ids);
    if (ids)
        list->ids = ids;
    return ids ? 0 : -1;
}

static void add_id(toni_target *target, struct target_ids *list, toni_client_id id)
{
    if (list->count == list->capacity && grow_ids(list))
        target_fail(target, TONI_ERR_NO_MEMORY);
    else
        list->ids[list->count++] = id;
}

static void names_init(struct target_names *list)
{
    list->names = &list->first;
    list->count = 0;
    list->capacity = 1;
}

static void names_finish(struct target_names *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->names[i].data != list->short_name)
            free((char *)list->names[i].data);
    }
    if (list->names != &list->first)
        free(list->names);
}

static int add_name(struct target_names *list, toni_str name)
{
    toni_str *names =
        reserve(list->names, &list->first, list->count, &list->capacity, sizeof *list->names);
    if (!names)
        return -1;
    list->names = names;
    const bool is_short = list->count == 0 && name.size <= sizeof list->short_name;
    char *copy = is_short ? list->short_name : malloc(name.size);
    if (!copy)
        return -1;
    memcpy(copy, name.data, name.size);
    list->names[list->count++] = toni_str_make(copy, name.size);
    return 0;
}

static toni_target *target_create(toni_connections *connections)
{
    toni_target *target = malloc(sizeof *target);
    if (!target)
        return NULL;
    target->space = space_of(connections);
    target->host = target->space->host;
    target->error = TONI_OK;
    target->everyone = 0;
    names_init(&target->rooms);
    target->gateways = NULL;
    ids_init(&target->clients);
    ids_init(&target->except);
    return target;
}

void target_destroy(toni_target *target)
{
    names_finish(&target->rooms);
    ids_finish(&target->clients);
    ids_finish(&target->except);
    if (target->gateways) {
        names_finish(target->gateways);
        free(target->gateways);
    }
    free(target);
}

static void target_to_room(toni_target *target, toni_str room)
{
    if (!room_name_valid(room))
        target_fail(target, TONI_ERR_INVALID);
    else if (add_name(&target->rooms, room))
        target_fail(target, TONI_ERR_NO_MEMORY);
}

/* @return The gateways; NULL on no memory. */
static struct target_names *gateways_of(toni_target *target)
{
    if (!target->gateways) {
        target->gateways = malloc(sizeof *target->gateways);
        if (target->gateways)
            names_init(target->gateways);
    }
    return target->gateways;
}

void target_add_gateway(toni_target *target, toni_str gateway)
{
    struct target_names *gateways = gateways_of(target);
    if (!gateways || (gateway.size <= TARGET_NAME_MAX && add_name(gateways, gateway)))
        target_fail(target, TONI_ERR_NO_MEMORY);
}

static void target_to_client(toni_target *target, toni_client_id client)
{
    add_id(target, &target->clients, client);
}

static void target_to_all(toni_target *target)
{
    target->everyone = 1;
}

static void target_except(toni_target *target, toni_client_id client)
{
    add_id(target, &target->except, client);
}

void target_fill_table(toni_host *table)
{
    table->target_create = target_create;
    table->target_to_room = target_to_room;
    table->target_to_client = target_to_client;
    table->target_to_all = target_to_all;
    table->target_except = target_except;
    table->target_destroy = target_destroy;
}
