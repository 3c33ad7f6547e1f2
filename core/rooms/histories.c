/* What all histories share; see histories.h. */
#include "rooms/histories.h"

#include "base/clock.h"

const char *not_recovered_word(enum not_recovered why)
{
    static const char *const words[] = {
#define NOT_RECOVERED_WORD(name, word, text) word,
        NOT_RECOVERED(NOT_RECOVERED_WORD)
#undef NOT_RECOVERED_WORD
            "",
    };
    return words[why];
}

void histories_init(struct histories *histories, uint64_t limit)
{
    histories->now_ms = clock_now_ms;
    atomic_init(&histories->limit, limit);
    due_heap_init(&histories->due);
}

void histories_finish(struct histories *histories)
{
    due_heap_finish(&histories->due);
}

int histories_reserve(struct histories *histories)
{
    lock_take(&histories->lock);
    const int result = due_heap_reserve(&histories->due, histories->count + 1);
    if (result == 0)
        histories->count++;
    lock_give(&histories->lock);
    return result;
}

void histories_unreserve(struct histories *histories)
{
    lock_take(&histories->lock);
    histories->count--;
    lock_give(&histories->lock);
}

void histories_note(struct histories *histories, struct due *due, uint64_t at_ms)
{
    due->at_ns = at_ms * NS_PER_MS;
    lock_take(&histories->lock);
    due_heap_push(&histories->due, due);
    lock_give(&histories->lock);
}

bool histories_unnote(struct histories *histories, struct due *due)
{
    lock_take(&histories->lock);
    const bool is_noted = due_heap_has(&histories->due, due);
    if (is_noted)
        due_heap_remove(&histories->due, due);
    lock_give(&histories->lock);
    return is_noted;
}

static struct due *take(struct histories *histories, uint64_t now_ns)
{
    lock_take(&histories->lock);
    struct due *first = due_heap_first(&histories->due);
    if (first && first->at_ns > now_ns)
        first = NULL;
    if (first)
        due_heap_remove(&histories->due, first);
    lock_give(&histories->lock);
    return first;
}

struct due *histories_take_due(struct histories *histories)
{
    return take(histories, histories->now_ms() * NS_PER_MS);
}

struct due *histories_take_any(struct histories *histories)
{
    return take(histories, UINT64_MAX);
}

void histories_count(struct histories *histories, enum not_recovered why)
{
    counter_add_shared(why == IS_RECOVERED ? &histories->recovered : &histories->not_recovered[why],
                       1);
}
