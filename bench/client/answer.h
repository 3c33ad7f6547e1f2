/* The server's answer to a request for an upgrade. */
#ifndef CLIENT_ANSWER_H
#define CLIENT_ANSWER_H

#include <stddef.h>

#define ANSWER_WHY_SIZE 128U

/** Judges an answer.
 * @param head         Up to and with the empty line, then what came behind it, and a NUL.
 * @param subprotocol  That was asked for; NULL: none.
 * @param why          Set to what is wrong: the status, and the first line of what follows.
 * @return 0 if it is an upgrade, or -1. */
int answer_judge(const char *head, const char *subprotocol, char why[ANSWER_WHY_SIZE]);

#endif
