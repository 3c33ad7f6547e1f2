/* What a client's hellos claim to be long. OpenSSL makes room for a whole message, of 128 KiB, as
 * soon as it has read its first four bytes; so these are looked at on their way to it, in whatever
 * records they come. Not about what a hello says. */
#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one. Those of browsers have some 2 KB, with keys that no quantum computer finds; one that
 * resumes a session with a client's certificate has the certificate in it, too. */
#define TLS_HELLO_MAX 16384

#define TLS_RECORD_HEAD_SIZE 5
#define TLS_MESSAGE_HEAD_SIZE 4

/* Where in a stream of records it is. All zero at its beginning. */
struct tls_hello {
    uint8_t record[TLS_RECORD_HEAD_SIZE];   /* as much as has come of the head of the next */
    uint8_t message[TLS_MESSAGE_HEAD_SIZE]; /* likewise */
    uint8_t record_has, message_has;        /* bytes */
    uint16_t record_left;                   /* bytes, of its body */
    uint32_t message_left;                  /* likewise */
    bool is_whole;                          /* at least one hello has come */
};

/** Looks at what a client has sent, before it is encrypted.
 * @return Whether it goes on; false: a hello claims more than TLS_HELLO_MAX. */
bool tls_hello_look(struct tls_hello *hello, const uint8_t *bytes, size_t size);

#endif
