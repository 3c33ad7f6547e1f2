/** @file
 * Tests of all that engine.h asks of an engine, for those who write one: a suite of Check.
 *
 *     static void load(toni_fake_host *host)
 *     {
 *         toni_fake_host_load(host, TONI_PLUGIN_FILE);
 *         toni_fake_host_set_str(host, "address", "127.0.0.1:7000");
 *     }
 *
 *     int main(void)
 *     {
 *         const toni_engine_subject subject = {.name = "my_engine", .load = load, .wipe = wipe};
 *         SRunner *runner = srunner_create(toni_engine_suite(&subject));
 *         srunner_run_all(runner, CK_ENV);
 *         return srunner_ntests_failed(runner) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
 *     }
 *
 * Each test has two nodes (toni_fake_node.h) on one server. One of them, "random", compares the
 * engine with a model under random commands; it prints its seed, and TONI_SEED repeats it, with
 * TONI_STEPS commands.
 */
#ifndef TONI_ENGINE_SUITE_H
#define TONI_ENGINE_SUITE_H

#include <toni_fake_node.h>

/** What is tested. All but `name` and `load` may be NULL: what takes it is not tested then. */
typedef struct toni_engine_subject {
    const char *name; /**< of the suite */

    /** Loads the plugin, and sets its options: the same server for all hosts of a test. */
    void (*load)(toni_fake_host *host);

    /** Before each test: its server is empty when this returns. NULL: it is without doing anything,
     * as one that lives in the test's process, since Check forks for each test. */
    void (*set_up)(void);

    /** After each test that didn't fail. One that did ends its process. */
    void (*tear_down)(void);

    /* What happens to the server; @p node is attached. The connections may end with it, and those
     * that are made when it has returned find the server so. */

    /** It ends, and starts again: the data are there, and its identity is another. */
    void (*restart)(toni_fake_node *node);

    /** It loses its data. */
    void (*wipe)(toni_fake_node *node);

    /** Its data become those of an earlier time: when `save` was called. */
    void (*save)(toni_fake_node *node);
    void (*fall_back)(toni_fake_node *node);

    /** It takes no writes any more, and its connections stay. */
    void (*make_read_only)(toni_fake_node *node);

    /** Puts something between the node and the engine: `table` and `self` of the node are the
     * engine's. To test the suite itself. */
    void (*wrap)(toni_fake_node *node);

    int64_t patience_ms; /**< of the nodes; 0: TONI_FAKE_NODE_PATIENCE_MS */
} toni_engine_subject;

TONI_BEGIN_DECLS

/** @param subject  Borrowed until the suite has run. One suite at a time.
 * @return The suite, with the cases "hello", "connections", "failures", "publishes",
 * "subscriptions", "history", "leases" and "random". */
Suite *toni_engine_suite(const toni_engine_subject *subject);

TONI_END_DECLS

#endif
