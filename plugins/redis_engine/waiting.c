/* What replies are waited for: see waiting.h. */
#include "waiting.h"

#include <stdlib.h>

static int grow(struct waiting_list *waiting)
{
    const size_t room = waiting->room > 0 ? waiting->room * 2 : 256;
    if (room > WAITING_MOST)
        return -1;
    struct waiting *list = malloc(room * sizeof *list);
    if (!list)
        return -1;
    for (size_t i = 0; i < waiting->count; i++)
        list[i] = waiting->list[(waiting->first + i) % waiting->room];
    free(waiting->list);
    waiting->list = list;
    waiting->first = 0;
    waiting->room = room;
    return 0;
}

int waiting_add(struct waiting_list *waiting, struct waiting one)
{
    if (waiting->count == waiting->room && grow(waiting) != 0)
        return -1;
    waiting->list[(waiting->first + waiting->count) % waiting->room] = one;
    waiting->count++;
    return 0;
}

bool waiting_take(struct waiting_list *waiting, struct waiting *one)
{
    if (waiting->count == 0)
        return false;
    *one = waiting->list[waiting->first];
    waiting->first = (waiting->first + 1) % waiting->room;
    waiting->count--;
    return true;
}

void waiting_clear(struct waiting_list *waiting)
{
    free(waiting->list);
    *waiting = (struct waiting_list){0};
}
