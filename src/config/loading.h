/*
 * Settings in the making: sections and values, wherever they come from, become struct settings.
 */
#ifndef ECHOD_CONFIG_LOADING_H
#define ECHOD_CONFIG_LOADING_H

#include "config/inifile.h"
#include "config/settings.h"

struct loading {
    struct settings *settings;
    struct problems *problems;
    void *names;      /* the sections by their names: tsearch(3) */
    const char *file; /* the one that the lines are from; owned by the settings */
    /* Where the lines belong now: a section's index, or none before the first or in a bad one. */
    size_t current;
    bool in_section;
    bool in_bad_section; /* its error was told, its lines are passed over */
};

/* Begins with a [server] of defaults. PROBLEMS gets whatever is wrong. */
struct loading loading_begin(struct problems *problems);

/* What follows is from the file PATH, and before its first section. */
void loading_enter(struct loading *in, const char *path);

/* What enters the lines; the user is the struct loading. */
extern const struct inifile_events loading_events;

/* Checks the whole. Returns the settings, good or not, which the caller frees. */
struct settings *loading_end(struct loading *in);

#endif
