/* What is said before anything else: see talk.h. */
#include "talk.h"

#include "answer.h"

#include <stdio.h>

/* Of what a server says, that is shown: the longest of its errors, and the key that it is about. */
#define SAID_MOST 140

static int say(struct command *command, struct link *link, toni_str user,
               const struct secret *password)
{
    command_begin(command);
    command_add(command, TONI_LIT("AUTH"));
    if (user.size > 0)
        command_add(command, user);
    command_add(command, toni_str_make(password->bytes, password->size));
    return command_end(command, &link->outgoing) == 0 ? 1 : -1;
}

int talk_auth(struct command *command, struct link *link, const struct credentials *who)
{
    if (who->password.size == 0 && who->user.size == 0)
        return 0;
    struct secret now = {0};
    const bool is_there = who->password_file && !secret_read(&now, who->password_file);
    const int result = say(command, link, who->user, is_there ? &now : &who->password);
    secret_forget(&now);
    return result;
}

void talk_fault(char *text, size_t size, const char *doing, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR) {
        (void)snprintf(text, size, "%s: the server's answer is none that this has", doing);
        return;
    }
    const struct answer_fault fault = answer_fault(reply);
    const toni_str said = answer_said(reply);
    (void)snprintf(text, size, "%s: %.*s%s%s", doing,
                   (int)(said.size < SAID_MOST ? said.size : SAID_MOST), said.data,
                   fault.mend ? "; " : "", fault.mend ? fault.mend : "");
}
