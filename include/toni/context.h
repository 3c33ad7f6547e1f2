/** @file
 * What the host gives to one instance of a plugin: what it needs, and its log. Its options:
 * option.h.
 *
 * The context is handed to `create` and valid until `destroy` has returned. A plugin that needs it
 * later keeps it in its `self`.
 */
#ifndef TONI_CONTEXT_H
#define TONI_CONTEXT_H

#include <toni/format.h>
#include <toni/host.h>

/** @return The instance's name in gateways.conf. @thread Any. @since ABI 1.0 */
static inline toni_str toni_context_name(const toni_context *context)
{
    return toni_host_of(context)->context_name(context);
}

/** What the instance needs, by the name of the interface.
 * @param interface_name  Without a version: one that the descriptor lists in
 * `needs`.
 * @return What was injected: valid until `destroy` has returned. For the interface of a service it
 * is a slot (service.h), and an empty one if the need is optional and nothing provides it. NULL if
 * the descriptor doesn't list it, which is logged; if `create` asks so, the instance is not made.
 * For toni.connections NULL also if it is optional and not imported.
 * @thread Any. @since ABI 1.0 */
static inline void *toni_context_inject(toni_context *context, toni_str interface_name)
{
    return toni_host_of(context)->context_inject(context, interface_name);
}

/** @return The connections handle. NULL if the descriptor doesn't list TONI_CONNECTIONS in `needs`.
 * @thread Any. @since ABI 1.0 */
static inline toni_connections *toni_context_connections(toni_context *context)
{
    return (toni_connections *)toni_context_inject(context, TONI_LIT("toni.connections"));
}

/** Writes one line to the host's log, with the instance's name.
 * @param level    TONI_LOG_DEBUG to TONI_LOG_ERROR.
 * @param message  UTF-8; borrowed for the call, as all fields are.
 * @param fields   @p count keys and values; may be NULL if that is 0.
 * @thread Any. @since ABI 1.0 */
static inline void toni_log_fields(toni_context *context, uint32_t level, toni_str message,
                                   const toni_log_field *fields, size_t count)
{
    toni_host_of(context)->context_log(context, level, message, fields, count);
}

/** Writes one line to the host's log, with the instance's name; the message is put together as
 * printf does.
 * @thread Any. @since ABI 1.0 */
TONI_PRINTF(3, 4)
static inline void toni_log(toni_context *context, uint32_t level, const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    toni_host_of(context)->context_log(
        context, level, result == TONI_OK ? buffer.text : toni_str_of(format), NULL, 0);
    toni_text_buffer_finish(&buffer);
}

/** Tells whether a line of that level would be written: for lines whose text takes work to make.
 * @param level  TONI_LOG_DEBUG to TONI_LOG_ERROR.
 * @return 1 or 0. @thread Any. @since ABI 1.0 */
static inline int32_t toni_log_enabled(const toni_context *context, uint32_t level)
{
    return toni_host_of(context)->context_log_enabled(context, level);
}

/** Says why a hook fails: `return toni_fail(context, TONI_ERR_INVALID, "%s: no such file", name);`
 * in `create`, `start`, `ready`, `export_state` or `import_state`. The text stands in the fault
 * that the log, `toni reload` and `toni restart` show, behind the error's name. Said twice in one
 * hook, the last counts. Outside of a hook it becomes a line of the log, of level error.
 * @param error   What is returned.
 * @param format  UTF-8 comes of it; of more than 511 bytes the rest is cut.
 * @return @p error. @thread That of the hook. @since ABI 1.0 */
TONI_PRINTF(3, 4)
static inline int32_t toni_fail(toni_context *context, int32_t error, const char *format, ...)
{
    toni_text_buffer buffer;
    va_list arguments;
    va_start(arguments, format);
    int32_t result = toni_text_buffer_format(&buffer, format, arguments);
    va_end(arguments);
    toni_host_of(context)->context_fail(context,
                                        result == TONI_OK ? buffer.text : toni_str_of(format));
    toni_text_buffer_finish(&buffer);
    return error;
}

#endif
