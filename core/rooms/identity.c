/* Identities; see identity.h. */
#include "rooms/identity.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <toni/error.h>

static bool text_valid(toni_str text, size_t most)
{
    return text.size >= 1 && text.size <= most && text.data && utf8_valid(text.data, text.size) &&
           !utf8_has_control(text.data, text.size);
}

bool subject_valid(toni_str subject)
{
    return text_valid(subject, IDENTITY_SUBJECT_MAX);
}

/* --- The draft */

int32_t identity_draft_begin(struct identity_draft **draft, const toni_identity *identity)
{
    if (!identity || identity->struct_size < TONI_IDENTITY_SIZE_1_0 ||
        !subject_valid(identity->subject) || identity->issued_s < 0 || identity->expires_s < 0)
        return TONI_ERR_INVALID;
    const int64_t now_s = clock_wall_s();
    if (identity->expires_s > 0 && identity->expires_s <= now_s)
        return TONI_ERR_UNAUTHORIZED;
    if (!*draft)
        *draft = malloc(sizeof **draft);
    struct identity_draft *begun = *draft;
    if (!begun)
        return TONI_ERR_NO_MEMORY;
    begun->guard = NULL;
    /* A clock may be fast, but not so fast that a token outlives what is revoked later. */
    const int64_t latest_s = now_s + IDENTITY_LEAD_MAX_S;
    begun->issued_s = identity->issued_s < latest_s ? identity->issued_s : latest_s;
    begun->known_s = now_s;
    begun->expires_s = identity->expires_s;
    begun->claim_count = begun->claim_bytes = 0;
    begun->subject_size = identity->subject.size;
    memcpy(begun->subject, identity->subject.data, identity->subject.size);
    return TONI_OK;
}

static toni_str keep(struct identity_draft *draft, toni_str text)
{
    char *place = draft->text + draft->claim_bytes;
    if (text.size > 0)
        memcpy(place, text.data, text.size);
    draft->claim_bytes += text.size;
    return toni_str_make(place, text.size);
}

int32_t identity_draft_add(struct identity_draft *draft, toni_str name, toni_str value)
{
    if (!draft || !text_valid(name, IDENTITY_CLAIM_NAME_MAX) || (value.size > 0 && !value.data))
        return TONI_ERR_INVALID;
    if (draft->claim_count == IDENTITY_CLAIMS_MAX)
        return TONI_ERR_LIMIT;
    const size_t left = sizeof draft->text - draft->claim_bytes;
    if (name.size > left || value.size > left - name.size)
        return TONI_ERR_TOO_BIG;
    struct request_field *claim = &draft->claims[draft->claim_count++];
    claim->name = keep(draft, name);
    claim->value = keep(draft, value);
    return TONI_OK;
}

/* --- What is made of it */

struct identity *identity_create(const struct identity_draft *draft,
                                 const struct identity_origin *origin)
{
    const size_t size = sizeof(struct identity) +
                        draft->claim_count * sizeof(struct request_field) + draft->subject_size +
                        1 + draft->claim_bytes + 2 * draft->claim_count;
    struct identity *identity = malloc(size);
    if (!identity)
        return NULL;
    *identity = (struct identity){
        .origin = *origin,
        .issued_s = draft->issued_s,
        .known_s = draft->known_s,
        .expires_s = draft->expires_s,
        .size = size,
        .claim_count = draft->claim_count,
    };
    char *text = (char *)(identity->claims + draft->claim_count);
    identity->subject = str_copy(&text, toni_str_make(draft->subject, draft->subject_size));
    for (size_t i = 0; i < draft->claim_count; i++) {
        identity->claims[i].name = str_copy(&text, draft->claims[i].name);
        identity->claims[i].value = str_copy(&text, draft->claims[i].value);
    }
    return identity;
}

int64_t identity_issued_s(const struct identity *identity)
{
    return identity->issued_s < identity->known_s ? identity->issued_s : identity->known_s;
}

int32_t identity_claim(const struct identity *identity, toni_str name, uint32_t index,
                       toni_str *value)
{
    const size_t count = identity ? identity->claim_count : 0;
    for (size_t i = 0; i < count; i++) {
        if (!toni_str_equal(identity->claims[i].name, name))
            continue;
        if (index-- == 0) {
            *value = identity->claims[i].value;
            return TONI_OK;
        }
    }
    return TONI_ERR_NOT_FOUND;
}
