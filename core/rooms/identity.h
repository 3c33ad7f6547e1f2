/* Who a client is (toni/identity.h): a draft that its guards write in, and the identity that is
 * made of it and stays with the client: one allocation, which never changes. Not about when one
 * ends; net/watching.h and rooms/revocations.h are. */
#ifndef ROOMS_IDENTITY_H
#define ROOMS_IDENTITY_H

#include "rooms/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENTITY_SUBJECT_MAX 256
#define IDENTITY_CLAIM_NAME_MAX 256
#define IDENTITY_CLAIMS_MAX 64

/* Of all claims: each value, and the name with each of them. */
#define IDENTITY_CLAIMS_BYTES 8192

/* No issuer's clock is taken to be further ahead, in seconds: as much as jwt_guard's `leeway` may
 * be. */
#define IDENTITY_LEAD_MAX_S 300

struct slot;

/* Who has identified a client, and where it is: both stay where they are until the host ends. */
struct identity_origin {
    struct slot *guard;   /* whose guard was asked */
    struct slot *gateway; /* that the client has connected to */
};

struct identity {
    struct identity_origin origin;
    toni_str subject;
    int64_t issued_s;  /* as its token says, which may be ahead; 0: not known */
    int64_t known_s;   /* since when it is: no token is younger */
    int64_t expires_s; /* 0: never */
    size_t size;       /* of the whole, in bytes */
    size_t claim_count;
    struct request_field claims[];
};

/* What a guard has said so far. */
struct identity_draft {
    struct slot *guard; /* see identity_origin; NULL: not noted yet */
    int64_t issued_s, known_s, expires_s;
    size_t subject_size;
    char subject[IDENTITY_SUBJECT_MAX];
    size_t claim_count, claim_bytes;
    struct request_field claims[IDENTITY_CLAIMS_MAX]; /* in `text` */
    char text[IDENTITY_CLAIMS_BYTES];
};

/** @return Whether it can be a subject. */
bool subject_valid(toni_str subject);

/** Begins a draft, or begins it anew; see toni_guard_identify.
 * @param draft  Made if it is NULL; to be freed by free(). */
int32_t identity_draft_begin(struct identity_draft **draft, const toni_identity *identity);

/** See toni_guard_add_claim. @param draft  NULL: nobody is identified. */
int32_t identity_draft_add(struct identity_draft *draft, toni_str name, toni_str value);

/** @return The identity that a draft says, to be freed by free(); NULL on no memory. */
struct identity *identity_create(const struct identity_draft *draft,
                                 const struct identity_origin *origin);

/** @return When its token was issued by this host's clock, at the latest; 0: not known. */
int64_t identity_issued_s(const struct identity *identity);

/** See toni_client_claim. @param identity  NULL: there is none. */
int32_t identity_claim(const struct identity *identity, toni_str name, uint32_t index,
                       toni_str *value);

#endif
