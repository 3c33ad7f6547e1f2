/* See tasks_fixture.h. */
#include "tasks_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Atomic uint64_t now_ns;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char words[65536];
    size_t length;
    size_t count;
    size_t fences;
} record = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

uint64_t fixture_now_ns(void)
{
    return atomic_load(&now_ns);
}

void fixture_spend(uint64_t ms)
{
    atomic_fetch_add(&now_ns, ms * NS_PER_MS);
}

void fixture_advance(struct fixture *fixture, uint64_t ms)
{
    fixture_spend(ms);
    tasks_wake(fixture->tasks);
}

/* --- The record */

void note(const char *word)
{
    pthread_mutex_lock(&record.mutex);
    const size_t space = sizeof record.words - record.length;
    const int size = snprintf(record.words + record.length, space, "%s ", word);
    ck_assert(size > 0 && (size_t)size < space);
    record.length += (size_t)size;
    record.count++;
    pthread_cond_broadcast(&record.changed);
    pthread_mutex_unlock(&record.mutex);
}

void await_words(size_t count)
{
    pthread_mutex_lock(&record.mutex);
    while (record.count < count)
        pthread_cond_wait(&record.changed, &record.mutex);
    pthread_mutex_unlock(&record.mutex);
}

void expect_record(const char *words)
{
    static char found[sizeof record.words];

    pthread_mutex_lock(&record.mutex);
    memcpy(found, record.words, record.length);
    found[record.length] = '\0';
    record.length = record.count = 0;
    pthread_mutex_unlock(&record.mutex);
    ck_assert_str_eq(found, words);
}

static void reach_fence(void *data)
{
    (void)data;
    pthread_mutex_lock(&record.mutex);
    record.fences++;
    pthread_cond_broadcast(&record.changed);
    pthread_mutex_unlock(&record.mutex);
}

static void do_nothing(void *self, void *data)
{
    (void)self, (void)data;
}

void fixture_fence(struct instance *instance)
{
    pthread_mutex_lock(&record.mutex);
    const size_t fences = record.fences + 1;
    pthread_mutex_unlock(&record.mutex);
    ck_assert_int_eq(toni_post(instance_context(instance), do_nothing, NULL, reach_fence), TONI_OK);
    pthread_mutex_lock(&record.mutex);
    while (record.fences < fences)
        pthread_cond_wait(&record.changed, &record.mutex);
    pthread_mutex_unlock(&record.mutex);
}

/* --- The plugin */

static int32_t create(toni_context *context, void **self)
{
    *self = context;
    return TONI_OK;
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self, (void)client, (void)message;
    return TONI_OK;
}

void fixture_init(struct fixture *fixture)
{
    record.length = record.count = record.fences = 0;
    atomic_store(&now_ns, 1000 * (uint64_t)NS_PER_MS);
    *fixture = (struct fixture){
        .table.struct_size = sizeof fixture->table,
        .plugin = {.descriptor = {.kind = TONI_GATEWAY, .create = create, .on_message = on_message},
                   .path = "/x.so",
                   .references = 1},
        .setup = {.name = "inst", .module = "mod", .limits = limits_default()}};
    tasks_fill_table(&fixture->table);
    fixture->tasks = tasks_create(fixture_now_ns);
    ck_assert_ptr_nonnull(fixture->tasks);
    ck_assert_int_eq(slots_init(&fixture->slots), 0);
    fixture->setup.plugin = &fixture->plugin;
    fixture->setup.tasks = fixture->tasks;
}

void fixture_finish(struct fixture *fixture)
{
    ck_assert_uint_eq(fixture->plugin.references, 1);
    tasks_destroy(fixture->tasks);
    slots_finish(&fixture->slots);
}

void fixture_prepare(struct fixture *fixture)
{
    char name[16];

    (void)snprintf(name, sizeof name, "slot%u", fixture->slot_count++);
    fixture->setup.slot = slots_make(&fixture->slots, TONI_GATEWAY, name);
    ck_assert_ptr_nonnull(fixture->setup.slot);
}

struct instance *fixture_make(struct fixture *fixture)
{
    struct instance *instance;

    fixture_prepare(fixture);
    ck_assert_int_eq(instance_create(&fixture->setup, &fixture->table, NULL, &instance), TONI_OK);
    return instance;
}
