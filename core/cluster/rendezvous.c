/* Highest random weight. The hash has a key that everybody knows: it has to give the same on all
 * machines, and a stranger who finds rooms of one server gains as little as by one hot room. */
#include "cluster/rendezvous.h"

#include "base/hash.h"

#include <string.h>

/* The weight of a name for a room, both hashed before, so that neither is copied. */
static uint64_t weight(uint64_t name, uint64_t room)
{
    static const struct hash_key fixed = {{0x746f6e6920636c75, 0x7374657220726f6f}};
    const uint64_t both[2] = {name, room};
    return hash_bytes(&fixed, both, sizeof(both));
}

uint32_t rendezvous_choose(const char *const *names, uint32_t count, struct room_key key)
{
    static const struct hash_key fixed = {{0x72656e64657a766f, 0x7573206f66207361}};
    uint32_t best = 0;
    uint64_t most = 0;

    if (count <= 1)
        return 0;
    const uint64_t room = hash_bytes(&fixed, key.bytes, key.size);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t found = weight(hash_bytes(&fixed, names[i], strlen(names[i])), room);
        if (i == 0 || found > most || (found == most && strcmp(names[i], names[best]) < 0)) {
            best = i;
            most = found;
        }
    }
    return best;
}
