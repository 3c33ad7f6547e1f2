/** @file
 * Services: an interface is a table of functions that one plugin offers and others have injected.
 *
 * Whoever offers an interface and whoever uses it include one header of their own. It has the
 * table, the declaration, and one inline function for each call:
 *
 *     struct chat_table {
 *         uint32_t struct_size;
 *         int32_t (*send_to_channel)(void *self, toni_str channel, toni_str sender, toni_str text);
 *     };
 *     TONI_DECLARE_INTERFACE(chat, 1);
 *
 *     static inline int32_t chat_send_to_channel(const chat_slot *chat, toni_str channel,
 *                                                toni_str sender, toni_str text)
 *     {
 *         if (!chat->table)
 *             return TONI_ERR_NOT_FOUND;
 *         return chat->table->send_to_channel(chat->self, channel, sender, text);
 *     }
 *
 * The service says `.provides = TONI_OFFERS(chat, &table)` in its descriptor. Whoever needs it says
 * `.needs = TONI_NEEDS(TONI_REQUIRES(chat))`, or TONI_USES(chat) if it can do without, and calls:
 *
 *     const chat_slot *chat = chat_inject(context);
 *     chat_send_to_channel(chat, channel, sender, text);
 *
 * As long as nothing provides an interface that is used but not required, its slot is empty, and
 * the calls give TONI_ERR_NOT_FOUND. The slot is there all the same, so that a service that comes
 * or goes while the host runs needs no consumer to be made anew.
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

/* Flags of a dependency. */
#define TONI_OPTIONAL                                                                              \
    1u /**< the plugin does without it if nothing provides it: the slot that it gets is empty, its \
          `table` NULL; for toni.connections, which is no slot, toni_context_inject gives NULL */

/** An interface that a plugin needs, and the lowest version of it. */
typedef struct toni_dependency {
    uint32_t struct_size;
    uint32_t version;
    toni_str interface_name; /**< such as "toni.connections" */
    uint32_t flags;          /**< TONI_OPTIONAL, or 0 */
    uint32_t reserved;
} toni_dependency;

/** What a slot looks like to the host; plugins see the typed one of TONI_DECLARE_INTERFACE. */
typedef struct toni_slot {
    const void *table; /**< NULL while nothing provides an optional interface: look at each call */
    void *self;        /**< the first argument of every function of the table */
} toni_slot;

/** @def TONI_DECLARE_INTERFACE
 * Declares the interface @p name, whose functions are those of `struct NAME_table`: makes the type
 * `NAME_slot`, the function `NAME_inject`, and what TONI_REQUIRES, TONI_USES and TONI_OFFERS of it
 * refer to. At file scope, behind the table, whose first member is `uint32_t struct_size`.
 * @param name             An identifier: also the name by which gateways.conf knows it.
 * @param current_version  From 1: of the table as it stands there. */
/** @def TONI_REQUIRES
 * An interface without which the plugin can't be, for TONI_NEEDS: `TONI_REQUIRES(chat)`, in the
 * version that the header declares. */
/** @def TONI_USES
 * An interface that the plugin uses if there is one, for TONI_NEEDS. */
/** @def TONI_REQUIRES_CONNECTIONS
 * The shared connections handle (connections.h), version 1, for TONI_NEEDS. */
/** @def TONI_NEEDS
 * A list of TONI_REQUIRES and TONI_USES, for the descriptor's `needs`. Only at file scope, where it
 * lives for ever. */
/** @def TONI_OFFERS
 * The interface that a plugin offers, for the descriptor's `provides`. Only at file scope.
 * @param name   As in TONI_DECLARE_INTERFACE.
 * @param table  The address of a `const struct NAME_table`; anything else doesn't compile. */

/** Internal to TONI_DECLARE_INTERFACE. */
#define TONI_DECLARE_SLOT(name)                                                                    \
    typedef struct name##_slot {                                                                   \
        const struct name##_table *table; /* NULL while nothing provides it */                     \
        void *self;                                                                                \
    } name##_slot;                                                                                 \
    static inline const name##_slot *name##_inject(toni_context *context)                          \
    {                                                                                              \
        return (const name##_slot *)toni_context_inject(context, TONI_LIT(#name));                 \
    }

#ifdef __cplusplus

#define TONI_DECLARE_INTERFACE(name, current_version)                                              \
    TONI_DECLARE_SLOT(name)                                                                        \
    static_assert(offsetof(struct name##_table, struct_size) == 0, "it begins with its size");     \
    [[maybe_unused]] static constexpr toni_dependency name##_required{                             \
        static_cast<uint32_t>(sizeof(toni_dependency)), (current_version), TONI_LIT(#name), 0, 0}; \
    [[maybe_unused]] static constexpr toni_dependency name##_used{                                 \
        static_cast<uint32_t>(sizeof(toni_dependency)), (current_version), TONI_LIT(#name),        \
        TONI_OPTIONAL, 0};                                                                         \
    template <const struct name##_table *Table>                                                    \
    static constexpr toni_interface name##_offered{static_cast<uint32_t>(sizeof(toni_interface)),  \
                                                   (current_version), TONI_LIT(#name), Table};     \
    struct name##_slot

/** The connections handle as a dependency; see TONI_REQUIRES_CONNECTIONS. */
[[maybe_unused]] static constexpr toni_dependency toni_connections_required{
    static_cast<uint32_t>(sizeof(toni_dependency)), 1, TONI_LIT("toni.connections"), 0, 0};

/** Internal to TONI_NEEDS. */
template <const toni_dependency *...Dependency>
static constexpr const toni_dependency *toni_needs_list[] = {Dependency..., nullptr};

#define TONI_REQUIRES(name) (&name##_required)
#define TONI_USES(name) (&name##_used)
#define TONI_REQUIRES_CONNECTIONS (&toni_connections_required)
#define TONI_NEEDS(...) (toni_needs_list<__VA_ARGS__>)
#define TONI_OFFERS(name, table) (&name##_offered<(table)>)

#else

#define TONI_DECLARE_INTERFACE(name, current_version)                                              \
    TONI_DECLARE_SLOT(name)                                                                        \
    enum { name##_interface_version = (current_version) };                                         \
    _Static_assert(offsetof(struct name##_table, struct_size) == 0, "it begins with its size");    \
    struct name##_slot

/** Internal to TONI_REQUIRES and its like. */
#define TONI_DEPENDENCY(text, version, flags)                                                      \
    (&(const toni_dependency){sizeof(toni_dependency), (version), TONI_LIT_INIT(text), (flags), 0})

#define TONI_REQUIRES(name) TONI_DEPENDENCY(#name, name##_interface_version, 0)
#define TONI_USES(name) TONI_DEPENDENCY(#name, name##_interface_version, TONI_OPTIONAL)
#define TONI_REQUIRES_CONNECTIONS TONI_DEPENDENCY("toni.connections", 1, 0)
#define TONI_NEEDS(...) ((const toni_dependency *const[]){__VA_ARGS__, NULL})
#define TONI_OFFERS(name, table)                                                                   \
    (&(const toni_interface){sizeof(toni_interface), name##_interface_version,                     \
                             TONI_LIT_INIT(#name),                                                 \
                             _Generic((table), const struct name##_table *: (table))})

#endif

#endif
