/* The bytes of one message, shared by references. Not for several threads at a time: whoever hands
 * a message to another thread copies it. */
#ifndef CLUSTER_PAYLOAD_H
#define CLUSTER_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

struct payload {
    uint32_t refs;
    uint32_t kind; /* the caller's: text, binary */
    size_t size;
    uint8_t bytes[];
};

/** @param bytes  Copied; may be NULL when @p size is 0. @param kind  As payload->kind.
 * @return One reference; NULL on no memory. */
struct payload *payload_create(const void *bytes, size_t size, uint32_t kind);

/** @return One reference to @p size bytes that the caller fills in; NULL on no memory. */
struct payload *payload_create_empty(size_t size, uint32_t kind);

/** @return @p payload. */
struct payload *payload_ref(struct payload *payload);

/** Drops a reference, and frees it with the last. @param payload  NULL is fine. */
void payload_unref(struct payload *payload);

#endif
