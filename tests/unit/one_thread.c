/* In each unit test that is registered without THREADS: such a test is left out under
 * ThreadSanitizer, so it must not make a thread, nor may a library that it calls. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *data)
{
    (void)thread;
    (void)attributes;
    (void)run;
    (void)data;
    (void)fputs("this test makes a thread: tests/unit/CMakeLists.txt has to say THREADS of it\n",
                stderr);
    abort();
}
