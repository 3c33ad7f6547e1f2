/* The clocks, over clock_gettime(2). Not for timers. */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

#define MS_PER_DAY 86400000

static struct timespec read_clock(clockid_t id)
{
    struct timespec now = {0};

    /* Fails only for a clock that the kernel doesn't have or a bad address: neither can be here. */
    (void)clock_gettime(id, &now);
    return now;
}

uint64_t clock_now_ns(void)
{
    const struct timespec now = read_clock(CLOCK_MONOTONIC);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ms(void)
{
    return clock_now_ns() / NS_PER_MS;
}

int64_t clock_wall_ms(void)
{
    const struct timespec now = read_clock(CLOCK_REALTIME);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / (long)NS_PER_MS;
}

int64_t clock_wall_s(void)
{
    return read_clock(CLOCK_REALTIME).tv_sec;
}

int clock_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0)
        return -1;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    const int error = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return error == 0 ? 0 : -1;
}

int clock_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    return pthread_cond_timedwait(condition, lock, &until) == ETIMEDOUT ? -1 : 0;
}

/* A date of the Gregorian calendar, which gmtime_r(3) would give as well; but that takes a lock. */
struct date {
    int64_t year;
    unsigned month, day;
};

/* Counts from a 1 March on, so that the day that may be missing is a year's last; 400 years are
 * always the same number of days. (Howard Hinnant, "chrono-compatible low-level date algorithms")
 * @param days  Since 1970-01-01. */
static struct date date_of(int64_t days)
{
    const int64_t since_0000_03_01 = days + 719468;
    const int64_t era =
        (since_0000_03_01 >= 0 ? since_0000_03_01 : since_0000_03_01 - 146096) / 146097;
    const unsigned day_of_era = (unsigned)(since_0000_03_01 - era * 146097);
    const unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const unsigned day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const unsigned month = (5 * day_of_year + 2) / 153; /* from March on */

    return (struct date){
        .year = era * 400 + year_of_era + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
}

/* @return Where the text goes on. */
static char *put_digits(char *text, uint64_t number, unsigned least, char after)
{
    char digits[20];
    unsigned count = 0;

    for (; number > 0 || count < least; number /= 10)
        digits[count++] = (char)('0' + number % 10);
    while (count > 0)
        *text++ = digits[--count];
    *text++ = after;
    return text;
}

void clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    int64_t days = wall_ms / MS_PER_DAY;
    int64_t ms = wall_ms % MS_PER_DAY;

    /* C rounds towards zero; before 1970 the clock must still count upwards. */
    if (ms < 0) {
        ms += MS_PER_DAY;
        days--;
    }
    const struct date date = date_of(days);
    if (date.year < 0)
        *text++ = '-';
    text = put_digits(text, (uint64_t)(date.year < 0 ? -date.year : date.year), 4, '-');
    text = put_digits(text, date.month, 2, '-');
    text = put_digits(text, date.day, 2, 'T');
    text = put_digits(text, (uint64_t)(ms / 3600000), 2, ':');
    text = put_digits(text, (uint64_t)(ms / 60000 % 60), 2, ':');
    text = put_digits(text, (uint64_t)(ms / MS_PER_S % 60), 2, '.');
    text = put_digits(text, (uint64_t)(ms % MS_PER_S), 3, 'Z');
    *text = '\0';
}
