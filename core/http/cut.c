/* Answers past libmicrohttpd; see cut.h. */
#include "http/cut.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void http_cut_answer(int fd, const char *status, const char *fields, const char *text)
{
    char answer[512];
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 %s\r\n"
                          "Connection: close\r\n"
                          "Content-Type: text/plain; charset=utf-8\r\n"
                          "Content-Length: %zu\r\n%s\r\n%s",
                          status, strlen(text), fields, text);
    if (length > 0 && (size_t)length < sizeof answer)
        (void)send(fd, answer, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
}
