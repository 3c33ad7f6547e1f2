/* Passwords: see secret.h. */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

const char *secret_read(struct secret *secret, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return strerror(errno); /* NOLINT(concurrency-mt-unsafe): glibc's is safe */
    const ssize_t size = read(fd, secret->bytes, sizeof secret->bytes);
    const int error = errno;
    close(fd);
    if (size < 0)
        return strerror(error); /* NOLINT(concurrency-mt-unsafe) */
    secret->size = (size_t)size;
    if (secret->size == sizeof secret->bytes)
        return "it is longer than 4,095 bytes";
    while (secret->size > 0 && strchr("\r\n", secret->bytes[secret->size - 1]))
        secret->size--;
    return secret->size > 0 ? NULL : "it is empty";
}

void secret_forget(struct secret *secret)
{
    OPENSSL_cleanse(secret, sizeof *secret);
}
