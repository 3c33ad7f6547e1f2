/* Options of the instance: what the plugin declares, with what the test has set of it. What `toni
 * check` would refuse fails the test. */
#include "toni_testkit_private.h"

static const toni_option *find_among(const toni_option *const *options, toni_str name)
{
    for (size_t i = 0; options && options[i]; i++) {
        if (toni_str_equal(options[i]->name, name))
            return options[i];
    }
    return NULL;
}

static const toni_option *find_declared(const toni_fake_host *host, toni_str name)
{
    return find_among(host->plugin ? host->plugin->options : NULL, name);
}

static int has_items(uint32_t type)
{
    return type == TONI_TYPE_LIST || type == TONI_TYPE_MAP;
}

static int is_written(uint32_t type)
{
    return type == TONI_TYPE_STR || type == TONI_TYPE_PATH || type == TONI_TYPE_DURATION ||
           type == TONI_TYPE_SIZE;
}

/* The letter that a setter keeps for values of a type. */
static char letter_of(uint32_t type)
{
    if (is_written(type))
        return 's';
    if (type == TONI_TYPE_BOOL)
        return 'b';
    return type == TONI_TYPE_INT ? 'i' : 'd';
}

static int64_t parse(uint32_t type, toni_str text)
{
    int64_t number = 0;
    if (type == TONI_TYPE_DURATION) {
        ck_assert_msg(toni_duration_parse(text, &number) == TONI_OK, "`%.*s` is no duration",
                      TONI_STR_ARG(text));
    } else if (type == TONI_TYPE_SIZE) {
        ck_assert_msg(toni_size_parse(text, &number) == TONI_OK, "`%.*s` is no size",
                      TONI_STR_ARG(text));
    }
    return number;
}

/* What the test has set. */
static void take_set(const toni_fake_setting *set, uint32_t type, toni_option_value *value)
{
    const char wanted = letter_of(type);
    ck_assert_msg(set->type == wanted || (set->type == 'i' && wanted == 'd'),
                  "option `%.*s` is set as another type than it is declared",
                  TONI_STR_ARG(set->name));
    value->integer = is_written(type) ? parse(type, set->text) : set->integer;
    value->real = set->number;
    value->text = set->text;
    value->key = set->key;
}

static void take_default(const toni_option *option, toni_option_value *value)
{
    ck_assert_msg((option->flags & TONI_REQUIRED) == 0,
                  "option `%.*s` is required: toni_fake_host_set_str sets it",
                  TONI_STR_ARG(option->name));
    value->integer =
        is_written(option->type) ? parse(option->type, option->standard) : option->standard_int;
    value->real = option->standard_double;
    value->text = option->standard;
}

/* Gateways.conf would not get through `toni check` with it. */
static void check_range(const toni_option *option, const toni_option_value *value)
{
    int64_t least = option->least_int, most = option->most_int;
    if (option->type == TONI_TYPE_DURATION || option->type == TONI_TYPE_SIZE) {
        least = parse(option->type, option->least);
        most = parse(option->type, option->most);
    } else if (option->type == TONI_TYPE_DOUBLE) {
        ck_assert_msg(value->real >= option->least_double && value->real <= option->most_double,
                      "option `%.*s` is out of its range", TONI_STR_ARG(option->name));
        return;
    } else if (option->type != TONI_TYPE_INT) {
        return;
    }
    ck_assert_msg(value->integer >= least && value->integer <= most,
                  "option `%.*s` is out of its range", TONI_STR_ARG(option->name));
}

/* @return The item of that number; with TONI_OPTION_ITSELF none. @param count  Set to how many. */
static const toni_fake_setting *find_item(const toni_fake_host *host, toni_str name, size_t index,
                                          size_t *count)
{
    const toni_fake_setting *found = NULL;
    *count = 0;
    for (size_t i = 0; i < host->option_count; i++) {
        const toni_fake_setting *setting = &host->options[i];
        if (!setting->is_item || !toni_str_equal(setting->name, name))
            continue;
        if ((*count)++ == index)
            found = setting;
    }
    return found;
}

static int32_t option_get(const toni_context *context, toni_str name, uint32_t type, size_t index,
                          toni_option_value *value)
{
    const toni_fake_host *host = host_of_context(context);
    const toni_option *option = find_declared(host, name);
    const int is_whole = index == TONI_OPTION_ITSELF;
    ck_assert_msg(option != NULL, "the plugin asks for option `%.*s` and does not declare it",
                  TONI_STR_ARG(name));
    ck_assert_msg(type == (is_whole ? option->type : option->item_type),
                  "the plugin asks for option `%.*s` as another type than it declares",
                  TONI_STR_ARG(name));
    const toni_fake_setting *item = find_item(host, name, index, &value->count);
    if (!is_whole) {
        ck_assert_msg(item != NULL, "option `%.*s` has no item %zu", TONI_STR_ARG(name), index);
        take_set(item, type, value);
        return TONI_OK;
    }
    const toni_fake_setting *set =
        fake_find_setting(host->options, host->option_count, name, toni_str_equal);
    if (has_items(type))
        return TONI_OK;
    if (set)
        take_set(set, type, value);
    else
        take_default(option, value);
    check_range(option, value);
    return TONI_OK;
}

/* @return What the test has set of a group's member; NULL: nothing. */
static const toni_fake_setting *find_member(const toni_fake_host *host, toni_str name, size_t group,
                                            toni_str member)
{
    for (size_t i = 0; i < host->option_count; i++) {
        const toni_fake_setting *setting = &host->options[i];
        if (setting->member.size > 0 && setting->group == group &&
            toni_str_equal(setting->name, name) && toni_str_equal(setting->member, member))
            return setting;
    }
    return NULL;
}

static int32_t option_member(const toni_context *context, toni_str name, size_t index,
                             toni_str member, uint32_t type, toni_option_value *value)
{
    const toni_fake_host *host = host_of_context(context);
    const toni_option *option = find_declared(host, name);
    size_t count;
    ck_assert_msg(option != NULL && option->item_type == TONI_TYPE_GROUP,
                  "the plugin asks for members of option `%.*s` and declares no groups there",
                  TONI_STR_ARG(name));
    const toni_option *inner = find_among(option->members, member);
    ck_assert_msg(inner != NULL && inner->type == type,
                  "the plugin asks for member `%.*s` of option `%.*s`, and does not declare it so",
                  TONI_STR_ARG(member), TONI_STR_ARG(name));
    const toni_fake_setting *group = find_item(host, name, index, &count);
    ck_assert_msg(group != NULL, "option `%.*s` has no group %zu", TONI_STR_ARG(name), index);
    const toni_fake_setting *set = find_member(host, name, index, member);
    if (set)
        take_set(set, type, value);
    else
        take_default(inner, value);
    check_range(inner, value);
    value->key = group->key;
    return TONI_OK;
}

/* A setting that no option is declared for would be a fault of gateways.conf. */
void fake_check_options(const toni_fake_host *host)
{
    for (size_t i = 0; i < host->option_count; i++) {
        const toni_fake_setting *setting = &host->options[i];
        const toni_option *option = find_declared(host, setting->name);
        ck_assert_msg(option != NULL,
                      "the test sets option `%.*s`, which the plugin does not declare",
                      TONI_STR_ARG(setting->name));
        ck_assert_msg(setting->member.size == 0 || find_among(option->members, setting->member),
                      "the test sets member `%.*s` of option `%.*s`, which the plugin does not "
                      "declare",
                      TONI_STR_ARG(setting->member), TONI_STR_ARG(setting->name));
    }
}

/* --- What tests set */

static toni_fake_setting *set_option(toni_fake_host *host, const char *name, char type)
{
    toni_fake_setting *option = (toni_fake_setting *)fake_find_setting(
        host->options, host->option_count, toni_str_of(name), toni_str_equal);
    if (!option)
        option = fake_add_setting(host->options, &host->option_count, name);
    option->type = type;
    return option;
}

static toni_fake_setting *add_item(toni_fake_host *host, const char *name, const char *key,
                                   char type)
{
    toni_fake_setting *item = fake_add_setting(host->options, &host->option_count, name);
    item->is_item = 1;
    item->key = toni_str_of(key);
    item->type = type;
    return item;
}

void toni_fake_host_set_bool(toni_fake_host *host, const char *name, int value)
{
    set_option(host, name, 'b')->integer = value != 0;
}

void toni_fake_host_set_int(toni_fake_host *host, const char *name, int64_t value)
{
    toni_fake_setting *option = set_option(host, name, 'i');
    option->integer = value;
    option->number = (double)value;
}

void toni_fake_host_set_double(toni_fake_host *host, const char *name, double value)
{
    set_option(host, name, 'd')->number = value;
}

void toni_fake_host_set_str(toni_fake_host *host, const char *name, const char *value)
{
    set_option(host, name, 's')->text = toni_str_of(value);
}

void toni_fake_host_add_int(toni_fake_host *host, const char *name, const char *key, int64_t value)
{
    toni_fake_setting *item = add_item(host, name, key, 'i');
    item->integer = value;
    item->number = (double)value;
}

void toni_fake_host_add_str(toni_fake_host *host, const char *name, const char *key,
                            const char *value)
{
    add_item(host, name, key, 's')->text = toni_str_of(value);
}

size_t toni_fake_host_add_group(toni_fake_host *host, const char *name, const char *key)
{
    size_t count;
    (void)add_item(host, name, key, 'g');
    (void)find_item(host, toni_str_of(name), 0, &count);
    return count - 1;
}

static toni_fake_setting *set_member(toni_fake_host *host, const char *name, size_t group,
                                     const char *member, char type)
{
    toni_fake_setting *setting =
        (toni_fake_setting *)find_member(host, toni_str_of(name), group, toni_str_of(member));
    if (!setting)
        setting = fake_add_setting(host->options, &host->option_count, name);
    setting->group = group;
    setting->member = toni_str_of(member);
    setting->type = type;
    return setting;
}

void toni_fake_host_set_member_bool(toni_fake_host *host, const char *name, size_t group,
                                    const char *member, int value)
{
    set_member(host, name, group, member, 'b')->integer = value != 0;
}

void toni_fake_host_set_member_int(toni_fake_host *host, const char *name, size_t group,
                                   const char *member, int64_t value)
{
    toni_fake_setting *setting = set_member(host, name, group, member, 'i');
    setting->integer = value;
    setting->number = (double)value;
}

void toni_fake_host_set_member_double(toni_fake_host *host, const char *name, size_t group,
                                      const char *member, double value)
{
    set_member(host, name, group, member, 'd')->number = value;
}

void toni_fake_host_set_member_str(toni_fake_host *host, const char *name, size_t group,
                                   const char *member, const char *value)
{
    set_member(host, name, group, member, 's')->text = toni_str_of(value);
}

void fake_options_fill(toni_host *table)
{
    table->option_get = option_get;
    table->option_member = option_member;
}
