/* Unpredictable bytes, over getrandom(2). */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

int random_bytes(void *bytes, size_t length)
{
    unsigned char *at = bytes;

    /* One call may give less than was asked for (above 256 bytes a signal can cut it short). */
    while (length > 0) {
        const ssize_t got = getrandom(at, length, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        at += got;
        length -= (size_t)got;
    }
    return 0;
}
