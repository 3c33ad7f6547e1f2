/* Offers of permessage-deflate, and what they are answered (RFC 7692, section 7.1). */
#include "runner.h"
#include "ws/deflate_terms.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *header;
    bool agreed;
    uint32_t bits;
} offers[] = {
    {"permessage-deflate", true, 0},
    {"  permessage-deflate\t", true, 0},
    {"permessage-deflate;server_no_context_takeover", true, 0},
    {"permessage-deflate ; client_no_context_takeover ;\tserver_no_context_takeover", true, 0},
    {"permessage-deflate; client_max_window_bits", true, 0},
    {"permessage-deflate; client_max_window_bits=8", true, 0},
    {"permessage-deflate; client_max_window_bits=\"15\"", true, 0},
    {"permessage-deflate; server_max_window_bits=8", true, 8},
    {"permessage-deflate; server_max_window_bits = \"10\"; client_max_window_bits", true, 10},
    {"permessage-deflate; server_max_window_bits=15", true, 15},
    {"a, permessage-deflate", true, 0},
    {",, permessage-deflate,,", true, 0},
    {"permessage-deflate, permessage-deflate; server_max_window_bits=9", true, 0},
    {"permessage-deflate; x, permessage-deflate; server_max_window_bits=9", true, 9},
    {"permessage-deflate; x, other; y=1, permessage-deflate", true, 0},

    {"", false, 0},
    {"permessage-deflates", false, 0},
    {"Permessage-Deflate", false, 0},
    {"permessage-deflate-x; client_max_window_bits", false, 0},
    {"permessage-deflate; unknown", false, 0},
    {"permessage-deflate; server_no_context_takeover=1", false, 0},
    {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", false, 0},
    {"permessage-deflate; server_max_window_bits", false, 0},
    {"permessage-deflate; server_max_window_bits=7", false, 0},
    {"permessage-deflate; server_max_window_bits=16", false, 0},
    {"permessage-deflate; server_max_window_bits=010", false, 0},
    {"permessage-deflate; server_max_window_bits=1", false, 0},
    {"permessage-deflate; server_max_window_bits=-9", false, 0},
    {"permessage-deflate; client_max_window_bits=99999999999", false, 0},

    /* Within quotes (RFC 6455, section 9.1). */
    {"permessage-deflate; server_max_window_bits=\"\\1\\0\"", true, 10},
    {"x; y=\"z\"; w, permessage-deflate", true, 0},
    {"permessage-deflate; server_max_window_bits=\"0\\8\"", false, 0},
};

/* The handshake fails, whatever else is offered. */
static const char *const malformed[] = {
    "permessage-deflate;",
    "permessage-deflate; client_no_context_takeover=\"\"",
    "permessage-deflate; server_max_window_bits=",
    "permessage-deflate; client_max_window_bits=\"8",
    "permessage-deflate; client_max_window_bits=\"8\\",
    "permessage-deflate; client_max_window_bits=\"8\\\"",
    "permessage-deflate; client_max_window_bits=\"8 9\"",
    "permessage-deflate; client_max_window_bits=8\"",
    "permessage-deflate; =8",
    "permessage-deflate client_max_window_bits",
    "permessage-deflate, (",
    "permessage-deflate, ;x",
    "permessage-deflate; \"x\"",
    "\xff",
    "permessage-deflate, a=b",
};

START_TEST(an_offer_is_read)
{
    struct deflate_terms terms = {.agreed = false};
    ck_assert_msg(deflate_terms_read(&terms, toni_str_of(offers[_i].header)), "%s",
                  offers[_i].header);
    ck_assert_msg(terms.agreed == offers[_i].agreed, "%s", offers[_i].header);
    ck_assert_msg(terms.server_window_bits == offers[_i].bits, "%s", offers[_i].header);
}
END_TEST

START_TEST(a_malformed_offer_is_found)
{
    struct deflate_terms terms = {.agreed = false};
    ck_assert_msg(!deflate_terms_read(&terms, toni_str_of(malformed[_i])), "%s", malformed[_i]);
}
END_TEST

START_TEST(offers_in_several_lines_are_one_list)
{
    struct deflate_terms terms = {.agreed = false};
    ck_assert(deflate_terms_read(&terms, toni_str_of("other")));
    ck_assert(deflate_terms_read(&terms, toni_str_of("permessage-deflate; x")));
    ck_assert(!terms.agreed);
    ck_assert(deflate_terms_read(&terms, toni_str_of("permessage-deflate; "
                                                     "server_max_window_bits=9")));
    ck_assert(deflate_terms_read(&terms, toni_str_of("permessage-deflate")));
    ck_assert(terms.agreed);
    ck_assert_uint_eq(terms.server_window_bits, 9);
}
END_TEST

START_TEST(the_answer_promises_no_windows)
{
    char text[DEFLATE_TERMS_SIZE];
    struct deflate_terms terms = {.agreed = true};
    size_t length = deflate_terms_write(&terms, text);
    ck_assert_str_eq(text, "; server_no_context_takeover; client_no_context_takeover");
    ck_assert_uint_eq(length, strlen(text));
    for (uint32_t bits = 8; bits <= 15; bits++) {
        terms.server_window_bits = bits;
        length = deflate_terms_write(&terms, text);
        ck_assert_uint_eq(length, strlen(text));
        ck_assert_ptr_nonnull(strstr(text, "; server_max_window_bits="));
        ck_assert_uint_eq(strtoul(strrchr(text, '=') + 1, NULL, 10), bits);
    }
}
END_TEST

START_TEST(who_wants_a_small_window_is_sent_nothing_compressed)
{
    struct deflate_terms terms = {.agreed = true};
    ck_assert(deflate_terms_allow_sending(&terms));
    for (uint32_t bits = 8; bits <= 15; bits++) {
        terms.server_window_bits = bits;
        ck_assert(deflate_terms_allow_sending(&terms) == (bits == 15));
    }
    ck_assert(!deflate_terms_allow_sending(&(struct deflate_terms){.agreed = false}));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/deflate_terms");
    TCase *cases = tcase_create("all");

    tcase_add_loop_test(cases, an_offer_is_read, 0, sizeof offers / sizeof offers[0]);
    tcase_add_loop_test(cases, a_malformed_offer_is_found, 0,
                        sizeof malformed / sizeof malformed[0]);
    tcase_add_test(cases, offers_in_several_lines_are_one_list);
    tcase_add_test(cases, the_answer_promises_no_windows);
    tcase_add_test(cases, who_wants_a_small_window_is_sent_nothing_compressed);
    suite_add_tcase(suite, cases);

    return run_suite(suite);
}
