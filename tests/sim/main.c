/* The simulator's command line.
 *
 *     sim --seeds 50                      50 runs, from seed 1 on; --first says from which one on
 *     sim --seed 17                       that run
 *     sim --corpus seeds.txt              those that once were broken
 *     sim --mutations                     each fault that can be built in: is it found?
 *     sim --seed 17 --mutation NAME       a run with it
 *
 * --steps says how many events a run has before it comes to rest, --shown how many are shown of one
 * that was broken. Exits with 0 if all promises were kept. */
#include "list.h"
#include "run.h"
#include "trace.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

/* What is found least is found by one run in a hundred. */
enum { STEPS = 20000, MUTATED_RUNS_MOST = 3000 };

struct command {
    uint64_t first, seeds, steps, shown;
    const char *corpus;
    enum mutation mutation;
    bool is_mutations;
};

struct total {
    uint64_t runs, broken, steps, publishes, messages;
};

static void run_and_count(struct total *total, const struct run *run)
{
    const struct run_result result = run_once(run);

    total->runs++;
    total->broken += result.verdict.is_broken;
    total->steps += result.steps;
    total->publishes += result.publishes;
    total->messages += result.messages;
}

static void run_seeds(struct total *total, const struct command *command)
{
    for (uint64_t i = 0; i < command->seeds; i++) {
        const struct run run = {command->first + i, command->steps, command->mutation,
                                command->shown};
        run_and_count(total, &run);
    }
}

/* Lines: a seed, its steps, and behind # what it had found. */
static int run_corpus(struct total *total, const char *path)
{
    char line[512];
    FILE *file = fopen(path, "r");

    if (!file) {
        (void)fprintf(stderr, "sim: can't read %s: %s\n", path, strerror(errno));
        return -1;
    }
    while (fgets(line, sizeof line, file)) {
        char *end;
        struct run run = {.seed = strtoull(line, &end, 10), .shown = TRACE_SHOWN};
        if (end == line)
            continue;
        run.steps = strtoull(end, NULL, 10);
        run_and_count(total, &run);
    }
    (void)fclose(file);
    return 0;
}

/* Whether the mutation breaks a run that is whole without it. */
static bool is_found(struct total *total, const struct command *command, enum mutation mutation,
                     uint64_t seed)
{
    const struct run whole = {.seed = seed, .steps = command->steps};
    const struct run mutated = {.seed = seed, .steps = command->steps, .mutation = mutation};
    const struct run_result with = run_once(&mutated);

    total->runs++;
    total->steps += with.steps;
    if (!with.verdict.is_broken || run_once(&whole).verdict.is_broken)
        return false;
    printf("%-24s %s\n    seed %" PRIu64 ", step %" PRIu64 ": %s\n", mutation_names[mutation],
           mutation_texts[mutation], seed, with.verdict.step, with.verdict.text);
    return true;
}

static void run_mutations(struct total *total, const struct command *command)
{
    for (unsigned mutation = MUTATION_NONE + 1; mutation < MUTATION_COUNT; mutation++) {
        uint64_t run = 0;
        while (run < MUTATED_RUNS_MOST &&
               !is_found(total, command, (enum mutation)mutation, command->first + run))
            run++;
        if (run < MUTATED_RUNS_MOST)
            continue;
        printf("%-24s %s\n    NOT FOUND\n", mutation_names[mutation], mutation_texts[mutation]);
        total->broken++;
    }
}

static int read_command(int count, char **arguments, struct command *command)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},
        {"steps", required_argument, NULL, 't'},
        {"corpus", required_argument, NULL, 'c'},
        {"mutation", required_argument, NULL, 'm'},
        {"shown", required_argument, NULL, 'w'},
        {"mutations", no_argument, NULL, 'M'},
        {0},
    };
    int option;

    while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            command->first = strtoull(optarg, NULL, 10);
            command->seeds = 1;
            break;
        case 'n':
            command->seeds = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            command->first = strtoull(optarg, NULL, 10);
            break;
        case 't':
            command->steps = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            command->corpus = optarg;
            break;
        case 'm':
            command->mutation = mutation_named(optarg);
            break;
        case 'w':
            command->shown = strtoull(optarg, NULL, 10);
            break;
        case 'M':
            command->is_mutations = true;
            break;
        default:
            return -1;
        }
    }
    return command->mutation == MUTATION_COUNT || optind != count ? -1 : 0;
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **arguments)
{
    struct command command = {.first = 1, .seeds = 1, .steps = STEPS, .shown = TRACE_SHOWN};
    struct total total = {0};

    if (read_command(count, arguments, &command) != 0) {
        (void)fprintf(stderr,
                      "usage: sim [--seeds N] [--first SEED] [--seed SEED] [--steps N]\n"
                      "           [--corpus FILE] [--mutation NAME] [--mutations] [--shown N]\n");
        return 2;
    }
    const double began_s = now_s();
    if (command.is_mutations)
        run_mutations(&total, &command);
    else if (!command.corpus)
        run_seeds(&total, &command);
    else if (run_corpus(&total, command.corpus) != 0)
        return 2;
    const double took_s = now_s() - began_s;
    printf("%" PRIu64 " runs, %" PRIu64 " steps in %.1f s (%.0f a second), %" PRIu64
           " publishes, %" PRIu64 " messages to clients; %" PRIu64 " broken\n",
           total.runs, total.steps, took_s, (double)total.steps / took_s, total.publishes,
           total.messages, total.broken);
    return total.broken == 0 ? 0 : 1;
}
