/* What is said on every socket before anything else. */
#ifndef REDIS_ENGINE_TALK_H
#define REDIS_ENGINE_TALK_H

#include "command.h"
#include "link.h"
#include "settings.h"

/** Says who this is. The file of the password is read anew, as it may have another by now; if it
 * can't be read, the password is what it was when it could, and `who->unread` says why.
 * @return How many replies that has: 0 or 1; -1: no memory. */
int talk_auth(struct command *command, struct link *link, struct credentials *who);

/** Puts into words that the file of the password could not be read, and what is tried instead.
 * @return Whether that is so. */
bool talk_unread(char *text, size_t size, const struct credentials *who);

/** The same as talk_fault() for what a server answers to talk_auth(). */
void talk_auth_fault(char *text, size_t size, const struct credentials *who,
                     const redisReply *reply);

/** Puts an error of the server and what would mend it into words. @param doing  What it answers. */
void talk_fault(char *text, size_t size, const char *doing, const redisReply *reply);

#endif
