/* What `toni run --watch` decides by itself: when a save is over, what is none, which changes are a
 * build's own, how to build, and what may reach a terminal. */
#include "base/utf8.h"
#include "base/visible.h"
#include "temporary_folder.h"
#include "watch/build.h"
#include "watch/child.h"
#include "watch/debounce.h"
#include "watch/ignored.h"
#include "watch/reasons.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <uv.h>

/* --- Saves */

START_TEST(a_save_is_over_when_nothing_changes)
{
    struct debounce debounce = {0};
    uint64_t first_ms = 0;

    ck_assert(!debounce_take(&debounce, 5000, &first_ms));
    debounce_note(&debounce, 1000);
    debounce_note(&debounce, 1030);
    ck_assert_uint_eq(debounce_left_ms(&debounce, 1030), DEBOUNCE_QUIET_MS);
    ck_assert(!debounce_take(&debounce, 1030 + DEBOUNCE_QUIET_MS - 1, &first_ms));
    ck_assert_uint_eq(debounce_left_ms(&debounce, 9000), 0);
    ck_assert(debounce_take(&debounce, 1030 + DEBOUNCE_QUIET_MS, &first_ms));
    ck_assert_uint_eq(first_ms, 1000);
    ck_assert(!debounce_take(&debounce, 9000, &first_ms));
}
END_TEST

/* Who goes on writing is not waited for without an end. */
START_TEST(a_save_has_a_longest_time)
{
    struct debounce debounce = {0};
    uint64_t first_ms = 0, now_ms = 1000;

    for (; !debounce_take(&debounce, now_ms, &first_ms); now_ms += 10)
        debounce_note(&debounce, now_ms);
    ck_assert_uint_eq(first_ms, 1000);
    ck_assert_uint_eq(now_ms, 1000 + DEBOUNCE_MOST_MS);
}
END_TEST

/* --- Names */

START_TEST(what_is_no_source)
{
    static const char *const ignored[] = {
        ".git",      ".game.c.swp",        "game.c~",        "4913",
        "#game.c#",  ".#game.c",           "game.o",         "game.so",
        "game.so.1", "CMakeFiles",         "game.d",         "game.c.swp",
        "build.log", "game.c___jb_tmp___", "CMakeCache.txt", "a.so.new",
        "x.tmp",
    };
    static const char *const sources[] = {
        "game.c", "game.h",     "game.cc",       "CMakeLists.txt", "so", "o",
        "d",      "game.proto", "src",           "build",          "#",  "solo.c",
        "log.c",  "~.c",        "gateways.conf", "4913.c",
    };
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        ck_assert_msg(ignored_name(ignored[i]), "%s", ignored[i]);
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        ck_assert_msg(!ignored_name(sources[i]), "%s", sources[i]);
}
END_TEST

/* --- Changes */

static struct reasons reasons; /* large */

static struct reasons_found saved(const char *path, uint64_t build_ms)
{
    struct reasons_found found;
    reasons_note(&reasons, path);
    reasons_take(&reasons, build_ms, &found);
    return found;
}

START_TEST(every_save_is_a_reason)
{
    const char *path = testing_write_text("game.c", "one");
    for (int i = 0; i < 20; i++) { /* also one that changes nothing */
        const struct reasons_found found = saved(path, REASONS_NO_BUILD);
        ck_assert(found.is_reason && !found.is_loop);
        ck_assert_uint_eq(found.count, 1);
        ck_assert_str_eq(found.name, "game.c");
    }
}
END_TEST

START_TEST(what_a_build_leaves_as_it_was_is_none)
{
    const char *path = testing_write_text("generated.h", "one");
    ck_assert(saved(path, 100).is_reason); /* it was not known */
    ck_assert(!saved(path, 100).is_reason);
    testing_write_text("generated.h", "two");
    ck_assert(saved(path, 100).is_reason);
    ck_assert(!saved(testing_path("came-and-went"), 100).is_reason);
    ck_assert_int_eq(remove(path), 0);
    ck_assert(saved(path, 100).is_reason); /* it was there */
}
END_TEST

/* As sed -i and many editors save: what they wrote has another name by then. */
START_TEST(a_save_by_a_rename_is_named_by_what_is_there)
{
    const char *path = testing_write_text("game.c", "one");
    reasons_note(&reasons, testing_path("sedXyz123"));
    struct reasons_found found = saved(path, REASONS_NO_BUILD);
    ck_assert(found.is_reason && !found.is_gone);
    ck_assert_uint_eq(found.count, 1);
    ck_assert_str_eq(found.name, "game.c");

    reasons_note(&reasons, testing_path("removed.c"));
    found = saved(testing_path("removed.h"), REASONS_NO_BUILD);
    ck_assert(found.is_reason && found.is_gone);
    ck_assert_uint_eq(found.count, 2);
    ck_assert_str_eq(found.name, "removed.c");
}
END_TEST

static struct reasons_found write_in_build(const char *name, int number, uint64_t build_ms)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", number);
    return saved(testing_write_text(name, text), build_ms);
}

START_TEST(a_build_that_changes_its_sources_ends)
{
    uint64_t wait_ms = 0;
    int number = 1;
    for (; number <= REASONS_ECHOES_MAX + 5; number++) {
        const struct reasons_found found = write_in_build("stamp.h", number, 100);
        ck_assert_int_eq(found.is_reason, number <= REASONS_ECHOES_MAX);
        ck_assert_int_eq(found.is_again, number > 1);
        ck_assert_int_eq(found.is_loop, number == REASONS_ECHOES_AT_ONCE + 1); /* said once */
        ck_assert_int_eq(found.wait_ms > 0, number > REASONS_ECHOES_AT_ONCE);
        ck_assert_uint_ge(found.wait_ms, wait_ms);
        wait_ms = found.wait_ms;
    }
    ck_assert_uint_lt(wait_ms, 60000);

    /* A save of something else is seen at once all the same, and one that comes when no build runs,
     * or when one hangs. */
    ck_assert(write_in_build("stamp.h", number++, REASONS_HANG_MS).is_reason);
    ck_assert(write_in_build("game.c", number++, 100).is_reason);
    ck_assert(write_in_build("stamp.h", number++, REASONS_NO_BUILD).is_reason);
    const struct reasons_found found = write_in_build("stamp.h", number++, 100);
    ck_assert(found.is_reason && found.wait_ms == 0);
}
END_TEST

START_TEST(more_changes_than_are_kept)
{
    struct reasons_found found;
    char path[32];
    for (int i = 0; i < 2 * REASONS_PATHS_MAX; i++) {
        (void)snprintf(path, sizeof path, "/nowhere/%d", i);
        reasons_note(&reasons, path);
        reasons_note(&reasons, path);
    }
    reasons_take(&reasons, 100, &found);
    ck_assert(found.is_reason);
    ck_assert_uint_gt(found.count, REASONS_PATHS_MAX);
    reasons_take(&reasons, REASONS_NO_BUILD, &found);
    ck_assert(!found.is_reason);
    ck_assert_uint_eq(found.count, 0);
}
END_TEST

/* --- Builds */

static struct build_way way;

static void write_cache(const char *folder, const char *source)
{
    char name[64], text[2 * PATH_MAX];
    (void)snprintf(name, sizeof name, "%s/CMakeCache.txt", folder);
    (void)snprintf(text, sizeof text, "# x\nCMAKE_HOME_DIRECTORY:INTERNAL=%s\n",
                   testing_path(source));
    testing_write_text(name, text);
}

static void make_folder(const char *name)
{
    ck_assert_int_eq(mkdir(testing_path(name), 0700), 0);
}

static void find_in(const char *folder, const char *command)
{
    const struct config_watch watch = {.build = command};
    build_finish(&way);
    ck_assert_int_eq(build_find(testing_path(folder), &watch, &way), 0);
}

START_TEST(where_a_build_is_found)
{
    find_in(".", NULL);
    ck_assert_ptr_null(way.arguments[0]);

    make_folder("game");
    make_folder("game/conf");
    testing_write_text("game/CMakeLists.txt", "");
    find_in("game", NULL); /* nothing is configured yet */
    ck_assert_str_eq(way.arguments[4], testing_path("game"));
    ck_assert_str_eq(way.source_folder, testing_path("game"));
    ck_assert_str_eq(way.build_folder, testing_path("game/build"));

    make_folder("game/build");
    write_cache("game/build", "game");
    for (int i = 0; i < 2; i++) {
        find_in(i == 0 ? "game" : "game/conf", NULL);
        ck_assert_str_eq(way.arguments[0], "cmake");
        ck_assert_str_eq(way.arguments[2], testing_path("game/build"));
        ck_assert_str_eq(way.source_folder, testing_path("game"));
    }
    make_folder("other");
    make_folder("build"); /* beside it, of others */
    write_cache("build", "game");
    find_in("other", NULL);
    ck_assert_ptr_null(way.arguments[0]);

    find_in("game", "make -C ..");
    ck_assert_str_eq(way.arguments[0], "sh");
    ck_assert_str_eq(way.arguments[2], "make -C ..");
    ck_assert_ptr_null(way.source_folder);
    build_finish(&way);
}
END_TEST

START_TEST(the_newest_of_several_presets)
{
    make_folder("build");
    make_folder("build/debug");
    make_folder("build/release");
    write_cache("build/debug", ".");
    write_cache("build/release", ".");
    const struct timespec past[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    ck_assert_int_eq(utimensat(AT_FDCWD, testing_path("build/release/CMakeCache.txt"), past, 0), 0);
    find_in(".", NULL);
    ck_assert_ptr_nonnull(strstr(way.arguments[2], "build/debug"));
    build_finish(&way);
}
END_TEST

/* --- What may reach a terminal */

static void check_shown(const char *text, const char *plain, const char *coloured)
{
    for (int i = 0; i < 2; i++) {
        const char *expected = i == 0 ? plain : coloured;
        struct buffer out;
        buffer_init(&out);
        ck_assert_int_eq(visible_append(&out, text, strlen(text), i == 1), 0);
        ck_assert_int_eq(buffer_append(&out, "", 1), 0);
        ck_assert_str_eq(out.bytes, expected);
        buffer_finish(&out);
    }
}

START_TEST(nothing_moves_the_cursor)
{
    check_shown("k\xC3\xA4se\t1\n", "k\xC3\xA4se\t1\n", "k\xC3\xA4se\t1\n");
    check_shown("\x1B[01;31m\x1B[Kerror\x1B[m", "\\x1B[01;31m\\x1B[Kerror\\x1B[m",
                "\x1B[01;31m\x1B[Kerror\x1B[m");
    check_shown("\x1B[2J", "\\x1B[2J", "\\x1B[2J");
    check_shown("\x1B]0;title\a", "\\x1B]0;title\\x07", "\\x1B]0;title\\x07");
    check_shown("\x1B[31", "\\x1B[31", "\\x1B[31");
    check_shown("\x1B", "\\x1B", "\\x1B");
    check_shown("a\rb", "a\\x0Db", "a\rb");
    check_shown("\xC2\x9B"
                "2J",
                "\\xC2\\x9B2J", "\\xC2\\x9B2J"); /* CSI in one character */
    check_shown("\x9B"
                "2J\xFF",
                "\\x9B2J\\xFF", "\\x9B2J\\xFF");
    check_shown("", "", "");
}
END_TEST

/* Where a sequence that may stay begins, how long it is; 0: none does. By the words of visible.h.
 */
static size_t allowed_sequence(const char *text, size_t length)
{
    size_t at = 2;
    if (length < 3 || memcmp(text, "\x1B[", 2) != 0)
        return 0;
    while (at < length && strspn(text + at, "0123456789;:") > 0)
        at++;
    return at < length && (text[at] == 'm' || text[at] == 'K') ? at + 1 : 0;
}

static void check_harmless(const struct buffer *out, bool keeps_colours)
{
    ck_assert(utf8_valid(out->bytes, out->length - 1));
    for (size_t at = 0; at + 1 < out->length;) {
        const char *text = out->bytes + at;
        const size_t left = out->length - 1 - at;
        const size_t sequence = keeps_colours ? allowed_sequence(text, left) : 0;
        const size_t size = sequence > 0 ? sequence : utf8_character(text, left);
        if (sequence == 0 && *text != '\n' && *text != '\t' && (*text != '\r' || !keeps_colours))
            ck_assert(!utf8_has_control(text, size));
        at += size;
    }
}

/* Bytes of which many begin a sequence, or a character. */
START_TEST(whatever_comes_is_harmless)
{
    static const char dice[] =
        "\x1B\x1B\x1B[[[;:mKJ0129]\a\b\r\n\t\x7F\xC2\xC2\x9B\x85\xE2\x80\xF0\xFFx";
    unsigned seed = 17;
    for (int round = 0; round < 2000; round++) {
        char text[24];
        const size_t length = (size_t)rand_r(&seed) % sizeof text;
        for (size_t i = 0; i < length; i++)
            text[i] = dice[(size_t)rand_r(&seed) % (sizeof dice - 1)];
        for (int keeps_colours = 0; keeps_colours < 2; keeps_colours++) {
            struct buffer out;
            buffer_init(&out);
            ck_assert_int_eq(visible_append(&out, text, length, keeps_colours == 1), 0);
            ck_assert_int_eq(buffer_append(&out, "", 1), 0);
            check_harmless(&out, keeps_colours == 1);
            buffer_finish(&out);
        }
    }
}
END_TEST

/* --- Processes */

static struct child *child;
static int end_status;
static unsigned own_signals;

static void on_own_signal(uv_signal_t *handle, int number)
{
    if (number == SIGCHLD) {
        (void)child_look(child);
        return;
    }
    own_signals++;
    uv_close((uv_handle_t *)handle, NULL);
    (void)kill(child_pid(child), SIGKILL); /* which has not ended by its own */
}

static void on_child_line(void *data, const char *line, size_t length)
{
    (void)data, (void)line, (void)length;
}

static void on_child_end(void *data, int status)
{
    end_status = status;
    uv_stop(data);
}

static void close_one(uv_handle_t *handle, void *data)
{
    (void)data;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* In the moment behind the fork the child has the handlers of the watch, and its pipe. */
START_TEST(what_ends_a_child_is_not_told_to_the_watch)
{
    static const char *const arguments[] = {"sleep", "60", NULL};
    uv_loop_t loop;
    uv_signal_t signals[2];
    const struct child_plan plan = {.name = "sleep",
                                    .arguments = arguments,
                                    .on_line = on_child_line,
                                    .on_end = on_child_end,
                                    .data = &loop};

    ck_assert_int_eq(uv_loop_init(&loop), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(uv_signal_init(&loop, &signals[i]), 0);
        ck_assert_int_eq(uv_signal_start(&signals[i], on_own_signal, i == 0 ? SIGTERM : SIGCHLD),
                         0);
    }
    own_signals = 0;
    for (int i = 0; i < 20 && own_signals == 0; i++) {
        child = child_start(&plan, &loop);
        ck_assert_ptr_nonnull(child);
        child_end(child, 60000);
        uv_run(&loop, UV_RUN_DEFAULT);
        ck_assert(WIFSIGNALED(end_status));
    }
    ck_assert_uint_eq(own_signals, 0);
    uv_walk(&loop, close_one, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

static void teardown(void)
{
    reasons_finish(&reasons);
    testing_teardown();
}

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, testing_setup, teardown);
    tcase_add_test(cases, a_save_is_over_when_nothing_changes);
    tcase_add_test(cases, a_save_has_a_longest_time);
    tcase_add_test(cases, what_is_no_source);
    tcase_add_test(cases, every_save_is_a_reason);
    tcase_add_test(cases, what_a_build_leaves_as_it_was_is_none);
    tcase_add_test(cases, a_save_by_a_rename_is_named_by_what_is_there);
    tcase_add_test(cases, a_build_that_changes_its_sources_ends);
    tcase_add_test(cases, more_changes_than_are_kept);
    tcase_add_test(cases, where_a_build_is_found);
    tcase_add_test(cases, the_newest_of_several_presets);
    tcase_add_test(cases, nothing_moves_the_cursor);
    tcase_add_test(cases, whatever_comes_is_harmless);
    tcase_add_test(cases, what_ends_a_child_is_not_told_to_the_watch);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
