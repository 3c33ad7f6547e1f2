/* First what is in sight, then each need on its own, then the order. */
#include "graph/resolver.h"

#include "base/buffer.h"
#include "config/name.h"
#include "graph/order.h"
#include "graph/sight.h"
#include "plugin/descriptor.h"

#include <toni/guard_interface.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const toni_dependency *const guard_need = TONI_REQUIRES(toni_guard);

/* One provider that is being looked at, and one of its needs. */
struct question {
    const struct declarations *declarations;
    const struct sight *sight;
    const struct declared_provider *asker;
    size_t asker_number;
    const toni_dependency *need;
    struct fault_list *faults;
};

static const char *module_name(const struct question *question, size_t provider)
{
    const struct declarations *declarations = question->declarations;

    return declarations->modules[declarations->providers[provider].module].self.name;
}

/* All faults begin with who has them. */
#define complain_at(question, place, text, ...)                                                    \
    fault_at_name((question)->faults, (place), "module `%s`: %s `%s` " text,                       \
                  module_name((question), (question)->asker_number),                               \
                  kind_name((question)->asker->kind), (question)->asker->self.name, __VA_ARGS__)

#define complain(question, text, ...)                                                              \
    complain_at((question), &(question)->asker->self, text, __VA_ARGS__)

/* --- What suits */

static bool has_interface(const struct question *question, size_t provider)
{
    const toni_interface *offered = question->declarations->providers[provider].provides;

    return provider != question->asker_number && offered &&
           toni_str_equal(offered->name, question->need->interface_name);
}

static bool suits(const struct question *question, size_t provider)
{
    return has_interface(question, provider) &&
           question->declarations->providers[provider].provides->version >= question->need->version;
}

static bool sees(const struct question *question, size_t provider)
{
    return sight_sees(question->sight, question->asker->module, provider);
}

/* Tells whether what the asker can't see may be there all the same, but for a fault that is
 * reported elsewhere. */
static bool may_be_there(const struct question *question)
{
    const struct declarations *declarations = question->declarations;

    if (question->sight->uncertain[question->asker->module])
        return true;
    for (size_t m = 0; m < declarations->module_count; m++) {
        if (declarations->modules[m].is_global && question->sight->uncertain[m])
            return true;
    }
    for (size_t p = 0; p < declarations->provider_count; p++) {
        if (declarations->providers[p].is_unknown && sees(question, p))
            return true;
    }
    return false;
}

/* --- Lists of providers in messages. Without memory they are short of a name. */

static void list_provider(const struct question *question, struct buffer *list, size_t provider)
{
    (void)buffer_appendf(
        list, "%s`%s` (module `%s`, version %" PRIu32 ")", list->length > 0 ? ", " : "",
        question->declarations->providers[provider].self.name, module_name(question, provider),
        question->declarations->providers[provider].provides->version);
}

#define LIST_ARG(list) (int)(list).length, (list).length > 0 ? (list).bytes : ""

static void report_ambiguity(const struct question *question)
{
    const toni_str name = question->need->interface_name;
    const char *example = "";
    struct buffer list;

    buffer_init(&list);
    for (size_t p = 0; p < question->declarations->provider_count; p++) {
        if (!suits(question, p) || !sees(question, p))
            continue;
        if (list.length == 0)
            example = question->declarations->providers[p].self.name;
        list_provider(question, &list, p);
    }
    complain(question,
             "needs `%.*s`, which is ambiguous: %.*s; expected one: choose with inject = { %.*s = "
             "\"%s\"; };",
             TONI_STR_ARG(name), LIST_ARG(list), TONI_STR_ARG(name), example);
    buffer_finish(&list);
}

/* @return Whether there are providers in sight, but all are too old. */
static bool report_low_versions(const struct question *question)
{
    struct buffer list;

    buffer_init(&list);
    for (size_t p = 0; p < question->declarations->provider_count; p++) {
        if (has_interface(question, p) && sees(question, p))
            list_provider(question, &list, p);
    }
    const bool is_any = list.length > 0;
    if (is_any) {
        complain(question,
                 "needs version %" PRIu32 " of `%.*s`, but in sight there is only %.*s; install a "
                 "newer one",
                 question->need->version, TONI_STR_ARG(question->need->interface_name),
                 LIST_ARG(list));
    }
    buffer_finish(&list);
    return is_any;
}

/* --- A need that nothing in sight meets */

/* @return A module that exports what suits, or NOBODY. */
static size_t find_exporter(const struct question *question)
{
    const struct declarations *declarations = question->declarations;

    for (size_t m = 0; m < declarations->module_count; m++) {
        for (size_t p = 0; p < declarations->provider_count; p++) {
            if (suits(question, p) && sight_exports(question->sight, m, p))
                return m;
        }
    }
    return NOBODY;
}

static size_t find_anywhere(const struct question *question)
{
    size_t p = 0;

    while (p < question->declarations->provider_count && !suits(question, p))
        p++;
    return p < question->declarations->provider_count ? p : NOBODY;
}

/* Nobody has it, or nobody in a version that is high enough. */
static void report_missing(const struct question *question)
{
    const toni_str name = question->need->interface_name;
    struct buffer list;

    buffer_init(&list);
    for (size_t p = 0; p < question->declarations->provider_count; p++) {
        if (has_interface(question, p))
            list_provider(question, &list, p);
    }
    if (list.length > 0) {
        complain(question,
                 "needs version %" PRIu32 " of `%.*s`, but there is only %.*s; install a newer one",
                 question->need->version, TONI_STR_ARG(name), LIST_ARG(list));
    } else {
        complain(question,
                 "needs version %" PRIu32 " of `%.*s`, which nothing provides; add a service that "
                 "does",
                 question->need->version, TONI_STR_ARG(name));
    }
    buffer_finish(&list);
}

static void report_unmet(const struct question *question)
{
    const struct declarations *declarations = question->declarations;
    const struct declared_module *module = &declarations->modules[question->asker->module];
    const toni_str name = question->need->interface_name;
    const size_t exporter = find_exporter(question);
    const size_t provider = find_anywhere(question);

    if (exporter != NOBODY && module->import_count == 0) {
        complain(question,
                 "needs `%.*s`, which no import of the module provides; add imports = [ \"%s\" ];",
                 TONI_STR_ARG(name), declarations->modules[exporter].self.name);
    } else if (exporter != NOBODY) {
        complain(question,
                 "needs `%.*s`, which no import of the module provides; add \"%s\" to its imports",
                 TONI_STR_ARG(name), declarations->modules[exporter].self.name);
    } else if (provider != NOBODY) {
        complain(question,
                 "needs `%.*s`, which `%s` provides, but its module `%s` does not export it; add "
                 "exports = [ \"%s\" ]; there and imports = [ \"%s\" ]; here",
                 TONI_STR_ARG(name), declarations->providers[provider].self.name,
                 module_name(question, provider), declarations->providers[provider].self.name,
                 module_name(question, provider));
    } else {
        report_missing(question);
    }
}

/* --- Choices of `inject` */

static const struct declared_choice *find_choice(const struct question *question)
{
    for (size_t i = 0; i < question->asker->choice_count; i++) {
        const struct declared_choice *choice = &question->asker->choices[i];

        if (toni_str_equal(toni_str_of(choice->interface.name), question->need->interface_name))
            return choice;
    }
    return NULL;
}

/* Lists what could be chosen instead. */
static void report_bad_choice(const struct question *question, const struct declared_choice *choice,
                              const char *problem)
{
    struct buffer list;

    buffer_init(&list);
    for (size_t p = 0; p < question->declarations->provider_count; p++) {
        if (suits(question, p) && sees(question, p))
            list_provider(question, &list, p);
    }
    complain_at(question, &choice->interface,
                "has `%s` injected as `%s`, which %s; expected one that is in sight: %.*s",
                choice->provider, choice->interface.name, problem,
                list.length > 0 ? (int)list.length : 13,
                list.length > 0 ? list.bytes : "there is none");
    buffer_finish(&list);
}

/* Why @p p can't be what was chosen. */
static void describe_problem(const struct question *question, size_t p, char *text, size_t size)
{
    const struct declared_provider *chosen =
        p != NOBODY ? &question->declarations->providers[p] : NULL;

    if (!chosen) {
        (void)snprintf(text, size, "is no instance");
    } else if (p == question->asker_number) {
        (void)snprintf(text, size, "is the %s itself", kind_name(chosen->kind));
    } else if (!sees(question, p)) {
        (void)snprintf(text, size,
                       "is not in sight, since no import of the module exports it from "
                       "module `%.128s`",
                       module_name(question, p));
    } else if (!has_interface(question, p)) {
        (void)snprintf(text, size, "does not provide that interface");
    } else {
        (void)snprintf(text, size, "has version %" PRIu32 " of it, and %" PRIu32 " is needed",
                       chosen->provides->version, question->need->version);
    }
}

static size_t take_choice(const struct question *question, const struct declared_choice *choice)
{
    const size_t p = declarations_find(question->declarations, choice->provider);
    char problem[256];

    if (p != NOBODY && p != question->asker_number && sees(question, p) &&
        (question->declarations->providers[p].is_unknown || suits(question, p)))
        return p;
    if (p == NOBODY && question->sight->uncertain[question->asker->module])
        return NOBODY;
    describe_problem(question, p, problem, sizeof problem);
    report_bad_choice(question, choice, problem);
    return NOBODY;
}

static void check_choices_are_needed(const struct question *question)
{
    const toni_dependency *const *needs = question->asker->needs;
    struct buffer list;

    buffer_init(&list);
    for (size_t n = 0; n < needs_count(needs); n++)
        (void)buffer_appendf(&list, "%s`%.*s`", n > 0 ? ", " : "",
                             TONI_STR_ARG(needs[n]->interface_name));
    for (size_t i = 0; i < question->asker->choice_count; i++) {
        const struct name_at *interface = &question->asker->choices[i].interface;
        bool is_needed = false;

        for (size_t n = 0; n < needs_count(needs); n++)
            is_needed |= toni_str_equal(needs[n]->interface_name, toni_str_of(interface->name));
        if (!is_needed) {
            complain_at(question, interface,
                        "has an `inject` for `%s`, which it does not need; it needs %.*s; remove "
                        "the line",
                        interface->name, list.length > 0 ? (int)list.length : 7,
                        list.length > 0 ? list.bytes : "nothing");
        }
    }
    buffer_finish(&list);
}

/* --- Guards */

/* @return The one that was probably meant, or NULL; also on no memory. */
static const char *find_near_guard(const struct question *question, const char *name)
{
    const struct declarations *declarations = question->declarations;
    const char **names = calloc(declarations->provider_count + 1, sizeof *names);
    size_t count = 0;
    if (!names)
        return NULL;
    for (size_t p = 0; p < declarations->provider_count; p++) {
        if (suits(question, p) && sees(question, p))
            names[count++] = declarations->providers[p].self.name;
    }
    const char *nearest = name_nearest(name, names, count);
    free(names);
    return nearest;
}

static void report_bad_guard(const struct question *question, const struct name_at *guard,
                             const char *problem)
{
    const char *near = find_near_guard(question, guard->name);
    struct buffer list;

    if (near) {
        complain_at(question, guard, "has the guard `%s`, which %s; did you mean `%s`?",
                    guard->name, problem, near);
        return;
    }
    buffer_init(&list);
    for (size_t p = 0; p < question->declarations->provider_count; p++) {
        if (suits(question, p) && sees(question, p))
            list_provider(question, &list, p);
    }
    complain_at(question, guard,
                "has the guard `%s`, which %s; expected a service in sight that provides "
                "`%.*s`: %.*s",
                guard->name, problem, TONI_STR_ARG(question->need->interface_name),
                list.length > 0 ? (int)list.length : 13,
                list.length > 0 ? list.bytes : "there is none");
    buffer_finish(&list);
}

/* A guard of a module is that of each of its gateways: a fault of it is one fault. */
static bool is_reported(const struct question *question, const struct name_at *guard)
{
    for (size_t p = 0; p < question->asker_number; p++) {
        const struct declared_provider *other = &question->declarations->providers[p];

        for (size_t i = 0; i < other->guard_count; i++) {
            if (other->guards[i].name == guard->name) /* of one place in the file */
                return true;
        }
    }
    return false;
}

static size_t find_guard(const struct question *question, const struct name_at *guard)
{
    const size_t p = declarations_find(question->declarations, guard->name);
    char problem[256];

    if (p != NOBODY && p != question->asker_number && sees(question, p) &&
        (question->declarations->providers[p].is_unknown || suits(question, p)))
        return p;
    if ((p == NOBODY && question->sight->uncertain[question->asker->module]) ||
        is_reported(question, guard))
        return NOBODY;
    describe_problem(question, p, problem, sizeof problem);
    report_bad_guard(question, guard, problem);
    return NOBODY;
}

/* --- Needs */

static size_t find_source(const struct question *question)
{
    const struct declared_choice *choice = find_choice(question);
    size_t found = NOBODY, count = 0;

    if (choice)
        return take_choice(question, choice);
    for (size_t p = 0; p < question->declarations->provider_count; p++) {
        if (suits(question, p) && sees(question, p)) {
            found = count == 0 ? p : found;
            count++;
        }
    }
    if (count > 1)
        report_ambiguity(question);
    else if (count == 0 && !(question->need->flags & TONI_OPTIONAL) && !may_be_there(question) &&
             !report_low_versions(question))
        report_unmet(question);
    return found;
}

static int find_sources(struct resolution *resolution, struct question *question)
{
    const struct declared_provider *asker = question->asker;
    const size_t needs = needs_count(asker->needs);
    size_t *sources = calloc(needs + asker->guard_count + 1, sizeof *sources);

    if (!sources)
        return -1;
    resolution->sources[question->asker_number] = sources;
    for (size_t n = 0; n < needs; n++) {
        question->need = asker->needs[n];
        sources[n] = find_source(question);
    }
    question->need = guard_need;
    for (size_t g = 0; g < asker->guard_count; g++)
        sources[needs + g] = find_guard(question, &asker->guards[g]);
    if (!asker->is_unknown)
        check_choices_are_needed(question);
    return 0;
}

/* --- Order */

static void report_ring(const struct declarations *declarations, const struct order *order,
                        struct fault_list *faults)
{
    const struct declared_provider *first =
        &declarations->providers[order->edges[order->ring[0]].user];
    struct buffer ring;

    buffer_init(&ring);
    for (size_t i = 0; i < order->ring_length; i++) {
        const struct order_edge *edge = &order->edges[order->ring[i]];
        (void)buffer_appendf(&ring, "%s -> ", declarations->providers[edge->user].self.name);
    }
    fault_at_name(
        faults, &first->self,
        "instances need each other in a ring, %.*s%s; expected an order in which they can "
        "be made: choose another with `inject`, or take one of them out",
        LIST_ARG(ring), first->self.name);
    buffer_finish(&ring);
}

static size_t source_count(const struct declared_provider *provider)
{
    return needs_count(provider->needs) + provider->guard_count;
}

static int find_order(struct resolution *resolution, const struct declarations *declarations,
                      struct fault_list *faults)
{
    size_t edges = 0;
    for (size_t p = 0; p < declarations->provider_count; p++)
        edges += source_count(&declarations->providers[p]);

    struct order order;
    const int result = order_init(&order, declarations->provider_count, edges);
    if (!result) {
        for (size_t p = 0; p < declarations->provider_count; p++) {
            for (size_t n = 0; n < source_count(&declarations->providers[p]); n++) {
                if (resolution->sources[p][n] != NOBODY)
                    (void)order_add(&order, p, resolution->sources[p][n]);
            }
        }
        while (!order_sort(&order))
            report_ring(declarations, &order, faults);
        memcpy(resolution->order, order.nodes, order.node_count * sizeof *order.nodes);
    }
    order_finish(&order);
    return result;
}

/* --- All together */

int resolution_init(struct resolution *resolution, const struct declarations *declarations,
                    struct fault_list *faults)
{
    struct sight sight;
    int result = sight_init(&sight, declarations, faults);

    *resolution = (struct resolution){.provider_count = declarations->provider_count};
    resolution->sources = calloc(declarations->provider_count + 1, sizeof(size_t *));
    resolution->order = calloc(declarations->provider_count + 1, sizeof *resolution->order);
    if (!resolution->sources || !resolution->order)
        result = -1;
    for (size_t p = 0; p < declarations->provider_count && !result; p++) {
        struct question question = {
            .declarations = declarations,
            .sight = &sight,
            .asker = &declarations->providers[p],
            .asker_number = p,
            .faults = faults,
        };
        result = find_sources(resolution, &question);
    }
    if (!result)
        result = find_order(resolution, declarations, faults);
    sight_finish(&sight);
    return result;
}

void resolution_finish(struct resolution *resolution)
{
    for (size_t p = 0; p < resolution->provider_count && resolution->sources; p++)
        free(resolution->sources[p]);
    free((void *)resolution->sources);
    free(resolution->order);
    *resolution = (struct resolution){0};
}
