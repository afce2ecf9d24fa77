/*
 * Settings that one program passes to the next, possibly of another version: any input is accepted
 * or rejected with a reason, and accepted settings can be passed on unchanged.
 */
#include "config/serialize.h"
#include "config/sections.h"

#include "fuzz.h"

#include <unistd.h>

static void check_problems(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        fuzz_check(fuzz_is_printable(problems->list[i].text) &&
                   !strchr(problems->list[i].text, '\n'));
    problems_free(problems);
}

/* Returns the settings, which the caller frees; NULL if they are invalid. */
static struct settings *deserialize(int fd)
{
    struct problems problems = {0};
    struct settings *settings = settings_deserialize(fd, &problems);
    bool good = problems.fatal == 0;

    fuzz_check(settings || !good);
    check_problems(&problems);
    if (good)
        return settings;
    settings_free(settings);
    return NULL;
}

/* Returns a descriptor of the serialized SETTINGS. */
static int serialize(const struct settings *settings)
{
    struct problems problems = {0};
    char path[FUZZ_PATH_MAX];
    int fd = fuzz_file("", 0, path);

    fuzz_check(settings_serialize(settings, fd, &problems) == 0);
    check_problems(&problems);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_PATH_MAX];
    int fd = fuzz_file(data, size, path);
    struct settings *first = deserialize(fd);

    if (!first)
        return 0;
    fd = serialize(first);
    struct settings *second = deserialize(fd);
    fuzz_check(second && second->section_count == first->section_count);
    settings_free(second);
    settings_free(first);
    return 0;
}
