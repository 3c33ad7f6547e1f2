/* What the tests of tasks share: an instance of a plugin that is made of functions of the test, a
 * clock that stands still until it is moved, and a record of what ran. Nothing here waits for time
 * to pass: the record is waited for, and a fence shows that nothing more was due. */
#ifndef TEST_TASKS_FIXTURE_H
#define TEST_TASKS_FIXTURE_H

#include "instance/instance.h"
#include "instance/tasks.h"

#include <check.h>
#include <toni/toni.h>

/** One test's tasks' threads and plugin. */
struct fixture {
    toni_host table;
    struct plugin plugin;
    struct slots slots; /* each instance has one of its own */
    unsigned slot_count;
    struct instance_setup setup;
    struct tasks *tasks;
};

/** Makes the threads, with the fixture's clock; the plugin has a `create` that sets `self` to the
 * context, and an `on_message` that does nothing. */
void fixture_init(struct fixture *fixture);

/** Ends the threads; there must be no instance any more. */
void fixture_finish(struct fixture *fixture);

/** Prepares the setup for one more instance. */
void fixture_prepare(struct fixture *fixture);

/** @return A new instance; `create` must succeed. */
struct instance *fixture_make(struct fixture *fixture);

/** @return The time of the fixture's clock. */
uint64_t fixture_now_ns(void);

/** Moves the clock; the tasks' thread looks at it. */
void fixture_advance(struct fixture *fixture, uint64_t ms);

/** Moves the clock from within a task. */
void fixture_spend(uint64_t ms);

/** Adds a word to the record. @thread Any. */
void note(const char *word);

/** Waits until so many words are in the record. */
void await_words(size_t count);

/** Waits until all that is due has run: what is posted last is run last. */
void fixture_fence(struct instance *instance);

/** Fails the test unless the record is this, and forgets it. */
void expect_record(const char *words);

#endif
