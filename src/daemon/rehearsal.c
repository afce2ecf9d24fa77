#include "daemon/rehearsal.h"

#include "config/transfer.h"
#include "daemon/handover.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *reason)
{
    fprintf(stderr, "%s\n", reason);
    return EXIT_SOFTWARE;
}

static int hand_back(const struct settings *settings)
{
    const char *text = getenv(REHEARSAL_VARIABLE);
    struct problems problems = {0};
    uint64_t number;

    if (!text || number_parse(text, &number) < 0 || number > INT_MAX)
        return fail("there is no " REHEARSAL_VARIABLE " to hand the settings back by");
    int r = settings_pass(settings, (int)number, &problems);
    problems_print(&problems, stderr);
    problems_free(&problems);
    return r < 0 ? fail(strerror(-r)) : 0;
}

/* Nothing of what was there before is closed, or its file removed, by closing our copies. */
static void disown(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (!listeners->item[i].fresh)
            listeners->item[i].origin = LISTENER_PASSED;
}

int rehearsal_perform(const struct settings *settings, int handover)
{
    struct log log = {.level = LOG_ERR, .channel = -1, .bare = true};
    struct passed passed = {0};
    struct listeners listeners;

    if (handover_read(handover, NULL, &passed) < 0) {
        passed_free(&passed);
        return fail("this version cannot understand what the running one hands over");
    }
    int status = listeners_open(&listeners, settings, &passed, &log, true);
    disown(&listeners);
    listeners_close(&listeners, false);
    return status == 0 ? hand_back(settings) : status;
}

struct settings *rehearsal_settings(int handover)
{
    struct log log = {.level = LOG_ERR, .channel = handover_records(handover)};
    struct problems problems = {0};
    int fd = handover_settings(handover);
    struct settings *settings = settings_receive(fd, &problems);

    for (size_t i = 0; i < problems.count; i++)
        if (problems.list[i].fatal) /* of the others the rehearsal has told */
            log_error(&log, "%s", problems.list[i].text);
    problems_free(&problems);
    fd_close(&fd);
    return settings;
}
