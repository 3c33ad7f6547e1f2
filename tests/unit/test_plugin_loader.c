/* Finding, copying, checking and loading libraries: one fixture for each reason to refuse one. */
#include "plugin/loader.h"
#include "temporary_folder.h"

#include <dirent.h>
#include <elf.h>
#include <link.h>

static struct plugin_loader loader;
static struct plugin_set set;
static struct value *tree;

/* The set finds libraries in the test's folder, then among the fixtures. */
static void setup(void)
{
    static const char *plugin_path[1];

    testing_setup();
    plugin_path[0] = test_folder;
    ck_assert_int_eq(setenv("TMPDIR", test_folder, 1), 0);
    tree = value_group_create((struct value_place){.file = "gateways.conf", .line = 5});
    plugin_loader_init(&loader, TEST_FIXTURES_DIR);
    plugin_set_init(&set, &loader,
                    &(struct plugin_search){.config_folder = test_folder,
                                            .plugin_path = plugin_path,
                                            .plugin_path_count = 1},
                    NULL);
}

static void teardown(void)
{
    plugin_set_finish(&set);
    plugin_loader_finish(&loader);
    value_destroy(tree);
    testing_teardown();
}

/* All steps. Here libraries are not tried by another process: that is what integration tests do. */
static struct plugin *load_into(struct plugin_set *to, const char *library)
{
    struct plugin *plugin = plugin_set_add(to, library, tree, &faults);

    plugin_set_try(to, 10000, &faults);
    ck_assert_int_eq(plugin_set_map(to, 10000, &faults), 0);
    return plugin && plugin->state == PLUGIN_MAPPED ? plugin : NULL;
}

static struct plugin *load(const char *library)
{
    return load_into(&set, library);
}

static struct plugin *load_good(const char *library)
{
    struct plugin *plugin = load(library);

    testing_check_no_faults();
    ck_assert_ptr_nonnull(plugin);
    return plugin;
}

/* How many folders the loader has made in $TMPDIR, or files below them. */
static unsigned count_entries(const char *folder, const char *prefix)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    unsigned count = 0;

    ck_assert_ptr_nonnull(entries);
    while ((entry = readdir(entries)) != NULL)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void refused(const char *library, const char *const *words)
{
    ck_assert_ptr_null(load(library));
    ck_assert_str_eq(faults.faults[0].file, "gateways.conf");
    ck_assert_ptr_nonnull(strstr(faults.faults[0].text, library));
    testing_check_fault(5, words);
}

/* --- Refusals of the file */

START_TEST(missing)
{
    refused("nowhere.so", WORDS("not found", test_folder, TEST_FIXTURES_DIR, "plugin_path"));
    refused("sub/nowhere.so", WORDS(testing_path("sub/nowhere.so"), "No such file", "relative"));
    refused("/nowhere.so", WORDS("`/nowhere.so`", "No such file"));
}
END_TEST

START_TEST(no_file)
{
    ck_assert_int_eq(mkdir(testing_path("folder.so"), 0700), 0);
    refused("folder.so", WORDS("no regular file", "shared object"));
    ck_assert_int_eq(mkfifo(testing_path("fifo.so"), 0700), 0);
    refused("fifo.so", WORDS("no regular file"));
}
END_TEST

START_TEST(unreadable)
{
    if (geteuid() == 0)
        return; /* nothing is unreadable to root */
    ck_assert_int_eq(chmod(testing_write_text("secret.so", "x"), 0), 0);
    refused("secret.so", WORDS("Permission denied", "make it readable"));
}
END_TEST

/* None of its blocks is on the disk, so a copy would be all that costs something. */
START_TEST(too_large)
{
    const char *path = testing_write_text("sparse.so", "x");
    ck_assert_int_eq(truncate(path, (1 << 30) + 1), 0);
    refused("sparse.so", WORDS("1073741825 bytes", "1 GiB"));
}
END_TEST

/* The kernel says that it has 0 bytes, and there are more for each that are read. */
START_TEST(larger_than_it_says)
{
    ck_assert_int_eq(symlink("/proc/self/maps", testing_path("grows.so")), 0);
    refused("grows.so", WORDS("is empty"));
}
END_TEST

START_TEST(not_elf)
{
    testing_write_text("empty.so", "");
    refused("empty.so", WORDS("is empty", "ELF"));
    testing_write_text("script.so",
                       "#!/bin/sh\necho I am no library, but quite long\n############");
    refused("script.so", WORDS("not ELF", "7f 45 4c 46", "23 21 2f 62"));
    testing_write_text("tiny.so", "\177ELF");
    refused("tiny.so", WORDS("ELF"));
    testing_write("header.so", "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3", 17);
    refused("header.so", WORDS("truncated", "ELF header"));
}
END_TEST

/* Loads a good plugin after its ELF header was changed. */
static void refused_with(size_t offset, const void *bytes, size_t size, const char *const *words)
{
    size_t file_size;
    char *file = testing_read(TEST_FIXTURES_DIR "/idle_gateway.so", &file_size);

    memcpy(file + offset, bytes, size);
    testing_write("changed.so", file, file_size);
    free(file);
    refused("changed.so", words);
}

START_TEST(other_architecture)
{
    const uint16_t vax = EM_VAX;

    refused_with(EI_CLASS, &(char){ELFCLASS32}, 1, WORDS("32-bit", "64-bit"));
    refused_with(EI_DATA, &(char){ELFDATA2MSB}, 1, WORDS("big-endian", "little-endian"));
    refused_with(offsetof(ElfW(Ehdr), e_machine), &vax, sizeof vax,
                 WORDS("another architecture", "machine number 75"));
}
END_TEST

START_TEST(not_a_shared_object)
{
    const uint16_t object = ET_REL, program = ET_EXEC;
    const size_t offset = offsetof(ElfW(Ehdr), e_type);

    refused_with(offset, &object, sizeof object, WORDS("an object file", "-shared"));
    refused_with(offset, &program, sizeof program, WORDS("a program", "-shared"));
}
END_TEST

START_TEST(damaged_headers)
{
    const uint16_t none = 0, odd = 3;
    const ElfW(Off) far = (ElfW(Off)) - 8;

    refused_with(offsetof(ElfW(Ehdr), e_phnum), &none, sizeof none, WORDS("damaged"));
    refused_with(offsetof(ElfW(Ehdr), e_phentsize), &odd, sizeof odd, WORDS("damaged"));
    refused_with(offsetof(ElfW(Ehdr), e_phoff), &far, sizeof far, WORDS("truncated"));
    refused_with(offsetof(ElfW(Ehdr), e_shoff), &far, sizeof far, WORDS("truncated"));
    refused_with(sizeof(ElfW(Ehdr)) + offsetof(ElfW(Phdr), p_filesz), &far, sizeof far,
                 WORDS("truncated", "segment"));
}
END_TEST

/* Whatever is missing at the end, nothing reaches dlopen. */
START_TEST(truncated)
{
    size_t size;
    char *file = testing_read(TEST_FIXTURES_DIR "/idle_gateway.so", &size);

    for (size_t cut = 1; cut < size; cut += cut < 4096 ? 97 : 997) {
        testing_write("cut.so", file, size - cut);
        ck_assert_ptr_null(load("cut.so"));
        ck_assert_uint_eq(faults.count, 1);
        ck_assert_ptr_nonnull(strstr(faults.faults[0].text, "ELF") != NULL
                                  ? strstr(faults.faults[0].text, "ELF")
                                  : strstr(faults.faults[0].text, "truncated"));
        fault_list_finish(&faults);
    }
    free(file);
}
END_TEST

START_TEST(missing_dependency)
{
    size_t size;
    char *file = testing_read(TEST_FIXTURES_DIR "/missing_helper.so", &size);

    testing_write("lonely.so", file, size);
    free(file);
    refused("lonely.so", WORDS("can't be loaded: libfixture_helper.so", "ldd -r", "$ORIGIN"));
}
END_TEST

/* --- Refusals of the descriptor */

START_TEST(refused_descriptors)
{
    refused("no_symbol.so", WORDS("no symbol `toni_plugin_entry`", "TONI_PLUGIN"));
    refused("null_descriptor.so", WORDS("returned NULL", "TONI_PLUGIN"));
    refused("bad_magic.so", WORDS("0x12345678", "magic", "0x696e6f74"));
    refused("bad_major.so", WORDS("ABI 2.0", "1.0", "major"));
    refused("newer_minor.so", WORDS("needs toni ABI 1.1", "speaks 1.0", "newer toni"));
    refused("short_size.so", WORDS("64 bytes", "at least 168"));
    refused("bad_kind.so", WORDS("kind 7", "TONI_GATEWAY", "TONI_SERVICE", "or both"));
    refused("both_no_request.so",
            WORDS("on_request is missing", "a gateway and a service", "make .kind TONI_GATEWAY"));
    refused("no_name.so", WORDS("no name", ".name"));
    refused("bad_name.so", WORDS("`a name`", "letters"));
    refused("bad_path.so", WORDS("`relative`", "begin with `/`"));
    refused("null_path.so", WORDS("points nowhere", ".path"));
    refused("no_create.so", WORDS("create is missing", ".create"));
    refused("no_on_message.so", WORDS("on_message is missing", ".on_message"));
    refused("gateway_on_request.so",
            WORDS("it is a gateway and has on_request, which only a service is called with"));
    refused("service_on_message.so",
            WORDS("it is a service and has on_message, which only a gateway is called with"));
    refused("bad_subprotocol.so", WORDS("subprotocols[0]", "`not one`"));
    refused("bad_events.so", WORDS("its events have sizes", "TONI_EVENTS"));
    refused("bad_default.so", WORDS("options[0] (`a`)", "a default out of its range", "1 to 5"));
    refused("two_options.so", WORDS("options[1] has the name `a`, as options[0] has"));
    refused("unnamed_need.so", WORDS("needs[0]", "no interface"));
    refused("dotted_interface.so", WORDS("provides `a.chat`", "letters, digits"));
    refused("version_0.so", WORDS("version 0", "1 or more"));
    refused("no_table.so", WORDS("table", "0 bytes"));
    for (size_t i = 0; i < set.count; i++)
        ck_assert_int_eq(set.plugins[i]->state, PLUGIN_REFUSED);
}
END_TEST

START_TEST(messages_name_the_original)
{
    ck_assert_ptr_null(load("bad_magic.so"));
    testing_check_fault(5, WORDS("library `" TEST_FIXTURES_DIR "/bad_magic.so`"));
}
END_TEST

/* --- What is taken */

START_TEST(takes_what_is_good)
{
    const struct plugin *plain = load_good("plain_gateway.so");

    ck_assert(toni_str_equal(plain->descriptor.name, toni_str_of("plain")));
    ck_assert_str_eq(plain->path, TEST_FIXTURES_DIR "/plain_gateway.so");
    ck_assert(toni_str_equal(load_good("cxx_gateway.so")->descriptor.name, toni_str_of("cxx")));
    ck_assert_uint_eq(load_good("plain_service.so")->descriptor.kind, TONI_SERVICE);
}
END_TEST

/* What an older plugin is too short to have is zero, whatever bytes follow it; what a newer one has
 * beyond is not read. */
START_TEST(takes_shorter_and_longer_descriptors)
{
    const toni_plugin *shorter = &load_good("shorter.so")->descriptor;
    const toni_plugin *longer = &load_good("longer.so")->descriptor;

    ck_assert_uint_eq(shorter->size, TONI_PLUGIN_SIZE_LEAST);
    ck_assert(shorter->on_message);
    ck_assert(!shorter->on_request); /* a gateway that has it would be refused */
    ck_assert_uint_eq(longer->size, sizeof *longer + 64);
    ck_assert(longer->on_message && !longer->on_request);
}
END_TEST

START_TEST(ignores_flags_that_it_does_not_know)
{
    ck_assert_uint_eq(load_good("odd_flags.so")->descriptor.flags, 0xfffffffdu);
}
END_TEST

START_TEST(finds_by_path)
{
    size_t size;
    char *file = testing_read(TEST_FIXTURES_DIR "/idle_gateway.so", &size);

    ck_assert_int_eq(mkdir(testing_path("sub"), 0700), 0);
    testing_write("sub/idle.so", file, size);
    ck_assert_str_eq(load_good("sub/idle.so")->path, testing_path("sub/idle.so"));
    ck_assert_str_eq(load_good(TEST_FIXTURES_DIR "/idle_gateway.so")->path,
                     TEST_FIXTURES_DIR "/idle_gateway.so");
    ck_assert_uint_eq(set.count, 2);

    /* plugin_path comes before the host's own folder. */
    testing_write("plain_gateway.so", file, size);
    ck_assert(toni_str_equal(load_good("plain_gateway.so")->descriptor.name, toni_str_of("idle")));
    free(file);
}
END_TEST

START_TEST(loads_a_file_once_per_set)
{
    struct plugin_set other;

    ck_assert_int_eq(symlink(TEST_FIXTURES_DIR "/idle_gateway.so", testing_path("alias.so")), 0);
    struct plugin *first = load_good("idle_gateway.so");
    ck_assert_ptr_eq(load_good("idle_gateway.so"), first);
    ck_assert_ptr_eq(load_good("alias.so"), first);
    ck_assert_ptr_eq(load_good(TEST_FIXTURES_DIR "/../fixtures/idle_gateway.so"), first);
    ck_assert_uint_eq(set.count, 1);

    plugin_set_init(&other, &loader, &set.search, NULL);
    struct plugin *second = load_into(&other, "idle_gateway.so");
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_ne(second, first);
    ck_assert_ptr_ne((const void *)(uintptr_t)second->descriptor.create,
                     (const void *)(uintptr_t)first->descriptor.create); /* mapped again */
    plugin_set_finish(&other);
}
END_TEST

/* --- One set after another: what a reload loads */

static struct plugin_set next;

static void begin_next(void)
{
    plugin_set_init(&next, &loader, &set.search, &set);
}

/* The next set takes the place of the one before. */
static void end_next(void)
{
    plugin_set_finish(&set);
    set = next;
    set.before = NULL;
}

static struct plugin *load_next(const char *library)
{
    struct plugin *plugin = load_into(&next, library);

    testing_check_no_faults();
    ck_assert_ptr_nonnull(plugin);
    return plugin;
}

static void copy_fixture(const char *fixture, const char *name)
{
    char path[PATH_MAX];
    size_t size;

    (void)snprintf(path, sizeof path, TEST_FIXTURES_DIR "/%s", fixture);
    char *file = testing_read(path, &size);
    testing_write(name, file, size);
    free(file);
}

/* As a careful person replaces a file: another one gets its name. */
static void replace_by_fixture(const char *fixture, const char *name)
{
    copy_fixture(fixture, "new.tmp");
    ck_assert_int_eq(rename(testing_path("new.tmp"), testing_path(name)), 0);
}

START_TEST(an_unchanged_library_is_shared_with_the_set_before)
{
    copy_fixture("idle_gateway.so", "a.so");
    struct plugin *plugin = load_good("a.so");
    const unsigned copies = loader.copies.copies;

    for (int i = 0; i < 3; i++) {
        begin_next();
        ck_assert_ptr_eq(load_next("a.so"), plugin);
        ck_assert_ptr_eq(load_next("a.so"), plugin); /* twice in one set */
        ck_assert_uint_eq(next.count, 1);
        ck_assert_uint_eq(plugin->references, 2);
        end_next();
        ck_assert_uint_eq(plugin->references, 1);
    }
    ck_assert_uint_eq(loader.copies.copies, copies); /* it was not even copied */
    ck_assert_uint_eq(loader.retired, 0);
}
END_TEST

START_TEST(changed_content_is_loaded_anew)
{
    copy_fixture("idle_gateway.so", "a.so");
    struct plugin *first = load_good("a.so");

    copy_fixture("plain_gateway.so", "a.so"); /* in place */
    begin_next();
    struct plugin *second = load_next("a.so");
    ck_assert_ptr_ne(second, first);
    ck_assert(toni_str_equal(second->descriptor.name, toni_str_of("plain")));
    ck_assert(toni_str_equal(first->descriptor.name, toni_str_of("idle")));
    end_next();
    ck_assert_uint_eq(loader.retired, 1);

    replace_by_fixture("idle_gateway.so", "a.so");
    begin_next();
    ck_assert_ptr_ne(load_next("a.so"), second);
    end_next();
    ck_assert_uint_eq(loader.retired, 2);
}
END_TEST

/* One byte at the end, or one byte less. */
START_TEST(a_small_change_is_a_change)
{
    size_t size;
    char *file = testing_read(TEST_FIXTURES_DIR "/idle_gateway.so", &size);

    file[size] = 'x';
    testing_write("a.so", file, size);
    struct plugin *first = load_good("a.so");
    testing_write("a.so", file, size + 1);
    begin_next();
    struct plugin *second = load_next("a.so");
    ck_assert_ptr_ne(second, first);
    end_next();
    testing_write("a.so", file, size);
    begin_next();
    ck_assert_ptr_ne(load_next("a.so"), second);
    end_next();
    free(file);
}
END_TEST

START_TEST(the_same_content_in_another_file_of_that_name_is_shared)
{
    copy_fixture("idle_gateway.so", "a.so");
    ck_assert_int_eq(symlink("a.so", testing_path("alias.so")), 0);
    struct plugin *plugin = load_good("a.so");

    replace_by_fixture("idle_gateway.so", "a.so");
    begin_next();
    ck_assert_ptr_eq(load_next("a.so"), plugin);
    ck_assert_ptr_eq(load_next("alias.so"), plugin);
    ck_assert_uint_eq(next.count, 1);
    end_next();
}
END_TEST

/* The number of a file says which one it is only as long as it is there. */
START_TEST(a_file_that_was_another_before_is_looked_at)
{
    copy_fixture("idle_gateway.so", "a.so");
    struct plugin *plugin = load_good("a.so");

    ck_assert_int_eq(rename(testing_path("a.so"), testing_path("b.so")), 0);
    copy_fixture("plain_gateway.so", "b.so"); /* in place: the file that a.so was */
    copy_fixture("idle_gateway.so", "a.so");
    begin_next();
    ck_assert_ptr_eq(load_next("a.so"), plugin);
    ck_assert(toni_str_equal(load_next("b.so")->descriptor.name, toni_str_of("plain")));
    end_next();
}
END_TEST

START_TEST(a_library_of_the_set_before_with_another_name_is_loaded_anew)
{
    copy_fixture("idle_gateway.so", "a.so");
    struct plugin *plugin = load_good("a.so");

    copy_fixture("idle_gateway.so", "b.so");
    begin_next();
    ck_assert_ptr_ne(load_next("b.so"), plugin);
    end_next();
}
END_TEST

/* As systemd-tmpfiles does it, after some days. */
START_TEST(copies_that_somebody_has_removed_are_not_needed)
{
    copy_fixture("idle_gateway.so", "a.so");
    struct plugin *first = load_good("a.so");
    char *folder = strdup(loader.copies.folder);
    char *aside = strdup(testing_path("aside"));
    ck_assert_int_eq(rename(folder, aside), 0);

    begin_next();
    ck_assert_ptr_eq(load_next("a.so"), first);
    end_next();

    ck_assert_int_eq(symlink(aside, folder), 0); /* somebody's, not the host's own */
    replace_by_fixture("plain_gateway.so", "a.so");
    begin_next();
    ck_assert_ptr_ne(load_next("a.so"), first);
    end_next();
    ck_assert_str_ne(loader.copies.folder, folder);
    ck_assert_uint_eq(count_entries(loader.copies.folder, ""), 1);
    ck_assert_uint_eq(count_entries(aside, ""), 1);
    free(folder);
    free(aside);
}
END_TEST

START_TEST(a_set_that_is_given_up_takes_nothing_with_it)
{
    copy_fixture("idle_gateway.so", "a.so");
    struct plugin *plugin = load_good("a.so");
    void *self;

    begin_next();
    ck_assert_ptr_eq(load_next("a.so"), plugin);
    load_next("plain_gateway.so"); /* a constructor may have begun a thread: it stays mapped */
    plugin_set_finish(&next);
    ck_assert_uint_eq(plugin->references, 1);
    ck_assert_uint_eq(loader.retired, 1);
    ck_assert_int_eq(plugin->descriptor.create(NULL, &self), TONI_OK);
    ck_assert_uint_eq(count_entries(loader.copies.folder, ""), 1);
}
END_TEST

START_TEST(overwriting_the_original_does_no_harm)
{
    size_t size;
    void *self;
    char *file = testing_read(TEST_FIXTURES_DIR "/idle_gateway.so", &size);

    testing_write("overwritten.so", file, size);
    const struct plugin *plugin = load_good("overwritten.so");
    memset(file, 0xcc, size);
    testing_write("overwritten.so", file, size); /* in place */
    ck_assert_int_eq(plugin->descriptor.create(NULL, &self), TONI_OK);
    testing_write("overwritten.so", file, 1);
    ck_assert_int_eq(plugin->descriptor.create(NULL, &self), TONI_OK);
    free(file);
}
END_TEST

START_TEST(origin_leads_to_neighbours)
{
    size_t size;
    void *self;
    char *file = testing_read(TEST_FIXTURES_DIR "/origin.so", &size);

    testing_write("alone.so", file, size);
    free(file);
    refused("alone.so", WORDS("libfixture_helper.so"));
    ck_assert_int_eq(load_good("origin.so")->descriptor.create(NULL, &self), TONI_OK);
}
END_TEST

START_TEST(removes_its_copies)
{
    ck_assert_uint_eq(count_entries(test_folder, "toni-"), 0);
    load_good("idle_gateway.so");
    load_good("plain_gateway.so");
    ck_assert_uint_eq(count_entries(test_folder, "toni-"), 1);
    ck_assert_uint_eq(count_entries(loader.copies.folder, ""), 2);
    ck_assert_ptr_null(load("bad_magic.so"));
    ck_assert_ptr_null(load("nowhere.so"));
    ck_assert_uint_eq(count_entries(loader.copies.folder, ""), 3);

    struct stat status;
    ck_assert_int_eq(stat(loader.copies.folder, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777u, 0700u);

    ck_assert_uint_eq(loader.retired, 0);
    plugin_set_finish(&set); /* they stay mapped, and need no file for that */
    ck_assert_uint_eq(count_entries(loader.copies.folder, ""), 0);
    ck_assert_uint_eq(loader.retired, 3);
    plugin_loader_finish(&loader);
    ck_assert_uint_eq(count_entries(test_folder, "toni-"), 0);
}
END_TEST

START_TEST(says_that_there_is_no_room_for_copies)
{
    ck_assert_int_eq(setenv("TMPDIR", "/nowhere", 1), 0);
    refused("idle_gateway.so", WORDS("can't be copied", "No such file", "TMPDIR"));
}
END_TEST

static bool is_mapped(const void *address)
{
    char line[PATH_MAX + 128];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");

    ck_assert_ptr_nonnull(maps);
    while (!found && fgets(line, sizeof line, maps) != NULL) {
        char *rest;
        const unsigned long begin = strtoul(line, &rest, 16);
        const unsigned long end = strtoul(rest + 1, NULL, 16);
        found = begin <= (uintptr_t)address && (uintptr_t)address < end;
    }
    (void)fclose(maps);
    return found;
}

START_TEST(unloads_only_what_says_it_may_be)
{
    struct plugin *stays = load_good("idle_gateway.so");
    struct plugin *unloadable =
        load_good("odd_flags.so"); /* all flags but one, no TONI_UNLOADABLE */
    const void *stays_code = (const void *)(uintptr_t)stays->descriptor.create;
    const void *unloadable_code = (const void *)(uintptr_t)unloadable->descriptor.create;

    unloadable->descriptor.flags = TONI_UNLOADABLE;
    plugin_ref(unloadable);
    plugin_set_finish(&set);
    ck_assert(is_mapped(unloadable_code)); /* there is a reference left */
    plugin_unref(unloadable);
    ck_assert(!is_mapped(unloadable_code));
    ck_assert(is_mapped(stays_code));
}
END_TEST

/* --- Libraries beside a plugin */

static struct plugin *add_origin(const char *folder, const char *helper)
{
    char name[64];

    (void)mkdir(testing_path(folder), 0700);
    (void)snprintf(name, sizeof name, "%s/origin.so", folder);
    copy_fixture("origin.so", name);
    (void)snprintf(name, sizeof name, "%s/libfixture_helper.so", folder);
    copy_fixture(helper, name);
    (void)snprintf(name, sizeof name, "%s/origin.so", folder);
    return load(name);
}

/* None but those that it needs, and these really: no links to what somebody may overwrite. */
START_TEST(brings_along_what_it_needs)
{
    void *self;

    ck_assert_int_eq(mkdir(testing_path("sub"), 0700), 0);
    copy_fixture("idle_gateway.so", "sub/other.so");
    struct plugin *plugin = add_origin("sub", "libfixture_helper.so");
    ck_assert_ptr_nonnull(plugin);
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s/0", loader.copies.folder);
    ck_assert_uint_eq(count_entries(folder, ""), 2);
    ck_assert_uint_eq(count_entries(folder, "libfixture_helper.so"), 1);
    testing_write_text("sub/libfixture_helper.so", "no longer a library");
    ck_assert_int_eq(plugin->descriptor.create(NULL, &self), TONI_OK);
}
END_TEST

START_TEST(a_library_beside_it_has_one_content)
{
    ck_assert_ptr_nonnull(add_origin("one", "libfixture_helper.so"));
    ck_assert_ptr_nonnull(add_origin("two", "libfixture_helper.so")); /* the same: shared */
    ck_assert_ptr_null(add_origin("three", "plain_gateway.so"));
    testing_check_fault(5, WORDS("three/origin.so", "needs `libfixture_helper.so` beside it",
                                 "another content", "another name"));
    testing_write_text("one/libfixture_helper.so", "no library");
    begin_next();
    ck_assert_ptr_nonnull(load_into(&next, "one/origin.so"));
    testing_check_fault(5, WORDS("one/origin.so` runs with `libfixture_helper.so`", "has changed",
                                 "`toni restart`"));
    end_next();
}
END_TEST

START_TEST(a_damaged_library_beside_it)
{
    ck_assert_int_eq(mkdir(testing_path("bad"), 0700), 0);
    testing_write_text("bad/libfixture_helper.so", "no library");
    copy_fixture("origin.so", "bad/origin.so");
    refused("bad/origin.so", WORDS("needs `libfixture_helper.so` beside it, which is not ELF"));
}
END_TEST

/* --- Symbols */

START_TEST(warns_of_more_symbols_than_one)
{
    ck_assert_ptr_nonnull(load("shows_symbols.so"));
    ck_assert_uint_eq(faults.count, 1);
    ck_assert(fault_list_empty(&faults)); /* it can be used all the same */
    testing_check_fault(5, WORDS("shows_symbols.so` shows more than its one symbol", " more;",
                                 "-fvisibility=hidden"));
#ifndef __clang__ /* which makes no unique symbols */
    ck_assert_ptr_nonnull(load("shows_unique.so"));
    testing_check_fault(5, WORDS("STB_GNU_UNIQUE", "counter", "-fno-gnu-unique"));
#endif
    load_good("cxx_gateway.so");
    ck_assert_uint_eq(faults.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin_loader");
    TCase *refusals = tcase_create("refusals");
    TCase *loading = tcase_create("loading");

    tcase_add_checked_fixture(refusals, setup, teardown);
    tcase_add_test(refusals, missing);
    tcase_add_test(refusals, no_file);
    tcase_add_test(refusals, unreadable);
    tcase_add_test(refusals, too_large);
    tcase_add_test(refusals, larger_than_it_says);
    tcase_add_test(refusals, not_elf);
    tcase_add_test(refusals, other_architecture);
    tcase_add_test(refusals, not_a_shared_object);
    tcase_add_test(refusals, damaged_headers);
    tcase_add_test(refusals, truncated);
    tcase_add_test(refusals, missing_dependency);
    tcase_add_test(refusals, refused_descriptors);
    tcase_add_test(refusals, messages_name_the_original);
    suite_add_tcase(suite, refusals);

    tcase_add_checked_fixture(loading, setup, teardown);
    tcase_add_test(loading, takes_what_is_good);
    tcase_add_test(loading, takes_shorter_and_longer_descriptors);
    tcase_add_test(loading, ignores_flags_that_it_does_not_know);
    tcase_add_test(loading, finds_by_path);
    tcase_add_test(loading, loads_a_file_once_per_set);
    tcase_add_test(loading, an_unchanged_library_is_shared_with_the_set_before);
    tcase_add_test(loading, changed_content_is_loaded_anew);
    tcase_add_test(loading, a_small_change_is_a_change);
    tcase_add_test(loading, the_same_content_in_another_file_of_that_name_is_shared);
    tcase_add_test(loading, a_file_that_was_another_before_is_looked_at);
    tcase_add_test(loading, a_library_of_the_set_before_with_another_name_is_loaded_anew);
    tcase_add_test(loading, copies_that_somebody_has_removed_are_not_needed);
    tcase_add_test(loading, a_set_that_is_given_up_takes_nothing_with_it);
    tcase_add_test(loading, overwriting_the_original_does_no_harm);
    tcase_add_test(loading, origin_leads_to_neighbours);
    tcase_add_test(loading, removes_its_copies);
    tcase_add_test(loading, says_that_there_is_no_room_for_copies);
    tcase_add_test(loading, unloads_only_what_says_it_may_be);
    tcase_add_test(loading, brings_along_what_it_needs);
    tcase_add_test(loading, a_library_beside_it_has_one_content);
    tcase_add_test(loading, a_damaged_library_beside_it);
    tcase_add_test(loading, warns_of_more_symbols_than_one);
    suite_add_tcase(suite, loading);
    return testing_run(suite);
}
