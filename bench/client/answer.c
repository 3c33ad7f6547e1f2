/* Answers; see answer.h. */
#include "client/answer.h"

#include "client/target.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What the fields say, if they are there. */
struct fields {
    const char *accept, *protocol, *extensions;
};

static void read_fields(const char *head, struct fields *fields)
{
    static const char prefix[] = "Sec-WebSocket-";
    for (const char *line = strchr(head, '\n'); line && line[1] != '\r';
         line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, prefix, sizeof prefix - 1) != 0)
            continue;
        const char *name = line + sizeof prefix - 1, *value = name + strcspn(name, ":\r");
        value += strspn(value, ": \t");
        if (strncasecmp(name, "Accept:", 7) == 0)
            fields->accept = value;
        else if (strncasecmp(name, "Protocol:", 9) == 0)
            fields->protocol = value;
        else if (strncasecmp(name, "Extensions:", 11) == 0)
            fields->extensions = value;
    }
}

/* @return Whether a field's value is that text, but for spaces behind it. */
static bool is_value(const char *value, const char *text)
{
    const size_t size = strlen(text);
    return value && strncmp(value, text, size) == 0 &&
           strncmp(value + size + strspn(value + size, " \t"), "\r\n", 2) == 0;
}

/* "HTTP/1.1 403 Forbidden" and a body become "403 Forbidden: you may not connect here". */
static void describe_refusal(const char *head, char why[ANSWER_WHY_SIZE])
{
    const char *space = strchr(head, ' '), *body = strstr(head, "\r\n\r\n");
    if (strncmp(head, "HTTP/", 5) != 0 || !space || !body) {
        (void)snprintf(why, ANSWER_WHY_SIZE, "the answer is not HTTP");
        return;
    }
    body += 4;
    const int size = (int)strcspn(body, "\r\n");
    (void)snprintf(why, ANSWER_WHY_SIZE, "%.*s%s%.*s", (int)strcspn(space + 1, "\r"), space + 1,
                   size > 0 ? ": " : "", size, body);
}

int answer_judge(const char *head, const char *subprotocol, char why[ANSWER_WHY_SIZE])
{
    struct fields fields = {0};
    const char *wrong = NULL;
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0) {
        describe_refusal(head, why);
        return -1;
    }
    read_fields(head, &fields);
    const char *chosen = fields.protocol;
    if (!is_value(fields.accept, TARGET_ACCEPT))
        wrong = "101, but Sec-WebSocket-Accept does not belong to the key";
    else if (fields.extensions)
        wrong = "101, but with an extension that was not asked for";
    else if (chosen && (!subprotocol || !is_value(chosen, subprotocol)))
        wrong = "101, but with a subprotocol that was not asked for";
    else if (!chosen && subprotocol)
        wrong = "101, but without the subprotocol";
    if (wrong)
        (void)snprintf(why, ANSWER_WHY_SIZE, "%s", wrong);
    return wrong ? -1 : 0;
}
