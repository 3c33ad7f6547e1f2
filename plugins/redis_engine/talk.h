/* What is said on every socket before anything else. */
#ifndef REDIS_ENGINE_TALK_H
#define REDIS_ENGINE_TALK_H

#include "command.h"
#include "link.h"
#include "settings.h"

/** Says who this is. The file of the password is read anew, as it may have another by now; if it
 * can't be read, the password is what it was at the start. @return How many replies that has: 0 or
 * 1; -1: no memory. */
int talk_auth(struct command *command, struct link *link, const struct credentials *who);

/** Puts an error of the server and what would mend it into words. @param doing  What it answers. */
void talk_fault(char *text, size_t size, const char *doing, const redisReply *reply);

#endif
