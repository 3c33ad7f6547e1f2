/* Passwords: see secret.h. */
#include "secret.h"

#include "file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

static bool is_line_end(char byte)
{
    return byte == '\r' || byte == '\n';
}

const char *secret_read(struct secret *secret, const char *path)
{
    const char *why = NULL;
    const int fd = file_open(path, true, &why);
    if (fd < 0)
        return why;
    const ssize_t size = read(fd, secret->bytes, sizeof secret->bytes);
    const int error = errno;
    close(fd);
    if (size < 0)
        return strerror(error); /* NOLINT(concurrency-mt-unsafe) */
    secret->size = (size_t)size;
    if (secret->size == sizeof secret->bytes)
        return "it is longer than 4,095 bytes";
    while (secret->size > 0 && is_line_end(secret->bytes[secret->size - 1]))
        secret->size--;
    return secret->size > 0 ? NULL : "it is empty";
}

void secret_forget(struct secret *secret)
{
    OPENSSL_cleanse(secret, sizeof *secret);
}
