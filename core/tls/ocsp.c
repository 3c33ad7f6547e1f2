/* OCSP responses; see ocsp.h. */
#include "tls/ocsp.h"

#include <openssl/ocsp.h>
#include <time.h>

/* So many seconds clocks may differ. */
#define LEEWAY_S 300

static const char *check_status(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer,
                                int64_t *ends_s)
{
    int status = 0, reason = 0;
    ASN1_GENERALIZEDTIME *revoked = NULL, *begin = NULL, *end = NULL;
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, certificate, issuer);
    if (!id)
        return "memory is out";
    const int found = OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &begin, &end);
    OCSP_CERTID_free(id);
    if (found != 1)
        return "it is of another certificate";
    if (status == V_OCSP_CERTSTATUS_REVOKED)
        return "it says that the certificate was revoked";
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return "it says that the certificate is not known";
    if (OCSP_check_validity(begin, end, LEEWAY_S, -1) != 1)
        return "its time is over, or has not begun; fetch a new one";
    struct tm fields = {0};
    if (end && ASN1_TIME_to_tm(end, &fields) == 1)
        *ends_s = (int64_t)timegm(&fields);
    return NULL;
}

/* Signed by the issuer, or by somebody whom the issuer has allowed to. */
static const char *check_signature(OCSP_BASICRESP *basic, STACK_OF(X509) * chain, X509 *issuer)
{
    X509_STORE *store = X509_STORE_new();
    const char *wrong = "memory is out";
    if (store && X509_STORE_add_cert(store, issuer) == 1) {
        /* The issuer is trusted here, though it may not be a root. */
        (void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        wrong = OCSP_basic_verify(basic, chain, store, 0) == 1
                    ? NULL
                    : "it is not signed by the certificate's issuer";
    }
    X509_STORE_free(store);
    return wrong;
}

static const char *check_basic(OCSP_RESPONSE *response, X509 *certificate, STACK_OF(X509) * chain,
                               int64_t *ends_s)
{
    X509 *issuer = sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;
    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return "it is an error of the responder";
    if (!issuer)
        return "the issuer's certificate is needed to check it; add that behind the host's own";
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    if (!basic)
        return "it is of a kind that is not known";
    const char *wrong = check_status(basic, certificate, issuer, ends_s);
    if (!wrong)
        wrong = check_signature(basic, chain, issuer);
    OCSP_BASICRESP_free(basic);
    return wrong;
}

const char *ocsp_check(const uint8_t *bytes, size_t size, X509 *certificate, STACK_OF(X509) * chain,
                       int64_t *ends_s)
{
    const unsigned char *at = bytes;
    *ends_s = 0;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)size);
    if (!response)
        return "it is damaged, or is none: expected DER, as `openssl ocsp -respout` writes it";
    const char *wrong = check_basic(response, certificate, chain, ends_s);
    OCSP_RESPONSE_free(response);
    return wrong;
}
