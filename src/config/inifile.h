/*
 * An INI file as a stream of events. inih parses; this adds what it does not report: the line of
 * each value, sections without values, and every bad line instead of the first.
 */
#ifndef ECHOD_CONFIG_INIFILE_H
#define ECHOD_CONFIG_INIFILE_H

/* Called in the order of the lines. The strings are valid during the call only. */
struct inifile_events {
    void (*section)(void *user, unsigned line, const char *name);
    void (*value)(void *user, unsigned line, const char *key, const char *value);
    void (*malformed)(void *user, unsigned line, const char *reason);
};

/*
 * Reads the file at PATH and reports its lines to EVENTS with USER.
 * Returns 0 once the file was read (malformed lines included), or -errno if it could not be
 * (see file_error()). Opens only regular files, without waiting; but if PATH names a descriptor of
 * this process, such as /dev/stdin, that may be a pipe.
 */
int inifile_read(const char *path, const struct inifile_events *events, void *user);

#endif
