/* The state that export_state writes: its bounds, and the first error, which sticks. */
#include "instance/instance.h"
#include "instance/state.h"
#include "temporary_folder.h"

static toni_host table;
static toni_state_writer writer;

static void set_up(void)
{
    table = (toni_host){.struct_size = sizeof table};
    state_fill_table(&table);
    state_writer_init(&writer, &table, 10);
}

static void tear_down(void)
{
    state_writer_finish(&writer);
}

static int32_t write_bytes(const void *bytes, size_t size)
{
    return toni_host_of(&writer)->state_write(&writer, bytes, size);
}

static void check_state(const char *expected)
{
    ck_assert_uint_eq(writer.bytes.length, strlen(expected));
    ck_assert_mem_eq(writer.bytes.bytes, expected, strlen(expected));
}

START_TEST(bytes_are_joined)
{
    ck_assert_int_eq(write_bytes("abc", 3), TONI_OK);
    ck_assert_int_eq(write_bytes("", 0), TONI_OK);
    ck_assert_int_eq(write_bytes(NULL, 0), TONI_OK);
    ck_assert_int_eq(write_bytes("de", 2), TONI_OK);
    ck_assert_int_eq(writer.error, TONI_OK);
    ck_assert_uint_eq(writer.wanted, 5);
    check_state("abcde");
}
END_TEST

START_TEST(the_bound_itself_is_allowed)
{
    ck_assert_int_eq(write_bytes("0123456789", 10), TONI_OK);
    ck_assert_int_eq(write_bytes(NULL, 0), TONI_OK);
    ck_assert_int_eq(writer.error, TONI_OK);
    ck_assert_int_eq(write_bytes("x", 1), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(writer.error, TONI_ERR_TOO_BIG);
    check_state("0123456789");
}
END_TEST

START_TEST(nothing_fits_into_nothing)
{
    writer.most = 0;
    ck_assert_int_eq(write_bytes("", 0), TONI_OK);
    ck_assert_int_eq(write_bytes("x", 1), TONI_ERR_TOO_BIG);
}
END_TEST

/* What comes after a gap is not taken, even if there were room for it. */
START_TEST(the_error_sticks_and_what_was_wanted_is_known)
{
    ck_assert_int_eq(write_bytes("abc", 3), TONI_OK);
    ck_assert_int_eq(write_bytes("too many bytes", 14), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(write_bytes("d", 1), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(writer.error, TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(writer.wanted, 18);
    check_state("abc");
}
END_TEST

START_TEST(sizes_that_overflow_are_too_big)
{
    static const char byte = 'x';

    ck_assert_int_eq(write_bytes("abc", 3), TONI_OK);
    ck_assert_int_eq(write_bytes(&byte, SIZE_MAX), TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(writer.wanted, UINT64_MAX);
    ck_assert_int_eq(write_bytes(&byte, SIZE_MAX), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(write_bytes(&byte, 1), TONI_ERR_TOO_BIG);
    ck_assert_uint_eq(writer.wanted, UINT64_MAX); /* and not begun anew */
    check_state("abc");
}
END_TEST

START_TEST(more_than_there_is_memory_for)
{
    static const char byte = 'x';

    writer.most = UINT64_MAX;
    ck_assert_int_eq(write_bytes("abc", 3), TONI_OK);
    ck_assert_int_eq(write_bytes(&byte, SIZE_MAX), TONI_ERR_NO_MEMORY);
    ck_assert_int_eq(write_bytes("d", 1), TONI_ERR_NO_MEMORY);
    ck_assert_int_eq(writer.error, TONI_ERR_NO_MEMORY);
    check_state("abc");
}
END_TEST

/* --- As an instance does it */

static int32_t written[2]; /* what the writes of export_state returned */

static int32_t export_and_forget(void *self, toni_state_writer *to)
{
    (void)self;
    written[0] = toni_host_of(to)->state_write(to, "more than ten bytes", 19);
    written[1] = toni_host_of(to)->state_write(to, "x", 1);
    return 3; /* a count is a success, but the state is not whole */
}

static int32_t export_nothing(void *self, toni_state_writer *to)
{
    (void)self, (void)to;
    return 7;
}

static int32_t export_fails(void *self, toni_state_writer *to)
{
    (void)self, (void)to;
    return TONI_ERR_BUSY;
}

static int32_t import(void *self, const toni_state *state)
{
    ck_assert_uint_eq(state->version, 4);
    *(toni_str *)self = state->bytes;
    return 1;
}

START_TEST(an_export_that_looks_at_no_error_fails_all_the_same)
{
    toni_plugin descriptor = {.export_state = export_and_forget, .import_state = import};
    struct slot slot = {.name = NULL};
    toni_str taken = {NULL, 0};
    struct instance instance = {.descriptor = &descriptor,
                                .figures = &slot.figures,
                                .self = &taken,
                                .hook_limit_ns = UINT64_MAX};
    const toni_state state = {sizeof state, 4, toni_str_of("bytes")};

    ck_assert(instance_can_export(&instance));
    ck_assert(instance_can_import(&instance));
    ck_assert_int_eq(instance_export(&instance, &writer), TONI_ERR_TOO_BIG);
    ck_assert_int_eq(written[0], TONI_ERR_TOO_BIG);
    ck_assert_int_eq(written[1], TONI_ERR_TOO_BIG);
    writer.error = TONI_OK;
    descriptor.export_state = export_nothing;
    ck_assert_int_eq(instance_export(&instance, &writer), TONI_OK);
    descriptor.export_state = export_fails;
    ck_assert_int_eq(instance_export(&instance, &writer), TONI_ERR_BUSY);
    ck_assert_int_eq(instance_import(&instance, &state), TONI_OK);
    ck_assert_str_eq(taken.data, "bytes");
    descriptor = (toni_plugin){0};
    ck_assert(!instance_can_export(&instance));
    ck_assert(!instance_can_import(&instance));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("instance_state");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, bytes_are_joined);
    tcase_add_test(cases, the_bound_itself_is_allowed);
    tcase_add_test(cases, nothing_fits_into_nothing);
    tcase_add_test(cases, the_error_sticks_and_what_was_wanted_is_known);
    tcase_add_test(cases, sizes_that_overflow_are_too_big);
    tcase_add_test(cases, more_than_there_is_memory_for);
    tcase_add_test(cases, an_export_that_looks_at_no_error_fails_all_the_same);
    suite_add_tcase(suite, cases);
    return testing_run(suite);
}
