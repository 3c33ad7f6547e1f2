/* A chain of guards in the test kit, as a host asks those that gateways.conf lists: in order, the
 * gateway's own last; the first refusal decides, and what one has left the next one finds. */
#include <toni_testkit.h>

#include "runner.h"

static toni_fake_host host, first, second;
static toni_fake_client anna;

/* --- Guards: each notes that it was asked, and does as it is told */

struct judge {
    toni_context *context;
    int32_t result;
    const char *leaves;
    toni_guard_ticket *ticket;
};

static char asked[64];

static int32_t check(void *self, const toni_request *request)
{
    struct judge *judge = self;
    toni_str found = TONI_LIT("-");
    (void)toni_request_value(request, TONI_LIT("user"), &found);
    (void)snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "%.*s ",
                   TONI_STR_ARG(found));
    if (judge->leaves)
        toni_guard_leave_value(request, TONI_LIT("user"), toni_str_of(judge->leaves));
    if (judge->result == TONI_LATER)
        judge->ticket = toni_guard_wait(request);
    return judge->result;
}

static const struct toni_guard_table table = {.struct_size = sizeof table, .check = check};

static int32_t create_judge(toni_context *context, void **self)
{
    struct judge *judge = calloc(1, sizeof *judge);
    ck_assert_ptr_nonnull(judge);
    judge->context = context;
    *self = judge;
    return TONI_OK;
}

static toni_plugin judging(void)
{
    static const toni_interface offered = {sizeof offered, 1, TONI_LIT_INIT("toni_guard"), &table};
    return (toni_plugin){.magic = TONI_ABI_MAGIC,
                         .abi_major = TONI_ABI_MAJOR,
                         .size = sizeof(toni_plugin),
                         .kind = TONI_SERVICE,
                         .name = TONI_LIT("judge"),
                         .provides = &offered,
                         .create = create_judge,
                         .destroy = free};
}

/* --- The gateway */

static int32_t create(toni_context *context, void **self)
{
    *self = context;
    return TONI_OK;
}

static int32_t own_guard(void *self, const toni_request *request)
{
    toni_str user = TONI_LIT("-");
    (void)self;
    (void)toni_request_value(request, TONI_LIT("user"), &user);
    (void)snprintf(asked + strlen(asked), sizeof asked - strlen(asked), "own:%.*s ",
                   TONI_STR_ARG(user));
    return toni_str_equal(user, TONI_LIT("mallory")) ? TONI_ERR_FORBIDDEN : TONI_OK;
}

static int32_t on_connect(void *self, toni_client *client)
{
    toni_str user = TONI_LIT("-");
    (void)self;
    (void)toni_request_value(toni_client_request(client), TONI_LIT("user"), &user);
    return toni_client_sendf(client, "hello %.*s", TONI_STR_ARG(user));
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    (void)self, (void)client, (void)message;
    return TONI_OK;
}

static struct judge *judge_of(const toni_fake_host *of)
{
    return of->self;
}

static void start(void)
{
    static toni_plugin judge, gateway;
    judge = judging();
    gateway = (toni_plugin){.magic = TONI_ABI_MAGIC,
                            .abi_major = TONI_ABI_MAJOR,
                            .size = sizeof gateway,
                            .kind = TONI_GATEWAY,
                            .name = TONI_LIT("gateway"),
                            .create = create,
                            .guard = own_guard,
                            .on_connect = on_connect,
                            .on_message = on_message};
    asked[0] = '\0';
    toni_fake_host_init(&host);
    toni_fake_host_init(&first);
    toni_fake_host_init(&second);
    toni_fake_host_use(&first, &judge);
    toni_fake_host_use(&second, &judge);
    toni_fake_host_use(&host, &gateway);
    ck_assert_int_eq(toni_fake_host_start(&first), TONI_OK);
    ck_assert_int_eq(toni_fake_host_start(&second), TONI_OK);
    ck_assert_int_eq(toni_fake_host_start(&host), TONI_OK);
    toni_fake_host_add_guard(&host, &first);
    toni_fake_host_add_guard(&host, &second);
    toni_fake_client_init(&anna, &host, 7);
}

static void stop(void)
{
    toni_fake_host_stop(&host);
    toni_fake_host_stop(&second);
    toni_fake_host_stop(&first);
}

START_TEST(all_are_asked_in_order_and_find_what_was_left)
{
    judge_of(&first)->leaves = "anna";
    judge_of(&second)->leaves = "anna the second";
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_OK);
    ck_assert_str_eq(asked, "- anna own:anna the second ");
    toni_fake_client_expect(&anna, "text:hello anna the second\n");

    asked[0] = '\0';
    toni_fake_client_disconnect(&anna, TONI_CLOSED_BY_CLIENT);
    toni_fake_client_init(&anna, &host, 8);
    judge_of(&second)->leaves = NULL;
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_OK);
    ck_assert_str_eq(asked, "- anna own:anna ");
}
END_TEST

START_TEST(the_first_refusal_decides)
{
    judge_of(&first)->result = TONI_ERR_UNAUTHORIZED;
    judge_of(&second)->result = TONI_ERR_FORBIDDEN;
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_ERR_UNAUTHORIZED);
    ck_assert_str_eq(asked, "- ");

    judge_of(&first)->result = TONI_OK;
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_ERR_FORBIDDEN);
    judge_of(&second)->result = TONI_OK;
    judge_of(&second)->leaves = "mallory";
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_ERR_FORBIDDEN); /* by its own */
    toni_fake_client_expect(&anna, "");
}
END_TEST

START_TEST(one_that_waits_is_followed_by_the_next)
{
    judge_of(&first)->result = TONI_LATER;
    judge_of(&second)->result = TONI_LATER;
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_LATER);
    ck_assert_int_eq(toni_fake_client_resume(&anna), TONI_LATER);
    ck_assert_str_eq(asked, "- ");
    (void)toni_guard_leave_value(toni_guard_request(judge_of(&first)->ticket), TONI_LIT("user"),
                                 TONI_LIT("anna"));
    toni_guard_decide(judge_of(&first)->ticket, TONI_OK);
    ck_assert_int_eq(toni_fake_client_resume(&anna), TONI_LATER); /* the second waits */
    ck_assert_str_eq(asked, "- anna ");
    toni_guard_decide(judge_of(&second)->ticket, TONI_OK);
    ck_assert_int_eq(toni_fake_client_resume(&anna), TONI_OK);
    ck_assert_str_eq(asked, "- anna own:anna ");

    toni_fake_client_init(&anna, &host, 8);
    ck_assert_int_eq(toni_fake_client_connect(&anna), TONI_LATER);
    toni_guard_decide(judge_of(&first)->ticket, TONI_ERR_FORBIDDEN);
    asked[0] = '\0';
    ck_assert_int_eq(toni_fake_client_resume(&anna), TONI_ERR_FORBIDDEN);
    ck_assert_str_eq(asked, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testkit/guards");
    TCase *cases = tcase_create("guards");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, all_are_asked_in_order_and_find_what_was_left);
    tcase_add_test(cases, the_first_refusal_decides);
    tcase_add_test(cases, one_that_waits_is_followed_by_the_next);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
