/* Checks; see checks.h. */
#include "command/checks.h"

#include "base/clock.h"
#include "client/mark.h"
#include "client/pending.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* What comes next of each publisher is kept for each of its room: 4 bytes. */
#define NUMBERS_MAX (1ULL << 26)

/* Beside those of connections: epolls, the standard ones, what libraries have. */
#define SPARE_DESCRIPTORS 32U

static char said[512];

static const char no_memory[] = "there is no memory for it";

/* --- Who */

static const char *check_rooms(const struct plan *plan)
{
    if (plan->slow > plan->connections - plan->publishers)
        return "those that publish to a room can't be slow: fewer --publishers, or a smaller share "
               "of --slow";
    if (plan->publishers / plan->rooms >= MARK_PUBLISHERS_MAX)
        return "a room can't have more than 4095 publishers";
    if ((uint64_t)plan->connections * (plan->publishers / plan->rooms + 1) > NUMBERS_MAX)
        return "so many publishers of so many can't be kept in mind: fewer --publishers, or more "
               "--rooms";
    return NULL;
}

static const char *check_who(struct options *options)
{
    struct plan *plan = options->plan;
    if (plan->rooms > plan->connections)
        return "there are fewer --connections than --rooms";
    plan->slow = (uint32_t)lround(options->slow * plan->connections);
    if (plan->publishers == 0)
        plan->publishers = plan->rooms > 0 ? plan->rooms : plan->connections;
    if (plan->publishers > plan->connections)
        return "there are fewer --connections than --publishers";
    if (plan->threads > plan->connections)
        return "there are fewer --connections than --threads";
    if (plan->slow_rate > 0 && plan->slow == 0)
        return "--slow-rate needs --slow";
    if (plan->slow == plan->connections)
        return "nobody would be measured: a smaller share of --slow";
    return plan->rooms > 0 ? check_rooms(plan) : NULL;
}

/* --- What */

/* What must be JSON is that for every message, or for none. */
static bool makes_json(const struct template *template)
{
    uint8_t message[MARK_SIZE];
    const struct mark mark = {0};
    const struct template_values values = {
        .room = "bench-0", .message = message, .size = sizeof message};
    mark_write(&mark, message);
    char *text = malloc(template_bound(template, &values));
    const size_t size = text ? template_write((uint8_t *)text, template, &values) : 0;
    json_t *json = text ? json_loadb(text, size, 0, NULL) : NULL;
    free(text);
    json_decref(json);
    return json != NULL;
}

static const char *make_event(const struct options *options)
{
    struct plan *plan = options->plan;
    json_t *string = json_string(options->event);
    char *name = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL, *pattern = NULL;
    json_decref(string);
    if (!name)
        return "--event is not UTF-8";
    const char *data = options->data ? options->data : "{}";
    const char *form = plan->matching == MATCHING_ID ? "{\"event\":%s,\"id\":{number},\"data\":%s}"
                                                     : "{\"event\":%s,\"data\":%s}";
    if (asprintf(&pattern, form, name, data) < 0)
        pattern = NULL;
    const bool made = pattern && template_init(&plan->message, pattern, false) == 0;
    free(pattern);
    free(name);
    if (!made)
        return no_memory;
    return makes_json(&plan->message) ? NULL : "--data is not JSON";
}

static const char *make_message(const struct options *options)
{
    struct plan *plan = options->plan;
    const char *text = options->message  ? options->message
                       : plan->rooms > 0 ? "msg:{room}:{message}"
                                         : "{message}";
    if (template_init(&plan->message, text, false))
        return no_memory;
    if (plan->message.count == 0)
        return "--message is empty";
    return NULL;
}

static const char *check_what(const struct options *options)
{
    struct plan *plan = options->plan;
    if (options->event && options->message)
        return "--event and --message are two ways to say what is sent: one of them";
    if (options->data && !options->event)
        return "--data needs --event";
    plan->matching = options->event && plan->rooms == 0 ? MATCHING_ID : MATCHING_ORDER;
    const char *wrong = options->event ? make_event(options) : make_message(options);
    if (wrong)
        return wrong;
    if (plan->matching == MATCHING_ORDER && template_has(&plan->message, PLACEHOLDER_MESSAGE))
        plan->matching = MATCHING_MARK;
    if (plan->rooms > 0 && plan->matching != MATCHING_MARK)
        return "what is sent to a room must hold {message}, which is told from all others";
    const char *join = options->join ? options->join : plan->rooms > 0 ? "join:{room}" : "";
    plan->joins = *join != '\0';
    return template_init(&plan->join, join, false) ? no_memory : NULL;
}

/* --- How */

static const char *check_times(struct plan *plan)
{
    if (plan->rate > 0 && plan->outstanding > 0)
        return "--rate sends whatever has come back, --outstanding waits: one of them";
    if (plan->handshakes &&
        (plan->rate > 0 || plan->outstanding > 0 || plan->rooms > 0 || plan->slow > 0))
        return "--handshakes sends no messages: not with --rate, --outstanding, --rooms, --slow";
    if (plan->others && (plan->rooms == 0 || !(plan->rate > 0)))
        return "--others needs --rooms, and --rate: who gets nothing back can't wait for it";
    if (plan->duration_ns < 10 * (uint64_t)NS_PER_MS)
        return "--duration must be 10ms at least";
    if (plan->timeout_ns < 10 * (uint64_t)NS_PER_MS)
        return "--timeout must be 10ms at least";
    if (plan->outstanding == 0)
        plan->outstanding = 1;
    if (plan->warm_up_ns == UINT64_MAX) {
        plan->warm_up_ns = plan->duration_ns / 5;
        if (plan->warm_up_ns > NS_PER_S)
            plan->warm_up_ns = NS_PER_S;
    }
    plan->duration_ns += plan->warm_up_ns;
    return NULL;
}

static const char *check_descriptors(const struct plan *plan)
{
    struct rlimit limit;
    const rlim_t needed = plan->connections + plan->threads + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return NULL;
    if (limit.rlim_max < needed) {
        (void)snprintf(
            said, sizeof said,
            "so many connections need %llu descriptors, and a process here may have %llu: "
            "fewer --connections, or raise the limit (`ulimit -Hn`, LimitNOFILE=)",
            (unsigned long long)needed, (unsigned long long)limit.rlim_max);
        return said;
    }
    if (limit.rlim_cur < needed)
        limit.rlim_cur = needed;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return NULL;
}

static const char *check_target(const struct options *options)
{
    struct plan *plan = options->plan;
    struct target *target = &plan->target;
    if (!plan->url_text)
        plan->url_text = plan->rooms > 0 ? "ws://127.0.0.1:9000/rooms" : "ws://127.0.0.1:9000/echo";
    const char *wrong = url_parse(&plan->url, plan->url_text);
    if (!wrong)
        wrong = target_init(target, &plan->url);
    if (wrong) {
        (void)snprintf(said, sizeof said, "%.200s: %s", plan->url_text, wrong);
        return said;
    }
    if (plan->url.socket && options->sources.source_count > 0)
        return "--source is for TCP";
    if ((plan->takes_any || plan->authorities) && !plan->url.tls)
        return "--insecure and --ca are for wss://";
    if (options->subprotocol &&
        (!*options->subprotocol ||
         strspn(options->subprotocol, CHECKS_TOKEN) != strlen(options->subprotocol)))
        return "--subprotocol is not the name of one";
    target->sources = options->sources.sources;
    target->source_count = options->sources.source_count;
    target->subprotocol = options->subprotocol;
    target->fields = plan->fields ? plan->fields : "";
    return template_init(&plan->path, plan->url.path, false) ? no_memory : NULL;
}

const char *checks_run(struct options *options)
{
    struct plan *plan = options->plan;
    const char *wrong = check_who(options);
    if (!wrong)
        wrong = check_what(options);
    if (!wrong)
        wrong = check_times(plan);
    if (!wrong)
        wrong = check_target(options);
    return wrong ? wrong : check_descriptors(plan);
}
