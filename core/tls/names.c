/* Names in certificates; see names.h. */
#include "tls/names.h"

#include "tls/certificate.h"

#include <ctype.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* One with a NUL in it, or another character that no host name has, is none. */
static bool is_name(const unsigned char *bytes, int length)
{
    for (int i = 0; i < length; i++) {
        if (!isalnum(bytes[i]) && (bytes[i] == '\0' || !strchr("-._*", bytes[i])))
            return false;
    }
    return length > 0;
}

/* @return 0, or -1 on no memory. */
static int add(char **names, size_t *count, const ASN1_STRING *from)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(from);
    int length = ASN1_STRING_length(from);
    if (!is_name(bytes, length))
        return 0;
    if (bytes[length - 1] == '.')
        length--;
    char *name = malloc((size_t)length + 1);
    if (!name)
        return -1;
    for (int i = 0; i < length; i++)
        name[i] = (char)tolower(bytes[i]);
    name[length] = '\0';
    names[(*count)++] = name;
    return 0;
}

static int read_alternatives(const GENERAL_NAMES *all, char ***names, size_t *count)
{
    const int total = sk_GENERAL_NAME_num(all);
    if (total > TLS_NAMES_MAX)
        return -1;
    *names = calloc((size_t)total + 1, sizeof(char *));
    int failed = *names ? 0 : -1;
    for (int i = 0; i < total && !failed; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type == GEN_DNS)
            failed = add(*names, count, name->d.dNSName);
    }
    return failed;
}

static int read_common_name(X509 *certificate, char ***names, size_t *count)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0)
        return 0;
    *names = calloc(1, sizeof(char *));
    if (!*names)
        return -1;
    return add(*names, count, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

int tls_names_read(X509 *certificate, char ***names, size_t *count)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    *names = NULL;
    *count = 0;
    const int failed =
        all ? read_alternatives(all, names, count) : read_common_name(certificate, names, count);
    GENERAL_NAMES_free(all);
    if (!failed)
        return 0;
    tls_names_free(*names, *count);
    *names = NULL;
    *count = 0;
    return -1;
}

void tls_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free((void *)names);
}

bool tls_name_covers(const char *pattern, const char *name)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return strcmp(pattern, name) == 0;
    const char *rest = strchr(name, '.');
    return rest && rest != name && strcmp(pattern + 1, rest) == 0;
}
