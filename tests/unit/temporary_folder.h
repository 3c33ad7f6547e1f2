/* What tests with files share: a temporary folder, files in it, and looking for faults. Each
 * test runs in a process of its own, so one folder per process will do. */
#ifndef TEST_TEMPORARY_FOLDER_H
#define TEST_TEMPORARY_FOLDER_H

#include "config/fault.h"

#include <check.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_folder[PATH_MAX];
static struct fault_list faults;

static inline void testing_setup(void)
{
    (void)snprintf(test_folder, sizeof test_folder, "/tmp/toni-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(test_folder));
    fault_list_init(&faults);
}

static inline int testing_remove_entry(const char *path, const struct stat *status, int type,
                                       struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static inline void testing_remove_folder(void)
{
    ck_assert_int_eq(nftw(test_folder, testing_remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void testing_teardown(void)
{
    fault_list_finish(&faults);
    testing_remove_folder();
}

/* @return The path of a file in the folder; good until the next call but three. */
static inline const char *testing_path(const char *name)
{
    static char paths[4][PATH_MAX + 256];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", test_folder, name);
    return path;
}

static inline const char *testing_write(const char *name, const void *bytes, size_t size)
{
    const char *path = testing_path(name);
    FILE *file = fopen(path, "we");

    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

static inline const char *testing_write_text(const char *name, const char *text)
{
    return testing_write(name, text, strlen(text));
}

/* @return The bytes of a file, to be given to free(). */
static inline char *testing_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    struct stat status;

    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_int_eq(fstat(fileno(file), &status), 0);
    *size = (size_t)status.st_size;
    char *bytes = malloc(*size + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    (void)fclose(file);
    return bytes;
}

static inline void testing_check_no_faults(void)
{
    if (!fault_list_empty(&faults))
        fault_list_print(&faults, stderr);
    ck_assert(fault_list_empty(&faults));
}

/* Checks that there is one fault, on that line, that says all words; and forgets it. The last of
 * the words is NULL. */
static inline void testing_check_fault(unsigned line, const char *const *words)
{
    if (faults.count != 1)
        fault_list_print(&faults, stderr);
    ck_assert_uint_eq(faults.count, 1);
    const struct fault *fault = &faults.faults[0];
    ck_assert_msg(fault->line == line, "line %u, expected %u: %s", fault->line, line, fault->text);
    for (; *words != NULL; words++)
        ck_assert_msg(strstr(fault->text, *words) != NULL, "`%s` lacks `%s`", fault->text, *words);
    fault_list_finish(&faults);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline int testing_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
