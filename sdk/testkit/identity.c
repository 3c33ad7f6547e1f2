/* Who a client is: what a guard says of it, or a test. */
#include "toni_testkit_private.h"

#include <inttypes.h>
#include <time.h>

static toni_fake_client *client_of_request(const toni_request *request)
{
    return (toni_fake_client *)((char *)(uintptr_t)request - offsetof(toni_fake_client, request));
}

/* As the host takes it: time(2) may be behind. */
static int64_t now_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

static int takes_identity(const toni_fake_client *client)
{
    return client->in_guard || client->ticket || client->in_refresh;
}

static int is_text(toni_str text)
{
    return text.size >= 1 && text.size <= TONI_FAKE_SUBJECT_MAX && text.data &&
           toni_fake_is_utf8(text) && !toni_fake_has_control(text);
}

/* --- What is said */

static int32_t check_identity(const toni_fake_client *client, const toni_identity *identity)
{
    if (!takes_identity(client) || identity->struct_size < TONI_IDENTITY_SIZE_1_0 ||
        !is_text(identity->subject) || identity->issued_s < 0 || identity->expires_s < 0)
        return TONI_ERR_INVALID;
    return identity->expires_s > 0 && identity->expires_s <= now_s() ? TONI_ERR_UNAUTHORIZED
                                                                     : TONI_OK;
}

static void set_identity(toni_fake_client *client, const toni_identity *identity)
{
    toni_fake_identity *of = &client->identity;
    of->subject_size = identity->subject.size;
    memcpy(of->subject, identity->subject.data, identity->subject.size);
    of->subject[identity->subject.size] = '\0';
    of->issued_s = identity->issued_s < now_s() ? identity->issued_s : now_s();
    of->expires_s = identity->expires_s;
    of->claim_count = of->text_size = 0;
}

static int32_t check_claim(const toni_fake_client *client, toni_str name, toni_str value)
{
    const toni_fake_identity *of = &client->identity;
    size_t bytes = name.size + value.size;
    if (!takes_identity(client) || of->subject_size == 0 || !is_text(name))
        return TONI_ERR_INVALID;
    for (size_t i = 0; i < of->claim_count; i++)
        bytes += of->claims[i].name_size + of->claims[i].value_size;
    if (of->claim_count == TONI_FAKE_MAX_CLAIMS)
        return TONI_ERR_LIMIT;
    return bytes > TONI_FAKE_CLAIMS_SIZE ? TONI_ERR_TOO_BIG : TONI_OK;
}

static void put_text(toni_fake_identity *of, toni_str text)
{
    if (text.size > 0)
        memcpy(of->text + of->text_size, text.data, text.size);
    of->text[of->text_size + text.size] = '\0';
    of->text_size += text.size + 1;
}

static void add_claim(toni_fake_client *client, toni_str name, toni_str value)
{
    toni_fake_identity *of = &client->identity;
    of->claims[of->claim_count++] = (toni_fake_note){name.size, value.size};
    put_text(of, name);
    put_text(of, value);
}

static int32_t guard_identify(const toni_request *request, const toni_identity *identity)
{
    toni_fake_host *host = host_of(request);
    toni_fake_client *client = client_of_request(request);
    const toni_str subject = identity->subject;
    fake_record(host, "guard_identify %.*s %" PRId64 " %" PRId64 "\n",
                subject.size <= TONI_FAKE_SUBJECT_MAX ? (int)subject.size : 0,
                subject.data ? subject.data : "", identity->issued_s, identity->expires_s);
    const int32_t result = fake_answer(host, "guard_identify", check_identity(client, identity));
    if (result >= 0 && is_text(subject))
        set_identity(client, identity);
    return result;
}

static int32_t guard_add_claim(const toni_request *request, toni_str name, toni_str value)
{
    toni_fake_host *host = host_of(request);
    toni_fake_client *client = client_of_request(request);
    fake_record(host, "guard_claim %.*s: %.*s\n",
                name.size <= TONI_FAKE_SUBJECT_MAX ? (int)name.size : 0, name.data ? name.data : "",
                value.size <= sizeof host->calls / 4 ? (int)value.size : 0,
                value.data ? value.data : "");
    const int32_t result = fake_answer(host, "guard_claim", check_claim(client, name, value));
    if (result >= 0)
        add_claim(client, name, value);
    return result;
}

/* --- What is read */

static toni_str client_subject(const toni_client *client)
{
    const toni_fake_identity *of = &client_of(client)->identity;
    return toni_str_make(of->subject, of->subject_size);
}

static int32_t client_identity(const toni_client *client, toni_identity *identity)
{
    const toni_fake_identity *of = &client_of(client)->identity;
    if (of->subject_size == 0)
        return TONI_ERR_NOT_FOUND;
    if (identity->struct_size < TONI_IDENTITY_SIZE_1_0)
        return TONI_ERR_INVALID;
    identity->subject = client_subject(client);
    identity->issued_s = of->issued_s;
    identity->expires_s = of->expires_s;
    return TONI_OK;
}

static int32_t client_claim(const toni_client *client, toni_str name, uint32_t index,
                            toni_str *value)
{
    const toni_fake_identity *of = &client_of(client)->identity;
    const char *text = of->text;
    for (size_t i = 0; i < of->claim_count; i++) {
        const toni_fake_note *claim = &of->claims[i];
        const char *content = text + claim->name_size + 1;
        if (toni_str_equal(toni_str_make(text, claim->name_size), name) && index-- == 0) {
            *value = toni_str_make(content, claim->value_size);
            return TONI_OK;
        }
        text = content + claim->value_size + 1;
    }
    return TONI_ERR_NOT_FOUND;
}

/* --- Another token */

static const struct toni_guard_table *offered_refresh(const toni_fake_host *host)
{
    const struct toni_guard_table *table = fake_offered_guard(host);
    return table && table->struct_size >= sizeof *table && table->refresh ? table : NULL;
}

/* The guard under test is asked as by a host. */
static int32_t refresh(toni_fake_client *client, toni_str token)
{
    const toni_fake_host *host = host_of(client);
    const toni_fake_identity before = client->identity;
    client->identity = (toni_fake_identity){0};
    client->in_refresh = 1;
    int32_t result =
        offered_refresh(host)->refresh(host->self, (const toni_request *)&client->request, token);
    client->in_refresh = 0;
    ck_assert_msg(result < 0 || (result == TONI_OK && client->identity.subject_size > 0),
                  "`refresh` returned %" PRId32 " and did not say whose the token is", result);
    if (result == TONI_OK && strcmp(client->identity.subject, before.subject) != 0)
        result = TONI_ERR_FORBIDDEN;
    if (result != TONI_OK)
        client->identity = before;
    return result;
}

static int32_t client_refresh(toni_client *client, toni_str token)
{
    toni_fake_host *host = host_of(client);
    toni_fake_client *of = client_of(client);
    fake_record(host, "refresh %" PRIu64 " %.*s\n", of->id,
                token.size <= sizeof host->calls / 4 ? (int)token.size : 0,
                token.data ? token.data : "");
    if (of->identity.subject_size == 0)
        return fake_answer(host, "refresh", TONI_ERR_NOT_FOUND);
    return offered_refresh(host) ? refresh(of, token) : fake_answer(host, "refresh", TONI_OK);
}

/* --- Revoking */

static int is_revoked(const toni_fake_known *known, toni_str subject)
{
    const toni_fake_identity *of = known->client ? &known->client->identity : NULL;
    return of && !known->is_closing && subject.data &&
           toni_str_equal(toni_str_make(of->subject, of->subject_size), subject);
}

static int32_t revoke_subject(toni_connections *connections, toni_str subject)
{
    toni_fake_host *host = host_of_connections(connections);
    int32_t closed = 0;
    fake_record(host, "revoke %.*s\n",
                subject.size <= TONI_FAKE_SUBJECT_MAX ? (int)subject.size : 0,
                subject.data ? subject.data : "");
    const int32_t result =
        fake_answer(host, "revoke", is_text(subject) ? TONI_OK : TONI_ERR_INVALID);
    for (size_t i = 0; result >= 0 && i < host->known_count; i++) {
        if (!is_revoked(&host->known[i], subject))
            continue;
        (void)fake_close(host, host->known[i].id, TONI_OK, TONI_CLOSE_TOKEN, TONI_LIT("revoked"));
        closed++;
    }
    return result == TONI_OK ? closed : result;
}

/* --- What tests do */

void toni_fake_client_identify(toni_fake_client *client, const char *subject, int64_t issued_s,
                               int64_t expires_s)
{
    const toni_identity identity = {.struct_size = sizeof identity,
                                    .subject = toni_str_of(subject),
                                    .issued_s = issued_s,
                                    .expires_s = expires_s};
    ck_assert_msg(is_text(identity.subject), "no host takes this subject");
    set_identity(client, &identity);
}

void toni_fake_client_add_claim(toni_fake_client *client, const char *name, const char *value)
{
    const int in_guard = client->in_guard;
    client->in_guard = 1;
    ck_assert_msg(check_claim(client, toni_str_of(name), toni_str_of(value)) == TONI_OK,
                  "no host takes this claim, or the client is nobody yet: "
                  "toni_fake_client_identify");
    client->in_guard = in_guard;
    add_claim(client, toni_str_of(name), toni_str_of(value));
}

int32_t toni_fake_client_refresh(toni_fake_client *client, const char *token)
{
    ck_assert_msg(offered_refresh(host_of(client)) != NULL, "the plugin offers no `refresh`");
    return client->identity.subject_size > 0 ? refresh(client, toni_str_of(token))
                                             : TONI_ERR_NOT_FOUND;
}

void fake_identity_fill(toni_host *table)
{
    table->guard_identify = guard_identify;
    table->guard_add_claim = guard_add_claim;
    table->client_subject = client_subject;
    table->client_identity = client_identity;
    table->client_claim = client_claim;
    table->client_refresh = client_refresh;
    table->revoke_subject = revoke_subject;
}
