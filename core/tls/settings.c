/* The settings of TLS; see settings.h. */
#include "tls/settings.h"

#include "config/setting.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const keys[] = {
    "certificate",       "key", "ocsp", "certificates", "ciphers", "minimum", "client_certificates",
    "client_authorities"};
static const char *const pair_keys[] = {"certificate", "key", "ocsp"};

/* A path that holds nothing would name the folder. */
static const struct value *read_path(const struct section *section, const char *key, bool is_needed)
{
    const struct value *path = is_needed ? section_need(section, key, VALUE_STRING)
                                         : section_get(section, key, VALUE_STRING);
    if (!path || value_string(path)[0] != '\0')
        return path;
    fault_at(section->faults, path, "`%s` of %s is empty, expected the path of a file", key,
             section->title);
    return NULL;
}

static bool add_pair(const struct section *section, struct tls_settings *settings)
{
    struct tls_pair *pair = &settings->pairs[settings->pair_count];
    *pair = (struct tls_pair){
        .certificate = read_path(section, "certificate", true),
        .key = read_path(section, "key", true),
        .ocsp = read_path(section, "ocsp", false),
    };
    if (!pair->certificate || !pair->key || (value_get(section->group, "ocsp") && !pair->ocsp))
        return false;
    settings->pair_count++;
    return true;
}

static bool add_pairs(const struct value *list, struct tls_settings *settings,
                      struct fault_list *faults)
{
    bool is_good = true;
    for (const struct value *item = value_first(list); item; item = value_next(item)) {
        const struct section section = {
            .group = item, .title = "an entry of `certificates`", .faults = faults};
        if (!list_item(item, "`certificates` of `tls`", VALUE_GROUP, faults)) {
            is_good = false;
            continue;
        }
        section_check_keys(&section, pair_keys, COUNT(pair_keys));
        is_good = add_pair(&section, settings) && is_good;
    }
    return is_good;
}

static bool read_pairs(const struct section *tls, struct tls_settings *settings)
{
    const struct value *list = section_get(tls, "certificates", VALUE_LIST);
    const bool is_list = value_get(tls->group, "certificates") != NULL;
    const struct value *single = value_get(tls->group, "certificate");
    if (is_list && !list)
        return false;
    if (list && (single || value_get(tls->group, "key") || value_get(tls->group, "ocsp"))) {
        fault_at(tls->faults, list,
                 "`tls` has `certificates` and one of `certificate`, `key`, `ocsp`; move these "
                 "into an entry of `certificates`");
        return false;
    }
    const size_t count = list ? value_count(list) : 1;
    if (count == 0 || count > TLS_PAIRS_MAX) {
        fault_at(tls->faults, list, "`certificates` of `tls` has %zu entries, expected 1 to %d",
                 count, TLS_PAIRS_MAX);
        return false;
    }
    settings->pairs = calloc(count, sizeof *settings->pairs);
    if (!settings->pairs) {
        fault_at(tls->faults, tls->group, "`tls` can't be read: out of memory");
        return false;
    }
    return list ? add_pairs(list, settings, tls->faults) : add_pair(tls, settings);
}

static bool read_minimum(const struct section *tls, struct tls_settings *settings)
{
    const struct value *minimum = section_get_word(tls, "minimum", "\"1.2\" or \"1.3\"");
    if (!minimum)
        return !value_get(tls->group, "minimum");
    settings->is_13_alone = strcmp(value_string(minimum), "1.3") == 0;
    if (settings->is_13_alone || strcmp(value_string(minimum), "1.2") == 0)
        return true;
    fault_at(tls->faults, minimum, "`minimum` of `tls` is `%s`, expected `1.2` or `1.3`",
             value_string(minimum));
    return false;
}

static bool read_clients(const struct section *tls, struct tls_settings *settings)
{
    const struct value *word =
        section_get_word(tls, "client_certificates", "\"optional\" or \"required\"");
    settings->authorities = read_path(tls, "client_authorities", false);
    if (!word && value_get(tls->group, "client_certificates"))
        return false;
    if (word && strcmp(value_string(word), "optional") == 0) {
        settings->clients = TLS_CLIENTS_OPTIONAL;
    } else if (word && strcmp(value_string(word), "required") == 0) {
        settings->clients = TLS_CLIENTS_REQUIRED;
    } else if (word) {
        fault_at(tls->faults, word,
                 "`client_certificates` of `tls` is `%s`, expected `optional` or `required`",
                 value_string(word));
        return false;
    }
    const struct value *authorities = value_get(tls->group, "client_authorities");
    if (word && !authorities) {
        fault_at(tls->faults, word,
                 "`tls` asks clients for certificates and lacks `client_authorities`; add the path "
                 "of a file with the certificates of those who may sign them");
        return false;
    }
    if (authorities && !word) {
        fault_at(tls->faults, authorities,
                 "`client_authorities` of `tls` changes nothing without `client_certificates`; add "
                 "`client_certificates = \"required\";` or `\"optional\"`");
        return false;
    }
    return !authorities || settings->authorities;
}

bool tls_settings_read(const struct value *group, struct tls_settings *settings,
                       struct fault_list *faults)
{
    const struct section tls = {.group = group, .title = "`tls`", .faults = faults};
    const size_t before = faults->count;
    *settings = (struct tls_settings){.at = group};
    section_check_keys(&tls, keys, COUNT(keys));
    settings->ciphers = section_get(&tls, "ciphers", VALUE_STRING);
    bool is_good = settings->ciphers || !value_get(group, "ciphers");
    is_good = read_pairs(&tls, settings) && is_good;
    is_good = read_minimum(&tls, settings) && is_good;
    /* A key that is not known is a fault as well. */
    return read_clients(&tls, settings) && is_good && faults->count == before;
}

void tls_settings_finish(struct tls_settings *settings)
{
    free(settings->pairs);
    *settings = (struct tls_settings){0};
}
