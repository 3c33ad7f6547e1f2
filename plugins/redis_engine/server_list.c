/* What a host tells of its servers: see server_list.h. */
#include "server_list.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const toni_str *a = left, *b = right;
    const int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static int make_digest(char *digest, const toni_str *sorted, size_t count)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; i < count && count > 1 && is_good; i++) {
        is_good = EVP_DigestUpdate(context, sorted[i].data, sorted[i].size) == 1 &&
                  EVP_DigestUpdate(context, "", 1) == 1;
    }
    is_good = is_good && EVP_DigestFinal_ex(context, bytes, NULL) == 1;
    EVP_MD_CTX_free(context);
    for (size_t i = 0; i < HEX_DIGITS / 2 && is_good; i++)
        hex_put(digest + 2 * i, 2, bytes[i]);
    return is_good ? 0 : -1;
}

static void make_text(char *text, const toni_str *sorted, size_t count)
{
    size_t size = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && size < SERVER_LIST_MOST; i++)
        size += (size_t)snprintf(text + size, SERVER_LIST_MOST - size, "%s%.*s", i > 0 ? ", " : "",
                                 TONI_STR_ARG(sorted[i]));
}

int server_list_make(struct server_list *list, const toni_str *names, size_t count)
{
    toni_str *sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return -1;
    memcpy(sorted, names, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    make_text(list->text, sorted, count);
    const int result = make_digest(list->digest, sorted, count);
    free(sorted);
    return result;
}
