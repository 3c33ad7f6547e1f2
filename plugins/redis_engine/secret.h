/* What is in a file and must be nowhere else: a password. */
#ifndef REDIS_ENGINE_SECRET_H
#define REDIS_ENGINE_SECRET_H

#include <stddef.h>

#define SECRET_MOST 4096

struct secret {
    size_t size; /* 0: none */
    char bytes[SECRET_MOST];
};

/** Reads a file but for line ends behind what it says. @return NULL, or what is wrong. */
const char *secret_read(struct secret *secret, const char *path);

void secret_forget(struct secret *secret);

#endif
