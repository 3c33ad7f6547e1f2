/* See sources.h. */
#include "sources.h"

#include <strings.h>

void found_token_add(struct found_token *found, toni_str text)
{
    if (!found->text.data)
        found->text = text;
    else if (!toni_str_equal(found->text, text))
        found->is_ambiguous = true;
}

enum token_verdict found_token_verdict(const struct found_token *found)
{
    if (found->is_ambiguous)
        return TOKEN_AMBIGUOUS;
    return found->text.data ? TOKEN_ACCEPTED : TOKEN_MISSING;
}

static toni_str trim(toni_str text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = toni_str_make(text.data + 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* @param list  Moved on behind the item. @return Whether there was one. */
static bool next_item(toni_str *list, char separator, toni_str *item)
{
    if (!list->data)
        return false;
    *item = *list;
    if (!toni_str_split_once(*list, separator, item, list))
        *list = toni_str_make(NULL, 0);
    *item = trim(*item);
    return true;
}

void sources_authorization(struct found_token *found, toni_str value)
{
    static const char scheme[] = "Bearer";
    const size_t size = sizeof scheme - 1;
    if (value.size > size && strncasecmp(value.data, scheme, size) == 0 && value.data[size] == ' ')
        found_token_add(found, trim(toni_str_make(value.data + size, value.size - size)));
}

void sources_cookie(struct found_token *found, toni_str value, toni_str name)
{
    toni_str pair, key, text;
    while (next_item(&value, ';', &pair)) {
        if (!toni_str_split_once(pair, '=', &key, &text) || !toni_str_equal(trim(key), name))
            continue;
        text = trim(text);
        if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
            text = toni_str_make(text.data + 1, text.size - 2);
        found_token_add(found, text);
    }
}

bool sources_subprotocol(struct found_token *found, toni_str value, toni_str beside, bool *has_one)
{
    bool is_offered = false;
    toni_str offer, text;
    while (next_item(&value, ',', &offer)) {
        if (toni_str_strip_prefix(offer, TONI_LIT(SOURCES_PREFIX), &text)) {
            found_token_add(found, text);
            *has_one = true;
        } else if (beside.size > 0 && toni_str_equal(offer, beside)) {
            is_offered = true;
        }
    }
    return is_offered;
}
