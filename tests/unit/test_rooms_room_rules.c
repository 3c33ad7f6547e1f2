/* Rules for rooms: patterns against a plain model, and what a client may by them. */
#include "rooms/room_rules.h"

#include "dice.h"
#include "rooms_fixture.h"
#include "runner.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <toni/connections.h>
#include <toni/identity.h>

static struct identity *make_identity(const char *const *values)
{
    struct identity_draft *draft = NULL;
    const toni_identity who = {.struct_size = sizeof who, .subject = TONI_LIT("ann")};
    ck_assert_int_eq(identity_draft_begin(&draft, &who), TONI_OK);
    for (; *values; values++)
        ck_assert_int_eq(identity_draft_add(draft, TONI_LIT("rooms"), toni_str_of(*values)),
                         TONI_OK);
    struct identity *identity = identity_create(draft, &(struct identity_origin){0});
    free(draft);
    ck_assert_ptr_nonnull(identity);
    return identity;
}

static struct room_rules *make_rules(const char *const *join, enum publish_rule publish_rule,
                                     const char *const *publish)
{
    struct room_pattern patterns[8];
    struct room_rules *rules = room_rules_create();
    ck_assert_ptr_nonnull(rules);
    size_t count = 0;
    for (; join && join[count]; count++)
        ck_assert_ptr_null(room_pattern_parse(toni_str_of(join[count]), &patterns[count]));
    rules->limits_join = join != NULL;
    ck_assert_int_eq(room_patterns_copy(&rules->join, patterns, count), 0);
    for (count = 0; publish && publish[count]; count++)
        ck_assert_ptr_null(room_pattern_parse(toni_str_of(publish[count]), &patterns[count]));
    rules->publish_rule = publish_rule;
    ck_assert_int_eq(room_patterns_copy(&rules->publish, patterns, count), 0);
    return rules;
}

START_TEST(what_is_no_pattern_is_refused)
{
    static const char *const wrong[] = {"", "a*b", "**", "*a", "a\nb", "\xff", "claim:", "a*b*"};
    static const char *const good[] = {"a", "a*", "*", "claim:rooms", "\xc3\xa4*", "a:b", "claim"};
    struct room_pattern pattern;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(room_pattern_parse(toni_str_of(wrong[i]), &pattern) != NULL, "`%s`",
                      wrong[i]);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ck_assert_msg(!room_pattern_parse(toni_str_of(good[i]), &pattern), "`%s`", good[i]);
}
END_TEST

START_TEST(rules_say_who_may_what)
{
    struct room_rules *rules = make_rules((const char *const[]){"public-*", "claim:rooms", NULL},
                                          PUBLISH_PATTERNS, (const char *const[]){"wall", NULL});
    struct identity *ann = make_identity((const char *const[]){"vip", "game-*", "", NULL});
    static const struct {
        const char *room;
        bool of_ann, of_nobody;
    } rows[] = {{"public-", true, true},       {"public-x", true, true}, {"publi", false, false},
                {"vip", true, false},          {"vip2", false, false},   {"game-7", true, false},
                {"claim:rooms", false, false}, {"game-*", true, false},  {"x", false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const toni_str room = toni_str_of(rows[i].room);
        ck_assert_int_eq(room_rules_allow_join(rules, ann, room), rows[i].of_ann);
        ck_assert_int_eq(room_rules_allow_join(rules, NULL, room), rows[i].of_nobody);
        ck_assert(room_rules_allow_join(NULL, NULL, room));
        ck_assert(room_rules_allow_publish(NULL, NULL, room, false));
        ck_assert(!room_rules_allow_publish(rules, ann, room, true));
    }
    ck_assert(room_rules_allow_publish(rules, NULL, TONI_LIT("wall"), false));
    room_rules_unref(rules);
    free(ann);
}
END_TEST

START_TEST(rules_are_compared_by_what_they_say)
{
    const char *const one[] = {"a", NULL}, *const other[] = {"a*", NULL}, *const none[] = {NULL};
    struct room_rules *rules[] = {
        make_rules(one, PUBLISH_ANYONE, NULL),   make_rules(one, PUBLISH_ANYONE, NULL),
        make_rules(other, PUBLISH_ANYONE, NULL), make_rules(none, PUBLISH_ANYONE, NULL),
        make_rules(NULL, PUBLISH_ANYONE, NULL),  make_rules(one, PUBLISH_MEMBER, NULL),
        make_rules(one, PUBLISH_PATTERNS, one),  NULL};
    const size_t count = sizeof rules / sizeof rules[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++)
            ck_assert_int_eq(room_rules_equal(rules[i], rules[k]), i == k || (i < 2 && k < 2));
    }
    for (size_t i = 0; i < count; i++)
        room_rules_unref(rules[i]);
}
END_TEST

/* --- Against a model: letters a and b, and a star at the end or none */

static void roll_text(struct dice *dice, char *text, bool may_have_star)
{
    const uint32_t size = dice_below(dice, 4) + (may_have_star ? 0 : 1);
    for (uint32_t i = 0; i < size; i++)
        text[i] = (char)('a' + dice_below(dice, 2));
    text[size] = '\0';
    if (may_have_star && (size == 0 || dice_chance(dice, 50)))
        memcpy(text + size, "*", 2);
}

static bool model_fits(const char *pattern, const char *room)
{
    const size_t size = strlen(pattern);
    return pattern[size - 1] == '*' ? strncmp(pattern, room, size - 1) == 0
                                    : strcmp(pattern, room) == 0;
}

START_TEST(patterns_fit_as_in_a_plain_model)
{
    struct dice dice = {environment_number("TONI_TEST_SEED", 1)};
    for (int round = 0; round < 2000; round++) {
        char join[2][8], claims[2][8], room[8];
        for (int i = 0; i < 2; i++) {
            roll_text(&dice, join[i], true);
            roll_text(&dice, claims[i], true);
        }
        const bool has_claims = dice_chance(&dice, 50);
        struct identity *ann = make_identity((const char *const[]){claims[0], claims[1], NULL});
        struct room_rules *rules = make_rules(
            (const char *const[]){join[0], join[1], has_claims ? "claim:rooms" : NULL, NULL},
            PUBLISH_MEMBER, NULL);
        for (int i = 0; i < 20; i++) {
            roll_text(&dice, room, false);
            bool fits = model_fits(join[0], room) || model_fits(join[1], room);
            for (int claim = 0; has_claims && claim < 2; claim++)
                fits |= model_fits(claims[claim], room);
            ck_assert_int_eq(room_rules_allow_join(rules, ann, toni_str_of(room)), fits);
        }
        room_rules_unref(rules);
        free(ann);
    }
}
END_TEST

/* --- Clients */

START_TEST(a_client_joins_and_publishes_by_its_rules)
{
    struct fixture fixture;
    struct limits limits = limits_default();
    fixture_init(&fixture, NULL, 1);
    limits.room_rules =
        make_rules((const char *const[]){"public-*", "claim:rooms", NULL}, PUBLISH_MEMBER, NULL);
    struct peer *peer = peer_connect(&fixture, 0);
    toni_connections *connections = fixture.connections;
    const toni_str vip = TONI_LIT("vip"), all = TONI_LIT("public-1");
    const toni_message message = toni_text(TONI_LIT("x"));
    ck_assert_int_eq(toni_join_room(connections, peer->id, TONI_LIT("before")), TONI_OK);
    client_set_limits(peer->client, &limits);
    ck_assert_int_eq(toni_join_room(connections, peer->id, vip), TONI_ERR_FORBIDDEN);
    ck_assert_int_eq(toni_members_join(connections, TONI_LIT("before"), vip), 0);
    ck_assert_int_eq(toni_broadcast_from(peer->client, all, &message), TONI_ERR_MAY_NOT_PUBLISH);
    ck_assert_int_eq(toni_client_may_publish(peer->client, all), TONI_ERR_MAY_NOT_PUBLISH);
    ck_assert_int_eq(toni_join_room(connections, peer->id, all), TONI_OK);
    ck_assert_int_eq(toni_client_may_publish(peer->client, all), TONI_OK);
    ck_assert_int_eq(toni_broadcast_from(peer->client, all, &message), 1);
    ck_assert_int_eq(toni_broadcast_from(peer->client, TONI_LIT(""), &message), TONI_ERR_INVALID);
    ck_assert_int_eq(toni_client_may_publish(peer->client, TONI_LIT("")), TONI_ERR_INVALID);
    client_identify(peer->client, make_identity((const char *const[]){"vip", NULL}));
    ck_assert_int_eq(toni_join_room(connections, peer->id, vip), TONI_OK);
    ck_assert_int_eq(toni_broadcast_from(peer->client, vip, &message), 1);
    ck_assert_int_eq(toni_broadcast_to_room(connections, vip, &message), 1); /* the plugin's own */
    fixture_settle(&fixture);
    peer_destroy(&fixture, peer);
    fixture_finish(&fixture);
    room_rules_unref(limits.room_rules);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rooms/room_rules");
    TCase *tests = tcase_create("room_rules");
    tcase_add_test(tests, what_is_no_pattern_is_refused);
    tcase_add_test(tests, rules_say_who_may_what);
    tcase_add_test(tests, rules_are_compared_by_what_they_say);
    tcase_add_test(tests, patterns_fit_as_in_a_plain_model);
    tcase_add_test(tests, a_client_joins_and_publishes_by_its_rules);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
