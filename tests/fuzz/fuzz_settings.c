/*
 * Settings that one program hands to the next, maybe of another version: whatever they are, they
 * are understood or refused with a reason; what is understood can be handed on, and stays the same.
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

/* The settings, to be freed; NULL: they are none, or cannot be served by. */
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

/* What SETTINGS are written as, a descriptor. */
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
