/* JSON Web Tokens: a guard that lets in who has a token that one of its keys has signed, and says
 * who that is: the token's subject, until when it holds, and the claims that the option `claims`
 * names. docs/gateways.conf.md, "Tokens", is about its use.
 *
 * What is pure is beside this file: token.h takes a token apart, keys.h and key_files.h have the
 * keys, verify.h the signatures, claims.h what a token says, sources.h where it may be. Here is
 * what the host has to do with it. Nothing waits; keys are read anew by a job, beside all
 * callbacks.
 */
#include "claims.h"
#include "key_files.h"
#include "log_allowance.h"
#include "sources.h"
#include "verify.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <toni/toni.h>

struct guard {
    toni_context *context;
    toni_str cookie, parameter, subprotocol; /* empty: no token is looked for there, or none */
    struct claim_rules rules;
    toni_str *audiences, *claims;
    size_t claim_count;
    struct key_files files; /* of `create`, then of the job that looks at them */
    pthread_mutex_t lock;   /* of `keys` */
    struct key_set *keys;
    struct log_allowance allowance;
    toni_figure *results[TOKEN_VERDICT_COUNT];
    toni_figure *key_count, *reloads, *failed_reloads;
};

/* --- The keys */

static struct key_set *hold_keys(struct guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    struct key_set *keys = key_set_ref(guard->keys);
    pthread_mutex_unlock(&guard->lock);
    return keys;
}

static void replace_keys(struct guard *guard, struct key_set *keys)
{
    pthread_mutex_lock(&guard->lock);
    struct key_set *old = guard->keys;
    guard->keys = keys;
    pthread_mutex_unlock(&guard->lock);
    key_set_unref(old);
    toni_gauge_set(guard->key_count, (double)keys->count);
}

/* A job, of which one runs at a time: the next is asked for once this one has ended. */
static int32_t look_at_files(void *data)
{
    struct guard *guard = data;
    struct key_fault fault = {.text = ""};
    if (!key_files_have_changed(&guard->files))
        return TONI_OK;
    struct key_set *keys = key_files_read(&guard->files, &fault);
    if (!keys) {
        toni_count(guard->failed_reloads, 1);
        toni_log(guard->context, TONI_LOG_ERROR,
                 "the keys have changed and can't be used: those from before stay; %s", fault.text);
        return TONI_OK;
    }
    toni_count(guard->reloads, 1);
    toni_log(guard->context, TONI_LOG_INFO, "the keys were read anew: %zu, and %zu left out",
             keys->count, keys->skipped);
    replace_keys(guard, keys);
    return TONI_OK;
}

static void look_soon(void *self, void *data);

static void looked(void *self, void *data, int32_t result)
{
    struct guard *guard = self;
    (void)data;
    (void)result;
    const int64_t pause_ms = toni_option_duration(guard->context, TONI_LIT("key_check"));
    const int64_t timer = toni_after(guard->context, (uint64_t)pause_ms, look_soon, NULL, NULL);
    if (timer < 0 && timer != TONI_ERR_CLOSING)
        toni_log(guard->context, TONI_LOG_ERROR,
                 "the key files are not looked at any more: no timer could be had");
}

static void look_soon(void *self, void *data)
{
    struct guard *guard = self;
    (void)data;
    if (toni_work(guard->context, look_at_files, looked, guard, NULL) != TONI_OK)
        looked(guard, NULL, TONI_OK);
}

/* --- Finding the token */

struct found {
    struct found_token token;
    bool is_in_subprotocol, is_in_parameter;
    bool has_beside; /* the option's subprotocol is offered, too */
};

static void find_in_headers(const struct guard *guard, const toni_request *request,
                            struct found *found)
{
    toni_str value;
    if (toni_request_header(request, TONI_LIT("Authorization"), &value) == TONI_OK)
        sources_authorization(&found->token, value);
    if (toni_request_header(request, TONI_LIT("Sec-WebSocket-Protocol"), &value) == TONI_OK)
        found->has_beside = sources_subprotocol(&found->token, value, guard->subprotocol,
                                                &found->is_in_subprotocol);
    if (guard->cookie.size > 0 &&
        toni_request_header(request, TONI_LIT("Cookie"), &value) == TONI_OK)
        sources_cookie(&found->token, value, guard->cookie);
}

static void find_in_query(const struct guard *guard, const toni_request *request,
                          struct found *found)
{
    toni_str value;
    if (guard->parameter.size == 0 ||
        toni_request_parameter(request, guard->parameter, &value) != TONI_OK)
        return;
    found_token_add(&found->token, value);
    found->is_in_parameter = true;
}

/* --- The clock */

/* Not time(2), which may be behind by a tick: a token that was issued just now would be one of the
 * future. */
static int64_t wall_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* --- Handing on who it is */

struct claim_target {
    const toni_request *request;
    toni_str name;
};

static int32_t add_value(void *context, toni_str value)
{
    const struct claim_target *target = context;
    return toni_guard_add_claim(target->request, target->name, value);
}

static int32_t add_claims(const struct guard *guard, const toni_request *request,
                          const json_t *payload)
{
    int32_t result = TONI_OK;
    for (size_t i = 0; i < guard->claim_count && result == TONI_OK; i++) {
        struct claim_target target = {request, guard->claims[i]};
        result = claim_each_value(json_object_getn(payload, target.name.data, target.name.size),
                                  add_value, &target);
    }
    return result;
}

static enum token_verdict identify(const struct guard *guard, const toni_request *request,
                                   const json_t *payload, const struct claims *claims,
                                   const char **why)
{
    const toni_identity identity = {.struct_size = sizeof identity,
                                    .subject = claims->subject,
                                    .issued_s = claims->issued_s,
                                    .expires_s = claims->ends_s};
    int32_t result = toni_guard_identify(request, &identity);
    if (result == TONI_OK)
        result = add_claims(guard, request, payload);
    switch (result) {
    case TONI_OK:
        return TOKEN_ACCEPTED;
    case TONI_ERR_UNAUTHORIZED: /* a moment ago it was not over yet */
        return TOKEN_EXPIRED;
    case TONI_ERR_INVALID:
        *why = "`sub` has control characters";
        return TOKEN_CLAIMS;
    case TONI_ERR_LIMIT:
    case TONI_ERR_TOO_BIG:
        *why = "what the option `claims` names is more than 64 values, or 8,192 bytes";
        return TOKEN_CLAIMS;
    default:
        *why = toni_strerror(result);
        return TOKEN_FAILED;
    }
}

/* --- Judging it */

/* Who a token is of, as far as that is known: for the log. */
struct judgement {
    enum token_verdict verdict;
    const char *why; /* NULL: the verdict says it all */
    char subject[CLAIMS_SUBJECT_MAX + 1];
};

static void judge_payload(const struct guard *guard, const toni_request *request,
                          const json_t *payload, struct judgement *judgement)
{
    struct claims claims;
    judgement->verdict = claims_check(payload, &guard->rules, wall_s(), &claims, &judgement->why);
    memcpy(judgement->subject, claims.subject.data, claims.subject.size);
    judgement->subject[claims.subject.size] = '\0';
    if (judgement->verdict == TOKEN_ACCEPTED)
        judgement->verdict = identify(guard, request, payload, &claims, &judgement->why);
}

static void judge_token(struct guard *guard, const toni_request *request, toni_str text,
                        struct judgement *judgement)
{
    struct token token;
    judgement->verdict = token_read(&token, text);
    if (judgement->verdict != TOKEN_ACCEPTED)
        return;
    struct key_set *keys = hold_keys(guard);
    judgement->verdict = verify_signature(keys, &token);
    key_set_unref(keys);
    if (judgement->verdict == TOKEN_ACCEPTED) {
        json_t *payload = token_read_payload(&token);
        if (payload)
            judge_payload(guard, request, payload, judgement);
        else
            judgement->verdict = TOKEN_MALFORMED;
        json_decref(payload);
    }
    token_finish(&token);
}

static const char *text_of(enum token_verdict verdict)
{
    static const char *const texts[] = {
#define TOKEN_VERDICT_TEXT(name, figure, text) text,
        TOKEN_VERDICTS(TOKEN_VERDICT_TEXT)
#undef TOKEN_VERDICT_TEXT
    };
    return texts[verdict];
}

/* The token itself is in no line. */
static void log_refusal(struct guard *guard, const toni_request *request,
                        const struct judgement *judgement)
{
    char withheld[32];
    const uint64_t count = log_allowance_take(&guard->allowance, wall_s());
    if (count == 0)
        return;
    (void)snprintf(withheld, sizeof withheld, "%llu", (unsigned long long)count - 1);
    toni_log_field fields[5];
    size_t used = 0;
    fields[used++] = (toni_log_field){TONI_LIT("address"), toni_request_address(request)};
    fields[used++] = (toni_log_field){TONI_LIT("path"), toni_request_path(request)};
    if (judgement->subject[0] != '\0')
        fields[used++] = (toni_log_field){TONI_LIT("subject"), toni_str_of(judgement->subject)};
    if (judgement->why)
        fields[used++] = (toni_log_field){TONI_LIT("reason"), toni_str_of(judgement->why)};
    if (count > 1)
        fields[used++] = (toni_log_field){TONI_LIT("not_logged"), toni_str_of(withheld)};
    toni_log_fields(guard->context, TONI_LOG_INFO, toni_str_of(text_of(judgement->verdict)), fields,
                    used);
}

static void note(struct guard *guard, const toni_request *request,
                 const struct judgement *judgement)
{
    toni_count(guard->results[judgement->verdict], 1);
    if (judgement->verdict != TOKEN_ACCEPTED)
        log_refusal(guard, request, judgement);
}

/* --- The guard */

/* What RFC 6750, section 3, has for each. */
static int32_t refuse(const toni_request *request, enum token_verdict verdict)
{
    char challenge[160];
    const char *text = text_of(verdict);
    if (verdict == TOKEN_FAILED)
        return toni_guard_refuse(request, 503, toni_str_of(text));
    if (verdict == TOKEN_MISSING)
        return toni_guard_refuse(request, 401, toni_str_of(text));
    const bool is_ambiguous = verdict == TOKEN_AMBIGUOUS;
    (void)snprintf(challenge, sizeof challenge, "Bearer error=\"%s\", error_description=\"%s\"",
                   is_ambiguous ? "invalid_request" : "invalid_token", text);
    const int32_t result =
        toni_guard_add_header(request, TONI_LIT("WWW-Authenticate"), toni_str_of(challenge));
    if (result == TONI_ERR_NO_MEMORY)
        return result;
    return toni_guard_refuse(request, is_ambiguous ? 400 : 401, toni_str_of(text));
}

/* A browser that offers subprotocols fails unless one is agreed on. The token never is: it is no
 * gateway's. */
static int32_t agree_on_subprotocol(const struct guard *guard, const toni_request *request,
                                    const struct found *found)
{
    if (!found->is_in_subprotocol || !found->has_beside ||
        toni_request_subprotocol(request).size > 0)
        return TONI_OK;
    return toni_guard_choose_subprotocol(request, guard->subprotocol);
}

static int32_t check(void *self, const toni_request *request)
{
    struct guard *guard = self;
    struct found found = {0};
    struct judgement judgement = {0};
    int32_t result = TONI_OK;
    find_in_headers(guard, request, &found);
    find_in_query(guard, request, &found);
    judgement.verdict = found_token_verdict(&found.token);
    if (judgement.verdict == TOKEN_ACCEPTED)
        judge_token(guard, request, found.token.text, &judgement);
    if (found.is_in_parameter) { /* the last that is done with its text */
        const int32_t count = toni_guard_drop_parameter(request, guard->parameter);
        if (count < 0)
            return count;
        if (count > 1)
            judgement.verdict = TOKEN_AMBIGUOUS;
    }
    note(guard, request, &judgement);
    if (judgement.verdict == TOKEN_ACCEPTED)
        result = agree_on_subprotocol(guard, request, &found);
    else
        result = refuse(request, judgement.verdict);
    return result;
}

static int32_t refresh(void *self, const toni_request *request, toni_str token)
{
    struct guard *guard = self;
    struct judgement judgement = {0};
    judge_token(guard, request, token, &judgement);
    note(guard, request, &judgement);
    if (judgement.verdict == TOKEN_FAILED)
        return TONI_ERR_FAILED;
    return judgement.verdict == TOKEN_ACCEPTED ? TONI_OK : TONI_ERR_UNAUTHORIZED;
}

static const struct toni_guard_table table = {sizeof table, check, refresh};

/* --- Life */

static void destroy(void *self)
{
    struct guard *guard = self;
    key_set_unref(guard->keys);
    pthread_mutex_destroy(&guard->lock);
    free(guard->audiences);
    free(guard->claims);
    free(guard);
}

/* @return The texts of a list, to be freed; NULL: no memory. */
static toni_str *read_list(const toni_context *context, toni_str name, size_t *count)
{
    *count = toni_option_list_count(context, name);
    toni_str *texts = calloc(*count + 1, sizeof *texts);
    for (size_t i = 0; texts && i < *count; i++)
        texts[i] = toni_option_item(context, name, TONI_TYPE_STR, i).text;
    return texts;
}

static int add_files(struct guard *guard, toni_str option, enum key_file_kind kind)
{
    const size_t count = toni_option_list_count(guard->context, option);
    for (size_t i = 0; i < count; i++) {
        const toni_option_value item = toni_option_item(guard->context, option, TONI_TYPE_PATH, i);
        if (key_files_add(&guard->files, kind, item.text.data))
            return -1;
    }
    return 0;
}

static int32_t read_keys(struct guard *guard)
{
    struct key_fault fault = {.text = ""};
    if (add_files(guard, TONI_LIT("keys"), KEY_FILE_PEM) ||
        add_files(guard, TONI_LIT("secrets"), KEY_FILE_SECRET) ||
        add_files(guard, TONI_LIT("jwks"), KEY_FILE_JWKS))
        return toni_fail(guard->context, TONI_ERR_LIMIT, "there are more than %d key files",
                         KEY_FILES_MAX);
    if (guard->files.count == 0) {
        return toni_fail(guard->context, TONI_ERR_INVALID,
                         "there are no keys, so nobody could come in; name files in the option "
                         "`keys`, `secrets` or `jwks`");
    }
    guard->keys = key_files_read(&guard->files, &fault);
    if (!guard->keys)
        return toni_fail(guard->context, TONI_ERR_INVALID, "%s", fault.text);
    toni_gauge_set(guard->key_count, (double)guard->keys->count);
    return TONI_OK;
}

static void make_figures(struct guard *guard)
{
    static const char *const names[] = {
#define TOKEN_VERDICT_FIGURE(name, figure, text) "jwt_tokens_" figure "_total",
        TOKEN_VERDICTS(TOKEN_VERDICT_FIGURE)
#undef TOKEN_VERDICT_FIGURE
    };
    toni_context *context = guard->context;
    for (size_t i = 0; i < TOKEN_VERDICT_COUNT; i++) {
        const char *help =
            i == TOKEN_ACCEPTED ? "Tokens that were accepted." : text_of((enum token_verdict)i);
        guard->results[i] = toni_counter(context, toni_str_of(names[i]), toni_str_of(help));
    }
    guard->key_count =
        toni_gauge(context, TONI_LIT("jwt_keys"), TONI_LIT("Keys that tokens are verified with."));
    guard->reloads = toni_counter(context, TONI_LIT("jwt_key_reloads_total"),
                                  TONI_LIT("How often changed key files were read."));
    guard->failed_reloads = toni_counter(context, TONI_LIT("jwt_key_reloads_failed_total"),
                                         TONI_LIT("How often they could not be used."));
}

static int32_t read_options(struct guard *guard)
{
    toni_context *context = guard->context;
    guard->cookie = toni_option_str(context, TONI_LIT("cookie"));
    guard->parameter = toni_option_str(context, TONI_LIT("parameter"));
    guard->subprotocol = toni_option_str(context, TONI_LIT("subprotocol"));
    guard->audiences = read_list(context, TONI_LIT("audience"), &guard->rules.audience_count);
    guard->claims = read_list(context, TONI_LIT("claims"), &guard->claim_count);
    if (!guard->audiences || !guard->claims)
        return TONI_ERR_NO_MEMORY;
    guard->rules.audiences = guard->audiences;
    guard->rules.issuer = toni_option_str(context, TONI_LIT("issuer"));
    guard->rules.leeway_s = toni_option_duration(context, TONI_LIT("leeway")) / 1000;
    guard->rules.needs_expiry = toni_option_bool(context, TONI_LIT("require_expiry"));
    return read_keys(guard);
}

static int32_t create(toni_context *context, void **self)
{
    struct guard *guard = calloc(1, sizeof *guard);
    if (!guard)
        return TONI_ERR_NO_MEMORY;
    guard->context = context;
    (void)pthread_mutex_init(&guard->lock, NULL);
    make_figures(guard);
    const int32_t result = read_options(guard);
    if (result != TONI_OK) {
        destroy(guard);
        return result;
    }
    *self = guard;
    return TONI_OK;
}

static int32_t start(void *self)
{
    looked(self, NULL, TONI_OK);
    return TONI_OK;
}

TONI_PLUGIN(.kind = TONI_SERVICE, .name = TONI_LIT("jwt"), .flags = TONI_CONCURRENT,
            .provides = TONI_OFFERS(toni_guard, &table),
            .options = TONI_OPTIONS(
                TONI_OPTION_LIST("keys", TONI_TYPE_PATH, "PEM files with public keys"),
                TONI_OPTION_LIST("secrets", TONI_TYPE_PATH, "files with a secret for HS256 each"),
                TONI_OPTION_LIST("jwks", TONI_TYPE_PATH, "JSON Web Key Sets"),
                TONI_OPTION_DURATION("key_check", "1s", "1d", "10s",
                                     "how often these files are looked at"),
                TONI_OPTION_LIST("audience", TONI_TYPE_STR, "one of them has to be in `aud`"),
                TONI_OPTION_STR("issuer", "", "what `iss` has to be; empty: anything"),
                TONI_OPTION_BOOL("require_expiry", 1, "whether a token needs an `exp`"),
                TONI_OPTION_DURATION("leeway", "0s", "5min", "30s", "by which clocks may differ"),
                TONI_OPTION_STR("cookie", "", "that may hold the token; empty: none"),
                TONI_OPTION_STR("parameter", "", "of the query, that may hold it; empty: none"),
                TONI_OPTION_STR("subprotocol", "bearer",
                                "agreed on beside bearer.TOKEN, if the gateway has none"),
                TONI_OPTION_LIST("claims", TONI_TYPE_STR, "that gateways can read of a client")),
            .create = create, .destroy = destroy, .start = start);
