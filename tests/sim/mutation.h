/* Faults that can be built in on purpose: each has to be found by the checker, or it checks
 * nothing. */
#ifndef SIM_MUTATION_H
#define SIM_MUTATION_H

/* name, what is wrong then */
#define MUTATIONS(X)                                                                               \
    X(NONE, "nothing")                                                                             \
    X(EPOCH_KEPT, "the server's script keeps its incarnation over a restart from a snapshot")      \
    X(RUN_ID_ALONE, "the script compares run_id, and not master_replid")                           \
    X(REPEATS_APPLIED, "the script has forgotten the repeat check")                                \
    X(EVICTED_KEEPS_EPOCH, "a room that was evicted begins again at 1, in its old epoch")          \
    X(NUMBERS_AGAIN, "a node that was started again has the incarnation of its last life")         \
    X(ZOMBIES_RUN, "a connection that has ended goes on behind the next one's HELLO")              \
    X(DELIVERED_FIRST, "a node delivers to its own members before the server has ordered")         \
    X(GAPS_UNTOLD, "a node keeps its gaps to itself")                                              \
    X(UNKNOWN_REJECTED, "a node says REJECTED where it doesn't know")                              \
    X(ORDER_IGNORED, "a node delivers what comes as it comes")                                     \
    X(TOPS_UNSEEN, "a node doesn't look at tops")                                                  \
    X(JOINS_LATE, "a node asks where a room begins when its subscription was answered")            \
    X(LEASES_FOREVER, "a node's lease never ends")                                                 \
    X(LEASES_KEPT, "the script keeps a lease that was given back")                                 \
    X(LEFT_RENEWS, "a node that has given its lease back asks for it again")                       \
    X(NEWS_UNHEARD, "a node does not hear that another is new")                                    \
    X(NEWS_UNBOUNDED, "a node asks for its lease each time that it hears so")                      \
    X(KEY_OVERWRITTEN, "the script takes each node's key of ids for the cluster's")                \
    X(RECOVERED_ALWAYS, "a node says recovered: true to whoever comes back")                       \
    X(ALARM_UNHEARD, "a node takes another Redis on the port for its own")                         \
    X(UNSUBSCRIBES_LOST, "a node's unsubscribes aren't sent")                                      \
    X(ANSWERS_LATE, "a node waits for the server's answers without an end")                        \
    X(OVERTAKEN, "a publish is applied though the one before it was not")

enum mutation {
#define MUTATION_ENUM(name, text) MUTATION_##name,
    MUTATIONS(MUTATION_ENUM)
#undef MUTATION_ENUM
        MUTATION_COUNT
};

extern const char *const mutation_names[MUTATION_COUNT];
extern const char *const mutation_texts[MUTATION_COUNT];

/** @return The mutation of that name, or MUTATION_COUNT. */
enum mutation mutation_named(const char *name);

#endif
