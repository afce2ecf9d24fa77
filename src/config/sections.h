/*
 * The sections of settings: found by name, asked where a value was set, freed.
 */
#ifndef ECHOD_CONFIG_SECTIONS_H
#define ECHOD_CONFIG_SECTIONS_H

#include "config/settings.h"

/* The listener of this NAME, or NULL. */
const struct listen_settings *settings_listen(const struct settings *settings, const char *name);

/* Where KEY was set of the section that has VALUES, a struct of server_settings or listen_settings;
 * the section itself, if it has the default (no file: it is nowhere, as may be [server]). */
struct origin settings_origin(const struct settings *settings, const void *values, const char *key);

/* The same of item INDEX of KEY, a list. */
struct origin settings_item_origin(const struct settings *settings, const void *values,
                                   const char *key, size_t index);

/* Frees SETTINGS and all that they own; NULL is none. */
void settings_free(struct settings *settings);

#endif
