/** @file
 * Strings as pointer and length, and the few operations that gateways need on them. Nothing here
 * allocates.
 *
 * Every string that a function of toni takes is a `toni_str`: TONI_LIT of a literal, toni_str_of of
 * a NUL-terminated text, toni_str_make of bytes. Formats of printf alone are C strings.
 */
#ifndef TONI_STR_H
#define TONI_STR_H

#include <toni/abi.h>

#include <stdint.h>
#include <string.h>

/** Bytes that someone else owns. `data` may be NULL when `size` is 0; there need not be a NUL
 * behind them. */
typedef struct toni_str {
    const char *data;
    size_t size; /**< in bytes */
} toni_str;

/** @def TONI_LIT
 * A `toni_str` of a string literal, as an expression: an argument, a value to assign, a part of
 * TONI_PARTS, a member of TONI_PLUGIN. Its bytes live for ever. What is no literal is toni_str_of.
 */
/** @def TONI_LIT_INIT
 * The same as an initialiser, for `static` and `const` objects of C, whose initialisers ISO C wants
 * constant: `static const toni_str greeting = TONI_LIT_INIT("Hello");`. */
#ifdef __cplusplus
/** A `toni_str` of a string literal, at compile time; see TONI_LIT. */
template <size_t N> constexpr toni_str toni_literal(const char (&literal)[N])
{
    return toni_str{literal, N - 1};
}
#define TONI_LIT(literal) toni_literal("" literal "")
#define TONI_LIT_INIT(literal) toni_literal("" literal "")
#else
#define TONI_LIT(literal) ((toni_str){"" literal "", sizeof("" literal "") - 1})
#define TONI_LIT_INIT(literal)                                                                     \
    {                                                                                              \
        "" literal "", sizeof("" literal "") - 1                                                   \
    }
#endif

/** The two arguments for a `%.*s` of printf. */
#define TONI_STR_ARG(str)                                                                          \
    (int)((str).size <= INT32_MAX ? (str).size : INT32_MAX), (str).data ? (str).data : ""

/** @param data  Borrowed: it must outlive the result. May be NULL when @p size is 0.
 * @param size  In bytes.
 * @return The two as one value. @since ABI 1.0 */
static inline toni_str toni_str_make(const char *data, size_t size)
{
    toni_str str;
    str.data = data;
    str.size = size;
    return str;
}

/** @param text  NUL-terminated; borrowed: it must outlive the result. NULL gives the empty string.
 * @return @p text without its NUL. @since ABI 1.0 */
static inline toni_str toni_str_of(const char *text)
{
    return toni_str_make(text, text ? strlen(text) : 0);
}

/** @return 1 if both hold the same bytes, else 0. @since ABI 1.0 */
static inline int toni_str_equal(toni_str a, toni_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/** Rust's `strip_prefix`, as the rooms page of the toni docs uses it.
 * @param str     What to look at.
 * @param prefix  Mostly TONI_LIT.
 * @param rest    Set to what follows the prefix (a part of @p str, possibly empty); left alone if 0
 * is returned.
 * @return 1 if @p str begins with @p prefix, else 0. @since ABI 1.0 */
static inline int toni_str_strip_prefix(toni_str str, toni_str prefix, toni_str *rest)
{
    if (str.size < prefix.size || !toni_str_equal(toni_str_make(str.data, prefix.size), prefix))
        return 0;
    *rest =
        toni_str_make(prefix.size > 0 ? str.data + prefix.size : str.data, str.size - prefix.size);
    return 1;
}

/** Rust's `split_once`, as the rooms page of the toni docs uses it: splits at the first @p
 * separator.
 * @param before  Set to what stands before it; may be the address that @p str came from.
 * @param after   Set to what stands behind it. Both are parts of @p str, and left alone if 0 is
 * returned.
 * @return 1 if @p str holds @p separator, else 0. @since ABI 1.0 */
static inline int toni_str_split_once(toni_str str, char separator, toni_str *before,
                                      toni_str *after)
{
    const char *found = str.size > 0 ? (const char *)memchr(str.data, separator, str.size) : NULL;
    if (!found)
        return 0;
    *before = toni_str_make(str.data, (size_t)(found - str.data));
    *after = toni_str_make(found + 1, str.size - before->size - 1);
    return 1;
}

#endif
