/*
 * An INI file as a stream of events. inih does the parsing; this adds what it does not tell:
 * the line of each value, sections without values, every bad line instead of the first.
 */
#ifndef ECHOD_CONFIG_INIFILE_H
#define ECHOD_CONFIG_INIFILE_H

/* Called in the order of the lines. The strings live for the call only. */
struct inifile_events {
    void (*section)(void *user, unsigned line, const char *name);
    void (*value)(void *user, unsigned line, const char *key, const char *value);
    void (*malformed)(void *user, unsigned line, const char *reason);
};

/*
 * Reads the file at PATH and reports its lines to EVENTS with USER.
 * Returns 0 once the file was read (malformed lines included), or -errno if it could not be
 * (file_error() explains it). Only regular files are opened, and never waited for; but where PATH
 * names a descriptor of this process, such as /dev/stdin, that may be a pipe.
 */
int inifile_read(const char *path, const struct inifile_events *events, void *user);

#endif
