/*
 * Building struct settings from sections and values, wherever they come from.
 */
#ifndef ECHOD_CONFIG_LOADING_H
#define ECHOD_CONFIG_LOADING_H

#include "config/inifile.h"
#include "config/settings.h"

struct loading {
    struct settings *settings;
    struct problems *problems;
    void *names;      /* a search tree of the sections by name (tsearch(3)) */
    const char *file; /* the one that the lines are from; owned by the settings */
    /* The index of the current section; none before the first one, or in an invalid one. */
    size_t current;
    bool in_section;
    bool in_bad_section; /* its error was reported; its lines are ignored */
};

/* Begins with a [server] section of defaults. All problems are added to PROBLEMS. */
struct loading loading_begin(struct problems *problems);

/* The following lines are from the file PATH, before its first section. */
void loading_enter(struct loading *in, const char *path);

/* The events that store the lines; their user pointer is the struct loading. */
extern const struct inifile_events loading_events;

/* Validates the settings, and returns them, valid or not. The caller frees them. */
struct settings *loading_end(struct loading *in);

#endif
