/* Tail against the fake host, and real files: lines, rotation, back-pressure, a swap. */
#include <toni_testkit.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static toni_fake_host host, next;
static toni_fake_client client;
static char folder[] = "/tmp/toni-test-XXXXXX";
static char path[64], old_path[64];

static void write_to(const char *name, const char *mode, const char *text, size_t size)
{
    FILE *file = fopen(name, mode);
    ck_assert(file && fwrite(text, 1, size, file) == size);
    ck_assert_int_eq(fclose(file), 0);
}

static void append(const char *text)
{
    write_to(path, "a", text, strlen(text));
}

static void load(toni_fake_host *of)
{
    toni_fake_host_init(of);
    toni_fake_host_load(of, TONI_PLUGIN_FILE);
    toni_fake_host_set_str(of, "file", path);
}

static void set_up(void)
{
    strcpy(folder, "/tmp/toni-test-XXXXXX");
    ck_assert(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/log", folder);
    (void)snprintf(old_path, sizeof old_path, "%s/log.1", folder);
    load(&host);
    load(&next);
}

static void tear_down(void)
{
    toni_fake_host_stop(&host);
    (void)unlink(path);
    (void)unlink(old_path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void start(void)
{
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_client_init(&client, &host, 1);
    ck_assert_int_eq(toni_fake_client_connect(&client), TONI_OK);
}

/* Some looks, each with its job. */
static void look_at(toni_fake_host *of)
{
    for (int i = 0; i < 4; i++) {
        toni_fake_host_advance(of, 50);
        toni_fake_host_run_work(of);
    }
    toni_fake_host_clear(of);
}

static void look(void)
{
    look_at(&host);
}

START_TEST(lines_come_when_they_are_whole)
{
    append("before\n");
    start();
    look();
    toni_fake_client_expect(&client, "");
    append("one\n\nthr");
    look();
    toni_fake_client_expect(&client, "binary:one\nbinary:\n");
    append("ee\nfour\n");
    look();
    toni_fake_client_expect(&client, "binary:three\nbinary:four\n");
}
END_TEST

START_TEST(any_bytes_are_a_line)
{
    append("");
    start();
    write_to(path, "a", "\xff\0\r\n", 4);
    look();
    toni_fake_client_expect(&client, "binary:\xff~\r\n");
}
END_TEST

START_TEST(a_file_may_come_later)
{
    start();
    look();
    append("first\n");
    look();
    toni_fake_client_expect(&client, "binary:first\n");
}
END_TEST

START_TEST(a_truncated_file_begins_anew)
{
    append("a long line of before\n");
    start();
    append("one\n");
    look();
    write_to(path, "w", "two\n", 4);
    look();
    toni_fake_client_expect(&client, "binary:one\nbinary:two\n");
}
END_TEST

START_TEST(a_file_that_was_moved_away_is_read_to_its_end)
{
    append("x\n");
    start();
    append("one\ntwo, without an end");
    ck_assert_int_eq(rename(path, old_path), 0);
    append("three\n");
    look();
    toni_fake_client_expect(&client, "binary:one\nbinary:two, without an end\nbinary:three\n");
    ck_assert_int_eq(rename(path, old_path), 0);
    look(); /* there is none now, and what is written to the old one still comes */
    write_to(old_path, "a", "four\n", 5);
    look();
    toni_fake_client_expect(&client, "binary:four\n");
}
END_TEST

/* @param pieces  Sizes of what comes, up to a 0. */
static void check_line(size_t size, const size_t *pieces)
{
    static char text[8192], expected[8192];
    memset(text, 'x', size);
    text[size] = '\0';
    append(text);
    look();
    append("\n");
    look();
    expected[0] = '\0';
    for (; *pieces > 0; pieces++)
        (void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
                       "binary:%.*s\n", (int)*pieces, text);
    toni_fake_client_expect(&client, expected);
}

START_TEST(long_lines_come_in_pieces)
{
    append("x\n");
    start();
    check_line(2048, (const size_t[]){2048, 0});
    check_line(2049, (const size_t[]){2048, 1, 0});
    check_line(4096, (const size_t[]){2048, 2048, 0});
    check_line(5000, (const size_t[]){2048, 2048, 904, 0});
}
END_TEST

START_TEST(what_the_room_can_not_take_is_read_again)
{
    append("x\n");
    start();
    host.result = TONI_ERR_BUSY;
    host.result_of = "broadcast";
    append("one\ntwo\n");
    look();
    append("three\n");
    ck_assert_int_eq(rename(path, old_path), 0);
    append("four\n");
    look();
    toni_fake_client_expect(&client, "");
    host.result = TONI_OK;
    look();
    toni_fake_client_expect(&client, "binary:one\nbinary:two\nbinary:three\nbinary:four\n");
}
END_TEST

START_TEST(who_reads_slowly_is_told)
{
    append("x\n");
    start();
    ck_assert_int_eq(toni_fake_client_drained(&client), TONI_OK);
    toni_fake_client_expect(&client, "");
    host.info.dropped_messages = 12;
    ck_assert_int_eq(toni_fake_client_drained(&client), TONI_OK);
    toni_fake_client_expect(&client, "text:12 lines left out so far\n");
}
END_TEST

START_TEST(no_line_is_lost_by_a_swap)
{
    append("x\n");
    start();
    append("one\ntw");
    look();
    append("o\nthree\n");
    toni_fake_host_advance(&host, 50); /* a job of the old version is under way */
    ck_assert_int_eq(toni_fake_host_swap(&host, &next), TONI_OK);
    ck_assert_int_eq(toni_fake_client_adopt(&client, &next), TONI_OK);
    toni_fake_client_expect(&client, "binary:one\n");
    toni_fake_host_clear(&next);
    toni_fake_host_advance(&next, 50);
    toni_fake_host_run_work(&next);
    toni_fake_host_expect(&next,
                          "work\nbroadcast lines binary:two\nbroadcast lines binary:three\n");
    toni_fake_host_stop(&next);
}
END_TEST

START_TEST(what_is_no_state_is_refused)
{
    static toni_fake_state state;
    start();
    ck_assert_int_eq(toni_fake_host_import(&next, &state), TONI_ERR_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tail");
    TCase *cases = tcase_create("tail");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, lines_come_when_they_are_whole);
    tcase_add_test(cases, any_bytes_are_a_line);
    tcase_add_test(cases, a_file_may_come_later);
    tcase_add_test(cases, a_truncated_file_begins_anew);
    tcase_add_test(cases, a_file_that_was_moved_away_is_read_to_its_end);
    tcase_add_test(cases, long_lines_come_in_pieces);
    tcase_add_test(cases, what_the_room_can_not_take_is_read_again);
    tcase_add_test(cases, who_reads_slowly_is_told);
    tcase_add_test(cases, no_line_is_lost_by_a_swap);
    tcase_add_test(cases, what_is_no_state_is_refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
