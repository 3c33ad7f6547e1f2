/* gateways_conf_read on any bytes: a configuration, or faults that can be printed. */
#include "fuzz_file.h"

#include "config/config.h"

#include <sanitizer/lsan_interface.h>
#include <string.h>

/* The texts of strings that libconfig's parser threw away because of an error in the file stay
 * allocated in 1.5: https://github.com/hyperrealm/libconfig/issues/142. */
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\nleak:libconfig_yylex";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct fault_list faults;

    /* What it includes would be the file system's and not the input's. */
    if (size > 0 && memmem(data, size, "@include", strlen("@include")))
        return 0;
    int fd = fuzz_file(data, size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fault_list_init(&faults);
    struct config *config = gateways_conf_read(path, &faults);
    FUZZ_REQUIRE(config || !fault_list_empty(&faults));
    if (config && fault_list_empty(&faults))
        FUZZ_REQUIRE(config->websocket.count > 0 && config->module_count > 0);

    FILE *sink = fopen("/dev/null", "we");
    FUZZ_REQUIRE(sink);
    fault_list_sort(&faults);
    fault_list_print(&faults, sink);
    (void)fclose(sink);

    gateways_conf_destroy(config);
    fault_list_finish(&faults);
    (void)close(fd);
    return 0;
}
