/** @file
 * Options: what a plugin lets gateways.conf set for each of its instances, in the group `options`.
 *
 * The descriptor declares them, so that `toni check` finds what is spelled wrong, of another type
 * or out of range, and `toni describe` shows them:
 *
 *     TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("tally"),
 *                 .options = TONI_OPTIONS(
 *                     TONI_OPTION_INT("most", 1, 1000000, 100, "messages of one client"),
 *                     TONI_OPTION_DURATION("pause", "0s", "1h", "30s", "between two of them"),
 *                     TONI_OPTION_STR("greeting", "Hello", "what a new client is sent")),
 *                 .create = create, .on_message = on_message);
 *
 * The values are checked and stored before `create` is called, so reading one can't fail. Whoever
 * asks for one that is not declared, or as another type, gets zero, and a line of level error names
 * it, once for each name and instance. Strings live until `destroy` has returned.
 */
#ifndef TONI_OPTION_H
#define TONI_OPTION_H

#include <toni/host.h>
#include <toni/quantity.h>

/* Types of options. */
#define TONI_TYPE_BOOL 1u
#define TONI_TYPE_INT 2u
#define TONI_TYPE_DOUBLE 3u   /**< whole numbers are taken too */
#define TONI_TYPE_STR 4u      /**< UTF-8 */
#define TONI_TYPE_DURATION 5u /**< a text such as "30s": quantity.h; read as milliseconds */
#define TONI_TYPE_SIZE 6u     /**< a text such as "64KiB": quantity.h; read as bytes */
#define TONI_TYPE_PATH 7u     /**< of a file; relative to the folder of gateways.conf */
#define TONI_TYPE_LIST 8u     /**< of values of one of the types above */
#define TONI_TYPE_MAP 9u    /**< a group of such values, with whatever names the file gives them */
#define TONI_TYPE_GROUP 10u /**< of what a list or map holds: a group with declared members */

/* Flags of an option. */
#define TONI_REQUIRED 1u /**< it has no default: gateways.conf must set it */

/** An option that a plugin declares: static, const. */
typedef struct toni_option {
    uint32_t struct_size;
    uint32_t type;                            /**< one of TONI_TYPE_… */
    uint32_t item_type;                       /**< of a list or map: of what it holds; else 0 */
    uint32_t flags;                           /**< TONI_REQUIRED, or 0 */
    toni_str name;                            /**< letters, digits and `_`, a letter first */
    toni_str help;                            /**< for people: what it is, in a few words */
    toni_str standard;                        /**< the default of a text, path, duration or size */
    toni_str least, most;                     /**< of a duration or size */
    int64_t standard_int;                     /**< the default of a number, or of a bool: 0 or 1 */
    int64_t least_int;                        /**< of a number */
    int64_t most_int;                         /**< of a number */
    double standard_double;                   /**< the same of a double */
    double least_double;                      /**< of a double */
    double most_double;                       /**< of a double */
    const struct toni_option *const *members; /**< of each group that a list or map holds; ends with
                                                 NULL. Their types are TONI_TYPE_BOOL to _PATH */
} toni_option;

#ifndef __cplusplus
#define TONI_OPTION_MAKE(...)                                                                      \
    (&(const toni_option){.struct_size = sizeof(toni_option), __VA_ARGS__})

/** The list of them for the descriptor's `options`. Only at file scope, as all below. */
#define TONI_OPTIONS(...) ((const toni_option *const[]){__VA_ARGS__, NULL})

/** `true` or `false`. @param standard_  1 or 0. */
#define TONI_OPTION_BOOL(name_, standard_, help_)                                                  \
    TONI_OPTION_MAKE(.type = TONI_TYPE_BOOL, .name = TONI_LIT_INIT(name_),                         \
                     .help = TONI_LIT_INIT(help_), .standard_int = (standard_))

/** A whole number from @p least_ to @p most_. */
#define TONI_OPTION_INT(name_, least_, most_, standard_, help_)                                    \
    TONI_OPTION_MAKE(.type = TONI_TYPE_INT, .name = TONI_LIT_INIT(name_),                          \
                     .help = TONI_LIT_INIT(help_), .standard_int = (standard_),                    \
                     .least_int = (least_), .most_int = (most_))

/** A number from @p least_ to @p most_. */
#define TONI_OPTION_DOUBLE(name_, least_, most_, standard_, help_)                                 \
    TONI_OPTION_MAKE(.type = TONI_TYPE_DOUBLE, .name = TONI_LIT_INIT(name_),                       \
                     .help = TONI_LIT_INIT(help_), .standard_double = (standard_),                 \
                     .least_double = (least_), .most_double = (most_))

/** A text. */
#define TONI_OPTION_STR(name_, standard_, help_)                                                   \
    TONI_OPTION_MAKE(.type = TONI_TYPE_STR, .name = TONI_LIT_INIT(name_),                          \
                     .help = TONI_LIT_INIT(help_), .standard = TONI_LIT_INIT(standard_))

/** A text that gateways.conf must set. */
#define TONI_OPTION_STR_REQUIRED(name_, help_)                                                     \
    TONI_OPTION_MAKE(.type = TONI_TYPE_STR, .flags = TONI_REQUIRED, .name = TONI_LIT_INIT(name_),  \
                     .help = TONI_LIT_INIT(help_))

/** A time: three texts such as "30s". */
#define TONI_OPTION_DURATION(name_, least_, most_, standard_, help_)                               \
    TONI_OPTION_MAKE(.type = TONI_TYPE_DURATION, .name = TONI_LIT_INIT(name_),                     \
                     .help = TONI_LIT_INIT(help_), .standard = TONI_LIT_INIT(standard_),           \
                     .least = TONI_LIT_INIT(least_), .most = TONI_LIT_INIT(most_))

/** A size: three texts such as "64KiB". */
#define TONI_OPTION_SIZE(name_, least_, most_, standard_, help_)                                   \
    TONI_OPTION_MAKE(.type = TONI_TYPE_SIZE, .name = TONI_LIT_INIT(name_),                         \
                     .help = TONI_LIT_INIT(help_), .standard = TONI_LIT_INIT(standard_),           \
                     .least = TONI_LIT_INIT(least_), .most = TONI_LIT_INIT(most_))

/** The path of a file; "" stands for none. A plugin reads it as one that can be opened. */
#define TONI_OPTION_PATH(name_, standard_, help_)                                                  \
    TONI_OPTION_MAKE(.type = TONI_TYPE_PATH, .name = TONI_LIT_INIT(name_),                         \
                     .help = TONI_LIT_INIT(help_), .standard = TONI_LIT_INIT(standard_))

/** The path of a file that gateways.conf must name. */
#define TONI_OPTION_PATH_REQUIRED(name_, help_)                                                    \
    TONI_OPTION_MAKE(.type = TONI_TYPE_PATH, .flags = TONI_REQUIRED, .name = TONI_LIT_INIT(name_), \
                     .help = TONI_LIT_INIT(help_))

/** A list, empty by default. @param item_type_  One of TONI_TYPE_BOOL to TONI_TYPE_PATH. */
#define TONI_OPTION_LIST(name_, item_type_, help_)                                                 \
    TONI_OPTION_MAKE(.type = TONI_TYPE_LIST, .item_type = (item_type_),                            \
                     .name = TONI_LIT_INIT(name_), .help = TONI_LIT_INIT(help_))

/** A group whose keys the file chooses, empty by default: see toni_option_item. */
#define TONI_OPTION_MAP(name_, item_type_, help_)                                                  \
    TONI_OPTION_MAKE(.type = TONI_TYPE_MAP, .item_type = (item_type_),                             \
                     .name = TONI_LIT_INIT(name_), .help = TONI_LIT_INIT(help_))

/** A list of groups, empty by default: see toni_option_member.
 * @param ...  What each group may have: TONI_OPTION_BOOL to TONI_OPTION_PATH_REQUIRED. */
#define TONI_OPTION_LIST_OF_GROUPS(name_, help_, ...)                                              \
    TONI_OPTION_MAKE(.type = TONI_TYPE_LIST, .item_type = TONI_TYPE_GROUP,                         \
                     .name = TONI_LIT_INIT(name_), .help = TONI_LIT_INIT(help_),                   \
                     .members = TONI_OPTIONS(__VA_ARGS__))

/** The same, where each group has a key that the file chooses. */
#define TONI_OPTION_MAP_OF_GROUPS(name_, help_, ...)                                               \
    TONI_OPTION_MAKE(.type = TONI_TYPE_MAP, .item_type = TONI_TYPE_GROUP,                          \
                     .name = TONI_LIT_INIT(name_), .help = TONI_LIT_INIT(help_),                   \
                     .members = TONI_OPTIONS(__VA_ARGS__))

#else /* C++17: the same macros give values, for `constexpr` objects at file scope. */

/** Internal to TONI_OPTIONS. */
template <const toni_option *...Option>
static constexpr const toni_option *toni_options_list[] = {Option..., nullptr};

/* `constexpr toni_option most = TONI_OPTION_INT(…);`, then `plugin.options = TONI_OPTIONS(&most);`.
 */
#define TONI_OPTIONS(...) (toni_options_list<__VA_ARGS__>)

/** For the macros below: an option without a default or range. */
constexpr toni_option toni_option_make(uint32_t type, toni_str name, toni_str help,
                                       uint32_t flags = 0, uint32_t item_type = 0)
{
    toni_option option{};
    option.struct_size = static_cast<uint32_t>(sizeof(toni_option));
    option.type = type;
    option.item_type = item_type;
    option.flags = flags;
    option.name = name;
    option.help = help;
    return option;
}

/** For the macros below: a number. */
constexpr toni_option toni_option_ranged(toni_option option, int64_t least, int64_t most,
                                         int64_t standard)
{
    option.least_int = least;
    option.most_int = most;
    option.standard_int = standard;
    return option;
}

/** For the macros below: a double. */
constexpr toni_option toni_option_ranged_double(toni_option option, double least, double most,
                                                double standard)
{
    option.least_double = least;
    option.most_double = most;
    option.standard_double = standard;
    return option;
}

/** For the macros below: what is written as text. */
constexpr toni_option toni_option_written(toni_option option, toni_str least, toni_str most,
                                          toni_str standard)
{
    option.least = least;
    option.most = most;
    option.standard = standard;
    return option;
}

/** For the macros below: a list or map of groups. */
constexpr toni_option toni_option_of_groups(uint32_t type, toni_str name, toni_str help,
                                            const toni_option *const *members)
{
    toni_option option = toni_option_make(type, name, help, 0, TONI_TYPE_GROUP);
    option.members = members;
    return option;
}

#define TONI_OPTION_BOOL(name_, standard_, help_)                                                  \
    toni_option_ranged(toni_option_make(TONI_TYPE_BOOL, TONI_LIT(name_), TONI_LIT(help_)), 0, 0,   \
                       (standard_))
#define TONI_OPTION_INT(name_, least_, most_, standard_, help_)                                    \
    toni_option_ranged(toni_option_make(TONI_TYPE_INT, TONI_LIT(name_), TONI_LIT(help_)),          \
                       (least_), (most_), (standard_))
#define TONI_OPTION_DOUBLE(name_, least_, most_, standard_, help_)                                 \
    toni_option_ranged_double(                                                                     \
        toni_option_make(TONI_TYPE_DOUBLE, TONI_LIT(name_), TONI_LIT(help_)), (least_), (most_),   \
        (standard_))
#define TONI_OPTION_STR(name_, standard_, help_)                                                   \
    toni_option_written(toni_option_make(TONI_TYPE_STR, TONI_LIT(name_), TONI_LIT(help_)),         \
                        toni_str{}, toni_str{}, TONI_LIT(standard_))
#define TONI_OPTION_STR_REQUIRED(name_, help_)                                                     \
    toni_option_make(TONI_TYPE_STR, TONI_LIT(name_), TONI_LIT(help_), TONI_REQUIRED)
#define TONI_OPTION_DURATION(name_, least_, most_, standard_, help_)                               \
    toni_option_written(toni_option_make(TONI_TYPE_DURATION, TONI_LIT(name_), TONI_LIT(help_)),    \
                        TONI_LIT(least_), TONI_LIT(most_), TONI_LIT(standard_))
#define TONI_OPTION_SIZE(name_, least_, most_, standard_, help_)                                   \
    toni_option_written(toni_option_make(TONI_TYPE_SIZE, TONI_LIT(name_), TONI_LIT(help_)),        \
                        TONI_LIT(least_), TONI_LIT(most_), TONI_LIT(standard_))
#define TONI_OPTION_PATH(name_, standard_, help_)                                                  \
    toni_option_written(toni_option_make(TONI_TYPE_PATH, TONI_LIT(name_), TONI_LIT(help_)),        \
                        toni_str{}, toni_str{}, TONI_LIT(standard_))
#define TONI_OPTION_PATH_REQUIRED(name_, help_)                                                    \
    toni_option_make(TONI_TYPE_PATH, TONI_LIT(name_), TONI_LIT(help_), TONI_REQUIRED)
#define TONI_OPTION_LIST(name_, item_type_, help_)                                                 \
    toni_option_make(TONI_TYPE_LIST, TONI_LIT(name_), TONI_LIT(help_), 0, (item_type_))
#define TONI_OPTION_MAP(name_, item_type_, help_)                                                  \
    toni_option_make(TONI_TYPE_MAP, TONI_LIT(name_), TONI_LIT(help_), 0, (item_type_))
/* Behind the help stand pointers to members: `constexpr toni_option` objects at file scope. */
#define TONI_OPTION_LIST_OF_GROUPS(name_, help_, ...)                                              \
    toni_option_of_groups(TONI_TYPE_LIST, TONI_LIT(name_), TONI_LIT(help_),                        \
                          TONI_OPTIONS(__VA_ARGS__))
#define TONI_OPTION_MAP_OF_GROUPS(name_, help_, ...)                                               \
    toni_option_of_groups(TONI_TYPE_MAP, TONI_LIT(name_), TONI_LIT(help_),                         \
                          TONI_OPTIONS(__VA_ARGS__))
#endif

/** Reads an option, for the functions below.
 * @param type   That it is read as.
 * @param index  Of an item, or TONI_OPTION_ITSELF.
 * @return What was found; zero but for its size if there is no such. @thread Any. @since ABI 1.0 */
static inline toni_option_value toni_option_read(const toni_context *context, toni_str name,
                                                 uint32_t type, size_t index)
{
    toni_option_value value;
    /* cppcheck-suppress memsetClassFloat ; 0.0 is all zero bits wherever toni runs */
    memset(&value, 0, sizeof value);
    value.struct_size = (uint32_t)sizeof value;
    (void)toni_host_of(context)->option_get(context, name, type, index, &value);
    return value;
}

/** @return 1 or 0. @thread Any. @since ABI 1.0 */
static inline int32_t toni_option_bool(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_BOOL, TONI_OPTION_ITSELF).integer != 0;
}

/** @return The number. @thread Any. @since ABI 1.0 */
static inline int64_t toni_option_int(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_INT, TONI_OPTION_ITSELF).integer;
}

/** @return The number. @thread Any. @since ABI 1.0 */
static inline double toni_option_double(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_DOUBLE, TONI_OPTION_ITSELF).real;
}

/** @return The text, with a NUL behind it. @thread Any. @since ABI 1.0 */
static inline toni_str toni_option_str(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_STR, TONI_OPTION_ITSELF).text;
}

/** @return Milliseconds. @thread Any. @since ABI 1.0 */
static inline int64_t toni_option_duration(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_DURATION, TONI_OPTION_ITSELF).integer;
}

/** @return Bytes. @thread Any. @since ABI 1.0 */
static inline int64_t toni_option_size(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_SIZE, TONI_OPTION_ITSELF).integer;
}

/** @return The path, with a NUL behind it: one that can be opened, or empty.
 * @thread Any. @since ABI 1.0 */
static inline toni_str toni_option_path(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_PATH, TONI_OPTION_ITSELF).text;
}

/** @return How many items a list has. @thread Any. @since ABI 1.0 */
static inline size_t toni_option_list_count(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_LIST, TONI_OPTION_ITSELF).count;
}

/** @return How many items a map has. @thread Any. @since ABI 1.0 */
static inline size_t toni_option_map_count(const toni_context *context, toni_str name)
{
    return toni_option_read(context, name, TONI_TYPE_MAP, TONI_OPTION_ITSELF).count;
}

/** One item of a list or map.
 * @param type   That its items are declared as.
 * @param index  From 0, in the order of the file.
 * @return Its value by its type (integer, real or text), and the key that it has in a map.
 * @thread Any. @since ABI 1.0 */
static inline toni_option_value toni_option_item(const toni_context *context, toni_str name,
                                                 uint32_t type, size_t index)
{
    return toni_option_read(context, name, type, index);
}

/** One member of a group that a list or map holds.
 * @param name    Of the list or map; toni_option_list_count has how many groups there are.
 * @param index   Of the group, from 0, in the order of the file.
 * @param member  Its name.
 * @param type    That it is declared as.
 * @return Its value by its type (integer, real or text), and the key that the group has in a map;
 * zero but for its size if there is no such.
 * @thread Any. @since ABI 1.0 */
static inline toni_option_value toni_option_member(const toni_context *context, toni_str name,
                                                   size_t index, toni_str member, uint32_t type)
{
    toni_option_value value;
    /* cppcheck-suppress memsetClassFloat ; 0.0 is all zero bits wherever toni runs */
    memset(&value, 0, sizeof value);
    value.struct_size = (uint32_t)sizeof value;
    (void)toni_host_of(context)->option_member(context, name, index, member, type, &value);
    return value;
}

#endif
