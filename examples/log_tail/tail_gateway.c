/* Tail: the lines of a file, as they are written, to all who are connected: `tail -F` for browsers.
 *
 *   ← binary  a line, without its end; one of more than 2,048 bytes comes in pieces
 *   ← text    what the gateway says itself, and no line can pass for: "12 lines left out so far"
 *
 * The file, which a job reads, is the only buffer. What is not sent is read again the next time: a
 * line whose end has not come, and what the room can't take yet (TONI_ERR_BUSY). A slow client
 * loses lines by `outbox_policy = "drop_oldest"`, and is told how many. */
#include <fcntl.h>
#include <sys/stat.h>
#include <toni/toni.h>
#include <unistd.h>

#define ROOM TONI_LIT("lines")

enum { LINE_MOST = 2048, CHUNK = 128 * 1024, LOOK_MS = 50 };

struct tail {
    toni_context *context;
    toni_connections *connections;
    int file; /* -1: there is none yet */
    off_t offset;
    int is_reading; /* the job sets what follows, and what stands above stays as it is meanwhile */
    int next;       /* another file that has the name by now; -1: none */
    off_t from;     /* where the chunk begins: at `offset`, or at 0 if the file was truncated */
    size_t size;
    char chunk[CHUNK];
};

static void close_file(int file)
{
    if (file >= 0)
        close(file);
}

static int32_t read_chunk(void *data)
{
    struct tail *tail = data;
    struct stat own = {0}, named;
    const char *path = toni_option_path(tail->context, TONI_LIT("file")).data;
    (void)fstat(tail->file, &own);                           /* of none it stays zero */
    if (stat(path, &named) == 0 && S_ISREG(named.st_mode) && /* a FIFO's are for its reader */
        (own.st_dev != named.st_dev || own.st_ino != named.st_ino))
        tail->next = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    /* After that: what was written before the name became another file's is there by now. */
    tail->from = own.st_size < tail->offset ? 0 : tail->offset;
    const ssize_t size = pread(tail->file, tail->chunk, CHUNK, tail->from);
    tail->size = size > 0 && S_ISREG(own.st_mode) ? (size_t)size : 0; /* a device has no end */
    return TONI_OK;
}

static void take(void *self, void *data, int32_t result)
{
    struct tail *tail = self;
    size_t done = 0;
    (void)data, (void)result;
    while (done < tail->size) {
        const char *line = tail->chunk + done;
        const size_t left = tail->size - done, most = left < LINE_MOST ? left : LINE_MOST;
        const char *end = memchr(line, '\n', left > most ? most + 1 : most);
        const size_t length = end ? (size_t)(end - line) : most;
        const toni_message message = toni_binary(toni_str_make(line, length));
        if (!end && left == most && tail->next < 0)
            break; /* its end has not come; of a file that was moved away none will */
        if (toni_broadcast_to_room(tail->connections, ROOM, &message) < 0)
            break; /* busy */
        done += length + (end != NULL);
    }
    const int is_over = tail->next >= 0 && done == tail->size && tail->size < CHUNK;
    close_file(is_over ? tail->file : tail->next);
    tail->file = is_over ? tail->next : tail->file;
    tail->offset = is_over ? 0 : tail->from + (off_t)done;
    tail->next = -1;
    tail->is_reading = 0;
}

static void look(void *self, void *data)
{
    struct tail *tail = self;
    (void)data;
    if (!tail->is_reading)
        tail->is_reading = toni_work(tail->context, read_chunk, take, tail, NULL) == TONI_OK;
}

static int32_t on_connect(void *self, toni_client *client)
{
    return toni_join_room(((struct tail *)self)->connections, toni_client_id_of(client), ROOM);
}

static int32_t on_message(void *self, toni_client *client, const toni_message *message)
{
    return (void)self, (void)client, (void)message, TONI_OK; /* there is nothing to say to a file */
}

static int32_t on_drained(void *self, toni_client *client)
{
    const struct tail *tail = self;
    toni_client_info *info;
    int32_t result = toni_get_client(tail->connections, toni_client_id_of(client), &info);
    const unsigned long long dropped = info ? info->dropped_messages : 0;
    if (dropped > 0)
        result = toni_client_sendf(client, "%llu lines left out so far", dropped);
    toni_client_info_destroy(info);
    return result;
}

/* Of the same file, unless another took its name within the last look. */
static int32_t export_state(void *self, toni_state_writer *writer)
{
    return toni_state_write(writer, &((struct tail *)self)->offset, sizeof(off_t));
}

static int32_t import_state(void *self, const toni_state *state)
{
    if (state->version != 1 || state->bytes.size != sizeof(off_t))
        return TONI_ERR_INVALID;
    memcpy(&((struct tail *)self)->offset, state->bytes.data, sizeof(off_t));
    return TONI_OK;
}

static void destroy(void *self)
{
    close_file(((struct tail *)self)->file);
    close_file(((struct tail *)self)->next);
    free(self);
}

static int32_t create(toni_context *context, void **self)
{
    struct tail *tail = *self = calloc(1, sizeof *tail);
    if (!tail)
        return TONI_ERR_NO_MEMORY;
    tail->context = context;
    tail->connections = toni_context_connections(context);
    tail->next = -1;
    tail->file =
        open(toni_option_path(context, TONI_LIT("file")).data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    tail->offset = tail->file < 0 ? 0 : lseek(tail->file, 0, SEEK_END);
    const int64_t timer = toni_every(context, LOOK_MS, look, NULL, NULL);
    if (timer < 0)
        destroy(tail);
    return timer < 0 ? (int32_t)timer : TONI_OK;
}

TONI_PLUGIN(.kind = TONI_GATEWAY, .name = TONI_LIT("tail"), .path = TONI_LIT("/tail"),
            .needs = TONI_NEEDS(TONI_REQUIRES_CONNECTIONS),
            .options = TONI_OPTIONS(TONI_OPTION_PATH_REQUIRED("file", "whose lines are sent")),
            .create = create, .destroy = destroy, .on_connect = on_connect,
            .on_message = on_message, .on_drained = on_drained, .state_version = 1,
            .export_state = export_state, .import_state = import_state);
