/* The end of the process; see process_end.h. */
#include "base/process_end.h"

#include <sys/syscall.h>
#include <unistd.h>

#ifdef TONI_COVERAGE
#include <gcov.h>

void process_keep_counts(void)
{
    __gcov_dump();
}
#endif

_Noreturn void process_end(int code)
{
    process_keep_counts();
    for (;;)
        (void)syscall(SYS_exit_group, code);
}
