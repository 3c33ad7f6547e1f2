/* What is said before anything else: see talk.h. */
#include "talk.h"

#include "answer.h"

#include <stdio.h>
#include <string.h>

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

static void read_again(struct credentials *who)
{
    struct secret now = {0};
    const char *why = secret_read(&now, who->password_file);
    (void)snprintf(who->unread, sizeof who->unread, "%s", why ? why : "");
    if (!why)
        who->password = now;
    secret_forget(&now);
}

int talk_auth(struct command *command, struct link *link, struct credentials *who)
{
    if (who->password.size == 0 && who->user.size == 0)
        return 0;
    if (who->password_file)
        read_again(who);
    return say(command, link, who->user, &who->password);
}

bool talk_unread(char *text, size_t size, const struct credentials *who)
{
    if (who->unread[0] == '\0')
        return false;
    (void)snprintf(text, size, "`%s`: %.120s: %s; the password that it had before is tried",
                   who->option, who->password_file, who->unread);
    return true;
}

void talk_auth_fault(char *text, size_t size, const struct credentials *who,
                     const redisReply *reply)
{
    static const char wrong[] = "WRONGPASS";
    char unread[280];
    const bool is_wrong = strncmp(reply->str, wrong, sizeof wrong - 1) == 0;
    if (is_wrong && talk_unread(unread, sizeof unread, who))
        (void)snprintf(text, size, "AUTH: %s: %s", wrong, unread);
    else
        talk_fault(text, size, "AUTH", reply);
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
