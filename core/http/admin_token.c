/* The token of `listen.admin`; see admin_token.h. */
#include "http/admin_token.h"

#include "config/named_file.h"

#include <nettle/memops.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* The longest, the end of its line, and one more, which is too many. */
#define READ_SIZE (ADMIN_TOKEN_MOST + 3)

static const char scheme[] = "Bearer ";

/* --- Reading */

/* @return Whether such a file may hold it. */
static bool judge_file(int fd, const char *path, const struct value *setting,
                       struct fault_list *faults)
{
    struct stat file;
    if (fstat(fd, &file)) {
        fault_unreadable(faults, setting, "`admin_token`", path);
        return false;
    }
    if (!S_ISREG(file.st_mode)) {
        fault_at(faults, setting, "`admin_token` is `%s`, which is no regular file; name one",
                 path);
        return false;
    }
    return named_file_is_private(&file, "`admin_token`", path, setting, faults);
}

static size_t without_end_of_line(const char *text, size_t size)
{
    if (size > 0 && text[size - 1] == '\n')
        size--;
    return size > 0 && text[size - 1] == '\r' ? size - 1 : size;
}

/* @return Whether it can be a token. */
static bool judge_text(const char *text, size_t size, const char *path, const struct value *setting,
                       struct fault_list *faults)
{
    if (size < ADMIN_TOKEN_LEAST || size > ADMIN_TOKEN_MOST) {
        fault_at(faults, setting,
                 "`admin_token` is `%s`, which holds %s%zu bytes, expected %d to %d; `openssl rand "
                 "-hex 32` writes such a token",
                 path, size > ADMIN_TOKEN_MOST ? "at least " : "", size, ADMIN_TOKEN_LEAST,
                 ADMIN_TOKEN_MOST);
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] > ' ' && text[i] <= '~')
            continue;
        fault_at(faults, setting,
                 "`admin_token` is `%s`, whose byte %zu can't stand in a header field; expected "
                 "visible ASCII without spaces, on one line",
                 path, i + 1);
        return false;
    }
    return true;
}

static bool read_file(struct admin_token *token, const char *path, const struct value *setting,
                      struct fault_list *faults)
{
    char bytes[READ_SIZE];
    bool is_good = false;
    const int fd = named_file_open(path);
    if (fd < 0 || judge_file(fd, path, setting, faults)) {
        const ssize_t taken = fd < 0 ? -1 : named_file_read(fd, bytes, sizeof bytes);
        if (taken < 0) {
            fault_unreadable(faults, setting, "`admin_token`", path);
        } else {
            const size_t size = without_end_of_line(bytes, (size_t)taken);
            is_good = judge_text(bytes, size, path, setting, faults);
            if (is_good) {
                memcpy(token->text, bytes, size);
                token->size = size;
            }
        }
    }
    if (fd >= 0)
        close(fd);
    explicit_bzero(bytes, sizeof bytes);
    return is_good;
}

bool admin_token_read(struct admin_token *token, const struct value *setting, const char *folder,
                      struct fault_list *faults)
{
    *token = (struct admin_token){0};
    if (!setting)
        return true;
    char *path = named_file_path(folder, value_string(setting));
    if (!path) {
        fault_at(faults, setting, "`admin_token` can't be read: out of memory");
        return false;
    }
    const bool is_good = read_file(token, path, setting, faults);
    free(path);
    return is_good;
}

/* --- Comparing */

bool admin_token_is_shown(const struct admin_token *token, const char *authorization)
{
    if (token->size == 0)
        return true;
    if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
        return false;
    const char *shown = authorization + strlen(scheme);
    shown += strspn(shown, " ");
    return strlen(shown) == token->size && memeql_sec(shown, token->text, token->size);
}
