/* Notifies the service manager of the state of the host, by the protocol of sd_notify(3), for units
 * with `Type=notify`. Without such a manager nothing is sent. (Not by libsystemd: six libraries
 * that it needs would take a part of each start.) @thread Main. */
#ifndef HOST_SERVICE_NOTIFY_H
#define HOST_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** It serves: after its start, and after a reload, whether that went well or not. */
void service_notify_ready(void);

/** A reload begins; service_notify_ready must follow. */
void service_notify_reloading(void);

/** It stops. */
void service_notify_stopping(void);

/** @param is_successor  The unit's variables are those of the process that was replaced.
 * @return How many milliseconds the manager waits for the next service_notify_alive(), before it
 * takes the service for dead (`WatchdogSec=`); 0: it does not ask for any. */
uint64_t service_notify_watchdog_ms(bool is_successor);

/** All is well. */
void service_notify_alive(void);

/** From now on another process is the service; this one ends soon. Waits a moment until the manager
 * has taken note: it would not believe a process that is gone. */
void service_notify_successor(pid_t pid);

#endif
