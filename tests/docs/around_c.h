/* What the blocks of docs/plugins.md speak of and do not show: for test_blocks.py. */
#include "visits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <toni/events.h>
#include <unistd.h>

struct lobby {
    toni_connections *connections;
    toni_context *context;
};

struct history {
    const toni_message *lines;
    size_t count;
};

struct reader {
    size_t next;
};

struct line {
    toni_context *context;
    int fd;
    int64_t watch;
};
void take(struct line *line, const char *bytes, size_t size);

struct votes {
    toni_figure *cast, *open, *took;
};

struct here {
    toni_context *context;
};

struct token {
    toni_str subject;
    int64_t issued_s, expires_s;
    size_t room_count;
    const toni_str *rooms;
};

toni_str user_of(void *self, toni_str token);
void on_stream(void *self, void *data, toni_exchange_id id, uint32_t what);

extern toni_context *context;
extern toni_connections *connections;
extern toni_client *client;
extern toni_exchange *exchange;
extern toni_exchange_id id;
extern toni_message message;
extern toni_str room, other, name, text;
extern const visits_slot *visits;
extern struct here *service, *worker;
extern void *feed;
extern int32_t result;
