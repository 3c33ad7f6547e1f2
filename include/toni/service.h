/** @file
 * Services: an interface is a table of functions that one plugin offers and others have injected.
 *
 * Whoever offers an interface and whoever needs it include one header of their own, which says how
 * the table looks and makes the typed slot:
 *
 *     struct chat_table {
 *         uint32_t struct_size;
 *         int32_t (*send_to_channel)(void *self, toni_str channel, toni_str sender, toni_str
 * message);
 *     };
 *     TONI_INTERFACE(chat, struct chat_table);
 *
 * The service puts `.provides = TONI_PROVIDES("chat", 1, &table)` into its descriptor; whoever
 * needs it puts `TONI_NEED("chat", 1)` into its `needs`, and calls:
 *
 *     chat_slot *chat = chat_inject(context);
 *     chat->table->send_to_channel(chat->self, channel, sender, message);
 *
 * Whoever can do without it says TONI_WANT instead, and looks at `chat->table` before each call: it
 * is NULL as long as nothing provides the interface. The slot is there all the same, so that a
 * service that comes or goes while the host runs needs no consumer to be made anew.
 *
 * A slot belongs to the host and stays where it is until the `destroy` of whoever had it injected
 * has returned. What is in it changes when the service is replaced: it is read at each call, and
 * never copied. `table` and `self` are two words and no lock guards them: the host changes them
 * only while no thread of its own is in a hook or callback, so that a call never meets one of each.
 *
 * The functions of a table are called from any thread, and guard their own state. No lock of a
 * service may be held while it calls another service. The table grows at its end; its first member
 * says how much of it there is. A version that takes something away, or changes what a function
 * means, is an interface with another name.
 */
#ifndef TONI_SERVICE_H
#define TONI_SERVICE_H

#include <toni/context.h>
#include <toni/types.h>

/** An interface that a plugin offers: static, const. */
typedef struct toni_interface {
    uint32_t struct_size;
    uint32_t version;  /**< from 1; it serves all who need this one or a lower one */
    toni_str name;     /**< such as "chat"; names that begin with "toni." are the host's own */
    const void *table; /**< of functions; begins with a uint32_t that says its size in bytes */
} toni_interface;

/** What a slot looks like to the host; plugins see the typed one that TONI_INTERFACE makes. */
typedef struct toni_slot {
    const void *table; /**< NULL while nothing provides an optional interface: look at each call */
    void *self;        /**< the first argument of every function of the table */
} toni_slot;

/** Makes the type `NAME_slot` and the function `NAME_inject`, for an interface whose name is NAME.
 * @param name        An identifier.
 * @param table_type  The struct of its functions. */
#define TONI_INTERFACE(name, table_type)                                                           \
    typedef struct name##_slot {                                                                   \
        const table_type *table;                                                                   \
        void *self;                                                                                \
    } name##_slot;                                                                                 \
    static inline const name##_slot *name##_inject(toni_context *context)                          \
    {                                                                                              \
        return (const name##_slot *)toni_context_inject(context, #name);                           \
    }                                                                                              \
    struct name##_slot

#ifndef __cplusplus

/** For the descriptor's `provides`. Only at file scope. */
#define TONI_PROVIDES(name, version, table)                                                        \
    &(const toni_interface)                                                                        \
    {                                                                                              \
        sizeof(toni_interface), (version), TONI_STR(name), (table)                                 \
    }

#endif

#endif
