/* What a server's replies mean. Pure. Whatever a server sends, a reply that is not what its command
 * has is told apart from one that is: then nothing is known, and the connection ends. */
#ifndef REDIS_ENGINE_ANSWER_H
#define REDIS_ENGINE_ANSWER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <toni/engine.h>

/** What an error of the server is about. */
enum answer_cause {
    ANSWER_OF_REQUEST, /* what was asked, or the room or the key that it was for */
    ANSWER_OF_SERVER,  /* the server, which takes nothing now */
    ANSWER_OF_MEMORY,  /* `maxmemory` is reached */
    ANSWER_OF_RIGHTS,  /* what its user may */
    ANSWER_OF_COMMAND  /* a command that it has not */
};

/** An error of the server. */
struct answer_fault {
    int32_t answer;   /* of toni_engine_answer */
    const char *mend; /* what would mend it; NULL: nobody knows */
    enum answer_cause cause;
    bool is_for_all; /* whatever is published is answered so, until somebody has mended that */
};

/** @param reply  Of type REDIS_REPLY_ERROR. */
struct answer_fault answer_fault(const redisReply *reply);

/** @return What an error says, without the line of the script that it has come up in: one text for
 * one cause. Borrowed of @p reply. */
toni_str answer_said(const redisReply *reply);

/** Of several publishes that were one command.
 * @return The reply to the one at @p index: its own, or that to all of them; it may be an error.
 * NULL: the reply is none that so many publishes have. */
const redisReply *answer_of(const redisReply *reply, size_t index, size_t count);

/* Each @return Whether the reply is one that its command has, and no error. */

/** Of one publish. */
bool answer_published(const redisReply *reply, toni_engine_published *published);

/** @param answer  Set to TONI_ENGINE_APPLIED or TONI_ENGINE_OTHER_INCARNATION. */
bool answer_probe(const redisReply *reply, int32_t *answer);

/** Of a probe that was answered. @param list  Set to what another host says of its servers: its
 * name, a line end, and theirs. @return Whether there is one with this index. */
bool answer_other_list(const redisReply *reply, size_t index, toni_str *list);

struct answer_hello {
    uint64_t incarnation, engine_id;
    toni_str version;    /* of the server; borrowed of the reply, as what is below */
    toni_str mended;     /* damaged fields that it has mended: a letter each */
    size_t client_count; /* of this node, from before: their ids */
    redisReply *const *clients;
};

bool answer_hello(const redisReply *reply, struct answer_hello *hello);

/** @param tops  Room for @p count. */
bool answer_tops(const redisReply *reply, toni_position *tops, uint32_t count);

struct answer_history {
    toni_position top;
    toni_engine_entry *entries; /* to be freed; their bodies are borrowed of the reply */
    uint32_t count;
    /* Why there are none, though the room has a history. */
    const redisReply *fault; /* an error of the server; borrowed of the reply; or NULL */
    bool is_foreign;         /* what stands there is none of toni's */
};

/** @param is_last  As it was asked for. */
bool answer_history(const redisReply *reply, bool is_last, struct answer_history *history);

struct answer_lease {
    bool is_other_incarnation;
    uint32_t slot; /* 0: none */
    uint64_t boot, id_key;
    toni_str mended;            /* damaged fields of the server's; as of the hello */
    toni_engine_leased *leases; /* to be freed; their names are borrowed of the reply */
    uint32_t count;
    uint32_t strange_count; /* fields that are no lease */
    bool is_cleared;        /* they were too many, and were taken out; else they were passed over */
    toni_str strange;       /* the name of one that was passed over; borrowed of the reply */
};

bool answer_lease(const redisReply *reply, struct answer_lease *lease);

/** What came on the socket of subscriptions. */
enum answer_pushed {
    ANSWER_OTHER, /* none of these */
    ANSWER_MESSAGE,
    ANSWER_SUBSCRIBED,
    ANSWER_UNSUBSCRIBED
};

/** @param channel, payload  Set; borrowed of the reply. */
enum answer_pushed answer_pushed(const redisReply *reply, toni_str *channel, toni_str *payload);

/** Takes a message of a room apart. @param body  Set to a part of @p payload. */
bool answer_message(toni_str payload, toni_position *at, uint32_t *kind, toni_str *body);

#endif
