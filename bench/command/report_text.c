/* Reports for people; see result.h. */
#include "base/clock.h"
#include "command/result.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- Numbers */

#define NUMBER_SIZE 32U

/* 1234567 becomes 1,234,567. */
static const char *grouped(uint64_t number, char text[NUMBER_SIZE])
{
    char digits[NUMBER_SIZE];
    const int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    size_t at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

/* Three digits or so, with a unit that people read. */
static const char *lasting(uint64_t ns, char text[NUMBER_SIZE])
{
    const double us = (double)ns / 1e3;
    if (us < 1000)
        (void)snprintf(text, NUMBER_SIZE, "%.0f us", us);
    else if (us < 1e6)
        (void)snprintf(text, NUMBER_SIZE, us < 1e5 ? "%.2f ms" : "%.0f ms", us / 1e3);
    else
        (void)snprintf(text, NUMBER_SIZE, "%.2f s", us / 1e6);
    return text;
}

static void print_count(const char *name, uint64_t count, double seconds)
{
    char number[NUMBER_SIZE], rate[NUMBER_SIZE];
    (void)printf("  %-11s %s", name, grouped(count, number));
    if (seconds > 0)
        (void)printf(", %s a second", grouped((uint64_t)((double)count / seconds), rate));
}

static void print_percentiles(const char *name, const struct percentiles *times)
{
    char p50[NUMBER_SIZE], p90[NUMBER_SIZE], p99[NUMBER_SIZE], p999[NUMBER_SIZE], most[NUMBER_SIZE];
    if (times->count == 0)
        return;
    (void)printf("  %-11s p50 %s, p90 %s, p99 %s, p99.9 %s, max %s\n", name,
                 lasting(percentiles_at(times, 0.5), p50), lasting(percentiles_at(times, 0.9), p90),
                 lasting(percentiles_at(times, 0.99), p99),
                 lasting(percentiles_at(times, 0.999), p999), lasting(times->largest, most));
}

static void print_reasons(const char *name, const struct reasons *reasons)
{
    char number[NUMBER_SIZE];
    for (uint32_t i = 0; i < reasons->used; i++)
        (void)printf("  %-11s %s: %s\n", name, grouped(reasons->entries[i].count, number),
                     reasons->entries[i].text);
    if (reasons->others > 0)
        (void)printf("  %-11s %s for other reasons\n", name, grouped(reasons->others, number));
}

/* --- Parts */

static void print_head(const struct plan *plan)
{
    char number[NUMBER_SIZE], publishers[NUMBER_SIZE];
    (void)printf("%s: %s connection%s", plan->url_text, grouped(plan->connections, number),
                 plan->connections == 1 ? "" : "s");
    if (plan->handshakes)
        (void)printf(" at a time, opened and closed");
    else if (plan->rooms > 0) {
        (void)printf(" in %s room%s, %s publisher%s", grouped(plan->rooms, number),
                     plan->rooms == 1 ? "" : "s", grouped(plan->publishers, publishers),
                     plan->publishers == 1 ? "" : "s");
    }
    if (plan->slow > 0)
        (void)printf(", %s of them slow", grouped(plan->slow, number));
    if (plan->handshakes && plan->connect_rate > 0)
        (void)printf(", %.0f a second", plan->connect_rate);
    else if (plan->rate > 0)
        (void)printf(", %.0f messages a second", plan->rate);
    else if (!plan->handshakes)
        (void)printf(", %" PRIu32 " message%s outstanding each", plan->outstanding,
                     plan->outstanding == 1 ? "" : "s");
    (void)printf("\n\n");
}

static void print_connections(const struct result *result)
{
    char number[NUMBER_SIZE], of[NUMBER_SIZE];
    if (result->plan->handshakes) {
        print_count("handshakes", result->opened, result->seconds);
        (void)printf("\n");
    } else {
        (void)printf("  %-11s %s of %s in %.2f s\n", "connected", grouped(result->opened, number),
                     grouped(result->plan->connections, of), result->connect_s);
    }
    print_percentiles("handshake", &result->handshakes);
}

static void print_messages(const struct result *result)
{
    char number[NUMBER_SIZE];
    (void)printf("  %-11s %.1f s\n", "measured", result->seconds);
    print_count("sent", result->sent, result->seconds);
    if (result->held_back > 0)
        (void)printf("; %s more were due, and their connections took no more",
                     grouped(result->held_back, number));
    (void)printf("\n");
    print_count("received", result->received, result->seconds);
    (void)printf("\n");
    print_percentiles("latency", &result->healthy.latencies);
}

static void print_slow(const struct result *result)
{
    char number[NUMBER_SIZE];
    if (result->plan->slow == 0)
        return;
    (void)printf("  %-11s received %s\n", "slow", grouped(result->slow.delivered, number));
    print_reasons("slow closed", &result->closed_slow);
}

/* What it cost the generator, and what that means. */
static void print_limits(const struct result *result)
{
    double busy = 0, waited = 0;
    for (uint32_t i = 0; i < result->plan->threads; i++) {
        busy = result->threads[i].busy > busy ? result->threads[i].busy : busy;
        waited = result->threads[i].waited > waited ? result->threads[i].waited : waited;
    }
    (void)printf("  %-11s ran %.0f %% of the time, waited for a core %.0f %%\n", "generator",
                 100 * busy, 100 * waited);
    print_percentiles("sent late", &result->late);
    for (uint32_t i = 0; i < result->limits.count; i++) {
        (void)printf("\n%s%s",
                     i == 0 ? "LIMIT: these are figures of the generator, not of the server:\n  "
                            : "  ",
                     result->limits.said[i]);
    }
    if (result->limits.count > 0)
        (void)printf("\n");
}

static void print_fault(const char *name, uint64_t count, const char *what)
{
    char number[NUMBER_SIZE];
    if (count > 0)
        (void)printf("  %-11s %s %s\n", name, grouped(count, number), what);
}

/* An address has so many ports, and a process so many descriptors. */
static void print_hint(const struct reasons *refused)
{
    for (uint32_t i = 0; i < refused->used; i++) {
        const char *text = refused->entries[i].text;
        if (strstr(text, "Cannot assign requested address")) {
            (void)printf("\nNo port is left to connect from, or a --source is no address of this "
                         "machine: give more with --source,\nor widen "
                         "net.ipv4.ip_local_port_range.\n");
        } else if (strstr(text, "Too many open files")) {
            (void)printf("\nNo descriptor is left: fewer --connections, or raise `ulimit -n`.\n");
        }
    }
}

static void print_faults(const struct result *result)
{
    const struct tally *tally = &result->healthy, *slow = &result->slow;
    print_reasons("refused", &result->refused);
    print_reasons("closed", &result->closed);
    print_fault("lost", result_lost(result), "that did not come");
    print_fault("doubled", tally->repeated + slow->repeated, "that came twice, or unasked");
    print_fault("disordered", tally->late + slow->late, "that came behind a later one");
    print_fault("strayed", tally->strayed + slow->strayed, "that were for somebody else");
    print_fault("damaged", tally->damaged + slow->damaged, "with other bytes than were sent");
    print_fault("errors", tally->errors, "answers that say that it was not done");
    print_fault("timed out", result->timed_out, "that were not answered in time");
    print_hint(&result->refused);
}

/* The first messages go out before the time that is measured. */
static bool is_unanswered(const struct result *result)
{
    return !result->plan->handshakes && result->closed.used == 0 &&
           result->healthy.delivered == 0 && result_lost(result) > 0;
}

int report_text(const struct result *result)
{
    print_head(result->plan);
    print_connections(result);
    if (!result->plan->handshakes)
        print_messages(result);
    print_slow(result);
    print_limits(result);
    if (result->is_early)
        (void)printf("\nIt ended before its time.\n");
    if (result_is_right(result)) {
        (void)printf(
            "\nRight: nothing was lost, doubled, out of order, damaged, refused or closed.\n");
    } else {
        (void)printf("\nWRONG:\n");
        print_faults(result);
        if (result->opened == 0) {
            (void)printf("  nobody could connect\n");
        } else if (is_unanswered(result)) {
            (void)printf("\nNothing that came back holds what was sent: say by --message TEXT or "
                         "--event NAME what this gateway\ntakes, as `toni bench --help` has it.\n");
        } else if (result->sent == 0 && !result->plan->handshakes) {
            (void)printf("  nothing was sent\n");
        }
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}
