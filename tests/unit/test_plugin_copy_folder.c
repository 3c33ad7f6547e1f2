/* Tests of plugin/copy_folder, in a temporary folder of their own: what is removed, and above all
 * what is not. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/copy_folder.h"
#include "runner.h"

#define MARK ".copies-of-toni"

static char temporary[] = "/tmp/test-copy-folder-XXXXXX";
static char outside[] = "/tmp/test-copy-outside-XXXXXX";

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(temporary));
    ck_assert_ptr_nonnull(mkdtemp(outside));
    ck_assert_int_eq(setenv("TMPDIR", temporary, 1), 0);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static void tear_down(void)
{
    ck_assert_int_eq(nftw(temporary, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    ck_assert_int_eq(nftw(outside, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* In a buffer that the next call but one uses again. */
static const char *in(const char *folder, const char *name)
{
    static char paths[2][512];
    static unsigned next;
    char *path = paths[next++ % 2];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static bool is_there(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static void make_file(const char *folder, const char *name)
{
    const int fd = open(in(folder, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

/* As a host leaves it that was killed: with copies, and a mark, and no lock. */
static char *leave_one(void)
{
    char *path;
    const int lock = copy_folder_make(&path);

    ck_assert_int_ge(lock, 0);
    ck_assert(is_there(in(path, MARK)));
    ck_assert_int_eq(mkdir(in(path, "0"), 0700), 0);
    make_file(path, "0/game.so");
    close(lock);
    return path;
}

/* What the next start of a toni does. */
static void sweep(void)
{
    char *path;
    const int lock = copy_folder_make(&path);

    ck_assert_int_ge(lock, 0);
    ck_assert(is_there(path));
    copy_folder_remove(path);
    ck_assert(!is_there(path));
    close(lock);
    free(path);
}

START_TEST(it_is_for_this_user_alone)
{
    struct stat status;
    char *path;
    const int lock = copy_folder_make(&path);

    ck_assert_int_ge(lock, 0);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0700);
    close(lock);
    free(path);
}
END_TEST

START_TEST(what_the_dead_have_left_is_removed)
{
    char *one = leave_one();
    ck_assert(is_there(one));
    char *other = leave_one(); /* which removes the first */
    ck_assert(!is_there(one));
    sweep();
    ck_assert(!is_there(other));
    free(one);
    free(other);
}
END_TEST

START_TEST(what_the_living_have_is_left)
{
    char *path;
    const int lock = copy_folder_make(&path);

    ck_assert_int_ge(lock, 0);
    make_file(path, "x");
    sweep();
    ck_assert(is_there(in(path, "x")));
    ck_assert(is_there(in(path, MARK)));
    close(lock);
    sweep();
    ck_assert(!is_there(path));
    free(path);
}
END_TEST

START_TEST(one_without_a_mark_is_left)
{
    char *path = leave_one();

    ck_assert_int_eq(unlink(in(path, MARK)), 0);
    sweep();
    ck_assert(is_there(in(path, "0/game.so")));
    free(path);
}
END_TEST

START_TEST(one_whose_mark_is_a_link_is_left)
{
    char *path = leave_one();

    ck_assert_int_eq(unlink(in(path, MARK)), 0);
    make_file(outside, "mark");
    ck_assert_int_eq(symlink(in(outside, "mark"), in(path, MARK)), 0);
    sweep();
    ck_assert(is_there(in(path, "0/game.so")));
    free(path);
}
END_TEST

START_TEST(one_that_others_may_enter_is_left)
{
    char *path = leave_one();

    ck_assert_int_eq(chmod(path, 0750), 0);
    sweep();
    ck_assert(is_there(in(path, "0/game.so")));
    free(path);
}
END_TEST

START_TEST(one_of_another_user_is_left)
{
    char *path = leave_one();

    if (geteuid() == 0) { /* else nobody can make one */
        ck_assert_int_eq(chown(path, 65534, 65534), 0);
        sweep();
        ck_assert(is_there(in(path, "0/game.so")));
    }
    free(path);
}
END_TEST

/* It would do as the folder of a dead host, but for its name. */
static void check_name(const char *name)
{
    char *path = leave_one();

    ck_assert_int_eq(rename(path, in(temporary, name)), 0);
    sweep();
    ck_assert_msg(is_there(in(temporary, name)), "%s was removed", name);
    free(path);
}

START_TEST(other_names_are_left)
{
    check_name("toni-");
    check_name("toni-abc");
    check_name("toni-abcdefg");
    check_name("toni-test-abcdef");
    check_name("toni-abc.ef");
    check_name("Toni-abcdef");
}
END_TEST

START_TEST(a_link_that_a_stranger_plants_is_not_followed)
{
    char *path = leave_one();

    /* It leads to what would be removed if it lay there itself. */
    ck_assert_int_eq(rename(path, in(outside, "victim")), 0);
    ck_assert_int_eq(symlink(in(outside, "victim"), in(temporary, "toni-abcdef")), 0);
    sweep();
    ck_assert(is_there(in(outside, "victim/0/game.so")));
    ck_assert(is_there(in(outside, "victim/" MARK)));
    ck_assert(is_there(in(temporary, "toni-abcdef")));
    free(path);
}
END_TEST

START_TEST(links_within_are_removed_and_not_followed)
{
    char *path = leave_one();

    ck_assert_int_eq(mkdir(in(outside, "folder"), 0700), 0);
    make_file(outside, "folder/file");
    ck_assert_int_eq(symlink(in(outside, "folder"), in(path, "0/link")), 0);
    ck_assert_int_eq(symlink(in(outside, "folder/file"), in(path, "file")), 0);
    sweep();
    ck_assert(!is_there(path));
    ck_assert(is_there(in(outside, "folder/file")));
    free(path);
}
END_TEST

START_TEST(what_is_no_folder_is_left_and_waits_for_nobody)
{
    ck_assert_int_eq(mkfifo(in(temporary, "toni-aaaaaa"), 0600), 0);
    make_file(temporary, "toni-bbbbbb");
    sweep();
    ck_assert(is_there(in(temporary, "toni-aaaaaa")));
    ck_assert(is_there(in(temporary, "toni-bbbbbb")));
}
END_TEST

START_TEST(who_removes_does_not_follow_either)
{
    ck_assert_int_eq(mkdir(in(outside, "folder"), 0700), 0);
    make_file(outside, "folder/file");
    ck_assert_int_eq(symlink(in(outside, "folder"), in(temporary, "link")), 0);
    copy_folder_remove(in(temporary, "link"));
    ck_assert(is_there(in(outside, "folder/file")));
    copy_folder_remove(in(temporary, "nothing"));
}
END_TEST

START_TEST(a_place_that_is_not_there_is_an_error)
{
    char *path;

    ck_assert_int_eq(setenv("TMPDIR", in(temporary, "nothing"), 1), 0);
    ck_assert_int_eq(copy_folder_make(&path), -1);
    ck_assert_ptr_null(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_copy_folder");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, it_is_for_this_user_alone);
    tcase_add_test(cases, what_the_dead_have_left_is_removed);
    tcase_add_test(cases, what_the_living_have_is_left);
    tcase_add_test(cases, one_without_a_mark_is_left);
    tcase_add_test(cases, one_whose_mark_is_a_link_is_left);
    tcase_add_test(cases, one_that_others_may_enter_is_left);
    tcase_add_test(cases, one_of_another_user_is_left);
    tcase_add_test(cases, other_names_are_left);
    tcase_add_test(cases, a_link_that_a_stranger_plants_is_not_followed);
    tcase_add_test(cases, links_within_are_removed_and_not_followed);
    tcase_add_test(cases, what_is_no_folder_is_left_and_waits_for_nobody);
    tcase_add_test(cases, who_removes_does_not_follow_either);
    tcase_add_test(cases, a_place_that_is_not_there_is_an_error);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
