/*
 * settings_serialize() and settings_deserialize(): settings from one program to the next, exactly.
 */
#include "base/memory.h"
#include "config/load.h"
#include "config/sections.h"
#include "config/serialize.h"

#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>

static struct settings *load(const char *path, const char *text)
{
    struct problems problems = {0};

    if (text)
        write_file(path, text, strlen(text));
    struct settings *settings = settings_load(path, &problems);
    for (size_t i = 0; i < problems.count; i++)
        print_message("%s\n", problems.list[i].text);
    problems_free(&problems);
    assert_non_null(settings);
    return settings;
}

/* Frees SETTINGS, and returns them as the next program gets them. */
static struct settings *passed(struct settings *settings)
{
    struct problems problems = {0};
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_int_equal(settings_serialize(settings, fd, &problems), 0);
    settings_free(settings);
    settings = settings_deserialize(fd, &problems);
    assert_int_equal(problems.fatal, 0);
    problems_free(&problems);
    assert_non_null(settings);
    return settings;
}

static void test_values_and_defaults(void **state)
{
    struct settings *settings = passed(
        load("a.conf", "[server]\nmax_clients = 17\nidle_timeout = 1h 1us\n"
                       "[listen b]\naddress = *, name.example\ngreeting = \\x20a\\n;b\\x00\\t\n"
                       "[listen a]\nprotocol = unix\naddress = @y\ndeny = ::/3\n"));

    (void)state;
    assert_int_equal(settings->server->max_clients, 17);
    assert_int_equal(settings->server->max_per_source, 100);
    assert_true(settings->server->idle_timeout == UINT64_C(3600000001));
    assert_int_equal(settings->listen_count, 2);
    assert_string_equal(settings->listens[0]->name, "b");
    assert_string_equal(settings->listens[0]->addresses.item[1], "name.example");
    assert_int_equal(settings->listens[0]->greeting.len, 7);
    assert_memory_equal(settings->listens[0]->greeting.data, " a\n;b\0\t", 8);
    assert_string_equal(settings->listens[0]->reply.data, "OK");
    assert_string_equal(settings->listens[1]->name, "a");
    assert_int_equal(settings->listens[1]->protocol, PROTOCOL_UNIX);
    assert_int_equal(settings->listens[1]->deny.item[0].prefix, 3);
    settings_free(settings);
}

/* Later messages about the settings name the administrator's files. */
static void test_origins(void **state)
{
    static const char name[] = "strange\n\\file 1";

    (void)state;
    assert_int_equal(mkdir("strange\n\\file 1.d", 0755), 0);
    write_file("strange\n\\file 1.d/x.conf", "[listen a]\n\nport = 3\n", 21);
    struct settings *settings = passed(load(name, "\n[listen a]\nmode = 0600\n[listen b]\n"));
    assert_int_equal(settings->file_count, 2);
    assert_string_equal(settings->files[0], name);
    struct origin where = settings_origin(settings, settings->listens[0], "port");
    assert_string_equal(where.file, "strange\n\\file 1.d/x.conf");
    assert_int_equal(where.line, 3);
    where = settings_origin(settings, settings->listens[1], "port");
    assert_string_equal(where.file, name);
    assert_int_equal(where.line, 4);
    settings_free(settings);
}

/* Resolved addresses are not limited to a line. */
static void test_a_list_of_any_length(void **state)
{
    struct settings *settings = load("a.conf", "[listen a]\naddress = 127.0.0.1\n");
    struct words *words = &settings->listens[0]->addresses;
    char text[64];

    (void)state;
    for (unsigned i = 1; i < 4096; i++) {
        words->item = array_append(words->item, &words->count, sizeof(*words->item));
        snprintf(text, sizeof(text), "[fd00:1111:2222:3333:4444:5555:6666:%x]", i);
        words->item[i] = text_copy(text);
    }
    settings = passed(settings);
    assert_int_equal(settings->listens[0]->addresses.count, 4096);
    assert_string_equal(settings->listens[0]->addresses.item[4095], text);
    settings_free(settings);
}

static void test_lines_of_a_list(void **state)
{
    struct settings *settings =
        passed(load("a.conf", "[listen a]\nallow = ::1, ::2\nallow = ::3\nallow = ::4\n"
                              "deny = ::5\ndeny =\naddress = ::1\naddress = *\n"));
    const struct listen_settings *listen = settings->listens[0];

    (void)state;
    assert_int_equal(listen->allow.count, 4);
    assert_int_equal(listen->allow.index_count, 4);
    assert_int_equal(listen->allow.item[1].line, 2);
    assert_int_equal(listen->allow.item[3].line, 4);
    assert_int_equal(listen->deny.count, 0);
    assert_int_equal(settings_item_origin(settings, listen, "address", 1).line, 8);
    settings_free(settings);
}

/* Settings that no file can contain: serialising them fails, not reading them. */
static void test_what_would_not_load_is_not_passed(void **state)
{
    static const char *const words[] = {"", "1.2.3.4, 1.2.3.5", "a\nb", "/run/x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        struct settings *settings = load("a.conf", "[listen a]\naddress = 127.0.0.1\n");
        struct problems problems = {0};
        int fd = memfd_create("test", MFD_CLOEXEC);
        free(settings->listens[0]->addresses.item[0]);
        settings->listens[0]->addresses.item[0] = text_copy(words[i]);
        assert_int_equal(settings_serialize(settings, fd, &problems), i == 1 ? 0 : -EPROTO);
        assert_int_equal(problems.fatal > 0, i != 1);
        assert_int_equal(lseek(fd, 0, SEEK_END) > 0, i == 1);
        close(fd);
        problems_free(&problems);
        settings_free(settings);
    }
}

static void test_nonsense_is_reported(void **state)
{
    static const char *const texts[] = {
        "",
        "echod-settings 2\n",
        "[listen a]\n",
        "echod-settings 1\nsection 0 1 listen a\n",
        "echod-settings 1\nfile \\\n",
        "echod-settings 1\nfile x\nsection 1 1 listen a\n",
        "echod-settings 1\nfile x\nsection 0 1\n",
        "echod-settings 1\nfile x\nsection 0 1 nonsense\n",
        "echod-settings 1\nfile x\nsection 0 1 listen a\nvalue 0 1\n",
        "echod-settings 1\nfile x\nsection 0 1 listen a\nvalue 0 1 port\n",
        "echod-settings 1\nfile x\nsection 0 1 listen a\nvalue 0 1 port x-y-z\n",
        "echod-settings 1\nfile x\nsection 0 1 listen a\nother\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct problems problems = {0};
        write_file("settings", texts[i], strlen(texts[i]));
        int fd = open("settings", O_RDONLY | O_CLOEXEC);
        if (settings_deserialize(fd, &problems) || problems.fatal == 0)
            fail_msg("%s is taken", texts[i]);
        problems_free(&problems);
    }
}

static void test_unreadable_files_are_reported(void **state)
{
    struct problems problems = {0};

    (void)state;
    assert_null(settings_deserialize(-1, &problems));
    assert_int_equal(problems.fatal, 1);
    assert_non_null(strstr(problems.list[0].text, "cannot read the settings that were handed "
                                                  "over: Bad file"));
    problems_free(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_defaults),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_a_list_of_any_length),
        cmocka_unit_test(test_lines_of_a_list),
        cmocka_unit_test(test_what_would_not_load_is_not_passed),
        cmocka_unit_test(test_nonsense_is_reported),
        cmocka_unit_test(test_unreadable_files_are_reported),
    };
    return cmocka_run_group_tests(tests, temp_setup, temp_teardown);
}
