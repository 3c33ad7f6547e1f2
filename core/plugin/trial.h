/* A process of its own maps libraries before the host does, and sends back their descriptors: what
 * a damaged file or a constructor does there (crash, hang, exit, start threads) hurts nobody. It is
 * this program again, and has nothing of the host's: no socket, no lock, no thread.
 *
 * The host sends which copies to map. For each, in order, the process answers by the numbers
 * below that it begins, then with the descriptor or with what is wrong; at last with TRIAL_END.
 * A library whose answer does not come has a fault. */
#ifndef PLUGIN_TRIAL_H
#define PLUGIN_TRIAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The program's argument that makes it that process, and the end of the pair that it has then. */
#define TRIAL_COMMAND "--try-libraries"
#define TRIAL_FD 3

enum trial_word {
    TRIAL_BEGINS, /* with this library */
    TRIAL_GOOD,   /* the descriptor follows, as descriptor_write() makes it */
    TRIAL_BAD,    /* lines follow, of which each says what is wrong */
    TRIAL_END,
};

struct trial_head {
    uint32_t word; /* enum trial_word */
    uint32_t number;
    uint32_t size; /* of what follows */
};

/* More follows no head. */
#define TRIAL_SIZE_MAX (1u << 20)

enum trial_result {
    TRIAL_UNTRIED, /* not come to, since one before it hung, or the host stops */
    TRIAL_TAKEN,
    TRIAL_REFUSED,
};

struct trial_library {
    const char *path; /* of the original, for messages */
    const char *copy; /* that is mapped */
    enum trial_result result;
    char *bytes; /* taken: the descriptor; refused: lines; to be given to free() */
    size_t size; /* of these; a NUL follows them */
};

struct trial_plan {
    const char *program;           /* this one, such as /proc/self/exe */
    char **environment;            /* of the process */
    uint64_t limit_ms;             /* for each library */
    const atomic_bool *is_hurried; /* given up once it is set; NULL: never */
};

/** Has libraries tried, by one process; by another one for the rest if it comes to an end.
 * @param libraries  Path and copy are set; the rest is filled in.
 * @thread One at a time; waits. */
void trial_run(const struct trial_plan *plan, struct trial_library *libraries, size_t count);

/** That process: reads from TRIAL_FD which libraries to try, and never returns. */
_Noreturn void trial_serve(void);

#endif
