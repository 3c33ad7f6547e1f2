/* Names and what they stand for: options, header fields, parameters. */
#include "toni_testkit_private.h"

static int lower(int letter)
{
    return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter;
}

int fake_equal_in_any_case(toni_str a, toni_str b)
{
    if (a.size != b.size)
        return 0;
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return 0;
    }
    return 1;
}

const toni_fake_setting *fake_find_setting(const toni_fake_setting *settings, size_t count,
                                           toni_str name, fake_equal_fn equal)
{
    for (size_t i = 0; i < count; i++) {
        if (equal(settings[i].name, name))
            return &settings[i];
    }
    return NULL;
}

toni_fake_setting *fake_add_setting(toni_fake_setting *settings, size_t *count, const char *name)
{
    ck_assert_msg(*count < TONI_FAKE_MAX, "no room for %s: TONI_FAKE_MAX", name);
    toni_fake_setting *setting = &settings[(*count)++];
    *setting = (toni_fake_setting){.name = toni_str_of(name)};
    return setting;
}

int32_t fake_get_text(const toni_fake_setting *setting, toni_str *value)
{
    if (!setting)
        return TONI_ERR_NOT_FOUND;
    *value = setting->text;
    return TONI_OK;
}
