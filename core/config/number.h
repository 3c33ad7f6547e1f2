/* Numbers in the text of gateways.conf. libconfig 1.5 takes one that does not fit for another,
 * without a word: so they are judged before libconfig sees them. */
#ifndef CONFIG_NUMBER_H
#define CONFIG_NUMBER_H

#include "config/source.h"

#include <stdbool.h>

static inline bool number_is_digit(char c, bool is_hex)
{
    return (c >= '0' && c <= '9') || (is_hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

/** Judges the number that begins where the pass is.
 * @param lacks_l  Set: libconfig has to be given an L behind it, to take it as it is written.
 * @param faults   Gets a number that is out of range.
 * @return How long it is, at least 1. */
size_t number_take(const struct source *source, bool *lacks_l, struct fault_list *faults);

#endif
