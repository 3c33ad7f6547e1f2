/* Signal stacks; see signal_stack.h. */
#include "base/signal_stack.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a handler takes that walks a stack and formats lines, and what the kernel saves of the
 * registers, with room to spare. None of it is there before it is used. */
#define STACK_SIZE ((size_t)64 * 1024)

_Thread_local bool signal_stack_is_looked_after;

static atomic_bool is_enabled;
static pthread_key_t key; /* of the memory: its destructor runs at the thread's end */

static size_t guard_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void destroy(void *memory)
{
    const stack_t none = {.ss_flags = SS_DISABLE};

    (void)sigaltstack(&none, NULL);
    (void)munmap(memory, guard_size() + STACK_SIZE);
}

void signal_stack_enable(void)
{
    if (!atomic_load(&is_enabled) && pthread_key_create(&key, destroy) == 0)
        atomic_store(&is_enabled, true);
}

void signal_stack_make(void)
{
    stack_t stack;

    if (!atomic_load(&is_enabled))
        return;
    signal_stack_is_looked_after = true;
    if (sigaltstack(NULL, &stack) != 0 || (stack.ss_flags & SS_DISABLE) == 0)
        return;
    char *memory = mmap(NULL, guard_size() + STACK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    stack = (stack_t){.ss_sp = memory + guard_size(), .ss_size = STACK_SIZE};
    if (mprotect(memory, guard_size(), PROT_NONE) != 0 || pthread_setspecific(key, memory) != 0 ||
        sigaltstack(&stack, NULL) != 0) {
        (void)pthread_setspecific(key, NULL);
        (void)munmap(memory, guard_size() + STACK_SIZE);
    }
}
