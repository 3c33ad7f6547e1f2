/* Crashes and exits; see crash.h. All that runs in the handler is async-signal-safe: it allocates
 * nothing, and takes no lock but by trying. So no dladdr and no backtrace_symbols: they take the
 * loader's lock, which is held while a constructor crashes. */
#include "host/crash.h"

#include "base/log_thread.h"
#include "base/process_end.h"
#include "base/signal_stack.h"
#include "host/run.h"
#include "instance/instance.h"
#include "plugin/call.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ucontext.h>
#include <toni/client.h>
#include <unistd.h>
#include <unwind.h>

/* The process ends by SIGALRM if the handler takes longer, since it may be in its own way. */
#define HANDLER_SECONDS 5

/* How long stderr has to take the lines that wait in the log. */
#define LAST_WORDS_MS 500

/* A recursion without an end has more; these say enough. */
#define MOST_FRAMES 64

#define MOST_FIELDS 12
#define HEX_SIZE sizeof "0x0123456789abcdef"

static const struct {
    int number;
    const char *name;
} watched[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"},
    {SIGABRT, "SIGABRT"}, {SIGILL, "SIGILL"},
};

#define WATCHED (sizeof watched / sizeof watched[0])

/* Handlers have no other way to get at what they need. */
static struct sigaction before[WATCHED];
static pid_t watched_pid; /* the host's: in a process that it forks the handler does nothing */
static atomic_flag is_crashing = ATOMIC_FLAG_INIT;
static atomic_bool is_limited; /* see limit_time() */
static atomic_bool is_exit_expected;

/* --- What is written */

/* @return @p text. */
static const char *put_hex(char text[HEX_SIZE], uintptr_t number)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = HEX_SIZE - 1;

    text[at] = '\0';
    do {
        text[--at] = digits[number % 16];
        number /= 16;
    } while (number > 0);
    text[--at] = 'x';
    text[--at] = '0';
    return text + at;
}

/* Describes the call that the thread is in. @return How many fields. */
static size_t describe_call(struct log_field *fields)
{
    const struct plugin_call *call = plugin_call_now;
    size_t count = 0;

    if (call && call->instance) {
        const struct instance *instance = call->instance;
        fields[count++] = log_str("instance", instance->setup.name);
        fields[count++] = log_uint("generation", instance->generation);
        fields[count++] = log_str("library", instance->setup.plugin->path);
    } else if (call) {
        fields[count++] = log_str("library", call->library);
    }
    if (call)
        fields[count++] = log_str("callback", call->callback);
    if (call && call->client)
        fields[count++] = log_str("client", toni_client_name(call->client));
    if (plugin_call_worker >= 0)
        fields[count++] = log_int("worker", plugin_call_worker);
    fields[count++] = log_int("thread", gettid());
    return count;
}

static const char *name_of(int number)
{
    for (size_t i = 0; i < WATCHED; i++) {
        if (watched[i].number == number)
            return watched[i].name;
    }
    return "";
}

/* @return Whether the kernel has raised it for what the thread did, and an address belongs to it.
 */
static bool is_fault(int number, const siginfo_t *info)
{
    return number != SIGABRT && info->si_code > 0;
}

static void write_signal(int number, const siginfo_t *info)
{
    struct log_field fields[MOST_FIELDS];
    char address[HEX_SIZE];
    size_t count = 0;

    fields[count++] = log_str("signal", name_of(number));
    if (is_fault(number, info))
        fields[count++] = log_str("address", put_hex(address, (uintptr_t)info->si_addr));
    else if (info->si_code <= 0 && info->si_pid != getpid())
        fields[count++] = log_int("sent_by", info->si_pid);
    count += describe_call(fields + count);
    log_thread_write_now(LOG_LEVEL_ERROR,
                         plugin_call_now ? "the host crashes, in a call of a plugin"
                                         : "the host crashes, in no call of a plugin",
                         fields, count);
}

/* --- The backtrace */

struct walk {
    uintptr_t
        began_at; /* where the signal came; frames before it are the handler's; 0: all count */
    unsigned frames;
};

/* The offset is that of the file: addr2line -e FILE OFFSET finds the line. */
static void write_frame(unsigned number, uintptr_t address, bool is_return)
{
    struct dl_find_object found;
    char offset[HEX_SIZE];
    /* A call may be the last of its function: then it would return into the next one. */
    const uintptr_t within = is_return ? address - 1 : address;
    const char *file = "";
    uintptr_t base = 0;

    if (_dl_find_object((void *)within, &found) == 0) { /* NOLINT(performance-no-int-to-ptr) */
        file = found.dlfo_link_map->l_name;
        base = found.dlfo_link_map->l_addr;
        if (file[0] == '\0')
            file = "toni"; /* the program has no name there */
    }
    const struct log_field fields[] = {log_uint("number", number), log_str("file", file),
                                       log_str("offset", put_hex(offset, within - base))};
    log_thread_write_now(LOG_LEVEL_ERROR, "frame", fields, sizeof fields / sizeof fields[0]);
}

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *data)
{
    struct walk *walk = data;
    int is_before = 0;
    const uintptr_t address = _Unwind_GetIPInfo(context, &is_before);

    if (walk->began_at != 0 && address != walk->began_at)
        return _URC_NO_REASON;
    if (address == 0 && walk->frames > 0)
        return _URC_NORMAL_STOP; /* the outermost was written */
    write_frame(walk->frames, address, walk->frames > 0 && !is_before);
    walk->frames++;
    walk->began_at = 0;
    return walk->frames < MOST_FRAMES ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

/* @return Where the thread was; 0: this processor's registers are not known here. */
static uintptr_t interrupted_at(const void *context)
{
    const ucontext_t *registers = context;
#if defined __x86_64__
    return (uintptr_t)registers->uc_mcontext.gregs[REG_RIP];
#elif defined __aarch64__
    return (uintptr_t)registers->uc_mcontext.pc;
#else
    (void)registers;
    return 0;
#endif
}

/* After a jump to an invalid address the unwinder finds no frames: then at least that address is
 * written. */
static void write_backtrace(const void *context)
{
    struct walk walk = {.began_at = interrupted_at(context)};
    const uintptr_t at = walk.began_at;

    (void)_Unwind_Backtrace(on_frame, &walk);
    if (walk.frames == 0 && at != 0)
        write_frame(0, at, false);
}

/* --- Signals */

static void let_alarm_end(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t set;

    (void)sigaction(SIGALRM, &standard, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* The kernel gives the alarm to this thread, or to that of the signals, which waits for it too. */
static void limit_time(void)
{
    atomic_store(&is_limited, true);
    let_alarm_end();
    (void)alarm(HANDLER_SECONDS);
}

void crash_end_late(void)
{
    if (!atomic_load(&is_limited))
        return;
    let_alarm_end();
    (void)raise(SIGALRM);
}

/* Restores the handler before this one. A fault happens again when this returns; a signal that
 * was sent is raised again. So the process ends by it, with a core dump of the place. */
static void hand_back(int number, const siginfo_t *info)
{
    for (size_t i = 0; i < WATCHED; i++) {
        if (watched[i].number == number)
            (void)sigaction(number, &before[i], NULL);
    }
    if (!is_fault(number, info))
        (void)raise(number);
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    if (getpid() == watched_pid) {
        while (atomic_flag_test_and_set(&is_crashing))
            (void)pause(); /* another thread reports, and then the process ends */
        limit_time();
        log_thread_seize(LAST_WORDS_MS);
        write_signal(number, info);
        write_backtrace(context);
        (void)alarm(0); /* a core dump takes its time */
        process_keep_counts();
    }
    hand_back(number, info);
}

static _Unwind_Reason_Code stop_at_once(struct _Unwind_Context *context, void *data)
{
    (void)context, (void)data;
    return _URC_NORMAL_STOP;
}

/* Loads and binds now what would be loaded or bound at its first use, in the handler. */
static void get_ready(void)
{
    struct dl_find_object found;

    (void)_Unwind_Backtrace(stop_at_once, NULL);
    (void)_dl_find_object((void *)(uintptr_t)&get_ready, &found);
}

/* --- Exits */

static _Noreturn void end_with(const char *message)
{
    struct log_field fields[MOST_FIELDS];
    const size_t count = describe_call(fields);

    log_thread_seize(LAST_WORDS_MS);
    log_thread_write_now(LOG_LEVEL_ERROR, message, fields, count);
    process_end(EXIT_FAULT);
}

static void on_exit_called(void)
{
    if (atomic_load(&is_exit_expected) || getpid() != watched_pid)
        return;
    end_with(plugin_call_now
                 ? "a plugin has called exit: the host ends with exit code 1"
                 : "exit was called, in no call of a plugin: a thread of a plugin's own "
                   "may have done it; the host ends with exit code 1");
}

/* Ends the process: a thread that is gone would leave its clients unanswered for ever, and keep
 * the host from ending, since nobody gives back what it held. */
static void on_thread_end(void)
{
    if (getpid() == watched_pid)
        end_with("a plugin has ended a thread of the host (pthread_exit or pthread_cancel): the "
                 "host ends with exit code 1");
}

void crash_watch_exit(void)
{
    (void)atexit(on_exit_called); /* if it fails, the one before is there still */
    (void)at_quick_exit(on_exit_called);
}

void crash_expect_exit(void)
{
    atomic_store(&is_exit_expected, true);
}

void crash_watch(void)
{
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    watched_pid = getpid();
    get_ready();
    signal_stack_enable();
    signal_stack_ensure();
    plugin_call_on_thread_end = on_thread_end;
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < WATCHED; i++)
        (void)sigaction(watched[i].number, &action, &before[i]);
    crash_watch_exit();
}
