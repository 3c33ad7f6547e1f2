/* The options: see settings.h. */
#include "settings.h"

#include "file.h"

#include <openssl/err.h>
#include <string.h>

const toni_option *const settings_options[] = {
    TONI_OPTION_LIST("servers", TONI_TYPE_STR,
                     "each \"host:port\", \"[address]:port\" or \"unix:/path\""),
    TONI_OPTION_LIST_OF_GROUPS(
        "masters", "servers that sentinels know where to find",
        TONI_OPTION_STR_REQUIRED("name", "by which the sentinels know it"),
        TONI_OPTION_STR_REQUIRED("sentinels", "\"host:port\", with commas between them")),
    TONI_OPTION_STR("prefix", "toni", "of all keys and channels: the name of the cluster"),
    TONI_OPTION_INT("database", 0, 65535, 0, "that is selected"),
    TONI_OPTION_STR("user", "", "of an ACL; empty: the default one"),
    TONI_OPTION_PATH("password_file", "", "holds the password and nothing else; empty: none"),
    TONI_OPTION_STR("sentinel_user", "", "the same for sentinels"),
    TONI_OPTION_PATH("sentinel_password_file", "", "the same for sentinels"),
    TONI_OPTION_BOOL("tls", 0, "whether servers and sentinels speak TLS"),
    TONI_OPTION_PATH("ca", "", "a PEM file: who signs their certificates; empty: the system's"),
    TONI_OPTION_PATH("certificate", "", "this host's own, with what leads to its CA; PEM"),
    TONI_OPTION_PATH("key", "", "of that certificate; PEM"),
    TONI_OPTION_STR("tls_name", "", "that their certificates have; empty: the host in `servers`"),
    TONI_OPTION_DURATION("room_life", "1min", "30d", "1d",
                         "how long a room's numbers outlive its last message"),
    TONI_OPTION_SIZE("reply_size", "16MiB", "1GiB", "64MiB", "most of one reply"),
    TONI_OPTION_SIZE("output_size", "1MiB", "1GiB", "64MiB", "most that waits for one server"),
    NULL};

/* --- Servers */

static int32_t fail_address(toni_context *context, const char *option, toni_str text,
                            const char *why)
{
    return toni_fail(context, TONI_ERR_INVALID, "option `%s`: \"%.*s\": %s", option,
                     TONI_STR_ARG(text), why);
}

static int32_t check_name(const struct settings *settings, toni_context *context, toni_str name)
{
    for (size_t i = 0; i < settings->server_count; i++) {
        if (toni_str_equal(settings->servers[i].name, name)) {
            return toni_fail(context, TONI_ERR_INVALID,
                             "`servers` and `masters`: \"%.*s\" stands there twice",
                             TONI_STR_ARG(name));
        }
    }
    if (settings->server_count == SETTINGS_SERVERS_MOST)
        return toni_fail(context, TONI_ERR_LIMIT, "`servers` and `masters`: there are more than %d",
                         SETTINGS_SERVERS_MOST);
    return TONI_OK;
}

static int32_t read_servers(struct settings *settings, toni_context *context)
{
    const size_t count = toni_option_list_count(context, TONI_LIT("servers"));
    for (size_t i = 0; i < count; i++) {
        const toni_str text = toni_option_item(context, TONI_LIT("servers"), TONI_TYPE_STR, i).text;
        const int32_t result = check_name(settings, context, text);
        if (result != TONI_OK)
            return result;
        struct server_place *server = &settings->servers[settings->server_count];
        const char *why = address_read(&server->addresses[0], text, "6379");
        if (why)
            return fail_address(context, "servers", text, why);
        server->name = text;
        settings->server_count++;
    }
    return TONI_OK;
}

static toni_str without_spaces(toni_str text)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = toni_str_make(text.data + 1, text.size - 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

static int32_t read_sentinels(struct server_place *server, toni_context *context, toni_str list)
{
    while (list.size > 0) {
        toni_str one = list, rest = {NULL, 0};
        (void)toni_str_split_once(list, ',', &one, &rest);
        one = without_spaces(one);
        if (server->sentinel_count == SETTINGS_SENTINELS_MOST)
            return fail_address(context, "masters", list, "there are more than 8 sentinels");
        const char *why = address_read(&server->addresses[server->sentinel_count], one, "26379");
        if (why)
            return fail_address(context, "masters", one, why);
        server->sentinel_count++;
        list = rest;
    }
    return server->sentinel_count > 0
               ? TONI_OK
               : fail_address(context, "masters", server->name, "it has no sentinels");
}

static int32_t read_masters(struct settings *settings, toni_context *context)
{
    const size_t count = toni_option_list_count(context, TONI_LIT("masters"));
    for (size_t i = 0; i < count; i++) {
        const toni_str name =
            toni_option_member(context, TONI_LIT("masters"), i, TONI_LIT("name"), TONI_TYPE_STR)
                .text;
        const toni_str list = toni_option_member(context, TONI_LIT("masters"), i,
                                                 TONI_LIT("sentinels"), TONI_TYPE_STR)
                                  .text;
        int32_t result = check_name(settings, context, name);
        if (result != TONI_OK)
            return result;
        struct server_place *server = &settings->servers[settings->server_count];
        server->name = name;
        result = read_sentinels(server, context, list);
        if (result != TONI_OK)
            return result;
        settings->server_count++;
    }
    return TONI_OK;
}

/* --- Secrets and TLS */

static int32_t read_password(struct credentials *who, toni_context *context, const char *option)
{
    const toni_str path = toni_option_path(context, toni_str_of(option));
    if (path.size == 0)
        return TONI_OK;
    who->option = option;
    who->password_file = path.data;
    const char *why = secret_read(&who->password, path.data);
    if (!why)
        return TONI_OK;
    return toni_fail(context, TONI_ERR_INVALID, "option `%s`: %s: %s", option, path.data, why);
}

static int32_t fail_tls(toni_context *context, const char *option, const char *path)
{
    char text[160] = "it can't be used";
    const unsigned long error = ERR_peek_last_error();
    if (error != 0)
        ERR_error_string_n(error, text, sizeof text);
    ERR_clear_error();
    return toni_fail(context, TONI_ERR_INVALID, "option `%s`: %s: %s", option, path, text);
}

/* A key with a passphrase would have to be asked for, which OpenSSL does by itself. */
static int no_passphrase(char *buffer, int size, int is_written, void *is_encrypted)
{
    (void)buffer, (void)size, (void)is_written;
    *(bool *)is_encrypted = true;
    return -1;
}

static int32_t read_key(struct settings *settings, toni_context *context, const char *path)
{
    bool is_encrypted = false;
    SSL_CTX_set_default_passwd_cb(settings->tls, no_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(settings->tls, &is_encrypted);
    const int result = SSL_CTX_use_PrivateKey_file(settings->tls, path, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(settings->tls, NULL);
    if (result == 1)
        return TONI_OK;
    if (!is_encrypted)
        return fail_tls(context, "key", path);
    ERR_clear_error();
    return toni_fail(context, TONI_ERR_INVALID,
                     "option `key`: %s: it is encrypted, and the host asks nobody for a "
                     "passphrase; store it without one, with mode 0600",
                     path);
}

/* @param path  Empty: the option is not set. */
static int32_t check_file(toni_context *context, const char *option, toni_str path, bool is_secret)
{
    const char *why = path.size > 0 ? file_fault(path.data, is_secret) : NULL;
    if (!why)
        return TONI_OK;
    return toni_fail(context, TONI_ERR_INVALID, "option `%s`: %s: %s", option, path.data, why);
}

static int32_t read_tls(struct settings *settings, toni_context *context)
{
    const toni_str ca = toni_option_path(context, TONI_LIT("ca"));
    const toni_str certificate = toni_option_path(context, TONI_LIT("certificate"));
    const toni_str key = toni_option_path(context, TONI_LIT("key"));
    if (!toni_option_bool(context, TONI_LIT("tls"))) {
        if (ca.size + certificate.size + key.size + settings->tls_name.size == 0)
            return TONI_OK;
        return toni_fail(context, TONI_ERR_INVALID,
                         "`ca`, `certificate`, `key` or `tls_name` is set without `tls = true`");
    }
    if ((certificate.size > 0) != (key.size > 0))
        return toni_fail(context, TONI_ERR_INVALID, "`certificate` and `key` go together");
    int32_t result = check_file(context, "ca", ca, false);
    if (result == TONI_OK)
        result = check_file(context, "certificate", certificate, false);
    if (result == TONI_OK)
        result = check_file(context, "key", key, true);
    if (result != TONI_OK)
        return result;
    settings->tls = SSL_CTX_new(TLS_client_method());
    if (!settings->tls)
        return TONI_ERR_NO_MEMORY;
    SSL_CTX_set_verify(settings->tls, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_min_proto_version(settings->tls, TLS1_2_VERSION);
    (void)SSL_CTX_set_mode(settings->tls,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ERR_clear_error();
    if (ca.size == 0 ? SSL_CTX_set_default_verify_paths(settings->tls) != 1
                     : SSL_CTX_load_verify_locations(settings->tls, ca.data, NULL) != 1)
        return fail_tls(context, "ca", ca.size > 0 ? ca.data : "the system's");
    if (certificate.size > 0 &&
        SSL_CTX_use_certificate_chain_file(settings->tls, certificate.data) != 1)
        return fail_tls(context, "certificate", certificate.data);
    return key.size > 0 ? read_key(settings, context, key.data) : TONI_OK;
}

/* --- All of it */

static int32_t read_prefix(struct settings *settings, toni_context *context)
{
    settings->prefix = toni_option_str(context, TONI_LIT("prefix"));
    if (settings->prefix.size > 0 && settings->prefix.size <= SETTINGS_PREFIX_MOST)
        return TONI_OK;
    return toni_fail(context, TONI_ERR_INVALID, "option `prefix`: it has 1 to %d bytes",
                     SETTINGS_PREFIX_MOST);
}

int32_t settings_read(struct settings *settings, toni_context *context)
{
    settings->database = (uint32_t)toni_option_int(context, TONI_LIT("database"));
    settings->server.user = toni_option_str(context, TONI_LIT("user"));
    settings->sentinel.user = toni_option_str(context, TONI_LIT("sentinel_user"));
    settings->tls_name = toni_option_str(context, TONI_LIT("tls_name"));
    settings->room_life_ms = (uint64_t)toni_option_duration(context, TONI_LIT("room_life"));
    settings->reply_most = (size_t)toni_option_size(context, TONI_LIT("reply_size"));
    settings->output_most = (size_t)toni_option_size(context, TONI_LIT("output_size"));
    int32_t result = read_prefix(settings, context);
    if (result == TONI_OK)
        result = read_servers(settings, context);
    if (result == TONI_OK)
        result = read_masters(settings, context);
    if (result == TONI_OK && settings->server_count == 0) {
        result = toni_fail(context, TONI_ERR_INVALID,
                           "there is no server: name one in `servers`, as in servers = [ "
                           "\"127.0.0.1:6379\" ], or in `masters`");
    }
    if (result == TONI_OK)
        result = read_password(&settings->server, context, "password_file");
    if (result == TONI_OK)
        result = read_password(&settings->sentinel, context, "sentinel_password_file");
    return result == TONI_OK ? read_tls(settings, context) : result;
}

void settings_finish(struct settings *settings)
{
    SSL_CTX_free(settings->tls);
    settings->tls = NULL;
    secret_forget(&settings->server.password);
    secret_forget(&settings->sentinel.password);
}
