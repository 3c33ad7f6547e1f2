/* A folder that is written into and nothing is overwritten in; what is taken back. */
#include "new/folder.h"
#include "runner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[64];
static char path[128]; /* of the folder under test */
static struct folder folder;
static struct buffer fault;
static struct buffer text;

static void start(void)
{
    (void)snprintf(scratch, sizeof scratch, "/tmp/toni-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    (void)snprintf(path, sizeof path, "%s/project", scratch);
    buffer_init(&fault);
    buffer_init(&text);
    ck_assert_int_eq(buffer_append(&text, "some text\n", 10), 0);
}

/* The scratch folder is left as it was made, or the test has removed what it has made in it. */
static void stop(void)
{
    buffer_finish(&text);
    buffer_finish(&fault);
    ck_assert_msg(rmdir(scratch) == 0, "%s is not empty", scratch);
}

static const char *in_path(const char *name)
{
    static char joined[192];
    (void)snprintf(joined, sizeof joined, "%s/%s", path, name);
    return joined;
}

static bool is_there(const char *name)
{
    struct stat there;
    return lstat(in_path(name), &there) == 0;
}

static void put_file(const char *name)
{
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert(fputs("of somebody else", file) >= 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* Fails the test unless something was said that has this text, and forgets it. */
static void expect_fault(const char *part)
{
    ck_assert_int_eq(buffer_append(&fault, "", 1), 0);
    ck_assert_msg(strstr(fault.bytes, part) != NULL, "%s", fault.bytes);
    buffer_clear(&fault);
}

START_TEST(writes_and_takes_back)
{
    char read_back[32];
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_OK);
    ck_assert_int_eq(folder_write(&folder, "a", &text, &fault), FOLDER_OK);
    ck_assert_int_eq(folder_write(&folder, "sub/b", &text, &fault), FOLDER_OK);
    ck_assert_int_eq(folder_write(&folder, "sub/c", &text, &fault), FOLDER_OK);
    FILE *file = fopen(in_path("sub/c"), "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(read_back, 1, sizeof read_back, file), text.length);
    ck_assert_mem_eq(read_back, text.bytes, text.length);
    ck_assert_int_eq(fclose(file), 0);

    folder_undo(&folder, &fault);
    folder_close(&folder);
    ck_assert_uint_eq(fault.length, 0);
    ck_assert(!is_there(""));
}
END_TEST

START_TEST(an_empty_folder_is_used_and_stays)
{
    ck_assert_int_eq(mkdir(path, 0777), 0);
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_OK);
    ck_assert_int_eq(folder_write(&folder, "a", &text, &fault), FOLDER_OK);
    folder_undo(&folder, &fault);
    folder_close(&folder);
    ck_assert_uint_eq(fault.length, 0);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(what_is_there_stays)
{
    char target[192];
    ck_assert_int_eq(mkdir(path, 0777), 0);
    put_file(in_path(".hidden"));
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_IN_THE_WAY);
    expect_fault("is not empty");
    ck_assert_int_eq(unlink(in_path(".hidden")), 0);

    (void)snprintf(target, sizeof target, "%s.d", path);
    ck_assert_int_eq(rename(path, target), 0);
    ck_assert_int_eq(symlink(target, path), 0); /* even to an empty folder */
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_IN_THE_WAY);
    expect_fault("is a link");
    ck_assert_int_eq(rmdir(target), 0); /* and to none */
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_IN_THE_WAY);
    expect_fault("is a link");
    ck_assert_int_eq(unlink(path), 0);

    put_file(path);
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_IN_THE_WAY);
    expect_fault("is no folder");
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(no_folder_to_be_in)
{
    ck_assert_int_eq(folder_open(&folder, in_path("deep"), &fault), FOLDER_IN_THE_WAY);
    expect_fault("mkdir -p");
    put_file(path);
    ck_assert_int_eq(folder_open(&folder, in_path("deep"), &fault), FOLDER_FAILED);
    expect_fault(strerror(ENOTDIR));
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* Between the look into the folder and the write. */
START_TEST(who_comes_in_between_keeps_what_is_theirs)
{
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_OK);
    ck_assert_int_eq(folder_write(&folder, "a", &text, &fault), FOLDER_OK);
    put_file(in_path("b"));
    ck_assert_int_eq(symlink("/tmp/toni-test-nowhere", in_path("c")), 0);
    ck_assert_int_eq(mkdir(in_path("sub"), 0777), 0);

    ck_assert_int_eq(folder_write(&folder, "b", &text, &fault), FOLDER_IN_THE_WAY);
    expect_fault("/b has been made by somebody else");
    ck_assert_int_eq(folder_write(&folder, "c", &text, &fault), FOLDER_IN_THE_WAY);
    expect_fault("/c has been made by somebody else");
    ck_assert_int_eq(folder_write(&folder, "sub/d", &text, &fault), FOLDER_IN_THE_WAY);
    expect_fault("somebody else");

    folder_undo(&folder, &fault);
    folder_close(&folder);
    ck_assert_uint_eq(fault.length, 0); /* the folder is theirs now */
    ck_assert(!is_there("a") && is_there("b") && is_there("c") && is_there("sub"));
    ck_assert_int_eq(access("/tmp/toni-test-nowhere", F_OK), -1);
    ck_assert_int_eq(unlink(in_path("b")), 0);
    ck_assert_int_eq(unlink(in_path("c")), 0);
    ck_assert_int_eq(rmdir(in_path("sub")), 0);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

/* As on a disk that gets full in the middle of a file. */
START_TEST(half_a_file_is_taken_back)
{
    struct rlimit before, small;
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_OK);
    ck_assert_int_eq(folder_write(&folder, "a", &text, &fault), FOLDER_OK);
    small = (struct rlimit){.rlim_cur = text.length / 2, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    const enum folder_result result = folder_write(&folder, "sub/b", &text, &fault);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0); /* Check writes files, too */
    ck_assert_int_eq(result, FOLDER_FAILED);
    expect_fault(strerror(EFBIG));
    folder_undo(&folder, &fault);
    folder_close(&folder);
    ck_assert_uint_eq(fault.length, 0);
    ck_assert(!is_there(""));
}
END_TEST

/* In a folder of somebody else's, who may put a link in the place of one that was made. */
START_TEST(a_link_leads_nowhere_else)
{
    char others[] = "/tmp/toni-test-XXXXXX", theirs[64];
    ck_assert_ptr_nonnull(mkdtemp(others));
    ck_assert_int_lt(snprintf(theirs, sizeof theirs, "%s/b", others), sizeof theirs);
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_OK);
    ck_assert_int_eq(folder_write(&folder, "sub/b", &text, &fault), FOLDER_OK);
    ck_assert_int_eq(unlink(in_path("sub/b")), 0);
    ck_assert_int_eq(rmdir(in_path("sub")), 0);
    ck_assert_int_eq(symlink(others, in_path("sub")), 0);
    put_file(theirs);

    ck_assert_int_eq(folder_write(&folder, "sub/c", &text, &fault), FOLDER_FAILED);
    expect_fault("/sub/c can't be written");
    folder_undo(&folder, &fault);
    folder_close(&folder);
    expect_fault("/sub/b was written, and can't be removed");
    ck_assert_int_eq(unlink(in_path("sub")), 0);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(unlink(theirs), 0);
    ck_assert_int_eq(rmdir(others), 0); /* nothing else is in it */
}
END_TEST

START_TEST(what_cannot_be_removed_is_named)
{
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_OK);
    ck_assert_int_eq(folder_write(&folder, "a", &text, &fault), FOLDER_OK);
    ck_assert_int_eq(unlink(in_path("a")), 0);
    ck_assert_int_eq(mkdir(in_path("a"), 0777), 0);
    folder_undo(&folder, &fault);
    folder_close(&folder);
    expect_fault("/a was written, and can't be removed");
    ck_assert_int_eq(rmdir(in_path("a")), 0);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(there_is_a_bound)
{
    char name[16];
    ck_assert_int_eq(folder_open(&folder, path, &fault), FOLDER_OK);
    for (int i = 0; i < FOLDER_ENTRIES_MAX; i++) {
        (void)snprintf(name, sizeof name, "f%d", i);
        ck_assert_int_eq(folder_write(&folder, name, &text, &fault), FOLDER_OK);
    }
    ck_assert_int_eq(folder_write(&folder, "more", &text, &fault), FOLDER_FAILED);
    ck_assert(!is_there("more"));
    folder_undo(&folder, &fault);
    folder_close(&folder);
    ck_assert(!is_there(""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("new/folder");
    TCase *cases = tcase_create("folder");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, writes_and_takes_back);
    tcase_add_test(cases, an_empty_folder_is_used_and_stays);
    tcase_add_test(cases, what_is_there_stays);
    tcase_add_test(cases, no_folder_to_be_in);
    tcase_add_test(cases, who_comes_in_between_keeps_what_is_theirs);
    tcase_add_test(cases, half_a_file_is_taken_back);
    tcase_add_test(cases, what_cannot_be_removed_is_named);
    tcase_add_test(cases, a_link_leads_nowhere_else);
    tcase_add_test(cases, there_is_a_bound);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
