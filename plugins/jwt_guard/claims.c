/* See claims.h. */
#include "claims.h"

#include <stdlib.h>

/* --- Times */

enum presence {
    CLAIM_ABSENT,
    CLAIM_READ,
    CLAIM_WRONG,
};

/* A number of seconds, whole or not, that is finite and in range. */
static enum presence read_time(const json_t *payload, const char *name, int64_t *seconds)
{
    const json_t *value = json_object_get(payload, name);
    if (!value)
        return CLAIM_ABSENT;
    if (!json_is_number(value))
        return CLAIM_WRONG;
    const double real = json_number_value(value);
    if (!(real >= 0 && real <= (double)CLAIMS_TIME_MAX))
        return CLAIM_WRONG;
    *seconds = json_is_integer(value) ? json_integer_value(value) : (int64_t)real;
    return CLAIM_READ;
}

static enum token_verdict check_end(const json_t *payload, const struct claim_rules *rules,
                                    int64_t now_s, struct claims *claims, const char **why)
{
    int64_t ends_s = 0;
    const enum presence presence = read_time(payload, "exp", &ends_s);
    if (presence == CLAIM_WRONG || (presence == CLAIM_ABSENT && rules->needs_expiry)) {
        *why = presence == CLAIM_WRONG ? "`exp` is no time" : "it has no `exp`";
        return TOKEN_CLAIMS;
    }
    if (presence == CLAIM_ABSENT)
        return TOKEN_ACCEPTED;
    claims->ends_s = ends_s + rules->leeway_s;
    if (now_s < claims->ends_s)
        return TOKEN_ACCEPTED;
    *why = "`exp` has passed";
    return TOKEN_EXPIRED;
}

static enum token_verdict check_beginning(const json_t *payload, const struct claim_rules *rules,
                                          int64_t now_s, struct claims *claims, const char **why)
{
    int64_t begins_s = 0;
    const enum presence begins = read_time(payload, "nbf", &begins_s);
    const enum presence issued = read_time(payload, "iat", &claims->issued_s);
    if (begins == CLAIM_WRONG || issued == CLAIM_WRONG) {
        *why = begins == CLAIM_WRONG ? "`nbf` is no time" : "`iat` is no time";
        return TOKEN_CLAIMS;
    }
    const int64_t latest = now_s + rules->leeway_s;
    if (begins_s <= latest && claims->issued_s <= latest)
        return TOKEN_ACCEPTED;
    *why = begins_s > latest ? "`nbf` is still to come" : "`iat` is still to come";
    return TOKEN_NOT_YET_VALID;
}

/* --- Who it is from, for and about */

static toni_str text_of(const json_t *value)
{
    return toni_str_make(json_string_value(value), json_string_length(value));
}

static bool is_one_of(const json_t *audience, const struct claim_rules *rules)
{
    for (size_t i = 0; json_is_string(audience) && i < rules->audience_count; i++) {
        if (toni_str_equal(text_of(audience), rules->audiences[i]))
            return true;
    }
    return false;
}

static bool has_audience(const json_t *audience, const struct claim_rules *rules)
{
    const json_t *one;
    size_t i;
    json_array_foreach(audience, i, one)
    {
        if (is_one_of(one, rules))
            return true;
    }
    return is_one_of(audience, rules);
}

static enum token_verdict check_parties(const json_t *payload, const struct claim_rules *rules,
                                        const char **why)
{
    const json_t *audience = json_object_get(payload, "aud");
    if ((audience || rules->audience_count > 0) && !has_audience(audience, rules)) {
        *why = !audience ? "it has no `aud`, and the option `audience` wants one"
               : rules->audience_count > 0
                   ? "`aud` names none of the option `audience`"
                   : "it has an `aud`; name this host in the option `audience`";
        return TOKEN_AUDIENCE;
    }
    if (rules->issuer.size > 0 &&
        !toni_str_equal(text_of(json_object_get(payload, "iss")), rules->issuer)) {
        *why = "`iss` is not that of the option `issuer`";
        return TOKEN_ISSUER;
    }
    return TOKEN_ACCEPTED;
}

enum token_verdict claims_check(const json_t *payload, const struct claim_rules *rules,
                                int64_t now_s, struct claims *claims, const char **why)
{
    *claims = (struct claims){.subject = text_of(json_object_get(payload, "sub"))};
    if (claims->subject.size == 0 || claims->subject.size > CLAIMS_SUBJECT_MAX) {
        claims->subject = toni_str_make("", 0);
        *why = "`sub` is no text of 1 to 256 bytes";
        return TOKEN_CLAIMS;
    }
    enum token_verdict verdict = check_end(payload, rules, now_s, claims, why);
    if (verdict == TOKEN_ACCEPTED)
        verdict = check_beginning(payload, rules, now_s, claims, why);
    if (verdict == TOKEN_ACCEPTED)
        verdict = check_parties(payload, rules, why);
    return verdict;
}

/* --- Values */

static int32_t hand_on(const json_t *value, claim_value_fn take, void *context)
{
    if (json_is_null(value))
        return TONI_OK;
    if (json_is_string(value))
        return take(context, text_of(value));
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return TONI_ERR_NO_MEMORY;
    const int32_t result = take(context, toni_str_of(text));
    free(text);
    return result;
}

int32_t claim_each_value(const json_t *value, claim_value_fn take, void *context)
{
    const json_t *one;
    size_t i;
    int32_t result = TONI_OK;
    if (!json_is_array(value))
        return value ? hand_on(value, take, context) : TONI_OK;
    json_array_foreach(value, i, one)
    {
        if (result == TONI_OK)
            result = hand_on(one, take, context);
    }
    return result;
}
