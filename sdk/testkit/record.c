/* The record of a fake host: one line for each call, and what the test has set as its result. */
#include "toni_testkit_private.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;

void fake_record(toni_fake_host *host, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&fake_lock);
    size_t used = strlen(host->calls);
    size_t space = sizeof host->calls - used;
    int length = vsnprintf(host->calls + used, space, format, arguments);
    pthread_mutex_unlock(&fake_lock);
    va_end(arguments);
    ck_assert_msg(length >= 0 && (size_t)length < space,
                  "more calls than the fake host takes: use toni_fake_host_expect or _clear");
}

void fake_record_message(toni_fake_host *host, const toni_message *message)
{
    ck_assert_uint_eq(message->struct_size, sizeof *message);
    ck_assert(message->kind == TONI_TEXT || message->kind == TONI_BINARY);
    fake_record(host, " %s:", message->kind == TONI_TEXT ? "text" : "binary");
    host->last_size = message->body.size;
    if (message->body.size > sizeof host->calls) {
        fake_record(host, "(%zu bytes)\n", message->body.size);
        return;
    }
    for (size_t i = 0; i < message->body.size; i++)
        fake_record(host, "%c", message->body.data[i] ? message->body.data[i] : '~');
    fake_record(host, "\n");
}

int32_t fake_result_of(const toni_fake_host *host, const char *call)
{
    return !host->result_of || strcmp(host->result_of, call) == 0 ? host->result : TONI_OK;
}

/* What the test has set has the last word: the fake host can't know what a host is out of. */
int32_t fake_answer(const toni_fake_host *host, const char *call, int32_t refusal)
{
    return refusal < 0 ? refusal : fake_result_of(host, call);
}

void toni_fake_host_clear(toni_fake_host *host)
{
    host->calls[0] = '\0';
}
