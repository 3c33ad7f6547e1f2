/* Names as gateways.conf and plugins use them: which are legal, and which one was probably meant.
 */
#ifndef CONFIG_NAME_H
#define CONFIG_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <toni/str.h>

/** A name in a configuration, and where it stands there. */
struct name_at {
    const char *name;
    const char *file;
    unsigned line;
};

/** Where an interface has several providers, the one that is meant. */
struct declared_choice {
    struct name_at interface;
    const char *provider;
};

/** What a legal name is, for messages. */
#define NAME_RULE "letters, digits, `_`, `-` and `.`"

/** Tells whether @p name may name a module, a provider or a plugin: see NAME_RULE; not empty. */
bool name_valid(toni_str name);

/** Why a gateway can't have a path.
 * @param path  Of a URL, percent-decoded, without query and fragment.
 * @return A few words such as "does not begin with `/`", or NULL if it can. */
const char *path_problem(toni_str path);

/** Tells whether @p name may name an interface of a plugin: letters, digits and `_`, a letter
 * first, so that it can be a key of `inject` and an identifier in C. */
bool interface_name_valid(toni_str name);

/** Tells whether one of two paths of services is the other, or lies below it: `/chat` and `/chat/x`
 * do, `/chat` and `/chatter` don't. A `/` at the end makes no difference. */
bool paths_overlap(toni_str a, toni_str b);

/** Finds the candidate that @p name is probably a slip of the fingers for.
 * @param name        What was found.
 * @param candidates  What there is.
 * @param count       How many candidates.
 * @return One of the candidates, or NULL if none is near. */
const char *name_nearest(const char *name, const char *const *candidates, size_t count);

/** @return The word that declares it in gateways.conf: `gateway`, also of what is a service too, or
 * `service`. @param kind  TONI_GATEWAY, TONI_SERVICE, or both. */
const char *kind_name(uint32_t kind);

/** @return `gateway`, `service` or `gateway and service`. @param kinds  As for kind_name(). */
const char *kinds_name(uint32_t kinds);

/** @return Whether gateways.conf declares both by the same word: the one may take the place of the
 * other. */
bool kinds_declared_alike(uint32_t a, uint32_t b);

#endif
