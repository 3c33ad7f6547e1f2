/* How many descriptors the process may have open. */
#ifndef HOST_DESCRIPTORS_H
#define HOST_DESCRIPTORS_H

#include <stdint.h>

/** Raises the soft limit to the hard one, and says in the log if that is too low.
 * @param connections  As many as there shall be room for, HTTP included.
 * @param workers      How many there will be.
 * @return 0, or -1 if it is too low even without a connection, which is logged. */
int descriptors_raise(uint64_t connections, uint32_t workers);

#endif
