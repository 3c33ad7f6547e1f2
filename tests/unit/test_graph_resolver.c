/* Who gets what from whom: each rule and each fault, on declarations made here. */
#include "graph/resolver.h"
#include "temporary_folder.h"

#include <time.h>

#define MOST 16

static struct declared_module modules[MOST];
static struct declared_provider providers[MOST];
static struct declarations declarations;
static struct resolution resolution;
static unsigned line;

/* Each name stands on a line of its own: 1 is the first. */
static struct name_at next_name(const char *name)
{
    return (struct name_at){.name = name, .file = "gateways.conf", .line = ++line};
}

static void set_up(void)
{
    testing_setup();
    declarations = (struct declarations){.modules = modules, .providers = providers};
    line = 0;
}

static void tear_down(void)
{
    resolution_finish(&resolution);
    testing_teardown();
}

/* --- Declaring */

static struct name_at *names_of(const char *const *texts, size_t *count)
{
    static struct name_at lists[4 * MOST][MOST];
    static size_t used;
    struct name_at *names = lists[used++];

    ck_assert_uint_lt(used, 4 * MOST);
    for (*count = 0; texts && texts[*count]; (*count)++)
        names[*count] = next_name(texts[*count]);
    return names;
}

static size_t module(const char *name, const char *const *imports, const char *const *exports)
{
    struct declared_module *made = &modules[declarations.module_count];

    *made = (struct declared_module){.self = next_name(name)};
    made->imports = names_of(imports, &made->import_count);
    made->exports = names_of(exports, &made->export_count);
    return declarations.module_count++;
}

/* In the module that was declared last. */
static size_t provider(const char *name, const toni_interface *provides,
                       const toni_dependency *const *needs)
{
    providers[declarations.provider_count] =
        (struct declared_provider){.self = next_name(name),
                                   .kind = provides ? TONI_SERVICE : TONI_GATEWAY,
                                   .module = declarations.module_count - 1,
                                   .provides = provides,
                                   .needs = needs};
    return declarations.provider_count++;
}

static const toni_interface chat_1 = {.version = 1, .name = TONI_LIT_INIT("chat")};
static const toni_interface chat_3 = {.version = 3, .name = TONI_LIT_INIT("chat")};
static const toni_interface mail_1 = {.version = 1, .name = TONI_LIT_INIT("mail")};

#define DEPENDENCY(interface, lowest, how)                                                         \
    &(const toni_dependency)                                                                       \
    {                                                                                              \
        .version = (lowest), .interface_name = TONI_LIT_INIT(interface), .flags = (how)            \
    }
static const toni_dependency *const chat[] = {DEPENDENCY("chat", 1, 0), NULL};
static const toni_dependency *const chat_from_2[] = {DEPENDENCY("chat", 2, 0), NULL};
static const toni_dependency *const chat_from_9[] = {DEPENDENCY("chat", 9, 0), NULL};
static const toni_dependency *const maybe_chat[] = {DEPENDENCY("chat", 1, TONI_OPTIONAL), NULL};
static const toni_dependency *const mail[] = {DEPENDENCY("mail", 1, 0), NULL};
static const toni_dependency *const both[] = {DEPENDENCY("mail", 1, 0), DEPENDENCY("chat", 1, 0),
                                              NULL};
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void resolve(void)
{
    resolution_finish(&resolution);
    ck_assert_int_eq(resolution_init(&resolution, &declarations, &faults), 0);
    fault_list_sort(&faults);
}

static void check_source(size_t asker, size_t need, size_t source)
{
    resolve();
    testing_check_no_faults();
    ck_assert_uint_eq(resolution.sources[asker][need], source);
}

static void check_fault_at(unsigned at, const char *const *words)
{
    resolve();
    testing_check_fault(at, words);
}

static void choose(size_t asker, const char *interface, const char *name)
{
    static struct declared_choice choice;

    choice = (struct declared_choice){.interface = next_name(interface), .provider = name};
    providers[asker].choices = &choice;
    providers[asker].choice_count = 1;
}

/* --- What is in sight */

START_TEST(own_providers_are_in_sight)
{
    module("one", NULL, NULL);
    const size_t asker = provider("asker", NULL, both);
    const size_t post = provider("post", &mail_1, NULL);
    const size_t room = provider("room", &chat_1, NULL);

    check_source(asker, 0, post);
    check_source(asker, 1, room);
    ck_assert_uint_eq(resolution.order[0], post);
    ck_assert_uint_eq(resolution.order[1], room);
    ck_assert_uint_eq(resolution.order[2], asker);
}
END_TEST

/* 2,000 modules of which each passes on what the next exports, the last one first to be known: with
 * a look at all modules for all of them, it would not end within the test's time. */
START_TEST(a_long_chain_of_exports)
{
    enum { LENGTH = 2000 };
    static char names[LENGTH][16];
    static struct name_at imports[LENGTH];
    static struct declared_module chain[LENGTH];
    static struct declared_provider members[LENGTH + 1];

    for (size_t i = 0; i < LENGTH; i++) {
        (void)snprintf(names[i], sizeof names[i], "m%zu", i);
        imports[i] = (struct name_at){.name = names[i], .file = "gateways.conf", .line = 1};
    }
    for (size_t i = 0; i < LENGTH; i++) {
        const bool is_last = i + 1 == LENGTH;

        chain[i] = (struct declared_module){.self = imports[i]};
        members[i] = (struct declared_provider){
            .self = imports[i], .kind = TONI_GATEWAY, .module = i, .needs = chat};
        chain[i].imports = chain[i].exports = is_last ? &imports[i] : &imports[i + 1];
        chain[i].import_count = is_last ? 0 : 1;
        chain[i].export_count = 1;
    }
    members[LENGTH - 1].needs = NULL;
    members[LENGTH - 1].provides = &chat_1;
    declarations = (struct declarations){
        .modules = chain, .module_count = LENGTH, .providers = members, .provider_count = LENGTH};
    check_source(0, 0, LENGTH - 1);
    check_source(LENGTH / 2, 0, LENGTH - 1);
    ck_assert_uint_eq(resolution.order[0], LENGTH - 1);
}
END_TEST

START_TEST(exports_of_imports_are_in_sight)
{
    module("front", NAMES("back"), NULL);
    const size_t asker = provider("asker", NULL, chat);
    module("back", NULL, NAMES("room"));
    const size_t room = provider("room", &chat_1, NULL);
    provider("other", &chat_1, NULL); /* not exported */

    check_source(asker, 0, room);
}
END_TEST

START_TEST(an_export_of_an_import_passes_on)
{
    module("front", NAMES("middle"), NULL);
    const size_t asker = provider("asker", NULL, chat);
    module("middle", NAMES("back"), NAMES("back"));
    module("back", NAMES("deep"), NAMES("deep"));
    module("deep", NULL, NAMES("room"));
    const size_t room = provider("room", &chat_1, NULL);

    check_source(asker, 0, room);
}
END_TEST

START_TEST(an_import_is_not_passed_on_by_itself)
{
    module("front", NAMES("middle"), NULL);
    provider("asker", NULL, chat);
    module("middle", NAMES("back"), NULL);
    module("back", NULL, NAMES("room"));
    provider("room", &chat_1, NULL);

    check_fault_at(
        3, WORDS("module `front`: gateway `asker` needs `chat`", "add \"back\" to its imports"));
}
END_TEST

START_TEST(a_provider_is_exported_before_an_import_of_its_name)
{
    module("front", NAMES("middle"), NULL);
    const size_t asker = provider("asker", NULL, chat);
    module("middle", NAMES("x"), NAMES("x"));
    const size_t own = provider("x", &chat_1, NULL);
    module("x", NULL, NAMES("room"));
    provider("room", &chat_1, NULL);

    check_source(asker, 0, own);
}
END_TEST

START_TEST(exports_of_global_modules_are_in_sight)
{
    module("front", NULL, NULL);
    const size_t asker = provider("asker", NULL, chat);
    const size_t global = module("back", NULL, NAMES("room"));
    const size_t room = provider("room", &chat_1, NULL);
    provider("other", &chat_1, NULL); /* not exported */

    modules[global].is_global = true;
    check_source(asker, 0, room);
}
END_TEST

START_TEST(nobody_gets_itself)
{
    module("one", NULL, NULL);
    const size_t wrapper = provider("wrapper", &chat_1, chat);
    const size_t room = provider("room", &chat_1, NULL);

    check_source(wrapper, 0, room);
}
END_TEST

START_TEST(seen_twice_is_one)
{
    module("front", NAMES("back", "back", "middle"), NULL);
    const size_t asker = provider("asker", NULL, chat);
    module("middle", NAMES("back"), NAMES("back"));
    const size_t back = module("back", NULL, NAMES("room"));
    const size_t room = provider("room", &chat_1, NULL);

    modules[back].is_global = true;
    check_source(asker, 0, room);
}
END_TEST

/* --- Versions, options, choices */

START_TEST(a_higher_version_will_do)
{
    module("one", NULL, NULL);
    const size_t asker = provider("asker", NULL, chat_from_2);
    const size_t room = provider("room", &chat_3, NULL);

    check_source(asker, 0, room);
}
END_TEST

START_TEST(only_those_that_will_do_count)
{
    module("one", NULL, NULL);
    const size_t asker = provider("asker", NULL, chat_from_2);
    provider("old", &chat_1, NULL);
    const size_t room = provider("room", &chat_3, NULL);

    check_source(asker, 0, room);
}
END_TEST

START_TEST(an_optional_need_may_stay_unmet)
{
    module("one", NULL, NULL);
    const size_t asker = provider("asker", NULL, maybe_chat);

    check_source(asker, 0, NOBODY);
    const size_t room = provider("room", &chat_1, NULL);
    check_source(asker, 0, room);
}
END_TEST

START_TEST(a_choice_decides)
{
    module("one", NULL, NULL);
    const size_t asker = provider("asker", NULL, chat);
    provider("room", &chat_1, NULL);
    const size_t hall = provider("hall", &chat_1, NULL);

    choose(asker, "chat", "hall");
    check_source(asker, 0, hall);
}
END_TEST

START_TEST(what_is_not_bound_stays_in_the_order_of_the_file)
{
    module("one", NULL, NULL);
    const size_t a = provider("a", NULL, NULL);
    const size_t b = provider("b", NULL, mail);
    const size_t c = provider("c", NULL, NULL);
    const size_t post = provider("post", &mail_1, NULL);
    const size_t expected[] = {a, c, post, b};

    resolve();
    testing_check_no_faults();
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(resolution.order[i], expected[i]);
}
END_TEST

/* --- Faults */

START_TEST(an_import_must_be_a_module)
{
    module("front", NAMES("back", "bakc"), NULL);
    module("back", NULL, NULL);
    check_fault_at(3, WORDS("module `front` imports `bakc`", "no module", "did you mean `back`?"));
    modules[0].import_count = 1;
    module("other", NAMES("zzzzzzzzz"), NULL);
    check_fault_at(6, WORDS("`other` imports `zzzzzzzzz`", "expected one of `front`, `back`"));
}
END_TEST

START_TEST(a_slip_makes_one_fault)
{
    module("front", NAMES("bakc"), NAMES("bakc"));
    provider("asker", NULL, chat);
    module("back", NULL, NAMES("room"));
    provider("room", &chat_1, NULL);
    check_fault_at(2, WORDS("did you mean `back`?"));

    modules[0].imports = names_of(NAMES("zzzzzzzzz"), &modules[0].import_count);
    modules[0].export_count = 0;
    check_fault_at(line, WORDS("`zzzzzzzzz`, which is no module"));
}
END_TEST

START_TEST(an_export_must_be_there)
{
    module("front", NULL, NAMES("room", "back", "front"));
    module("back", NULL, NULL);
    provider("room", &chat_1, NULL); /* of the other module */
    resolve();
    ck_assert_uint_eq(faults.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(faults.faults[i].line, 2 + i);
        ck_assert_ptr_nonnull(strstr(faults.faults[i].text, "which it lacks"));
    }
}
END_TEST

START_TEST(imports_must_not_form_a_ring)
{
    module("a", NAMES("b"), NULL);
    module("b", NAMES("c"), NULL);
    module("c", NAMES("b"), NULL);
    check_fault_at(4, WORDS("ring, b -> c -> b;"));
    modules[0].imports = modules[2].imports;
    modules[2].imports = names_of(NAMES("c"), &modules[2].import_count);
    modules[1].import_count = 0;
    check_fault_at(line, WORDS("ring, c -> c;"));
}
END_TEST

START_TEST(needs_must_not_form_a_ring)
{
    module("one", NULL, NULL);
    provider("asker", NULL, chat);
    provider("room", &chat_1, mail);
    provider("post", &mail_1, chat);
    check_fault_at(3, WORDS("ring, room -> post -> room;"));
}
END_TEST

START_TEST(what_is_needed_must_be_provided)
{
    module("one", NULL, NULL);
    provider("asker", NULL, chat);
    check_fault_at(
        2, WORDS("module `one`: gateway `asker` needs version 1 of `chat`", "nothing provides"));
    module("two", NULL, NULL);
    provider("room", &chat_1, NULL);
    check_fault_at(2, WORDS("`room` provides", "module `two` does not export",
                            "add exports = [ \"room\" ]; there and imports = [ \"two\" ]; here"));
    modules[1].exports = names_of(NAMES("room"), &modules[1].export_count);
    check_fault_at(2, WORDS("no import of the module provides", "add imports = [ \"two\" ];"));
}
END_TEST

START_TEST(the_version_must_be_high_enough)
{
    module("one", NULL, NULL);
    provider("asker", NULL, chat_from_9);
    provider("room", &chat_1, NULL);
    provider("hall", &chat_3, NULL);
    check_fault_at(2, WORDS("needs version 9 of `chat`", "`room` (module `one`, version 1)",
                            "`hall` (module `one`, version 3)"));
}
END_TEST

/* An import would not help, so none is proposed. */
START_TEST(a_version_that_is_nowhere_is_said_to_be)
{
    module("one", NULL, NULL);
    provider("asker", NULL, chat_from_9);
    module("two", NULL, NULL);
    provider("hall", &chat_3, NULL);
    check_fault_at(2, WORDS("needs version 9 of `chat`, but there is only",
                            "`hall` (module `two`, version 3)", "install a newer one"));
}
END_TEST

START_TEST(several_must_be_chosen_from)
{
    module("one", NULL, NULL);
    provider("asker", NULL, chat);
    provider("room", &chat_1, NULL);
    provider("hall", &chat_3, NULL);
    check_fault_at(2, WORDS("`chat`, which is ambiguous", "`room` (module `one`, version 1)",
                            "`hall` (module `one`, version 3)", "inject = { chat = \"room\"; };"));
    providers[0].needs = maybe_chat;
    check_fault_at(2, WORDS("ambiguous"));
}
END_TEST

START_TEST(a_choice_must_be_possible)
{
    module("one", NULL, NULL);
    const size_t asker = provider("asker", &chat_1, chat_from_2);
    provider("room", &chat_1, NULL);
    provider("hall", &chat_3, NULL);
    provider("post", &mail_1, NULL);
    module("two", NULL, NULL);
    provider("far", &chat_3, NULL);

    choose(asker, "chat", "nobody");
    check_fault_at(8, WORDS("module `one`: service `asker`", "`nobody`", "is no instance",
                            "`hall` (module `one`, version 3)"));
    choose(asker, "chat", "far");
    check_fault_at(9, WORDS("`far`", "not in sight", "module `two`"));
    choose(asker, "chat", "post");
    check_fault_at(10, WORDS("`post`", "does not provide that"));
    choose(asker, "chat", "room");
    check_fault_at(11, WORDS("`room`", "has version 1 of it, and 2 is needed"));
    choose(asker, "chat", "asker");
    check_fault_at(12, WORDS("`asker`", "itself"));
    choose(asker, "mail", "post");
    check_fault_at(13, WORDS("`inject` for `mail`", "does not need", "needs `chat`"));
}
END_TEST

START_TEST(what_did_not_load_may_be_anything)
{
    module("front", NAMES("back"), NULL);
    const size_t asker = provider("asker", NULL, chat);
    module("back", NULL, NAMES("lost"));
    const size_t lost = provider("lost", NULL, NULL);

    providers[lost].is_unknown = true;
    check_source(asker, 0, NOBODY);
    choose(asker, "chat", "lost");
    check_source(asker, 0, lost);
}
END_TEST

/* --- Random graphs: TONI_TEST_SEED repeats one. */

#define MOST_RANDOM 12

/* xorshift64* */
static size_t below(uint64_t *state, size_t most)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (size_t)((*state * 0x2545f4914f6cdd1du) >> 33) % most;
}

/* Provider i provides the interface i, and needs some of those that `rank` has before it. */
static void make_random(uint64_t *state, size_t count, const size_t *rank)
{
    static char texts[MOST_RANDOM][24];
    static toni_interface interfaces[MOST_RANDOM];
    static toni_dependency wanted[MOST_RANDOM];
    static const toni_dependency *lists[MOST_RANDOM][MOST_RANDOM + 1];

    for (size_t i = 0; i < count; i++) {
        size_t needs = 0;

        (void)snprintf(texts[i], sizeof texts[i], "i%zu", i);
        interfaces[i] = (toni_interface){.version = 1, .name = toni_str_of(texts[i])};
        wanted[i] = (toni_dependency){.version = 1, .interface_name = interfaces[i].name};
        for (size_t other = 0; other < count; other++) {
            if (rank[other] < rank[i] && below(state, 3) == 0)
                lists[i][needs++] = &wanted[other];
        }
        lists[i][needs] = NULL;
        provider(texts[i], &interfaces[i], lists[i]);
    }
}

static size_t position(size_t number)
{
    size_t at = 0;

    while (resolution.order[at] != number)
        ck_assert_uint_lt(++at, resolution.provider_count);
    return at;
}

/* Stopping is the same order from its end: graph_destroy() walks it back. */
START_TEST(random_graphs_start_in_order)
{
    const char *given = getenv("TONI_TEST_SEED");
    uint64_t state = (given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000000007u) | 1;
    printf("TONI_TEST_SEED=%llu\n", (unsigned long long)state);
    (void)fflush(stdout);

    module("one", NULL, NULL);
    for (int run = 0; run < 300; run++) {
        const size_t count = 1 + below(&state, MOST_RANDOM);
        size_t rank[MOST_RANDOM] = {0};

        for (size_t i = 0; i < count; i++) {
            const size_t other = below(&state, i + 1);
            rank[i] = rank[other];
            rank[other] = i;
        }
        declarations.provider_count = 0;
        make_random(&state, count, rank);
        resolve();
        testing_check_no_faults();
        for (size_t i = 0; i < count; i++) {
            for (size_t n = 0; providers[i].needs[n]; n++) {
                const size_t source = resolution.sources[i][n];

                ck_assert_ptr_eq(providers[source].provides->name.data,
                                 providers[i].needs[n]->interface_name.data);
                ck_assert_uint_lt(position(source), position(i));
            }
        }
    }
}
END_TEST

/* --- Guards */

static const toni_interface guard_1 = {.version = 1, .name = TONI_LIT_INIT("toni_guard")};

static void guard_with(size_t asker, const struct name_at *guards, size_t count)
{
    providers[asker].guards = guards;
    providers[asker].guard_count = count;
}

START_TEST(guards_come_behind_the_needs_in_the_order_of_the_list)
{
    module("front", NULL, NULL);
    const size_t gateway = provider("gateway", NULL, chat);
    const size_t talk = provider("talk", &chat_1, NULL);
    const size_t one = provider("one", &guard_1, NULL);
    const size_t two = provider("two", &guard_1, NULL);
    const struct name_at guards[] = {next_name("two"), next_name("one")};
    guard_with(gateway, guards, 2);
    check_source(gateway, 0, talk);
    check_source(gateway, 1, two);
    check_source(gateway, 2, one);
    ck_assert_uint_eq(resolution.order[3], gateway); /* all that it uses is made before it */
}
END_TEST

START_TEST(a_guard_must_be_there)
{
    module("front", NULL, NULL);
    const size_t gateway = provider("gateway", NULL, NULL);
    provider("tokens", &guard_1, NULL);
    provider("talk", &chat_1, NULL);
    const struct name_at slip[] = {next_name("token")};
    guard_with(gateway, slip, 1);
    check_fault_at(slip[0].line, NAMES("module `front`: gateway `gateway` has the guard `token`",
                                       "is no instance", "did you mean `tokens`?"));
    const struct name_at other[] = {next_name("talk")};
    guard_with(gateway, other, 1);
    check_fault_at(other[0].line, NAMES("has the guard `talk`", "does not provide that interface",
                                        "`tokens` (module `front`, version 1)"));
    const struct name_at itself[] = {next_name("gateway")};
    guard_with(gateway, itself, 1);
    check_fault_at(itself[0].line, NAMES("has the guard `gateway`", "is the gateway itself"));
}
END_TEST

START_TEST(a_guard_must_be_in_sight)
{
    module("back", NULL, NULL);
    const size_t tokens = provider("tokens", &guard_1, NULL);
    module("front", NAMES("back"), NULL);
    const size_t gateway = provider("gateway", NULL, NULL);
    const struct name_at guards[] = {next_name("tokens")};
    guard_with(gateway, guards, 1);
    check_fault_at(guards[0].line,
                   NAMES("has the guard `tokens`", "is not in sight", "module `back`"));
    const struct name_at exports[] = {next_name("tokens")};
    modules[0].exports = exports;
    modules[0].export_count = 1;
    check_source(gateway, 0, tokens);
}
END_TEST

START_TEST(a_fault_of_a_module_s_guard_is_one_fault)
{
    module("front", NULL, NULL);
    const struct name_at guards[] = {next_name("nobody")};
    for (size_t i = 0; i < 3; i++)
        guard_with(provider("gateway", NULL, NULL), guards, 1);
    check_fault_at(guards[0].line, NAMES("has the guard `nobody`", "there is none"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph_resolver");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, own_providers_are_in_sight);
    tcase_add_test(cases, a_long_chain_of_exports);
    tcase_add_test(cases, exports_of_imports_are_in_sight);
    tcase_add_test(cases, an_export_of_an_import_passes_on);
    tcase_add_test(cases, an_import_is_not_passed_on_by_itself);
    tcase_add_test(cases, a_provider_is_exported_before_an_import_of_its_name);
    tcase_add_test(cases, exports_of_global_modules_are_in_sight);
    tcase_add_test(cases, nobody_gets_itself);
    tcase_add_test(cases, seen_twice_is_one);
    tcase_add_test(cases, a_higher_version_will_do);
    tcase_add_test(cases, only_those_that_will_do_count);
    tcase_add_test(cases, an_optional_need_may_stay_unmet);
    tcase_add_test(cases, a_choice_decides);
    tcase_add_test(cases, what_is_not_bound_stays_in_the_order_of_the_file);
    tcase_add_test(cases, an_import_must_be_a_module);
    tcase_add_test(cases, a_slip_makes_one_fault);
    tcase_add_test(cases, an_export_must_be_there);
    tcase_add_test(cases, imports_must_not_form_a_ring);
    tcase_add_test(cases, needs_must_not_form_a_ring);
    tcase_add_test(cases, what_is_needed_must_be_provided);
    tcase_add_test(cases, the_version_must_be_high_enough);
    tcase_add_test(cases, a_version_that_is_nowhere_is_said_to_be);
    tcase_add_test(cases, several_must_be_chosen_from);
    tcase_add_test(cases, a_choice_must_be_possible);
    tcase_add_test(cases, what_did_not_load_may_be_anything);
    tcase_add_test(cases, random_graphs_start_in_order);
    tcase_add_test(cases, guards_come_behind_the_needs_in_the_order_of_the_list);
    tcase_add_test(cases, a_guard_must_be_there);
    tcase_add_test(cases, a_guard_must_be_in_sight);
    tcase_add_test(cases, a_fault_of_a_module_s_guard_is_one_fault);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
