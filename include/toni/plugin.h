/** @file
 * The descriptor of a plugin, and the macros that make it.
 *
 * One object may be used by several instances, each with a name, options and a `self` of its own:
 * state lives in `self`, never in globals. Once `create` has been called, the object stays mapped
 * until the host ends, unless the descriptor says TONI_UNLOADABLE.
 *
 * The host calls the callbacks of one instance one at a time, from whatever thread, so a gateway
 * needs no locks. With TONI_CONCURRENT it calls them from all workers at once; what is promised
 * then is that one client's callbacks run one at a time and in order. A callback must not block:
 * its worker waits with it.
 *
 * A gateway, complete but for its callbacks:
 *
 *     TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("rooms"), .path = TONI_LIT("/rooms"),
 *                 .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS), .create = create, .destroy =
 * destroy, .on_message = on_message);
 *
 * C++17 has no designated initialisers; there a constexpr function fills the same struct
 * (TONI_PLUGIN_CXX).
 */
#ifndef TONI_PLUGIN_H
#define TONI_PLUGIN_H

#include <toni/cluster.h>
#include <toni/event_list.h>
#include <toni/option.h>
#include <toni/service.h>
#include <toni/types.h>

/* Kinds of plugins: bits. One that is both answers WebSocket clients and HTTP requests on the same
 * path, each on addresses of its own; gateways.conf declares it as a gateway. */
#define TONI_GATEWAY 1u /**< answers WebSocket clients on a path */
#define TONI_SERVICE 2u /**< offers an interface to other instances */

/* Flags of a descriptor. */
#define TONI_CONCURRENT                                                                            \
    1u /**< callbacks of one instance may run at the same time, for different clients */
#define TONI_UNLOADABLE                                                                            \
    2u /**< after the last `destroy` nothing of it runs any more: it may be unmapped */

/* Which callback has failed, for `on_error`. */
#define TONI_IN_MESSAGE 1u /**< on_message */
#define TONI_IN_DRAINED 2u /**< on_drained */

/* Why an instance stops. */
#define TONI_STOPPING_HOST 1u    /**< the host ends */
#define TONI_STOPPING_RESTART 2u /**< the host ends, and another process serves already */
#define TONI_STOPPING_SWAP 3u    /**< another version serves in its place already, see state.h */
#define TONI_STOPPING_REMOVED 4u /**< gateways.conf has it no more */

/** What a plugin is: static, const, and never changed. All but the prefix, `name`, `create` and,
 * for a gateway, `on_message` may be left out. What the callbacks get is borrowed for the length of
 * the call, unless said otherwise. */
typedef struct toni_plugin {
    /* The prefix: frozen for ever. TONI_PLUGIN fills in the first four. */
    uint32_t magic;
    uint16_t abi_major;
    uint16_t abi_minor; /**< the lowest minor of the host that will do */
    uint32_t size;      /**< of this struct, as the plugin knows it */
    uint32_t kind;      /**< TONI_GATEWAY, TONI_SERVICE, or both */

    uint32_t flags;
    uint32_t reserved;
    toni_str name;    /**< of the plugin: letters, digits, `_`, `-` and `.` */
    toni_str version; /**< of the plugin, for people */
    toni_str path;    /**< of a gateway, or of a service that answers HTTP, if gateways.conf gives
                         none: begins with `/` */
    const toni_dependency *const *needs; /**< ends with NULL; see TONI_NEEDS */
    const toni_str *const
        *subprotocols; /**< that it speaks (RFC 6455, section 1.9); ends with NULL */
    const toni_str *const
        *keep_headers;                 /**< that stay readable after `on_connect`; ends with NULL */
    const toni_option *const *options; /**< that it has; ends with NULL; see option.h */

    /** Makes an instance.
     * @param context  Valid until `destroy` has returned.
     * @param self     Set to the instance's state; NULL is fine.
     * @return TONI_OK, or an error: the host doesn't start (or the swap is given up), and `destroy`
     * is not called. toni_fail says why. */
    int32_t (*create)(toni_context *context, void **self);

    /** All instances are made, nothing is bound yet. @return TONI_OK, or an error: the host doesn't
     * start. */
    int32_t (*start)(void *self);

    /** The sockets are bound; clients may come at any moment. @return TONI_OK, or an error: the
     * host stops. After a swap (state.h) an error is only logged: the instance serves already. */
    int32_t (*ready)(void *self);

    /** The host has been asked to stop and still serves; or the instance was swapped or removed.
     * @param why  One of TONI_STOPPING_…; later hosts may have others. */
    void (*stopping)(void *self, uint32_t why);

    /** Ends an instance: the last call that it gets. Releases `self`; no thread or timer of the
     * plugin's own may go on using it. */
    void (*destroy)(void *self);

    /** A client wants to connect to the gateway, and has not been answered yet.
     * @param request  What it asks for; all its headers can be read.
     * @return TONI_OK lets it in; TONI_ERR_UNAUTHORIZED answers 401, everything else 403;
     * TONI_LATER, with a ticket, decides later: see guard.h. */
    int32_t (*guard)(void *self, const toni_request *request);

    /** A client has connected.
     * @return TONI_OK, and `on_disconnect` will be called once, whatever happens. An error refuses
     * the client: with the code and reason of toni_client_close if that was called, else with
     * 1013 for TONI_ERR_LIMIT and TONI_ERR_BUSY, 1008 for TONI_ERR_UNAUTHORIZED,
     * TONI_ERR_FORBIDDEN, TONI_ERR_MAY_NOT_PUBLISH and TONI_ERR_INVALID, and 1011 for all others.
     * Nothing remains of a refused client, and `on_disconnect` is not called. */
    int32_t (*on_connect)(void *self, toni_client *client);

    /** A client has sent a message: whole, in order; text is valid UTF-8 (RFC 6455, section 8.1).
     * @param message  Borrowed: the bytes are gone when the call returns.
     * @return TONI_OK, or a count: a success. What an error costs the client `on_error` decides;
     * without that, one that says that a call was refused (toni_error_is_refusal) costs nothing,
     * and every other ends this client with 1011, and nothing else. */
    int32_t (*on_message)(void *self, toni_client *client, const toni_message *message);

    /** A client is gone or going; nothing can be sent to it any more. It is still a member of its
     * rooms, so that the callback can read them and notify the others; but none of them lists it
     * any more (toni_get_room_members). */
    void (*on_disconnect)(void *self, toni_client *client, const toni_disconnect_info *disconnect);

    /** Releases what toni_client_set_data kept with a client; not called for NULL. */
    void (*client_free)(void *self, void *data);

    /** The interface that it offers; see service.h. NULL: none. */
    const toni_interface *provides;

    /** An HTTP request for the path of a service, or for something below it; see http.h. Serialised
     * as all callbacks are, and called on a thread of the host's HTTP side: it may take its time
     * without holding up WebSocket clients.
     * @return TONI_OK if it was answered; an error answers 500, and is logged. */
    int32_t (*on_request)(void *self, toni_exchange *exchange);

    /* What goes along when the instance is swapped; see state.h. */

    uint32_t state_version; /**< of the bytes that `export_state` writes: the plugin's own number */
    uint32_t reserved_state;

    /** Writes what the successor has to know. The instance is at rest: none of its callbacks runs.
     * It may be called after this as if nothing had been, if the swap is given up. Clients wait
     * meanwhile; one that takes longer than `hook_ms` is left to itself, beside callbacks that run
     * again, and the instance can't be swapped any more.
     * @param writer  For toni_state_write.
     * @return TONI_OK, or an error: the swap is given up. */
    int32_t (*export_state)(void *self, toni_state_writer *writer);

    /** Takes over what the predecessor has written; not called if that has no `export_state`. After
     * `start`, and before any other callback.
     * @param state  Of the predecessor, which may be of any version: look at `version` first.
     * @return TONI_OK, or an error: the swap is given up, and the predecessor goes on. */
    int32_t (*import_state)(void *self, const toni_state *state);

    /** A client of the predecessor is this instance's now: called before its first callback for
     * that client, instead of `on_connect`. A version without it can't take the place of one whose
     * clients carry data (toni_client_set_data): the reload is refused.
     * @return TONI_OK; an error ends the client with 1011, and `on_disconnect` is called: with the
     * data that was set until then, mostly NULL. */
    int32_t (*on_adopt)(void *self, toni_client *client);

    /* What failures cost, and back-pressure. */

    /** A callback of this client has returned an error; decides what that costs the client. Called
     * right after it, on the same thread. Whatever it decides, the error is logged, at a bounded
     * rate, and counted. A gateway without it keeps the client if toni_error_is_refusal says so,
     * and else closes it with 1011. (on_connect and on_adopt are not asked about here: whether a
     * client may be there is what they say themselves.)
     * @param where  TONI_IN_…: more may come with later minors.
     * @param error  What the callback returned: below 0, one of TONI_ERR_… or the plugin's own.
     * @return 0 keeps the client; a code to close it with (1000 to 1003, 1007 to 1014, 3000 to
     * 4999); anything else closes it with 1011. */
    int32_t (*on_error)(void *self, toni_client *client, uint32_t where, int32_t error);

    /** Whoever streams may go on: after this client's outbox was above half of its limits
     * (`outbox_messages`, `outbox_bytes`), or a direct send to it was refused with TONI_ERR_FULL,
     * no more than a quarter of each is waiting now. Called once for each time that this comes
     * about, on the client's worker; never before `on_connect` has returned, while the client is
     * being closed, or after `on_disconnect`. A plugin sends until TONI_ERR_FULL, keeps in mind
     * where it was, and goes on from here: no other call, and no timer, is needed for that.
     * @return As of `on_message`. */
    int32_t (*on_drained)(void *self, toni_client *client);

    /** The events that a gateway takes by name, for who writes its clients; see event_list.h. NULL:
     * nothing is told of any. */
    const toni_event_list *events;

    /* What happens to the cluster, if gateways.conf has one; see cluster.h. */

    /** A server of the engine has another state, or broadcasts of this node were lost. Called as a
     * task (task.h): some time after it came about, and never while another callback of the
     * instance runs, unless it is TONI_CONCURRENT.
     * @param degraded  Borrowed for the call. */
    void (*on_degraded)(void *self, const toni_degraded *degraded);

    /** Another node of the cluster is gone: its lease is over, or was given back as its host
     * stopped. Called as `on_degraded` is.
     * @param node  Its name; empty: it is not known. Borrowed for the call. */
    void (*on_node_lost)(void *self, toni_str node);
} toni_plugin;

/** The least that a descriptor has: all that is mandatory. No accepted plugin has a smaller one,
 * and as nothing mandatory is ever added, this number stays. */
#define TONI_PLUGIN_SIZE_LEAST (offsetof(toni_plugin, on_message) + sizeof(void (*)(void)))

/** The type of `toni_plugin_entry`, the one symbol that a plugin exports. */
typedef const toni_plugin *(*toni_plugin_entry_fn)(void);

/** The name of that symbol. */
#define TONI_PLUGIN_ENTRY "toni_plugin_entry"

#ifndef __cplusplus

/** A string in a TONI_LIST. */
#define TONI_ITEM(literal) (&(const toni_str)TONI_LIT_INIT(literal))

/** A list of strings for the descriptor's `subprotocols` and `keep_headers`:
 * `TONI_LIST(TONI_ITEM("v2"), TONI_ITEM("v1"))`. Only at file scope. */
#define TONI_LIST(...) ((const toni_str *const[]){__VA_ARGS__, NULL})

/** Makes the plugin's descriptor and its one exported symbol. Once per shared object, at file
 * scope; the arguments are designated initialisers of toni_plugin. The last may end with a comma.
 */
#define TONI_PLUGIN(...)                                                                           \
    TONI_EXPORT const toni_plugin *toni_plugin_entry(void);                                        \
    TONI_LITERALS_BEGIN                                                                            \
    static const toni_plugin toni_plugin_descriptor = {.magic = TONI_ABI_MAGIC,                    \
                                                       .abi_major = TONI_ABI_MAJOR,                \
                                                       .abi_minor = TONI_ABI_NEEDED,               \
                                                       .size = (uint32_t)sizeof(toni_plugin),      \
                                                       __VA_ARGS__};                               \
    TONI_LITERALS_END                                                                              \
    const toni_plugin *toni_plugin_entry(void)                                                     \
    {                                                                                              \
        return &toni_plugin_descriptor;                                                            \
    }                                                                                              \
    _Static_assert(sizeof(toni_plugin) >= TONI_PLUGIN_SIZE_LEAST, "toni_plugin only grows")

/* ISO C wants constants where TONI_LIT stands in TONI_PLUGIN; gcc takes it, and says so if asked to
 * be pedantic. */
#if defined(__GNUC__)
#define TONI_LITERALS_BEGIN                                                                        \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wpedantic\"")
#define TONI_LITERALS_END _Pragma("GCC diagnostic pop")
#else
#define TONI_LITERALS_BEGIN
#define TONI_LITERALS_END
#endif

#else /* C++17 */

/** A descriptor with its prefix filled in and nothing else.
 * @param kind  TONI_GATEWAY, TONI_SERVICE, or both. */
constexpr toni_plugin toni_plugin_make(uint32_t kind)
{
    toni_plugin plugin{};
    plugin.magic = TONI_ABI_MAGIC;
    plugin.abi_major = TONI_ABI_MAJOR;
    plugin.abi_minor = TONI_ABI_NEEDED;
    plugin.size = static_cast<uint32_t>(sizeof(toni_plugin));
    plugin.kind = kind;
    return plugin;
}

/** Makes the plugin's one exported symbol. Once per shared object, at file scope.
 * @param descriptor  A constant expression: mostly a call of a constexpr function that begins with
 *                    toni_plugin_make and sets members. */
#define TONI_PLUGIN_CXX(descriptor)                                                                \
    extern "C" TONI_EXPORT const toni_plugin *toni_plugin_entry(void);                             \
    const toni_plugin *toni_plugin_entry(void)                                                     \
    {                                                                                              \
        static constexpr toni_plugin plugin = (descriptor);                                        \
        return &plugin;                                                                            \
    }                                                                                              \
    static_assert(sizeof(toni_plugin) >= TONI_PLUGIN_SIZE_LEAST, "toni_plugin only grows")

#endif

#endif
