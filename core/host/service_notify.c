/* Notes to the service manager; see service_notify.h. What it does with one is its own affair, so
 * no error is handled. */
#include "host/service_notify.h"

#ifdef TONI_SYSTEMD

#include "base/clock.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

/* How long it may take to read the note of a successor. */
#define NOTED_US 1000000

void service_notify_ready(void)
{
    (void)sd_notify(0, "READY=1\nSTATUS=Serving");
}

void service_notify_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloading",
                     clock_now_ns() / 1000);
}

void service_notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
}

void service_notify_successor(pid_t pid)
{
    if (sd_notifyf(0, "MAINPID=%ld\nSTATUS=Serving", (long)pid) > 0)
        (void)sd_notify_barrier(0, NOTED_US);
}

#else

void service_notify_ready(void)
{
}

void service_notify_reloading(void)
{
}

void service_notify_stopping(void)
{
}

void service_notify_successor(pid_t pid)
{
    (void)pid;
}

#endif
